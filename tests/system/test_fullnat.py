# SPDX-License-Identifier: Apache-2.0
"""Fullnat: the real servers have no route to the clients, not even by the director.

    client 10.0.0.100 --- vs 10.0.0.1, VIP .2 | 192.168.10.1, .20 --+-- real1 192.168.10.100
           2001:db8::100     2001:db8::2      | fd00::20            +-- real2 192.168.10.101
                                                                        fd00::100, fd00::101
"""

import hashlib
import os
import socket
import struct

import pytest

from support.cluster import REAL1, REAL2, VIP
from support.process import wait_until
from support.servers import (digest_of_upload, html_directory, start_answering, start_nginx,
                             start_sink)

LOCAL, VIP6, LOCAL6 = "192.168.10.20", "2001:db8::2", "fd00::20"
WEB = f"-t {VIP}:80"
WEB_ROW = f"TCP {VIP}:80"
DATA = os.urandom(4 << 20)
IP_MTU_DISCOVER, IP_PMTUDISC_DONT = 10, 0  # <linux/in.h>


@pytest.fixture
def plain(cluster):
    for host in (cluster.real1, cluster.real2):
        host.ip("route del default")
    cluster.vs.ip(f"addr add {LOCAL}/24 dev eth1")
    return cluster


@pytest.fixture(params=["tc", "xdp"])
def apart(plain, request):
    """At both hooks: what XDP takes, tc does not see."""
    if request.param == "xdp":
        plain.ready_for_xdp()
        plain.director.start_isobard_at_xdp()
    return plain


def serve(cluster, service, *servers, options=""):
    cluster.director.ipvsadm(f"-A {service} -s rr --local-address {LOCAL} {options}",
                             *(f"-a {service} -r {server} --fullnat" for server in servers))


def test_servers_without_a_route_to_the_client_answer(apart):
    serve(apart, WEB, REAL1, REAL2)

    assert [apart.client.curl(f"http://{VIP}/").strip() for _ in range(4)] == ["Real2", "Real1"] * 2

    assert {server.forward for server in apart.director.servers(WEB_ROW).values()} == {"FullNat"}
    traffic = apart.director.traffic(WEB_ROW)[None]
    assert traffic.connections == 4 and traffic.in_packets >= 4 * 4 and traffic.out_packets >= 4 * 3


def test_much_goes_through_in_both_directions(apart):
    apart.lab.write(f"{html_directory(apart.real1)}/large.txt", "x" * (4 << 20))
    start_sink(apart.real1, 9001)
    serve(apart, WEB, REAL1)
    serve(apart, f"-t {VIP}:9000", f"{REAL1}:9001")

    assert apart.client.curl(f"http://{VIP}/large.txt") == "x" * (4 << 20)
    assert digest_of_upload(apart.client, (VIP, 9000), DATA) == hashlib.sha256(DATA).hexdigest()


def test_large_datagrams_come_whole_both_ways(apart):
    serve(apart, f"-u {VIP}:9000", f"{REAL1}:9001")
    with apart.client.socket(socket.SOCK_DGRAM) as client, \
            apart.real1.socket(socket.SOCK_DGRAM, bind=(REAL1, 9001)) as server:
        for payload in (bytes([number]) * 8192 for number in range(50)):
            client.sendto(payload, (VIP, 9000))
            question, whom = server.recvfrom(10000)
            server.sendto(question[::-1] + b"!", whom)
            answer, sender = client.recvfrom(10000)
            assert (question, answer) == (payload, payload + b"!")
            assert (whom[0], sender) == (LOCAL, (VIP, 9000))


def test_a_closed_port_of_the_server_is_told_to_the_client(apart):
    serve(apart, f"-u {VIP}:9000", f"{REAL1}:9001")
    with apart.client.socket(socket.SOCK_DGRAM) as client:
        client.connect((VIP, 9000))
        client.send(b"anybody?")
        with pytest.raises(ConnectionRefusedError):  # ICMP port unreachable
            client.recv(100)


def test_both_ends_learn_a_smaller_mtu_on_the_clients_way(plain):
    """The server sends pages of full size with DF; the way to the client takes less."""
    plain.client.set_offloads(False)
    plain.vs.ip("link set dev eth0 mtu 1300")
    plain.lab.write(f"{html_directory(plain.real1)}/large.txt", "x" * (1 << 20))
    plain.real1.set_offloads(False)
    serve(plain, WEB, REAL1)

    assert plain.client.curl(f"http://{VIP}/large.txt") == "x" * (1 << 20)

    assert "mtu 1300" in plain.real1.output(["ip", "route", "get", LOCAL])


def test_datagrams_too_big_for_the_servers_way_are_cut_up(plain):
    plain.vs.sysctl("net.ipv4.conf.lo.accept_local", 1)  # isobard sets it by itself
    plain.client.set_offloads(False)
    plain.vs.ip("link set dev eth1 mtu 1300")
    serve(plain, f"-u {VIP}:9000", f"{REAL1}:9001")
    with plain.client.socket(socket.SOCK_DGRAM) as client, \
            plain.real1.socket(socket.SOCK_DGRAM, bind=(REAL1, 9001)) as server:
        client.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT)
        client.sendto(b"z" * 1400, (VIP, 9000))
        question, whom = server.recvfrom(2000)

    assert (question, whom[0]) == (b"z" * 1400, LOCAL)


