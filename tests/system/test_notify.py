# SPDX-License-Identifier: Apache-2.0
"""Programs are told when servers and quorums come and go.

    client 10.0.0.100 ---- vs 10.0.0.1, VIP 10.0.0.2 / 192.168.10.254 ---- real1 .100, real2 .101

Drawn in full in support/cluster.py.
"""

import json
import os

import pytest

from support.cluster import REAL1, REAL2, VIP
from support.process import wait_until
from support.servers import start_nginx


@pytest.fixture
def tell(tmp_path):
    """A program that anybody may run, and told(): the lines that it was run with."""
    directory = tmp_path / "for-all"
    directory.mkdir(mode=0o777)
    for each in (directory, *list(directory.parents)[:-2]):
        os.chmod(each, each.stat().st_mode | 0o755)
    os.chmod(directory, 0o777)
    program = directory / "tell"
    program.write_text("#!/bin/sh\n"
                       f'echo "$(id -un) $ISOBAR_EVENT $ISOBAR_SERVICE $*" >> {directory}/told\n')
    program.chmod(0o755)
    file = directory / "told"
    file.touch()
    file.chmod(0o666)

    def told():
        return file.read_text().splitlines()
    return program, told


def test_servers_and_the_quorum_come_and_go(cluster, tell):
    program, told = tell
    cluster.director.start_isobard(f"""
        [[service]]
        name = "web"
        listen = ["{VIP}:80/tcp"]
        check = {{ type = "http", interval = "300ms", timeout = "300ms", retries = 0 }}
        [service.notify]
        up = ["{program}", "up", "%h"]
        down = ["{program}", "down", "%h", "port %p"]
        quorum_up = ["{program}"]
        quorum_down = ["{program}", "all gone; echo $HOME"]
        [[service.servers]]
        address = "{REAL1}"
        [[service.servers]]
        address = "{REAL2}"
        notify = {{ down = ["{program}", "its own"], user = "root" }}
        """)
    wait_until(lambda: sorted(told()) == ["nobody quorum web ", f"nobody up web up {REAL1}"],
               what="the first verdicts are told")

    cluster.nginx["real1"].stop()
    wait_until(lambda: told()[2:] == [f"nobody down web down {REAL1} port 80"], what="it is told")
    cluster.nginx["real2"].stop()
    wait_until(lambda: sorted(told()[3:]) == ["nobody no-quorum web all gone; echo $HOME",
                                              "root down web its own"], what="all is told")
    start_nginx(cluster.real1, "Real1")
    wait_until(lambda: sorted(told()[5:]) == ["nobody quorum web ", f"nobody up web up {REAL1}"],
               what="it is told, too")
    events = json.loads(cluster.director.isobar("events", "-j").stdout)["events"]
    assert [event["kind"] for event in events].count("no-quorum") == 1


def test_a_keepalived_conf_has_its_programs_run(cluster, tell):
    program, told = tell
    cluster.director.start_isobard(cluster.lab.write("keepalived.conf", f"""
        global_defs {{
            script_user daemon
        }}
        virtual_server {VIP} 80 {{
            delay_loop 1
            lvs_method NAT
            protocol TCP
            quorum_down "{program} no quorum"
            real_server {REAL1} 80 {{
                notify_down "{program} 'it is' $gone"
                TCP_CHECK {{
                    connect_timeout 1
                    retry 0
                }}
            }}
        }}
        """))
    wait_until(lambda: cluster.director.weights().get(REAL1), what="it is up")
    assert told() == []

    cluster.nginx["real1"].stop()

    wait_until(lambda: len(told()) == 2, what="both are told")
    service = cluster.director.status()["services"][0]["name"]
    assert sorted(told()) == [f"daemon down {service} it is $gone",
                              f"daemon no-quorum {service} no quorum"]


def test_one_that_fails_is_named_and_nothing_else_suffers(cluster, tell):
    isobard = cluster.director.start_isobard(f"""
        [[service]]
        name = "web"
        listen = ["{VIP}:80/tcp"]
        check = {{ type = "http", interval = "300ms", timeout = "300ms", retries = 0 }}
        notify = {{ down = ["/nonexistent", "%h"], up = ["/bin/false"], user = "nobody-at-all" }}
        servers = [ {{ address = "{REAL1}" }},
                    {{ address = "{REAL2}", notify = {{ down = ["/nonexistent"] }} }} ]
        """)
    wait_until(lambda: cluster.director.weights() == {REAL1: 1, REAL2: 1}, what="both are in")
    cluster.nginx["real1"].stop()
    cluster.nginx["real2"].stop()

    wait_until(lambda: "web: notify /nonexistent: cannot run it" in isobard.log(), what="it is named")
    assert "web: notify /bin/false: user 'nobody-at-all': no such user" in isobard.log()
    start_nginx(cluster.real1, "Real1")
    wait_until(lambda: cluster.director.weights() == {REAL1: 1}, what="it comes back")
