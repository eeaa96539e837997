# SPDX-License-Identifier: Apache-2.0
"""VS/TUN of every kind: services and servers of IPv4 and IPv6, with isobar-agent on the server.

    client 10.0.0.100, fd00::100 ---+--- vs .1, VIPs 10.0.0.2 and fd00::2
                                    |     | 192.168.10.0/24, fd01::/64: the way of the tunnels
           10.0.0.11, fd00::11      +--- real .11

With a router: vs --- 192.168.20.0/24, fd02::/64 --- router .2 --- 192.168.10.0/24, fd01::/64 --- real
"""

import hashlib
import itertools
import os
import re
import socket
from contextlib import closing

import pytest

from support.agent import Agent
from support.director import Director
from support.servers import start_nginx, start_sink

VIP = {4: "10.0.0.2", 6: "fd00::2"}
REAL = {4: "192.168.10.11", 6: "fd01::11"}
HEADER = {4: 20, 6: 40}
ETHERNET, ETH_P_ALL = 14, 3
# options of ipvsadm, protocol of the outer header (None: that of the inner one), length of the shim
KINDS = {
    "ipip": ("", None, 0),
    "gue": ("--tun-type gue --tun-port 6080", 17, 12),
    "gue-csum": ("--tun-type gue --tun-port 6080 --tun-csum", 17, 12),
    "gue-remcsum": ("--tun-type gue --tun-port 6080 --tun-remcsum", 17, 12),
    "gre": ("--tun-type gre", 47, 4),
    "gre-csum": ("--tun-type gre --tun-csum", 47, 8),
}
FAMILIES = list(itertools.product((4, 6), (4, 6)))  # of the service, of the server


class Net:
    def __init__(self, lab, mtu_behind_router=None):
        self.lab = lab
        outside, inside = lab.bridge("outside"), lab.bridge("inside")
        self.client = lab.host("client", eth0=outside.at("10.0.0.100/24"))
        self.vs = lab.host("vs", eth0=outside.at("10.0.0.1/24", f"{VIP[4]}/24"))
        self.real = lab.host("real", eth0=inside.at(f"{REAL[4]}/24"),
                             eth1=outside.at("10.0.0.11/24"))
        self.director = Director(self.vs)
        for host in (self.client, self.vs, self.real):
            host.sysctl("net.ipv6.conf.all.disable_ipv6", 0)
        self.client.ip("addr add fd00::100/64 dev eth0 nodad")
        self.vs.ip("addr add fd00::1/64 dev eth0 nodad", f"addr add {VIP[6]}/64 dev eth0 nodad")
        self.real.ip(f"addr add {REAL[6]}/64 dev eth0 nodad", "addr add fd00::11/64 dev eth1 nodad")
        forward(self.vs)
        self.vs.sysctl("net.ipv4.conf.lo.accept_local", 1)
        if mtu_behind_router is None:
            self.vs.add_interface("eth1", inside.at("192.168.10.1/24"))
            self.vs.ip("addr add fd01::1/64 dev eth1 nodad")
        else:
            self._add_router(lab.bridge("middle"), inside.at("192.168.10.1/24",
                                                             mtu=mtu_behind_router))

    def _add_router(self, middle, far):
        self.real.ip("route add 192.168.20.0/24 via 192.168.10.1", "route add fd02::/64 via fd01::1")
        self.vs.add_interface("eth1", middle.at("192.168.20.1/24"))
        router = self.lab.host("router", eth0=middle.at("192.168.20.2/24"), eth1=far)
        router.sysctl("net.ipv6.conf.all.disable_ipv6", 0)
        forward(router)
        self.vs.ip("addr add fd02::1/64 dev eth1 nodad",
                   "route add 192.168.10.0/24 via 192.168.20.2", "route add fd01::/64 via fd02::2")
        router.ip("addr add fd02::2/64 dev eth0 nodad", "addr add fd01::1/64 dev eth1 nodad")

    def start_agent(self, *options):
        return Agent(self.real).start(" ".join([f"--vip {VIP[4]} --vip {VIP[6]} --decap bpf",
                                                "--tunnel ipip,gue,gre", *options]))

    def start_server(self):
        start_nginx(self.real, "Real", address=["0.0.0.0", "[::]"])

    def serve(self, inner, outer, kind, port=80):
        self.director.clear()
        service = f"-t {bracketed(VIP[inner])}:{port}"
        self.director.ipvsadm(f"-A {service}",
                              f"-a {service} -r {bracketed(REAL[outer])}:{port} -i {KINDS[kind][0]}")

    def page(self, inner):
        return self.client.curl(f"http://{bracketed(VIP[inner])}/").strip()


