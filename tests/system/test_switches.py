# SPDX-License-Identifier: Apache-2.0
"""IPVS's switches (net.ipv4.vs.*) and a table that is full, by real clients and servers.

    client 10.0.0.100 --+-- vs 10.0.0.1, VIP .2 --+-- real1 .11, VIP --+-- real2 .12, VIP

Drawn in full in support/cluster.py (FlatCluster).
"""

import socket

import pytest

from support.cluster import VIP, FlatCluster
from support.director import Director
from support.servers import ask_page

REAL1, REAL2 = FlatCluster.REAL1, FlatCluster.REAL2
PORTS = range(8000, 8011)


@pytest.fixture
def flat(lab):
    made = FlatCluster(lab)
    made.director = Director(made.vs)
    for host in (made.real1, made.real2):
        made.take_virtual_address(host)
    return made


def test_a_director_that_knows_nothing_goes_on_with_connections_if_it_is_sloppy(flat):
    flat.start_servers()
    flat.director.ipvsadm("--set-switch sloppy_tcp=1")
    service = [f"-A -t {VIP}:80", f"-a -t {VIP}:80 -r {REAL1} -g"]
    flat.director.ipvsadm(*service)
    with flat.client.socket(timeout=10) as connection:
        connection.connect((VIP, 80))
        assert ask_page(connection) == (200, b"Real1\n")

        flat.director.ipvsadm("-C", "--set-switch sloppy_tcp=1", *service)
        assert ask_page(connection) == (200, b"Real1\n")

        flat.director.ipvsadm("-C", *service)  # in a new data plane it is off
        with pytest.raises(OSError):
            ask_page(connection)


def test_switches_are_printed_as_sysctl_prints_them_and_configured(flat):
    flat.director.ipvsadm("--set-switch net.ipv4.vs.secure_tcp=3 drop_entry=1")
    lines = flat.director.ipvsadm("--switches").splitlines()
    assert "net.ipv4.vs.secure_tcp = 3" in lines
    assert "net.ipv4.vs.drop_entry = 1" in lines
    assert "net.ipv4.vs.expire_nodest_conn = 0" in lines

    flat.director.start_isobard("""
        [director]
        conn_reuse_mode = 0
        expire_nodest_conn = true
        drop_packet = 3
        am_droprate = 100

        [[service]]
        name = "web"
        listen = ["10.0.0.2:80/tcp"]
        """)

    lines = flat.director.ipvsadm("--switches").splitlines()
    assert "net.ipv4.vs.conn_reuse_mode = 0" in lines
    assert "net.ipv4.vs.am_droprate = 100" in lines
    assert "net.ipv4.vs.secure_tcp = 0" in lines
    assert "net.ipv4.vs.expire_nodest_conn = 1" in lines


def serve_media(flat, connections):
    flat.director.start_isobard(f"""
        [director]
        connections = {connections}

        [[service]]
        name = "media"
        listen = ["{VIP}:{PORTS[0]}-{PORTS[-1]}/udp"]
        scheduler = "rr"
        forward = "dr"
        servers = [ {{ address = "{REAL1}" }}, {{ address = "{REAL2}" }} ]
        """)


class Media:
    """Both servers, at one port of the service."""

    def __init__(self, flat, port):
        self.port = port
        self.servers = [host.socket(socket.SOCK_DGRAM, timeout=0, bind=(VIP, port))
                        for host in (flat.real1, flat.real2)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for server in self.servers:
            server.close()

    def who_gets(self, clients):
        """0 or 1 for each client, which are few enough for a socket's buffer."""
        for client in clients:
            client.sendto(b"play", (VIP, self.port))
        # what goes by the bridge has arrived when sendto() returns
        got = {}
        for number, server in enumerate(self.servers):
            try:
                while True:
                    got[server.recvfrom(10)[1][1]] = number
            except BlockingIOError:
                pass
        return [got.get(client.getsockname()[1]) for client in clients]


def test_a_range_of_ports_is_one_service_and_keeps_its_port(flat):
    serve_media(flat, 1024)

    served = []
    with flat.client.socket(socket.SOCK_DGRAM, bind=("0.0.0.0", 0)) as client:
        for port in PORTS:
            with Media(flat, port) as media:
                served += media.who_gets([client])
        with Media(flat, PORTS[-1] + 1) as media:
            assert media.who_gets([client]) == [None]

    assert sorted(served) == [0] * 5 + [1] * 6 or sorted(served) == [0] * 6 + [1] * 5
    assert len(flat.director.connections()) == len(PORTS)


def ask_from(flat, media, ports):
    clients = [flat.client.socket(socket.SOCK_DGRAM, bind=("0.0.0.0", port)) for port in ports]
    try:
        return media.who_gets(clients)
    finally:
        for client in clients:
            client.close()


def test_a_full_table_serves_new_clients_by_hash(flat):
    serve_media(flat, 1024)
    with Media(flat, PORTS[0]) as media:
        first, second = ([who for start in range(20000, 22200, 50)
                          for who in ask_from(flat, media, range(start, start + 50))]
                         for _ in range(2))
    assert None not in first  # 2,200 clients; there is room for 1,920
    assert second == first

    status = flat.director.status()
    used = status["connections"]["used"]
    assert used <= 1920
    assert status["verdicts"]["table_full"] == 0
    assert status["events"]["by_hash"] >= 2 * (2200 - used)
