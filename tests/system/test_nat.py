# SPDX-License-Identifier: Apache-2.0
"""The main job: clients of a virtual IP are served by several real servers, by NAT.

    client 10.0.0.100 ---- vs eth0 10.0.0.1, VIP .2 / eth1 192.168.10.254 ---- real1 .100, real2 .101

Drawn in full in support/cluster.py.
"""

import collections
import hashlib
import os
import random
import re
import socket
import time

import pytest

from support.cluster import REAL1, REAL2, VIP
from support.director import Server, Traffic
from support.process import PATIENCE, wait_until
from support.servers import (digest_of_upload, html_directory, start_answering, start_nginx,
                             start_sink, telnet)

WEB = f"-t {VIP}:80"
WEB_ROW = f"TCP {VIP}:80"

# Of those with this mark, one runs in the virtual machine: a cluster and the programs take half a
# minute there. Timeouts, refusals and counters are in test_compare.py.
VM_BY_TC = pytest.mark.parametrize("cluster", [pytest.param("tc", marks=pytest.mark.vm), "xdp"],
                                   indirect=True)


@pytest.fixture(params=["tc", "xdp"])
def cluster(bare_cluster, request):
    """The reference cluster at both hooks: what XDP takes, tc does not see."""
    cluster = bare_cluster
    if request.param == "xdp":
        cluster.ready_for_xdp()
        cluster.director.start_isobard_at_xdp()
    return cluster


@pytest.fixture
def servers(cluster):
    """nginx and telnetd on both real servers."""
    cluster.start_servers()


@pytest.mark.vm
@pytest.mark.usefixtures("servers")
def test_curl_is_answered_by_both_servers_in_turn(cluster):
    cluster.director.serve(WEB, f"{REAL1}:80", f"{REAL2}:80", scheduler="rr")

    pages = [cluster.client.curl(f"http://{VIP}/").strip() for _ in range(6)]

    assert pages == ["Real2", "Real1"] * 3  # newest server first, as IPVS


@pytest.mark.vm
@pytest.mark.usefixtures("servers")
def test_telnet_is_answered_by_both_servers(cluster):
    cluster.director.serve(f"-t {VIP}:23", f"{REAL1}:23", f"{REAL2}:23", scheduler="wlc")

    prompts = [telnet(cluster.client, VIP) for _ in range(4)]

    assert collections.Counter(prompts) == {"Real1": 2, "Real2": 2}


@pytest.mark.usefixtures("servers")
def test_a_host_of_the_inside_net_can_be_a_client(cluster):
    # vsbak asks from outside; its reply must not take the short way through the inside net
    cluster.director.serve(WEB, f"{REAL1}:80", f"{REAL2}:80")

    assert cluster.vsbak.curl(f"http://{VIP}/").strip() in ("Real1", "Real2")


@pytest.mark.usefixtures("servers")
def test_the_director_itself_can_be_a_client(cluster):
    # The reply comes from the VIP, an address of its own (isobard sets this by itself)
    cluster.vs.sysctl("net.ipv4.conf.lo.accept_local", 1)
    cluster.director.serve(WEB, f"{REAL1}:80", f"{REAL2}:80")

    pages = [cluster.vs.curl(f"http://{VIP}/").strip() for _ in range(2)]

    assert pages == ["Real2", "Real1"]


@pytest.mark.usefixtures("servers")
def test_virtual_and_real_port_may_differ(cluster):
    cluster.director.serve(f"-t {VIP}:8888", f"{REAL1}:80")

    assert cluster.client.curl(f"http://{VIP}:8888/").strip() == "Real1"


def test_ports_without_a_service_are_left_to_the_stack(cluster):
    cluster.director.serve(WEB, f"{REAL1}:80")
    start_answering(cluster.vs, "vs", "tcp:8080")

    with cluster.client.socket() as connection:
        connection.connect((VIP, 8080))
        assert connection.recv(16) == b"vs\n"


def test_open_connections_are_active_and_closed_ones_inactive(cluster):
    director = cluster.director
    start_answering(cluster.real1, "Real1", "tcp:8080")
    director.serve(f"-t {VIP}:8080", f"{REAL1}:8080 -w 3", scheduler="wlc")
    connections = [connect(cluster, 8080) for _ in range(3)]

    connections.pop().close()

    wait_until(lambda: director.servers(f"TCP {VIP}:8080") ==
               {f"{REAL1}:8080": Server("Masq", 3, active=2, inactive=1)},
               what="two active, one inactive")


