# SPDX-License-Identifier: Apache-2.0
"""nat_icmp_send and schedule_icmp, by the errors that real sockets get. (Side by side with IPVS:
test_compare.py. Drawn in support/cluster.py.)"""

import socket

import pytest

from support.cluster import CLIENT, REAL1, VIP, FlatCluster
from support.director import Director


def test_a_server_that_nobody_has_asked_is_told_so(bare_cluster):
    cluster = bare_cluster
    cluster.director.ipvsadm(f"-A -u {VIP}:53 -s rr", f"-a -u {VIP}:53 -r {REAL1}:5353 -m")
    with cluster.client.socket(socket.SOCK_DGRAM, bind=(CLIENT, 4000)) as client, \
            cluster.real1.socket(socket.SOCK_DGRAM, bind=(REAL1, 5353)) as server, \
            cluster.vs.socket(socket.SOCK_DGRAM) as director:
        server.sendto(b"hello", (CLIENT, 4000))
        assert client.recvfrom(10) == (b"hello", (REAL1, 5353))

        cluster.director.ipvsadm("--set-switch nat_icmp_send=1")
        director.sendto(b"alive?", (REAL1, 5353))  # a check of the server
        server.sendto(b"yes", server.recvfrom(10)[1])
        assert director.recv(10) == b"yes"
        server.connect((CLIENT, 4000))
        server.send(b"hello")
        with pytest.raises(ConnectionRefusedError):
            server.recv(10)


def test_an_error_about_an_unknown_answer_reaches_a_server(lab):
    flat = FlatCluster(lab)
    director = Director(flat.vs)
    flat.take_virtual_address(flat.real1)
    director.ipvsadm("--set-switch schedule_icmp=1", f"-A -u {VIP}:5353 -s sh",
                     f"-a -u {VIP}:5353 -r {FlatCluster.REAL1} -g")

    with flat.real1.socket(socket.SOCK_DGRAM, bind=(VIP, 5353)) as server:
        server.connect((CLIENT, 4000))  # where nobody listens
        server.send(b"hello")
        with pytest.raises(ConnectionRefusedError):
            server.recv(10)

    assert director.traffic(f"UDP {VIP}:5353")[None].connections == 1
