# SPDX-License-Identifier: Apache-2.0
"""Calls of SIP stay with their server (--pe sip), by real sockets. (Side by side with IPVS:
test_compare.py. Drawn in support/cluster.py.)"""

import socket

import pytest

from support.cluster import REAL1, REAL2, VIP

PHONE = (VIP, 5060)


@pytest.fixture
def cluster(bare_cluster):
    return bare_cluster


@pytest.fixture
def servers(cluster):
    made = [host.socket(socket.SOCK_DGRAM, bind=(address, 5060))
            for host, address in ((cluster.real1, REAL1), (cluster.real2, REAL2))]
    yield made
    for server in made:
        server.close()


def invite(call):
    return f"INVITE sip:bob@example.com SIP/2.0\r\nCall-ID: {call}\r\n\r\n".encode()


def who_answers(host, call, servers):
    """0 or 1; its answer comes from the virtual address."""
    with host.socket(socket.SOCK_DGRAM) as phone:
        phone.connect(PHONE)
        phone.send(invite(call))
        ready = [number for number, server in enumerate(servers) if readable(server)]
        assert len(ready) == 1
        data, client = servers[ready[0]].recvfrom(200)
        assert data == invite(call)
        servers[ready[0]].sendto(b"SIP/2.0 200 OK", client)
        assert phone.recv(20) == b"SIP/2.0 200 OK"
        return ready[0]


def readable(server):
    """What goes by a bridge has arrived when send() returns."""
    server.setblocking(False)
    try:
        return bool(server.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return False
    finally:
        server.setblocking(True)


def check(cluster, servers):
    first, second = (who_answers(cluster.client, call, servers) for call in ("one@a", "two@a"))
    assert {first, second} == {0, 1}
    for host in (cluster.vsbak, cluster.client, cluster.vsbak):
        assert who_answers(host, "one@a", servers) == first
        assert who_answers(host, "two@a", servers) == second
    calls = cluster.director.ipvsadm("-L -n -c --persistent-conn").splitlines()
    assert sum(line.endswith("sip                one@a") for line in calls) == 1
    assert sum(line.endswith("sip                two@a") for line in calls) == 1


def test_a_call_has_one_server_wherever_it_comes_from(cluster, servers):
    cluster.director.ipvsadm(f"-A -u {VIP}:5060 -s rr -p 300 -M 0.0.0.0 --pe sip",
                             f"-a -u {VIP}:5060 -r {REAL1} -m", f"-a -u {VIP}:5060 -r {REAL2} -m")
    check(cluster, servers)
    saved = cluster.director.ipvsadm("-S -n")
    assert saved.startswith(f"-A -u {VIP}:5060 -s rr -p 300 -M 0.0.0.0 --pe sip\n")


def test_the_configuration_brings_calls(cluster, servers):
    cluster.director.start_isobard(f"""
        [[service]]
        name = "phone"
        listen = ["{VIP}:5060/udp"]
        scheduler = "rr"
        persistence = {{ timeout = "5m", mask = 0, engine = "sip" }}
        servers = [ {{ address = "{REAL1}" }}, {{ address = "{REAL2}" }} ]
        """)
    check(cluster, servers)
    assert cluster.director.status()["services"][0]["engine"] == "sip"