def test_statistics_count_a_known_exchange_to_the_byte(cluster):
    director = cluster.director
    start_answering(cluster.real1, "R", "tcp:8080", "udp:53")
    director.serve(f"-t {VIP}:8080", f"{REAL1}:8080")
    director.serve(f"-u {VIP}:53", f"{REAL1}:53")

    connection = connect(cluster, 8080)  # held: no FIN yet
    with udp_client(cluster, 53) as client:
        for size in (1, 100, 1000):
            client.send(b"x" * size)
            client.recv(2000)

    # In: SYN (60), ACK (52), ACK of the greeting (52). Out: SYN-ACK (60), "R\n" (54).
    tcp = Traffic(connections=1, in_packets=3, out_packets=2, in_bytes=164, out_bytes=114)
    # 28 bytes of headers and the payload; the answer begins with "R "
    udp = Traffic(connections=1, in_packets=3, out_packets=3, in_bytes=1101 + 3 * 28,
                  out_bytes=1101 + 3 * (28 + 2))
    wait_until(lambda: director.traffic(f"TCP {VIP}:8080") == {None: tcp, f"{REAL1}:8080": tcp},
               what=f"{tcp}")
    wait_until(lambda: director.traffic(f"UDP {VIP}:53") == {None: udp, f"{REAL1}:53": udp},
               what=f"{udp}")
    connection.close()


@pytest.mark.usefixtures("servers")
def test_zero_sets_the_statistics_to_zero(cluster):
    cluster.director.serve(WEB, f"{REAL1}:80")
    cluster.client.curl(f"http://{VIP}/")
    wait_until(lambda: cluster.director.traffic(WEB_ROW)[None].connections == 1,
               what="one connection counted")

    cluster.director.ipvsadm("-Z")

    nothing = Traffic(0, 0, 0, 0, 0)
    assert cluster.director.traffic(WEB_ROW) == {None: nothing, f"{REAL1}:80": nothing}


def test_the_connection_listing_names_client_service_and_server(cluster):
    start_answering(cluster.real1, "R", "tcp:8080", "udp:53")
    cluster.director.serve(f"-t {VIP}:8080", f"{REAL1}:8080")
    cluster.director.serve(f"-u {VIP}:53", f"{REAL1}:53")

    with connect(cluster, 8080, source_port=20001), udp_client(cluster, 53, 20002) as client:
        client.send(b"x")
        client.recv(100)
        rows = sorted(cluster.director.connections())

    # The listing may come a second or two later
    assert [row[:1] + row[2:] for row in rows] == [
        ["TCP", "ESTABLISHED", "10.0.0.100:20001", f"{VIP}:8080", f"{REAL1}:8080"],
        ["UDP", "UDP", "10.0.0.100:20002", f"{VIP}:53", f"{REAL1}:53"],
    ]
    assert re.fullmatch(r"15:00|14:5\d", rows[0][1])
    assert re.fullmatch(r"05:00|04:5\d", rows[1][1])


@VM_BY_TC
def test_weight_0_gets_no_new_connections_and_keeps_the_old_ones(cluster):
    director = cluster.director
    start_answering(cluster.real1, "Real1", "tcp:8080")
    start_answering(cluster.real2, "Real2", "tcp:8080")
    director.serve(f"-t {VIP}:8080", f"{REAL1}:8080", f"{REAL2}:8080", scheduler="wlc")
    old = {}
    for _ in range(2):
        connection = connect(cluster, 8080)
        old[connection.greeting] = connection

    director.ipvsadm(f"-e -t {VIP}:8080 -r {REAL1}:8080 -m -w 0")

    assert {connect(cluster, 8080).greeting for _ in range(6)} == {b"Real2\n"}
    assert ask(old[b"Real1\n"]) == b"Real1 still there?"


@VM_BY_TC
def test_a_removed_server_is_silent_and_comes_back_with_its_connections(cluster):
    director = cluster.director
    start_answering(cluster.real1, "Real1", "tcp:8080")
    director.serve(f"-t {VIP}:8080", f"{REAL1}:8080")
    connection = connect(cluster, 8080)
    connection.settimeout(0.5)

    director.ipvsadm(f"-d -t {VIP}:8080 -r {REAL1}:8080")
    connection.send(b"hello")
    with pytest.raises(TimeoutError):  # dropped, not reset
        connection.recv(100)

    director.ipvsadm(f"-a -t {VIP}:8080 -r {REAL1}:8080 -m")
    connection.settimeout(10 * PATIENCE)
    assert connection.recv(100) == b"Real1 hello"  # as TCP sends it again
    assert director.servers(f"TCP {VIP}:8080") == {f"{REAL1}:8080": Server("Masq", 1, 1, 0)}
    wait_until(lambda: director.traffic(f"TCP {VIP}:8080")[f"{REAL1}:8080"].connections == 1,
               what="the counters are back")


