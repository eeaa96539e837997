# SPDX-License-Identifier: Apache-2.0
"""Services of IPv6 in front of real servers.

    client 2001:db8::100 -- vs 2001:db8::1, VIP ::2 | fd00::1 -+- real1 fd00::11
                                                               +- real2 fd00::12
"""

import hashlib
import socket

import pytest

from support.director import Director
from support.servers import html_directory, start_nginx, start_vsftpd

VIP = "2001:db8::2"
WEB = f"-t [{VIP}]:80"
WEB_ROW = f"TCP [{VIP}]:80"
REAL1, REAL2 = "fd00::11", "fd00::12"


class Cluster6:
    def __init__(self, lab):
        outside, inside = lab.bridge("outside"), lab.bridge("inside")
        self.lab = lab
        self.client = lab.host("client", eth0=outside.at())
        self.vs = lab.host("vs", eth0=outside.at(), eth1=inside.at())
        self.real1 = lab.host("real1", eth0=inside.at())
        self.real2 = lab.host("real2", eth0=inside.at())
        for host in (self.client, self.vs, self.real1, self.real2):
            host.sysctl("net.ipv6.conf.all.disable_ipv6", 0)
        self.vs.ip("addr add 2001:db8::1/64 dev eth0 nodad", f"addr add {VIP}/64 dev eth0 nodad",
                   "addr add fd00::1/64 dev eth1 nodad")
        self.client.ip("addr add 2001:db8::100/64 dev eth0 nodad")
        for host, address in ((self.real1, REAL1), (self.real2, REAL2)):
            host.ip(f"addr add {address}/64 dev eth0 nodad", "route add ::/0 via fd00::1")
            start_nginx(host, host.name, address="[::]", port=80)
        self.director = Director(self.vs)

    def page(self, name=""):
        return self.client.curl(f"http://[{VIP}]/{name}").strip()


@pytest.fixture
def plain(lab):
    return Cluster6(lab)


@pytest.fixture
def cluster(plain):
    plain.vs.sysctl("net.ipv6.conf.all.forwarding", 1)
    return plain


@pytest.fixture(params=["tc", "xdp"])
def at_hook(cluster, request):
    if request.param == "xdp":
        for host in (cluster.client, cluster.vs, cluster.real1, cluster.real2):
            host.set_offloads(False)
        cluster.vs.let_xdp_transmit()
        cluster.director.start_isobard_at_xdp()
    return cluster


def test_nat_takes_the_servers_in_turn_and_lists_them_as_ipvsadm_does(at_hook):
    at_hook.director.serve(WEB, f"[{REAL1}]:80", f"[{REAL2}]:80 -w 2")

    assert [at_hook.page() for _ in range(4)] == ["real2", "real1"] * 2

    lines = at_hook.director.ipvsadm("-L -n").splitlines()
    assert lines[3] == f"TCP  [{VIP}]:80 rr"
    assert lines[4].startswith(f"  -> {f'[{REAL1}]:80':<28} Masq    1      ")
    traffic = at_hook.director.traffic(WEB_ROW)[None]
    assert traffic.connections == 4 and traffic.out_packets >= 4 * 3
    assert at_hook.director.ipvsadm("-S -n").splitlines() == [
        f"-A -t [{VIP}]:80 -s rr",
        f"-a -t [{VIP}]:80 -r [{REAL1}]:80 -m -w 1",
        f"-a -t [{VIP}]:80 -r [{REAL2}]:80 -m -w 2"]


def test_a_large_page_comes_whole_through_nat(at_hook):
    page = "x" * (4 << 20)
    at_hook.lab.write(f"{html_directory(at_hook.real1)}/large.txt", page)
    at_hook.director.serve(WEB, f"[{REAL1}]:80")

    received = at_hook.page("large.txt")

    assert hashlib.sha256(received.encode()).digest() == hashlib.sha256(page.encode()).digest()


