# SPDX-License-Identifier: Apache-2.0
"""Many services, and more connections than the table holds.

    client 10.0.0.100 ---- vs 10.0.0.1, VIP 10.0.0.2 / 192.168.10.254 ---- real1 .100, real2 .101

Drawn in full in support/cluster.py.
"""

import os
import resource
import selectors
import socket

import pytest

from support.cluster import REAL1, VIP
from support.process import wait_until
from support.servers import start_answering

SERVICES = 1000
SERVERS = [f"192.168.10.{last}" for last in range(110, 120)]  # all of them are real1


@pytest.fixture
def ten_servers(cluster):
    cluster.real1.ip(*(f"address add {address}/24 dev eth1" for address in SERVERS))
    return cluster


def test_1000_services_with_10_servers_load_in_3_seconds(ten_servers):
    cluster = ten_servers
    rules = "".join(
        f"-A -t {VIP}:{port} -s wlc\n" +
        "".join(f"-a -t {VIP}:{port} -r {address}:80 -m\n" for address in SERVERS)
        for port in range(1, SERVICES + 1))

    loading = cpu_seconds(lambda: cluster.director.ipvsadm("-R", input=rules))
    changes = [cpu_seconds(lambda: cluster.director.ipvsadm(
        f"-e -t {VIP}:80 -r {SERVERS[0]}:80 -m -w {weight}")) for weight in range(2, 13)]

    print(f"load {loading:.3f} s, change {min(changes) * 1000:.1f} ms, of CPU time")
    assert loading <= 3
    assert min(changes) <= 0.020
    assert cluster.director.ipvsadm("-L -n").count("->") == SERVICES * len(SERVERS) + 1
    assert cluster.director.servers(f"TCP {VIP}:80")[f"{SERVERS[0]}:80"].weight == 12
    assert cluster.client.curl(f"http://{VIP}:1000/").strip() == "Real1"


def test_isobard_loads_1000_services_with_10_servers_in_3_seconds(ten_servers):
    cluster = ten_servers
    servers = ", ".join(f'{{ address = "{address}:80" }}' for address in SERVERS)
    config = "".join(f'[[service]]\nname = "s{port}"\nlisten = ["{VIP}:{port}/tcp"]\n'
                     f'forward = "nat"\nservers = [ {servers} ]\n'
                     for port in range(1, SERVICES + 1))

    loading = cluster.director.start_isobard(config).cpu_seconds()

    print(f"load {loading:.3f} s of CPU time")
    assert loading <= 3
    assert cluster.client.curl(f"http://{VIP}:1000/").strip() == "Real1"
    assert cluster.director.ipvsadm("-L -n").count("->") == SERVICES * len(SERVERS) + 1


@pytest.mark.skipif(os.cpu_count() < 2, reason="needs two CPUs")
def test_a_table_with_room_refuses_nobody_whichever_cpu_asks(cluster):
    serve_dns(cluster, connections=16384)

    # Packets are forwarded on the CPU that sends them: veth has no queue in between
    send_from_ports(cluster, range(1024, 9024), cpu=0)
    send_from_ports(cluster, range(9024, 13024), cpu=1)

    status = cluster.director.status()
    assert status["verdicts"]["table_full"] == 0
    assert status["connections"] == {"used": 12000, "room": 16384, "size": 16384}


def test_a_full_table_keeps_its_connections(cluster):
    serve_dns(cluster, connections=1024)

    flows = [udp_client(cluster, port) for port in range(20000, 22000)]
    try:
        first = answered(flows)
        second = answered(first)
        # All that it was made for, and more where hashing leaves room: 128 lines of 15
        assert 1024 <= len(first) <= 1920
        assert set(second) == set(first)  # who is in the table is served, however full it is
        status = cluster.director.status()
        assert status["verdicts"]["table_full"] >= 2000 - len(first)
        assert status["connections"]["used"] == len(first)

        cluster.director.ipvsadm("--set 0 0 1")  # they become old quickly once used again
        answered(first)
        wait_until(lambda: cluster.director.status()["connections"]["used"] == 0,
                   what="the table is empty again")
        assert len(answered(flows[:500])) == 500
    finally:
        for flow in flows:
            flow.close()


def serve_dns(cluster, connections):
    start_answering(cluster.real1, "Real1", "udp:53")
    cluster.director.start_isobard(f"""
        [director]
        connections = {connections}
        on_drift = "report"  # these tests set timeouts by hand
        [[service]]
        name = "dns"
        listen = ["{VIP}:53/udp"]
        forward = "nat"
        servers = [ {{ address = "{REAL1}" }} ]
        """)


def send_from_ports(cluster, ports, cpu):
    """One datagram to the service from each of the ports."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cpu})
    try:
        for port in ports:
            with udp_client(cluster, port) as client:
                client.send(b"x")
    finally:
        os.sched_setaffinity(0, allowed)


def udp_client(cluster, port):
    made = cluster.client.socket(socket.SOCK_DGRAM, bind=("10.0.0.100", port))
    made.connect((VIP, 53))
    return made


def answered(flows):
    """Those of the flows that get an answer to one datagram."""
    got = []
    with selectors.DefaultSelector() as selector:
        for start in range(0, len(flows), 200):  # no socket buffer overflows
            waiting = set(flows[start:start + 200])
            for flow in waiting:
                flow.send(b"x")
                selector.register(flow, selectors.EVENT_READ)
            while waiting and (ready := selector.select(0.1)):
                for key, _ in ready:
                    key.fileobj.recv(100)
                    selector.unregister(key.fileobj)
                    waiting.remove(key.fileobj)
                    got.append(key.fileobj)
            for flow in waiting:
                selector.unregister(flow)
    return got


def cpu_seconds(action):
    """CPU time of the processes that `action` waits for. They wait for nothing themselves, so it
    is what a clock would show on an idle machine; on a busy one that shows the others' work."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    action()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
