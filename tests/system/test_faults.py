# SPDX-License-Identifier: Apache-2.0
"""Faults of real servers, of operators and of our own parts: what goes on all the same.

    client 10.0.0.100 ---- vs 10.0.0.1, VIP 10.0.0.2 / 192.168.10.254 ---- real1 .100, real2 .101

Drawn in full in support/cluster.py. kill -9 and restarts of isobard: test_load.py; a full disk and
broken configurations: test_transactions.py.
"""

import os
import socket
import time

from support.cluster import REAL1, REAL2, VIP
from support.process import wait_until
from support.servers import (ask_page, result_of, start_answering, start_connections,
                             start_nginx)

CONFIG = f"""
[[service]]
name = "web"
listen = ["{VIP}:80/tcp"]
scheduler = "rr"
check = {{ type = "tcp", interval = "200ms", timeout = "200ms", retries = 0 }}
servers = [ {{ address = "{REAL1}" }}, {{ address = "{REAL2}" }} ]
"""


def who_is_in(cluster):
    return {server for server, (weight, _) in cluster.director.standings().items() if weight}


def all_in(cluster):
    wait_until(lambda: who_is_in(cluster) == {REAL1, REAL2}, what="both servers are in")


def test_flows_of_a_dead_server_go_to_another_with_their_next_packet(cluster):
    """UDP, as of a SIP phone: the same two ports for minutes. IPVS would drop them as long."""
    real1 = start_answering(cluster.real1, "Real1", "udp:5060")
    start_answering(cluster.real2, "Real2", "udp:5060")
    cluster.director.start_isobard(f"""
[director]
expire_nodest_conn = true
[[service]]
name = "sip"
listen = ["{VIP}:5060/udp"]
scheduler = "rr"
check = {{ type = "udp", send = "x", require_reply = true, interval = "200ms", timeout = "200ms", retries = 0 }}
servers = [ {{ address = "{REAL1}" }}, {{ address = "{REAL2}" }} ]
""")
    all_in(cluster)
    flows = [cluster.client.socket(socket.SOCK_DGRAM) for _ in range(20)]

    def ask(flow):
        flow.sendto(b"hello", (VIP, 5060))
        return flow.recv(100).split()[0]

    before = [ask(flow) for flow in flows]
    assert {name: before.count(name) for name in set(before)} == {b"Real1": 10, b"Real2": 10}

    real1.kill()
    wait_until(lambda: who_is_in(cluster) == {REAL2}, timeout=0.2 * 3 + 0.2 + 0.5,
               what="out in three intervals and a time-out")
    for flow, name in zip(flows, before):
        if name == b"Real1":
            flow.sendto(b"this one ends the connection", (VIP, 5060))
    assert [ask(flow) for flow in flows] == [b"Real2"] * 20


def test_all_servers_down_and_one_back(cluster):
    cluster.director.start_isobard(CONFIG)
    all_in(cluster)
    for nginx in cluster.nginx.values():
        nginx.stop()
    wait_until(lambda: who_is_in(cluster) == set(), what="both are out")
    refused = cluster.client.run(["curl", "-sS", "-m", "3", f"http://{VIP}/"], check=False)
    assert refused.returncode == 7, "told at once, not left to wait"
    assert "no quorum" in cluster.director.isobar("status").stdout

    start_nginx(cluster.real1, "Real1")
    begun = time.monotonic()
    wait_until(lambda: cluster.client.run(["curl", "-s", "-m", "1", f"http://{VIP}/"],
                                          check=False).stdout.strip() == "Real1",
               what="the service is back")
    assert time.monotonic() - begun < 1.5, "one check, and the time to ask"


def test_a_flapping_server_changes_at_most_six_times_a_minute_and_disturbs_no_other_check(cluster):
    """Up and down each half second for 25 s: what is left of a minute's six changes is not used."""
    isobard = cluster.director.start_isobard(CONFIG)
    all_in(cluster)
    begin = len(isobard.log())
    cluster.real1.run(["nft", "add table ip flap; add chain ip flap in "
                       "{ type filter hook input priority 0; }"])
    deadline = time.monotonic() + 25
    while time.monotonic() < deadline:
        cluster.real1.run(["nft", "add rule ip flap in tcp dport 80 reject with tcp reset"])
        time.sleep(0.5)
        cluster.real1.run(["nft", "flush chain ip flap in"])
        time.sleep(0.5)

    changes = [line for line in isobard.log()[begin:].splitlines() if f"server {REAL1} " in line]
    assert 2 <= len(changes) <= 6, changes
    assert not [line for line in isobard.log()[begin:].splitlines() if f"server {REAL2} " in line]
    assert who_is_in(cluster) == {REAL2}
    assert "changed too often" in cluster.director.isobar("health", "web", REAL1).stdout


