# SPDX-License-Identifier: Apache-2.0
"""What an operator wants of a server: isobar drain, disable, enable, up, down, weight.

    client 10.0.0.100 ---- vs 10.0.0.1, VIP 10.0.0.2 / 192.168.10.254 ---- real1 .100, real2 .101

Drawn in full in support/cluster.py.
"""

import json
import signal

import pytest

from support.cluster import REAL1, REAL2, VIP
from support.process import wait_until
from support.servers import ask_page

CONFIG = f"""
[[service]]
name = "web"
listen = ["{VIP}:80/tcp"]
scheduler = "rr"
check = {{ type = "http", interval = "500ms", timeout = "500ms", retry_delay = "100ms" }}
servers = [ {{ address = "{REAL1}", weight = 2 }}, {{ address = "{REAL2}", weight = 2 }} ]
"""


def both_in(cluster):
    wait_until(lambda: [weight for weight, _ in cluster.director.standings().values()] == [2, 2],
               what="both servers have their weight")


def pages(cluster, count=6):
    return {cluster.client.curl(f"http://{VIP}/").strip() for _ in range(count)}


def test_a_drained_server_keeps_its_connections_until_it_is_enabled(cluster):
    isobard = cluster.director.start_isobard(CONFIG)
    both_in(cluster)
    kept = [cluster.client.socket() for _ in range(2)]
    for connection in kept:
        connection.connect((VIP, 80))
    answers = [ask_page(connection) for connection in kept]

    said = cluster.director.isobar("drain", "web", REAL1, "--why", "new disk").stdout

    assert said.startswith(f"web {REAL1}: weight 0, drained by hand (root, ")
    assert said.endswith(" UTC, new disk)\n")
    assert pages(cluster) == {"Real2"}
    assert [ask_page(connection) for connection in kept] == answers
    # over restarts, and over changes of the configuration
    isobard.signal(signal.SIGKILL)
    isobard.wait()
    isobard = cluster.director.start_isobard(CONFIG.replace("weight = 2", "weight = 3", 1))
    assert "new disk" in cluster.director.standings()[REAL1][1]
    assert cluster.director.standings()[REAL1][0] == 0
    assert "new disk" in cluster.director.isobar("status").stdout

    cluster.director.isobar("enable", "web", f"{REAL1}:80")
    wait_until(lambda: cluster.director.standings()[REAL1] == (3, "up"), what="it is enabled")
    assert pages(cluster) == {"Real1", "Real2"}


def test_maintenance_force_and_weight(cluster):
    cluster.director.start_isobard(CONFIG)
    both_in(cluster)

    cluster.director.isobar("disable", "web", REAL1)
    assert cluster.director.standings()[REAL1][0] is None
    assert cluster.director.servers(f"TCP {VIP}:80").keys() == {f"{REAL2}:80"}

    done = json.loads(cluster.director.isobar("weight", "web", REAL2, "9", "-j").stdout)
    assert (done["weight"], done["configured_weight"]) == (9, 2)

    cluster.director.isobar("down", "web", REAL2)
    assert cluster.director.standings()[REAL2][0] is None
    cluster.director.isobar("enable", "web", REAL2)
    cluster.director.isobar("enable", "web", REAL1)
    both_in(cluster)

    cluster.nginx["real1"].stop()
    wait_until(lambda: cluster.director.standings()[REAL1][0] is None,
               what="its check takes it out")
    cluster.director.isobar("up", "web", REAL1)
    assert cluster.director.standings()[REAL1][0] == 2, "whatever its checks say"


def test_what_is_wrong_is_said_and_changes_nothing(cluster):
    cluster.director.start_isobard(CONFIG)
    both_in(cluster)
    for words, code, complaint in (
            (("drain", "wob", REAL1), 4, "there is no service 'wob'"),
            (("drain", "web", "10.9.9.9"), 4, "the service 'web' has no server 10.9.9.9"),
            (("drain", "web", "real1"), 2, "'real1' is no address of a server"),
            (("drain", "web"), 2, "which server?"),
            (("drain", "web", REAL1, "--why", "x" * 201), 2, "why: at most 200 bytes")):
        refused = cluster.director.isobar(*words, check=False)
        assert (refused.returncode, refused.stdout) == (code, ""), words
        assert complaint in refused.stderr
    both_in(cluster)