@VM_BY_TC
def test_udp_is_balanced_by_flow(cluster):
    start_answering(cluster.real1, "Real1", "udp:53")
    start_answering(cluster.real2, "Real2", "udp:53")
    cluster.director.serve(f"-u {VIP}:53", f"{REAL1}:53", f"{REAL2}:53")

    answers = []
    for _ in range(4):
        with udp_client(cluster, 53) as client:
            client.send(b"a")
            first = client.recv(100)
            client.send(b"b")
            answers.append((first, client.recv(100)))

    assert answers == [(b"Real2 a", b"Real2 b"), (b"Real1 a", b"Real1 b")] * 2


def test_nothing_is_lost_while_mac_addresses_are_asked_for(cluster):
    start_answering(cluster.real1, "Real1", "udp:53")
    cluster.director.serve(f"-u {VIP}:53", f"{REAL1}:53")
    with udp_client(cluster, 53) as client:
        client.send(b"x")
        client.recv(100)
        cluster.vs.ip("neighbour flush dev eth0", "neighbour flush dev eth1")
        time.sleep(0.15)  # the data plane itself knows them for an eighth of a second

        for number in range(50):
            client.send(b"%d" % number)
        answers = {client.recv(100) for _ in range(50)}

    assert answers == {b"Real1 %d" % number for number in range(50)}


def test_set_changes_the_timeouts(cluster):
    start_answering(cluster.real1, "R", "udp:53")
    cluster.director.serve(f"-u {VIP}:53", f"{REAL1}:53")
    cluster.director.ipvsadm("--set 100 20 1")  # UDP entries live for a second

    with udp_client(cluster, 53) as client:
        client.send(b"x")
        client.recv(100)

    assert "Timeout (tcp tcpfin udp): 100 20 1" in cluster.director.ipvsadm("-L --timeout")
    # Nobody but the kernel is there to expire it
    wait_until(lambda: cluster.director.connections() == [], what="the entry has expired")
    assert cluster.director.servers(f"UDP {VIP}:53")[f"{REAL1}:53"].inactive == 0


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM], ids=["tcp", "udp"])
@pytest.mark.parametrize("servers", [[], [f"{REAL1}:80 -w 0"]], ids=["none", "quiesced"])
def test_no_server_is_an_icmp_port_unreachable(cluster, kind, servers):
    protocol = "-t" if kind == socket.SOCK_STREAM else "-u"
    cluster.director.serve(f"{protocol} {VIP}:80", *servers)

    with cluster.client.socket(kind) as client, pytest.raises(ConnectionRefusedError):
        client.connect((VIP, 80))
        client.send(b"x")
        client.recv(100)


@VM_BY_TC
def test_megabytes_arrive_intact_in_both_directions(cluster):
    # By tc with all offloads on: segments of up to 64 KiB
    data = random.Random(1).randbytes(4 << 20 if PATIENCE > 1 else 32 << 20)
    start_nginx(cluster.real1, "Real1")
    with open(os.path.join(html_directory(cluster.real1), "data"), "wb") as file:
        file.write(data)
    start_sink(cluster.real1, 9000)
    cluster.director.serve(WEB, f"{REAL1}:80")
    cluster.director.serve(f"-t {VIP}:9000", f"{REAL1}:9000")

    assert digest_of_upload(cluster.client, (VIP, 9000), data) == hashlib.sha256(data).hexdigest()

    cluster.client.curl(f"http://{VIP}/data", "--output", cluster.lab.path("data"))
    with open(cluster.lab.path("data"), "rb") as file:
        assert hashlib.sha256(file.read()).digest() == hashlib.sha256(data).digest()


# ---- clients ----

class Connection(socket.socket):
    greeting = b""


def connect(cluster, port, source_port=0):
    """A TCP connection of the client to the VIP, once the server's greeting has come."""
    connection = cluster.client.socket(bind=("10.0.0.100", source_port))
    connection.connect((VIP, port))
    made = Connection(fileno=connection.detach())
    made.settimeout(5 * PATIENCE)
    made.greeting = made.recv(100)
    return made


def ask(connection):
    connection.send(b"still there?")
    return connection.recv(100)


def udp_client(cluster, port, source_port=0):
    client = cluster.client.socket(socket.SOCK_DGRAM, bind=("10.0.0.100", source_port))
    client.connect((VIP, port))
    return client
