# SPDX-License-Identifier: Apache-2.0
"""One-packet scheduling: one client's datagrams are spread over the servers.

    client 10.0.0.100 --+-- vs 10.0.0.1, VIP .2 --+-- real1 .11, VIP --+-- real2 .12, VIP

Drawn in full in support/cluster.py (FlatCluster).
"""

import socket

from support.cluster import VIP, FlatCluster
from support.director import Director, Server

REAL1, REAL2 = FlatCluster.REAL1, FlatCluster.REAL2
COUNT = 10


def test_each_datagram_of_one_client_goes_to_the_next_server(lab):
    flat = FlatCluster(lab)
    director = Director(flat.vs)
    for host in (flat.real1, flat.real2):
        flat.take_virtual_address(host)
    director.ipvsadm(f"-A -u {VIP}:5353 -s rr -o",
                     *(f"-a -u {VIP}:5353 -r {real} -g" for real in (REAL1, REAL2)))

    with flat.client.socket(socket.SOCK_DGRAM) as asking, \
            flat.real1.socket(socket.SOCK_DGRAM, bind=(VIP, 5353)) as first, \
            flat.real2.socket(socket.SOCK_DGRAM, bind=(VIP, 5353)) as second:
        asking.connect((VIP, 5353))
        for number in range(COUNT):
            asking.send(bytes([number]))
            server = (second, first)[number % 2]  # the newest is the first, as in IPVS
            data, client = server.recvfrom(10)
            server.sendto(b"from " + data, client)
            assert asking.recv(10) == b"from " + data

    assert f"UDP  {VIP}:5353 rr ops" in director.ipvsadm("-L -n").splitlines()
    assert director.ipvsadm("-S -n").startswith(f"-A -u {VIP}:5353 -s rr -o\n")
    assert director.connections() == []
    assert director.servers(f"UDP {VIP}:5353")[f"{REAL1}:5353"] == Server("Route", 1, 0, 0)
    traffic = director.traffic(f"UDP {VIP}:5353")
    assert (traffic[None].connections, traffic[None].in_packets) == (COUNT, COUNT)
    assert traffic[f"{REAL1}:5353"].connections == COUNT // 2