def forward(host):
    host.sysctl("net.ipv4.ip_forward", 1)
    host.sysctl("net.ipv6.conf.all.forwarding", 1)


@pytest.fixture
def net(lab):
    return Net(lab)


@pytest.fixture(params=["tc", "xdp"])
def at_hook(net, request):
    """At both hooks: what XDP takes, tc does not see."""
    if request.param == "xdp":
        for host in (net.client, net.vs, net.real):
            host.set_offloads(False)
        net.vs.let_xdp_transmit()
        net.director.start_isobard_at_xdp()
    return net


def bracketed(address):
    return f"[{address}]" if ":" in address else address


def tunnelled(wire, inner, outer, kind):
    """Lets frames pass until one comes in that tunnel; it has a checksum if it should."""
    protocol = KINDS[kind][1] or {4: 4, 6: 41}[inner]
    ether_type, next_at = {4: (b"\x08\0", 23), 6: (b"\x86\xdd", 20)}[outer]
    while True:
        frame, address = wire.recvfrom(70000)
        if address[2] == socket.PACKET_OUTGOING:
            continue
        if frame[12:14] == ether_type and frame[next_at] == protocol:
            break
    shim = ETHERNET + HEADER[outer]
    if protocol == 17:
        assert (frame[shim + 6:shim + 8] != b"\0\0") == kind.endswith("csum")
    if protocol == 47:
        assert frame[shim] == (0x80 if kind.endswith("csum") else 0)


def listening(host):
    with host.inside():
        wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    wire.bind(("eth0", ETH_P_ALL))
    wire.settimeout(10)
    return closing(wire)


def test_pages_come_in_every_tunnel(at_hook):
    agent = at_hook.start_agent()
    at_hook.start_server()
    for (inner, outer), kind in itertools.product(FAMILIES, KINDS):
        at_hook.serve(inner, outer, kind)
        with listening(at_hook.real) as wire:
            assert at_hook.page(inner) == "Real", (inner, outer, kind)
            tunnelled(wire, inner, outer, kind)
        [traffic] = [row for server, row in
                     at_hook.director.traffic(f"TCP {bracketed(VIP[inner])}:80").items() if server]
        assert traffic.in_packets >= 4 and traffic.out_packets == 0
    agent.stop()
    assert "wrong checksum" not in agent.log()


# Super-packets where the offloads are on.
@pytest.mark.parametrize("kind", ["ipip", "gue-csum", "gre-csum"])
def test_a_client_can_send_much(at_hook, kind):
    at_hook.start_agent()
    start_sink(at_hook.real, 9000, "::")
    for inner, outer in FAMILIES:
        at_hook.serve(inner, outer, kind, port=9000)
        upload(at_hook, inner, 1 << 20)


@pytest.mark.parametrize("inner, outer", FAMILIES)
def test_a_client_learns_what_fits_the_tunnel(net, inner, outer):
    net.start_agent("--mss off")
    net.client.set_offloads(False)
    start_sink(net.real, 9000, "::")
    net.serve(inner, outer, "gue-csum", port=9000)

    upload(net, inner, 100000)

    assert known_mtu(net, inner) == 1500 - HEADER[outer] - 12