def test_a_damaged_file_of_wishes_stops_nobody(cluster):
    isobard = cluster.director.start_isobard(CONFIG)
    both_in(cluster)
    cluster.director.isobar("drain", "web", REAL1)
    isobard.stop()
    with open(f"{cluster.director.state_dir}/wishes.json", "w", encoding="utf-8") as file:
        file.write('{"version":1,"wish')

    isobard = cluster.director.start_isobard(CONFIG)

    assert "wishes.json" in isobard.log() and "nothing is taken from it" in isobard.log()
    wait_until(lambda: cluster.director.standings()[REAL2][0] == 2, what="the other one serves")


def page_of(connection):
    return ask_page(connection)[1].decode().strip()


def connection_to(cluster, server, count=8):
    """A connection that stays with `server`, and has been answered."""
    for _ in range(count):
        connection = cluster.client.socket()
        connection.connect((VIP, 80))
        if page_of(connection) == server:
            return connection
        connection.close()
    raise AssertionError(f"{server} does not answer")


def test_when_the_time_to_drain_is_up_connections_are_reset(cluster):
    cluster.director.start_isobard(CONFIG)
    both_in(cluster)
    theirs, others = connection_to(cluster, "Real1"), connection_to(cluster, "Real2")

    said = cluster.director.isobar("drain", "web", REAL1, "--by", "2s", "--then", "reset").stdout
    assert said.rstrip().endswith(", then reset)")
    assert page_of(theirs) == "Real1", "until then it goes on"
    wait_until(lambda: cluster.director.standings()[REAL1][0] is None, what="the time is up")

    # who writes is told; nobody else is
    with pytest.raises(ConnectionResetError):
        theirs.settimeout(5)
        theirs.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        theirs.recv(100)
    assert page_of(others) == "Real2"
    assert REAL1 not in cluster.director.ipvsadm("-L -n -c")


def test_a_drain_that_is_to_expire_drops_what_is_left(cluster):
    cluster.director.start_isobard(CONFIG)
    both_in(cluster)
    theirs = connection_to(cluster, "Real1")

    cluster.director.isobar("drain", "web", REAL1, "--by", "1s", "--then", "expire")
    wait_until(lambda: cluster.director.standings()[REAL1][0] is None, what="the time is up")

    theirs.settimeout(1)
    theirs.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    with pytest.raises(TimeoutError):
        theirs.recv(100)
    cluster.director.isobar("enable", "web", REAL1)
    theirs.settimeout(10)
    assert theirs.recv(8) == b"HTTP/1.1", "the server is back, and so is the connection"


def test_the_time_to_drain_goes_on_without_isobard(cluster):
    isobard = cluster.director.start_isobard(CONFIG)
    both_in(cluster)
    connection_to(cluster, "Real1")
    cluster.director.isobar("drain", "web", REAL1, "--by", "2s", "--then", "reset")
    isobard.signal(signal.SIGKILL)
    isobard.wait()

    cluster.director.start_isobard(CONFIG)

    wait_until(lambda: cluster.director.standings()[REAL1][0] is None, what="the time is up")
    assert REAL1 not in cluster.director.ipvsadm("-L -n -c")


def test_drain_waits_and_shows_how_it_goes(cluster):
    cluster.director.start_isobard(CONFIG)
    both_in(cluster)
    kept = connection_to(cluster, "Real1")

    short = cluster.director.isobar("drain", "web", REAL1, "--by", "1s", "--wait", check=False)
    assert short.returncode == 7
    assert "connections left, 1 active" in short.stderr
    waiting = cluster.vs.start([cluster.director.program("isobar"), "--socket",
                                cluster.director.socket, "drain", "web", REAL1, "--wait"],
                               name="drain")
    waiting.wait_for_log("connections left, 1 active", 10)
    kept.close()
    cluster.director.isobar("drain", "web", REAL1, "--by", "1s", "--then", "reset")
    waiting.wait_for_log("drained\n", 20)
    waiting.wait()

    for words in (("--then", "reset"), ("--by", "soon"), ("--by", "0s"),
                  ("--by", "5m", "--then", "what")):
        done = cluster.director.isobar("drain", "web", REAL1, *words, check=False)
        assert (done.returncode, done.stdout) == (2, ""), words
