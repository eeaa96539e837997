# SPDX-License-Identifier: Apache-2.0
"""SCTP through a director that changes the port. The kernel here may have no SCTP: both ends are
raw sockets, and scapy works out and checks the CRC32c.

    client 10.0.0.100 ---- vs 10.0.0.1, VIP .2 ---- real1 192.168.10.100

Drawn in full in support/cluster.py.
"""

import socket

import pytest
from scapy.layers.inet import IP
from scapy.layers.sctp import (SCTP, SCTPChunkCookieAck, SCTPChunkCookieEcho, SCTPChunkData,
                               SCTPChunkInit, SCTPChunkInitAck)

from support.cluster import CLIENT, REAL1, VIP, Cluster
from support.director import Director, Server

IPPROTO_SCTP = 132
CLIENT_PORT, PORT, SERVER_PORT = 40000, 3868, 9868
SERVICE = f"--sctp-service {VIP}:{PORT}"
ROW = f"SCTP {VIP}:{PORT}"


@pytest.fixture(params=["tc", "xdp"])
def cluster(lab, request):
    made = Cluster(lab)
    made.director = Director(made.vs)
    made.ready_for_xdp()
    made.director.start_isobard(f"""
        [director]
        hook = "{request.param}"
        [[masquerade]]
        from = "192.168.10.0/24"
        out = "eth0"

        [[service]]
        name = "diameter"
        listen = ["{VIP}:{PORT}/sctp"]
        servers = [ {{ address = "{REAL1}:{SERVER_PORT}" }} ]
        """)
    return made


def send(raw, target, ports, chunk):
    raw.sendto(bytes(SCTP(sport=ports[0], dport=ports[1], tag=7) / chunk), (target, 0))


def receive(raw, source, ports, kind):
    """The next packet is from `source`, on these ports, and its checksum is right."""
    packet = IP(raw.recv(2000))
    sctp = packet[SCTP]
    assert (packet.src, sctp.sport, sctp.dport) == (source, *ports)
    assert kind in sctp
    checksum = sctp.chksum
    del sctp.chksum
    assert SCTP(bytes(sctp)).chksum == checksum


def test_an_association_is_set_up_and_carries_data(cluster):
    with cluster.client.socket(socket.SOCK_RAW, IPPROTO_SCTP) as client, \
            cluster.real1.socket(socket.SOCK_RAW, IPPROTO_SCTP) as server:
        def ask(chunk, kind):
            send(client, VIP, (CLIENT_PORT, PORT), chunk)
            receive(server, CLIENT, (CLIENT_PORT, SERVER_PORT), kind)

        def answer(chunk, kind):
            send(server, CLIENT, (SERVER_PORT, CLIENT_PORT), chunk)
            receive(client, VIP, (PORT, CLIENT_PORT), kind)

        ask(SCTPChunkInit(init_tag=1), SCTPChunkInit)
        answer(SCTPChunkInitAck(init_tag=2), SCTPChunkInitAck)
        ask(SCTPChunkCookieEcho(cookie=b"cookie"), SCTPChunkCookieEcho)
        answer(SCTPChunkCookieAck(), SCTPChunkCookieAck)
        for size in (1, 2, 3, 500, 1400):
            ask(SCTPChunkData(data=b"q" * size), SCTPChunkData)
            answer(SCTPChunkData(data=b"a" * size), SCTPChunkData)

    assert cluster.director.servers(ROW) == {f"{REAL1}:{SERVER_PORT}": Server("Masq", 1, 1, 0)}
    [row] = cluster.director.connections()
    assert (row[0], row[2]) == ("SCTP", "ESTABLISHED")
    assert cluster.director.ipvsadm("-S -n").startswith(f"-A {SERVICE} -s wlc\n")
