# SPDX-License-Identifier: Apache-2.0
"""ICMP errors find the connection they are about, from outside and from inside.

    client 10.0.0.100 ---- vs 10.0.0.1, VIP 10.0.0.2 / 192.168.10.254 ---- real1 192.168.10.100

Drawn in full in support/cluster.py. UDP port 53 of real1 has a server, port 54 has none.
"""

import hashlib
import os
import socket

import pytest

from support.cluster import CLIENT, CONFIG, REAL1, VIP
from support.process import wait_until
from support.servers import digest_of_upload, start_answering, start_sink

UNREACHABLE, TIME_EXCEEDED = 3, 11
FRAGMENTATION_NEEDED = 4


@pytest.fixture
def dns(cluster):
    """UDP services 53 (answered by real1) and 54 (nobody listens there)."""
    start_answering(cluster.real1, "Real1", "udp:53")
    for port in (53, 54):
        cluster.director.serve(f"-u {VIP}:{port}", f"{REAL1}:{port}")
    # The kernel completes checksums where a network card would: arriving ones are the real ones
    cluster.vs.set_offloads(False, ["tx"], peers=False)
    return cluster


def test_port_unreachable_of_a_real_server_reaches_the_client(dns):
    with udp(dns.client, 54) as client:
        client.send(b"x")

        with pytest.raises(ConnectionRefusedError):  # about the VIP, or the socket would not know it
            client.recv(100)


def test_fragmentation_needed_from_outside_reaches_the_real_server(dns):
    from scapy.layers.inet import ICMP, IP, UDP
    with udp(dns.client, 53) as client:
        client.send(b"x")
        answer = client.recv(100)
        port = client.getsockname()[1]

    # A router before the client says that real1's answer was too big for its next link
    with icmp(dns.real1) as at_real1, icmp(dns.client) as sender:
        quoted = IP(src=VIP, dst=CLIENT, ttl=60, flags="DF") / UDP(sport=53, dport=port) / answer
        sender.sendto(bytes(ICMP(type=UNREACHABLE, code=FRAGMENTATION_NEEDED, nexthopmtu=1200) /
                            quoted), (VIP, 0))
        arrived = IP(at_real1.recv(2000))

    assert (arrived.src, arrived.dst) == (CLIENT, REAL1)
    error, about = arrived[ICMP], arrived[ICMP].payload
    assert (error.type, error.code, error.nexthopmtu) == (3, 4, 1200)
    assert (about.src, about.dst) == (REAL1, CLIENT)
    assert (about.payload.sport, about.payload.dport) == (53, port)
    assert with_correct_checksums(arrived) == bytes(arrived)
    # and real1's kernel believes it
    assert "mtu 1200" in dns.real1.output(["ip", "route", "get", CLIENT])


def test_time_to_live_that_ends_at_the_director_is_told_to_the_client(dns):
    from scapy.layers.inet import ICMP, IP
    with udp(dns.client, 53) as client, icmp(dns.client) as at_client:
        client.setsockopt(socket.SOL_IP, socket.IP_TTL, 1)
        client.send(b"x")
        arrived = IP(at_client.recv(2000))
        client.setsockopt(socket.SOL_IP, socket.IP_TTL, 2)
        client.send(b"y")

        assert arrived.src in ("10.0.0.1", VIP)
        assert (arrived[ICMP].type, arrived[ICMP].code) == (TIME_EXCEEDED, 0)
        assert (arrived[ICMP].payload.src, arrived[ICMP].payload.dst) == (CLIENT, VIP)
        assert with_correct_checksums(arrived) == bytes(arrived)
        assert received_after_errors(client) == b"Real1 y"  # the next hop is real1


def test_time_to_live_of_a_reply_that_ends_at_the_director_is_told_to_the_server(cluster):
    from scapy.layers.inet import ICMP, IP
    cluster.director.serve(f"-u {VIP}:55", f"{REAL1}:55")
    server = cluster.real1.socket(socket.SOCK_DGRAM, bind=("0.0.0.0", 55))
    server.setsockopt(socket.SOL_IP, socket.IP_TTL, 1)

    with udp(cluster.client, 55) as client, icmp(cluster.real1) as at_real1, server:
        client.send(b"x")
        server.sendto(b"y", server.recvfrom(100)[1])
        arrived = IP(at_real1.recv(2000))

    assert arrived[ICMP].type == TIME_EXCEEDED
    assert (arrived[ICMP].payload.src, arrived[ICMP].payload.dst) == (REAL1, CLIENT)


@pytest.mark.parametrize("offloads", [True, False], ids=["offloads-on", "offloads-off"])
def test_a_smaller_mtu_inside_is_told_to_the_client(cluster, offloads):
    for host in (cluster.client, cluster.vs, cluster.real1):
        host.set_offloads(offloads)
    cluster.vs.ip("link set dev eth1 mtu 1300")
    start_sink(cluster.real1, 9000)
    cluster.director.serve(f"-t {VIP}:9000", f"{REAL1}:9000")
    data = os.urandom(4 << 20)

    digest = digest_of_upload(cluster.client, (VIP, 9000), data, timeout=20)

    assert digest == hashlib.sha256(data).hexdigest()
    assert "mtu 1300" in cluster.client.output(["ip", "route", "get", VIP])


def test_what_may_be_cut_up_is_cut_up_on_its_way(cluster):
    """Both ways take 1300 bytes; isobard makes the director's lo take its own."""
    for host in (cluster.client, cluster.real1):
        host.sysctl("net.ipv4.ip_no_pmtu_disc", 1)  # sockets send without DF
    start_answering(cluster.real1, "Real1", "udp:53")
    cluster.director.start_isobard(CONFIG + f"""
[[service]]
name = "dns"
listen = ["{VIP}:53/udp"]
servers = [ {{ address = "{REAL1}" }} ]
""")
    # a veth of 1300 bytes would not take in more either; and only a locked MTU is for routers
    for net, interface in (("10.0.0.0/24", "eth0"), ("192.168.10.0/24", "eth1")):
        cluster.vs.ip(f"route change {net} dev {interface} mtu lock 1300")

    with udp(cluster.client, 53) as client:
        client.send(b"?" * 1400)
        assert client.recv(2000) == b"Real1 " + b"?" * 1400

    verdicts = cluster.director.status()["verdicts"]
    assert (verdicts["to_stack"], verdicts["to_local"]) == (1, 1)


def udp(host, port):
    made = host.socket(socket.SOCK_DGRAM)
    made.connect((VIP, port))
    return made


def icmp(host):
    """All ICMP that this host receives, from the IP header on."""
    return host.socket(socket.SOCK_RAW, socket.IPPROTO_ICMP)


def received_after_errors(connected):
    """The next datagram; what errors say comes first on a connected socket."""
    return wait_until(lambda: connected.recv(100), what="an answer")


def with_correct_checksums(packet):
    """`packet` with the checksums of IP, ICMP and the quoted IP header computed anew."""
    from scapy.layers.inet import ICMP
    again = packet.copy()
    del again.chksum, again[ICMP].chksum, again[ICMP].payload.chksum
    return bytes(again)