def test_large_datagrams_come_whole_both_ways(at_hook):
    at_hook.director.serve(f"-u [{VIP}]:9000", f"[{REAL1}]:9001")
    payloads = [bytes([number]) * 8192 for number in range(100)]
    with at_hook.client.socket(socket.SOCK_DGRAM, family=socket.AF_INET6) as client, \
            at_hook.real1.socket(socket.SOCK_DGRAM, family=socket.AF_INET6,
                                 bind=(REAL1, 9001)) as server:
        for payload in payloads:
            client.sendto(payload, (VIP, 9000))
            question, whom = server.recvfrom(10000)
            server.sendto(question[::-1] + b"!", whom)
            answer, sender = client.recvfrom(10000)
            assert (question, answer, sender[:2]) == (payload, payload + b"!", (VIP, 9000))


def test_isobard_serves_ipv6_and_puts_forwarding_back(plain):
    isobard = plain.director.start_isobard(f"""
        [[service]]
        name = "web"
        listen = ["[{VIP}]:80/tcp"]
        scheduler = "rr"
        persistence = {{ mask = 64 }}
        servers = [{{ address = "{REAL1}" }}, {{ address = "[{REAL2}]:80" }}]
        """)
    assert plain.vs.sysctl("net.ipv6.conf.all.forwarding") == "1"

    assert plain.page() == plain.page() == "real2"

    assert (f"TCP  [{VIP}]:80 rr persistent 360 mask 64"
            in plain.director.ipvsadm("-L -n").splitlines())
    isobard.stop()
    plain.director.remove()
    assert plain.vs.sysctl("net.ipv6.conf.all.forwarding") == "0"


def test_a_group_keeps_a_client_at_one_server(cluster):
    for host in (cluster.real1, cluster.real2):
        start_nginx(host, host.name, address="[::]", port=443)
    cluster.director.start_isobard(f"""
        [[service]]
        name = "shop"
        listen = ["[{VIP}]:80/tcp", "[{VIP}]:443/tcp"]
        scheduler = "rr"
        persistence = {{}}
        servers = [{{ address = "{REAL1}" }}, {{ address = "{REAL2}" }}]
        """)

    pages = [cluster.client.curl(f"http://[{VIP}]:{port}/").strip() for port in (80, 443) * 2]

    assert pages == [pages[0]] * 4


def test_direct_routing_leaves_the_reply_to_the_server(cluster):
    cluster.real1.ip(f"addr add {VIP}/128 dev lo nodad")
    cluster.director.ipvsadm(f"-A {WEB} -s rr", f"-a {WEB} -r [{REAL1}]:80 -g")

    assert cluster.page() == "real1"

    assert cluster.director.traffic(WEB_ROW)[None].out_packets == 0


def test_without_a_server_the_client_is_told_at_once(cluster):
    cluster.director.ipvsadm(f"-A {WEB} -s rr")

    done = cluster.client.run(["curl", "-sS", "--max-time", "30", f"http://[{VIP}]/"], check=False)

    assert done.returncode == 7, done.stderr  # cannot connect; 28 would be the end of its patience


@pytest.mark.parametrize("mode", [(), ("--ftp-port", "-")], ids=["passive", "active"])
def test_ftp_by_nat_gets_all_files_from_the_server_it_began_with(cluster, mode):
    for host in (cluster.real1, cluster.real2):
        start_vsftpd(host, {"who": f"{host.name}\n".encode(), "again": b"again\n"}, v6=True)
    cluster.director.serve(f"-t [{VIP}]:21", f"[{REAL1}]:21", f"[{REAL2}]:21")

    # curl asks for EPSV, or says EPRT |2|2001:db8::100|...|
    for name in ("real2", "real1"):
        files = cluster.client.curl(f"ftp://[{VIP}]/again", *mode, f"ftp://[{VIP}]/who")
        assert files == f"{name}\nagain\n"