def test_when_no_port_is_left_clients_are_refused_until_connections_end(plain):
    start_answering(plain.real1, "real1", "tcp:9000")
    serve(plain, f"-t {VIP}:9000", f"{REAL1}:9000", options="--local-ports 5000-5001")

    def connect():
        made = plain.client.socket()
        try:
            made.connect((VIP, 9000))
            assert made.recv(100) == b"real1\n"
        except BaseException:
            made.close()
            raise
        return made

    def connects():
        try:
            connect().close()
        except ConnectionRefusedError:
            return False
        return True

    with connect(), connect() as second:
        with pytest.raises(ConnectionRefusedError):
            connect()
        # by RST: the connection is kept for 10 s
        second.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        second.close()
        wait_until(connects, 30, "a port is free again")


def test_isobard_serves_by_fullnat(plain):
    config = f"""
        [[service]]
        name = "web"
        listen = ["{VIP}:80/tcp"]
        scheduler = "rr"
        forward = "fullnat"
        local_addresses = ["{LOCAL}"]
        local_ports = {{ first = 20000, last = 30000 }}
        servers = [{{ address = "{REAL1}" }}, {{ address = "{REAL2}" }}]
        """
    isobard = plain.director.start_isobard(config)
    saved = plain.director.ipvsadm("-S -n").splitlines()

    assert plain.client.curl(f"http://{VIP}/").strip() == "Real2"

    assert saved == [
        f"-A {WEB} -s rr --local-address {LOCAL} --local-ports 20000-30000",
        f"-a {WEB} -r {REAL1}:80 --fullnat -w 1",
        f"-a {WEB} -r {REAL2}:80 --fullnat -w 1"]
    assert plain.director.status()["services"][0]["local"] == {
        "addresses": [LOCAL], "first_port": 20000, "last_port": 30000, "client_address": "none"}
    plain.director.reload(isobard, config.replace("20000", "20001"))
    wait_until(lambda: "20001-30000" in plain.director.ipvsadm("-S -n"), what="the new range")


def test_saved_and_restored(plain):
    rules = (f"-A {WEB} -s wlc --local-address {LOCAL},192.168.10.21 --local-ports 2000-3000"
             " --client-address toa\n"
             f"-a {WEB} -r {REAL1}:8080 --fullnat -w 2\n"
             f"-a {WEB} -r {REAL2}:80 -m -w 3\n")
    plain.director.ipvsadm("-R", input=rules)

    assert plain.director.ipvsadm("-S -n") == rules


def test_fullnat_without_local_addresses_is_refused(plain):
    plain.director.ipvsadm(f"-A {WEB}")
    status, message = plain.director.refuses(f"-a {WEB} -r {REAL1} --fullnat")
    assert status == 255 and "fullnat needs local addresses" in message


# ---- IPv6 ----

@pytest.fixture
def apart6(apart):
    for host in (apart.client, apart.vs, apart.real1):
        host.sysctl("net.ipv6.conf.all.disable_ipv6", 0)
    apart.vs.sysctl("net.ipv6.conf.all.forwarding", 1)
    apart.vs.ip("addr add 2001:db8::1/64 dev eth0 nodad", f"addr add {VIP6}/64 dev eth0 nodad",
                f"addr add {LOCAL6}/64 dev eth1 nodad")
    apart.client.ip("addr add 2001:db8::100/64 dev eth0 nodad")
    apart.real1.ip("addr add fd00::100/64 dev eth1 nodad")
    return apart


def test_ipv6_servers_without_a_route_to_the_client_answer(apart6):
    start_nginx(apart6.real1, "six", port=81, address="[::]")
    page = "y" * (1 << 20)
    apart6.lab.write(f"{html_directory(apart6.real1)}/large.txt", page)
    apart6.director.ipvsadm(f"-A -t [{VIP6}]:80 --local-address {LOCAL6}",
                            f"-a -t [{VIP6}]:80 -r [fd00::100]:81 --fullnat",
                            f"-A -u [{VIP6}]:9000 --local-address {LOCAL6}",
                            f"-a -u [{VIP6}]:9000 -r [fd00::100]:9001 --fullnat")

    assert apart6.client.curl(f"http://[{VIP6}]/").strip() == "six"
    assert apart6.client.curl(f"http://[{VIP6}]/large.txt") == page
    with apart6.client.socket(socket.SOCK_DGRAM, family=socket.AF_INET6) as client, \
            apart6.real1.socket(socket.SOCK_DGRAM, family=socket.AF_INET6,
                                bind=("fd00::100", 9001)) as server:
        client.sendto(b"q" * 8192, (VIP6, 9000))
        question, whom = server.recvfrom(10000)
        server.sendto(question, whom)
        assert (client.recvfrom(10000)[0], whom[0]) == (b"q" * 8192, LOCAL6)