# Not of IPv6 in IPv4, which routers may cut up.
@pytest.mark.parametrize("inner, outer, kind", [(4, 4, "gue"), (4, 6, "gre-csum"), (6, 6, "ipip")])
def test_a_client_learns_what_fits_behind_a_router(lab, inner, outer, kind):
    net = Net(lab, mtu_behind_router=1400)
    net.start_agent("--mss off")
    net.client.set_offloads(False)
    start_sink(net.real, 9000, "::")
    net.serve(inner, outer, kind, port=9000)

    upload(net, inner, 100000)

    assert known_mtu(net, inner) == 1400 - HEADER[outer] - KINDS[kind][2]


@pytest.mark.parametrize("kind", ["ipip", "gue-csum", "gre-csum"])
def test_what_a_router_cuts_up_is_put_together(lab, kind):
    net = Net(lab, mtu_behind_router=1400)
    agent = net.start_agent("--mss off")
    net.client.set_offloads(False)
    start_sink(net.real, 9000, "::")
    net.serve(6, 4, kind, port=9000)

    upload(net, 6, 100000)

    agent.stop()
    assert re.search(r"\d packets taken out of a tunnel that were cut up", agent.log())


# The server's kernel answers with an ICMP error: about the port, and about the protocol.
@pytest.mark.parametrize("kind", ["gue-csum", "ipip"])
def test_a_client_is_told_at_once_that_nobody_takes_the_tunnel_apart(net, kind):
    for inner, outer in FAMILIES:
        net.serve(inner, outer, kind)

        done = net.client.run(["curl", "-sS", "-m", "8", f"http://{bracketed(VIP[inner])}/"],
                              check=False)

        # cannot connect; 28 would be the end of its patience
        assert done.returncode == 7, (inner, outer, done.stderr)


def test_isobard_makes_tunnels_of_both_families_with_a_checksum(net):
    net.start_agent()
    net.start_server()
    net.vs.sysctl("net.ipv6.conf.all.forwarding", 0)
    net.director.start_isobard(f"""
        [[service]]
        name = "web"
        listen = ["{VIP[4]}:80/tcp"]
        forward = "tun"
        tunnel = "gue"
        tunnel_checksum = "full"
        servers = [{{ address = "{REAL[6]}" }}]

        [[service]]
        name = "web6"
        listen = ["[{VIP[6]}]:80/tcp"]
        forward = "tun"
        tunnel = "gre"
        tunnel_checksum = "full"
        servers = [{{ address = "{REAL[4]}" }}, {{ address = "{REAL[6]}" }}]
        """)
    assert net.vs.sysctl("net.ipv6.conf.all.forwarding") == "1"

    assert [net.page(family) for family in (4, 6, 6)] == ["Real"] * 3

    rules = net.director.ipvsadm("-S -n")
    assert (f"-a -t {VIP[4]}:80 -r [{REAL[6]}]:80 -i -w 1 --tun-type gue --tun-port 6080 "
            "--tun-csum\n") in rules
    assert f"-a -t [{VIP[6]}]:80 -r {REAL[4]}:80 -i -w 1 --tun-type gre --tun-csum\n" in rules
    assert re.search(r"\[fd01::11\]:80 +Tunnel  gre:\+c ", net.director.ipvsadm("-L -n --tun-info"))


def upload(net, inner, size):
    data = os.urandom(size)
    with net.client.inside():
        connection = socket.create_connection((VIP[inner], 9000), timeout=30)
    with connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(100).decode() == hashlib.sha256(data).hexdigest()


def known_mtu(net, inner):
    """Of the client's way to the virtual address; 0: it has learnt nothing."""
    found = re.search(r" mtu (\d+)", net.client.output(["ip", "route", "get", VIP[inner]]))
    return int(found[1]) if found else 0
