# SPDX-License-Identifier: Apache-2.0
"""Weights follow the load of the servers.

    client 10.0.0.100 ---- vs 10.0.0.1, VIP 10.0.0.2 / 192.168.10.254 ---- real1 .100, real2 .101

Drawn in full in support/cluster.py.
"""

import os
import re
import shutil

import pytest

from support.agent import Agent
from support.cluster import REAL1, REAL2, VIP
from support.process import wait_until
from support.servers import PROGRAMS, PYTHON, html_directory, result_of, start_connections

ADDRESSES = '{ address = "192.168.10.100" }, { address = "192.168.10.101" }'


def web(load, more="", servers=ADDRESSES):
    return f"""
[[service]]
name = "web"
listen = ["10.0.0.2:80/tcp"]
scheduler = "wrr"
load = {load}
servers = [ {servers} ]
{more}
"""


def wait_for(cluster, condition, what, timeout=15.0):
    wait_until(lambda: condition(cluster.director.weights()), timeout,
               f"{what}; {cluster.director.weights()}: {cluster.director.reasons()}")


def says(cluster, host, text):
    """What the agent of `host` says from now on."""
    path = cluster.lab.path(f"{host.name}-agent-says")
    with open(f"{path}.new", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(f"{path}.new", path)
    return path


def start_agents(cluster):
    for host in (cluster.real1, cluster.real2):
        agent = host.start([PYTHON, f"{PROGRAMS}/agent_check.py", 9999, says(cluster, host, "100%\n")],
                           name="agent-check")
        agent.wait_for_log("ready")


AGENT = '{ from = "agent", port = 9999, interval = "500ms" }'


def test_an_agent_says_how_much_its_server_gets(cluster):
    start_agents(cluster)
    cluster.director.start_isobard(web(AGENT))
    wait_for(cluster, {REAL1: 100, REAL2: 100}.__eq__, "both have all of their weight")

    says(cluster, cluster.real1, "25%\n")
    wait_for(cluster, {REAL1: 25, REAL2: 100}.__eq__, "a quarter for real1")

    assert cluster.director.reasons()[REAL1] == "up, 25 % by its agent"
    pages = [cluster.client.curl(f"http://{VIP}/").strip() for _ in range(20)]
    assert pages.count("Real1") == 4 and pages.count("Real2") == 16
    told = cluster.director.isobar("health", "web", REAL1).stdout
    assert "weight 0.25, up, 25 % by its agent" in told and "agent said '25%'" in told, told
    assert f"{REAL1}:80: up, 25 % by its agent" in cluster.director.isobar("status").stdout


def test_an_agent_drains_and_takes_its_server_down(cluster):
    start_agents(cluster)
    cluster.director.start_isobard(web(AGENT))
    wait_for(cluster, {REAL1: 100, REAL2: 100}.__eq__, "both in")

    says(cluster, cluster.real1, "drain\n")
    wait_for(cluster, {REAL1: 0, REAL2: 100}.__eq__, "real1 drained")
    assert cluster.director.reasons()[REAL1] == "drained by its agent"
    says(cluster, cluster.real1, "down # no disk\n")
    wait_for(cluster, {REAL2: 100}.__eq__, "real1 out")
    assert cluster.director.reasons()[REAL1] == "down: its agent: no disk"
    says(cluster, cluster.real1, "ready up 50%\n")
    wait_for(cluster, {REAL1: 50, REAL2: 100}.__eq__, "real1 back")


def test_isobar_agent_is_such_an_agent(cluster):
    """On real1 it asks a program, on real2 the kernel."""
    Agent(cluster.real1).start_load("--listen 9999 -- /bin/cat " + says(cluster, cluster.real1, "40%\n"))
    Agent(cluster.real2).start_load("--listen 9999 --by memory")
    memory = cluster.real1.run([PYTHON, "-c", "import socket; s = socket.create_connection(("
                                f"'{REAL2}', 9999)); print(s.makefile().read(), end='')"]).stdout
    assert re.fullmatch(r"[1-9][0-9]{0,2}%\n", memory), memory

    cluster.director.start_isobard(web(AGENT))
    wait_until(lambda: "% by its agent" in cluster.director.reasons()[REAL2], 10, "real2 has been asked")
    wait_for(cluster, lambda now: now[REAL1] == 40 and 10 <= now[REAL2] <= 100, "as they say")

    # a program that says nothing an agent says: nothing changes
    says(cluster, cluster.real1, "hello\n")
    wait_until(lambda: "no load known" in cluster.director.reasons()[REAL1], 10, "nothing known")
    says(cluster, cluster.real1, "70% drain\n")
    wait_for(cluster, lambda now: now[REAL1] == 0, "drained")


def test_an_operators_weight_wins(cluster):
    start_agents(cluster)
    cluster.director.start_isobard(web(AGENT))
    says(cluster, cluster.real1, "25%\n")
    wait_for(cluster, {REAL1: 25, REAL2: 100}.__eq__, "a quarter for real1")

    told = cluster.director.isobar("weight", "web", REAL1, "3").stdout
    assert cluster.director.weights() == {REAL1: 300, REAL2: 100}
    assert "weight 3, up, weight by hand" in told, told
    says(cluster, cluster.real1, "10%\n")
    says(cluster, cluster.real2, "10%\n")
    wait_for(cluster, {REAL1: 300, REAL2: 10}.__eq__, "real2 alone follows")

    cluster.director.isobar("enable", "web", REAL1)
    wait_for(cluster, {REAL1: 10, REAL2: 10}.__eq__, "real1 follows again")


def test_weights_move_until_loads_are_equal(cluster):
    """nginx's page is the load; real1 has three times as much, whatever its weight."""
    for host, load in ((cluster.real1, '{"cpu": {"load": 3.0}}'), (cluster.real2, '{"cpu": {"load": 1.0}}')):
        with open(f"{html_directory(host)}/load", "w", encoding="utf-8") as file:
            file.write(load)
    cluster.director.start_isobard(
        web('{ from = "http", path = "/load", field = "cpu.load", interval = "500ms", least = 20 }'))

    wait_for(cluster, lambda now: now[REAL1] == 20, "real1 has the least there is")
    assert cluster.director.reasons()[REAL1] == "up, load 3.00 (mean 2.00)"
    load = start_connections(cluster.client, f"{VIP}:80", count=240)
    assert result_of(load)["failed"] == 0

    # equal loads: weights stand still
    with open(f"{html_directory(cluster.real2)}/load", "w", encoding="utf-8") as file:
        file.write('{"cpu": {"load": 3.0}}')
    wait_until(lambda: cluster.director.reasons()[REAL1] == "up, load 3.00 (mean 3.00)", 10, "equal")
    still = cluster.director.weights()
    wait_until(lambda: "(mean 3.00)" in cluster.director.reasons()[REAL2], 10, "a further look")
    assert cluster.director.weights() == still

    # without an answer they hold, and say so
    os.remove(f"{html_directory(cluster.real1)}/load")
    wait_until(lambda: "no load known: status 404" in cluster.director.reasons()[REAL1], 10, "nothing known")
    wait_for(cluster, lambda now: now[REAL1] > still[REAL1], "back to the configured weight")


def test_uptime_is_asked_by_a_command(cluster):
    script = cluster.lab.write("ssh", f"""#!/bin/sh
# stands for ssh: its host, then the command
[ "$2" = uptime ] || exit 9
case $1 in {REAL1}) load=4.00 ;; *) load=0.50 ;; esac
echo " 01:17:52 up 11:00,  0 user,  load average: $load, 0.85, 1.79"
""")
    os.chmod(script, 0o755)
    os.chmod(os.path.dirname(script), 0o755)
    cluster.director.start_isobard(
        web(f'{{ from = "uptime", command = ["{script}"], user = "root", interval = "500ms" }}'))

    wait_for(cluster, lambda now: now[REAL1] < 60 and now[REAL2] > 140, "real2 has more")
    assert cluster.director.reasons()[REAL1] == "up, load 4.00 (mean 2.25)"


def test_piranhas_rule_moves_by_the_cube_root(cluster):
    script = cluster.lab.write("ssh", """#!/bin/sh
echo "load average: 0.00, 0.85, 1.79"
""")
    os.chmod(script, 0o755)
    servers = ADDRESSES.replace(" }", ", weight = 8 }")
    cluster.director.start_isobard(
        web(f'{{ from = "uptime", controller = "piranha", command = ["{script}"], user = "root", '
            'interval = "300ms" }', servers=servers))

    wait_for(cluster, {REAL1: 80, REAL2: 80}.__eq__, "ten times as much, half by half")


def start_daemons(host, script):
    """Runs what forks by itself, in a process namespace that ends with the lab; with a /run and a
    host name of its own."""
    host.start(["unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child", "sh", "-c",
                f"mount -t tmpfs none /run && hostname {host.name} && {script} && exec sleep 100000"],
               name="daemons")


def has_daemon(name):
    return shutil.which(name, path="/usr/sbin") is not None


@pytest.mark.skipif(not (has_daemon("rpc.rstatd") and has_daemon("rpcbind") and shutil.which("rup")),
                    reason="no rstatd")
def test_rup_asks_rstatd(cluster):
    for host in (cluster.real1, cluster.real2):
        start_daemons(host, "rpcbind && rpc.rstatd")
    cluster.director.start_isobard(web('{ from = "rup", interval = "1s" }'))

    wait_until(lambda: all("up, load " in reason for reason in cluster.director.reasons().values()), 20,
               "load of both")


@pytest.mark.skipif(not (has_daemon("rwhod") and shutil.which("ruptime")), reason="no rwhod")
def test_ruptime_knows_what_rwhod_heard(cluster):
    heard = [f"/var/spool/rwho/whod.{host.name}" for host in (cluster.real1, cluster.real2)]
    try:
        start_daemons(cluster.vs, "rwhod")
        wait_until(lambda: "513" in cluster.vs.run(["ss", "-uln"]).stdout, what="rwhod listens")
        for host in (cluster.real1, cluster.real2):
            start_daemons(host, "rwhod")
        wait_until(lambda: all(map(os.path.exists, heard)), 30, "rwhod hears both")
        cluster.director.start_isobard(web(
            '{ from = "ruptime", interval = "1s", controller = "piranha" }',
            servers=f'{{ address = "{REAL1}", host = "{cluster.real1.name}" }}, '
                    f'{{ address = "{REAL2}", host = "{cluster.real2.name}" }}'))

        wait_until(lambda: all("up, load " in reason for reason in cluster.director.reasons().values()), 20,
                   "load of both")
    finally:
        for path in heard:
            if os.path.exists(path):
                os.remove(path)
