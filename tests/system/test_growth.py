# SPDX-License-Identifier: Apache-2.0
"""The connection table of a running director grows, and gives back what it does not need any more."""

import socket
import struct

from support import frames
from support.process import wait_until

VIP = "10.0.0.2"
CONFIG = """
[director]
connections = 262144

[[service]]
name = "http"
listen = ["10.0.0.2:80/tcp"]
scheduler = "rr"
forward = "nat"
servers = [{ address = "192.168.10.100" }, { address = "192.168.10.101" }]
"""


def flood(client, count):
    """That many SYNs, each of a client of its own, who never answers."""
    with client.socket(socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        for number in range(count):
            source = f"10.9.{number // 16384}.1"
            segment = struct.pack("!HHIIBBHHH", 1024 + number % 16384, 80, 1, 0, 5 << 4, 2, 8192, 0, 0)
            raw.sendto(frames.ip(source, VIP, frames.TCP, segment), (VIP, 0))


def ask(connection):
    connection.sendall(b"GET / HTTP/1.1\r\nHost: cluster\r\n\r\n")
    answer = b""
    while not answer.endswith((b"Real1\n", b"Real2\n")):
        more = connection.recv(65536)
        assert more, f"closed behind {answer}"
        answer += more
    return answer[-6:]


def room(director):
    return director.status()["connections"]["room"]


def test_a_running_director_grows_and_loses_no_connection(cluster):
    cluster.start_servers()
    isobard = cluster.director.start_isobard(CONFIG)
    assert room(cluster.director) == 65536
    kept = [cluster.client.socket() for _ in range(20)]
    for connection in kept:
        connection.connect((VIP, 80))
    answers = [ask(connection) for connection in kept]

    flood(cluster.client, 80000)

    wait_until(lambda: room(cluster.director) >= 3 * 65536, what="the table has grown")
    assert [ask(connection) for connection in kept] == answers
    assert cluster.director.status()["connections"]["used"] >= 80000

    isobard.kill()
    cluster.director.start_isobard(CONFIG)
    assert [ask(connection) for connection in kept] == answers
    for connection in kept:
        connection.close()


def test_without_a_daemon_a_listing_lets_it_grow(cluster):
    cluster.director.serve(f"-t {VIP}:80", "192.168.10.100:80")
    flood(cluster.client, 70000)
    cluster.director.ipvsadm("-L -n")
    first = cluster.director.connections()
    flood(cluster.client, 90000)
    assert len(cluster.director.connections()) >= 90000 > len(first)