def test_100_changes_by_the_operator_move_no_established_connection(cluster):
    cluster.director.start_isobard(CONFIG)
    all_in(cluster)
    held = [cluster.client.socket() for _ in range(40)]
    for connection in held:
        connection.connect((VIP, 80))
    before = [ask_page(connection) for connection in held]
    load = start_connections(cluster.client, f"{VIP}:80", rate=300)

    for i in range(25):
        cluster.director.isobar("weight", "web", REAL1, str(i + 2))
        cluster.director.isobar("drain", "web", REAL2)
        cluster.director.isobar("enable", "web", REAL2)
        cluster.director.isobar("weight", "web", REAL1, "auto")
        if i % 8 == 0:
            assert [ask_page(connection) for connection in held] == before

    assert [ask_page(connection) for connection in held] == before
    assert result_of(load)["failed"] == 0


DAMAGE = {"empty": b"", "cut": b'{"version":1,"wishes":[{"serv', "nonsense": os.urandom(4096),
          "another version": b'{"version":99}', "large": b" " * (32 << 20)}


def test_damaged_state_files_stop_nobody(cluster):
    isobard = cluster.director.start_isobard(CONFIG)
    cluster.director.isobar("drain", "web", REAL1)
    cluster.director.isobar("enable", "web", REAL1)
    state = cluster.director.state_dir
    names = ["wishes.json", "services", "versions/index.json", "versions/file.toml",
             "versions/1.toml"]
    assert all(os.path.exists(os.path.join(state, name)) for name in names)
    isobard.kill()

    for what, text in [*DAMAGE.items(), ("a folder in its place", None)]:
        for name in names:
            path = os.path.join(state, name)
            if os.path.isdir(path):
                os.rmdir(path)
            elif os.path.exists(path):
                os.remove(path)
            if text is None:
                os.mkdir(path)
            else:
                with open(path, "wb") as file:
                    file.write(text)
        isobard = cluster.director.start_isobard(CONFIG)
        all_in(cluster)
        assert cluster.client.curl(f"http://{VIP}/").strip() in ("Real1", "Real2"), what
        isobard.kill()


def test_without_descriptors_isobard_forwards_checks_and_answers_again(cluster):
    isobard = cluster.director.start_isobard(CONFIG)
    all_in(cluster)
    # What it has, and 60 for a look at the data plane; callers take them all
    most = len(os.listdir(f"/proc/{isobard.pid}/fd")) + 60
    cluster.vs.run(["prlimit", "--pid", str(isobard.pid), f"--nofile={most}"])

    callers = []
    for _ in range(100):
        caller = socket.socket(socket.AF_UNIX)
        caller.connect(cluster.director.socket)
        callers.append(caller)
    begun, cpu = time.monotonic(), isobard.cpu_seconds()
    pages = {cluster.client.curl(f"http://{VIP}/").strip() for _ in range(6)}
    cluster.nginx["real1"].stop()
    while time.monotonic() < begun + 3:
        time.sleep(0.1)
    assert pages == {"Real1", "Real2"}
    assert isobard.cpu_seconds() - cpu < 1.5, "it does not spin"

    for caller in callers:
        caller.close()
    wait_until(lambda: who_is_in(cluster) == {REAL2}, what="it checks, and answers again")


def test_without_a_capability_isobard_says_so_and_touches_nothing(cluster):
    done = cluster.vs.run(
        ["setpriv", "--bounding-set=-bpf,-sys_admin", "--inh-caps=-bpf,-sys_admin",
         cluster.director.program("isobard"), "-c", cluster.director.config_file(CONFIG),
         *cluster.director.paths], check=False)

    assert done.returncode == 5, done.stderr
    assert "isobard needs root, or the capabilities" in done.stderr
    assert "clsact" not in cluster.vs.output(["tc", "qdisc", "show"])


def test_an_interface_that_is_renamed_goes_on(cluster):
    cluster.director.start_isobard(CONFIG)
    all_in(cluster)
    held = cluster.client.socket()
    held.connect((VIP, 80))
    page = ask_page(held)

    routes = cluster.vs.output(["ip", "-o", "route", "show", "dev", "eth0"])
    cluster.vs.ip("link set dev eth0 down", "link set dev eth0 name wan0", "link set dev wan0 up")
    assert routes
    wait_until(lambda: "wan0" in cluster.director.isobar("status").stdout, what="it is followed")

    assert ask_page(held) == page
    assert cluster.client.curl(f"http://{VIP}/").strip() in ("Real1", "Real2")
