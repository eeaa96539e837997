# SPDX-License-Identifier: Apache-2.0
"""isobar-agent makes a host a real server, and leaves it as it was.

               10.0.0.0/24, fd00::/64
    client .100 ----+---- director .1 (a plain host with programs/tunneller.py)
                    |
                    +---- real .5, nginx; VIPs 10.0.0.2 and fd00::2

The client believes that the VIPs are at the director (tunnels) or at real (direct routing: the
frame that a director would send on).
"""

import json
import re
import signal
import socket
from contextlib import closing

import pytest

from support.agent import Agent, start_tunneller
from support.director import Director
from support.process import wait_until
from support.servers import ask_page, start_nginx, start_sink

VIP, VIP6 = "10.0.0.2", "fd00::2"
REAL, REAL6 = "10.0.0.5", "fd00::5"
CLIENT, CLIENT6 = "10.0.0.100", "fd00::100"
STRANGER, STRANGER6 = "10.0.0.77", "fd00::77"  # nobody has these

ARP, IP, IP6 = 0x0806, 0x0800, 0x86dd


class Net:
    def __init__(self, lab):
        self.bridge = bridge = lab.bridge("net")
        self.client = lab.host("client", eth0=bridge.at(f"{CLIENT}/24"))
        self.director = lab.host("director", eth0=bridge.at("10.0.0.1/24"))
        self.real = lab.host("real", eth0=bridge.at(f"{REAL}/24"))
        for host, address in ((self.client, CLIENT6), (self.director, "fd00::1"),
                              (self.real, REAL6)):
            host.sysctl("net.ipv6.conf.all.disable_ipv6", 0)
            host.sysctl("net.ipv6.conf.eth0.accept_dad", 0)
            host.ip(f"address add {address}/64 dev eth0 nodad")
            # the kernel makes eth0's own addresses and routes a moment later
            wait_until(lambda: re.search(
                "local fe80:.* dev eth0.*multicast ff00::/8 dev eth0",
                host.output(["ip", "-6", "route", "show", "table", "all"]), re.S), what="IPv6")
        # tunneller.py sends on what it reads: checksums must be there
        self.client.set_offloads(False)
        self.agent = Agent(self.real)

    def send_vips_to(self, host):
        for vip in (VIP, VIP6):
            self.client.ip(f"neighbour replace {vip} lladdr {mac(host)} dev eth0 nud permanent")

    def tunnel(self, kind, vip=VIP, real=REAL, **options):
        self.send_vips_to(self.director)
        return start_tunneller(self.director, vip, real, kind, **options)


@pytest.fixture
def net(lab):
    return Net(lab)


# ---- packets are taken ----

@pytest.mark.vm
def test_direct_routing_takes_what_comes_for_the_vip(net):
    start_nginx(net.real, "Real")
    net.send_vips_to(net.real)
    net.agent.start(f"--vip {VIP}")

    assert net.client.curl(f"http://{VIP}/") == "Real\n"


def test_direct_routing_takes_ipv6(net):
    start_nginx(net.real, "Real", address="[::]")
    net.send_vips_to(net.real)
    net.agent.start(f"--vip {VIP6}")

    assert net.client.curl(f"http://[{VIP6}]/") == "Real\n"


@pytest.mark.parametrize("kind", ["ipip", pytest.param("gue", marks=pytest.mark.vm), "gre",
                                  "gre-csum"])
def test_tunnelled_connections_work(net, kind):
    start_nginx(net.real, "Real")
    net.tunnel(kind)
    net.agent.start(f"--vip {VIP} --tunnel {kind[:4].strip('-')}")

    assert net.client.curl(f"http://{VIP}/") == "Real\n"


@pytest.mark.parametrize("kind", ["ipip", "gue", "gre", "gre-csum"])
@pytest.mark.parametrize("vip, real", [(VIP, REAL6), (VIP6, REAL), (VIP6, REAL6)],
                         ids=["4-in-6", "6-in-4", "6-in-6"])
def test_ipv6_inside_and_outside(net, kind, vip, real):
    start_nginx(net.real, "Real", address="0.0.0.0" if vip == VIP else "[::]")
    net.tunnel(kind, vip, real)
    net.agent.start(f"--vip {vip} --tunnel ipip,gue,gre --decap bpf")

    assert net.client.curl(f"http://{url_host(vip)}/") == "Real\n"


def test_gue_has_the_port_that_was_asked_for(net):
    start_nginx(net.real, "Real")
    net.tunnel("gue", port=5555)
    net.agent.start(f"--vip {VIP} --tunnel gue --gue-port 5555")

    assert net.client.curl(f"http://{VIP}/") == "Real\n"


def test_strict_reverse_path_filters_do_not_drop_what_clients_send(net):
    # Answers leave by another interface than questions come in
    inside = net.real.lab.bridge("inside")
    net.real.add_interface("eth1", inside.at("10.9.0.5/24"))
    net.client.add_interface("eth1", inside.at("10.9.0.100/24"))
    net.client.sysctl("net.ipv4.conf.all.rp_filter", 0)
    net.client.sysctl("net.ipv4.conf.eth1.rp_filter", 0)
    net.real.sysctl("net.ipv4.conf.all.rp_filter", 1)
    start_nginx(net.real, "Real")
    net.send_vips_to(net.real)

    net.agent.start(f"--vip {VIP}")

    assert net.client.curl(f"http://{VIP}/", "--interface", "10.9.0.100") == "Real\n"
    assert net.real.sysctl("net.ipv4.conf.all.rp_filter") == "1"


# ---- MSS ----

@pytest.mark.parametrize("offloads", [True, False], ids=["offloads-on", "offloads-off"])
@pytest.mark.parametrize("kind, vip, room", [("ipip", VIP, 40 + 40), ("gue", VIP, 52 + 40),
                                             ("gre", VIP6, 48 + 60)])
def test_segments_of_clients_leave_room_for_the_outer_header(net, kind, vip, room, offloads):
    net.real.set_offloads(offloads)
    start_sink(net.real, 9000, "::")
    tunneller = net.tunnel(kind, vip, REAL6)
    agent = net.agent.start(f"--vip {vip} --tunnel {kind} --decap bpf")

    with seen(net.client, "eth0", IP if vip == VIP else IP6) as arriving:
        assert upload(net.client, vip, 1 << 20)
        assert mss_of_syn_ack(arriving) == 1500 - room
    assert "too big" not in tunneller.log()
    agent.stop()
    assert " MSS options lowered" in agent.log()


def test_mss_is_left_alone_where_it_is_small_or_off(net):
    start_sink(net.real, 9000)
    net.tunnel("ipip")
    net.real.ip("route replace 10.0.0.0/24 dev eth0 advmss 700")
    agent = net.agent.start(f"--vip {VIP} --tunnel ipip --mss 800")
    with seen(net.client, "eth0", IP) as arriving:
        assert upload(net.client, VIP, 10)
        assert mss_of_syn_ack(arriving) == 700
    agent.stop()

    net.real.ip("route replace 10.0.0.0/24 dev eth0")
    net.agent.start(f"--vip {VIP} --tunnel ipip --mss off")
    with seen(net.client, "eth0", IP) as arriving:
        assert upload(net.client, VIP, 10)
        assert mss_of_syn_ack(arriving) == 1460


def test_mss_follows_the_mtu(net):
    start_sink(net.real, 9000)
    net.tunnel("ipip")
    net.agent.start(f"--vip {VIP} --tunnel ipip --interface eth0 --decap bpf")

    net.real.ip(f"address del {REAL6}/64 dev eth0", "link set dev eth0 mtu 1400")

    def offered():
        with seen(net.client, "eth0", IP) as arriving:
            assert upload(net.client, VIP, 10)
            return mss_of_syn_ack(arriving)
    wait_until(lambda: offered() == 1400 - 20 - 40, what="an MSS for the new MTU")


# ---- the ARP problem ----

@pytest.mark.parametrize("options", [f"--vip {VIP}", f"--vip {VIP} --arp bpf",
                                     f"--vip {VIP}@eth0"], ids=["sysctl", "bpf", "on-the-wire"])
def test_arp_says_nothing_of_the_vip(net, options):
    from scapy.layers.l2 import ARP as Arp, Ether
    net.agent.start(options)
    own = mac(net.client)

    def question(address, source):
        return bytes(Ether(src=own, dst="ff:ff:ff:ff:ff:ff") /
                     Arp(op="who-has", hwsrc=own, psrc=source, pdst=address))

    with seen(net.client, "eth0", ARP) as wire:
        wire.send(question(VIP, CLIENT))
        wire.send(question(VIP, "0.0.0.0"))  # a probe
        wire.send(question(VIP, VIP))  # the director claims it
        wire.send(question(REAL, CLIENT))
        answers = frames_until(wire, lambda frame: Ether(frame)[Arp].psrc == REAL)
        connect_from(net.real, VIP, STRANGER)
        asked = frames_until(wire, lambda frame: Ether(frame)[Arp].pdst == STRANGER)
    answers = [Ether(frame)[Arp] for frame in answers + asked]
    assert VIP not in [arp.psrc for arp in answers]


def test_a_neighbour_answers_requests_that_do_not_name_the_vip(net):
    net.agent.start(f"--vip {VIP}@eth0")
    net.client.ip(f"route add {VIP} dev eth0")
    net.send_vips_to(net.real)
    start_nginx(net.real, "Real")

    assert net.client.curl(f"http://{VIP}/") == "Real\n"
    assert mac(net.client) in net.real.output(["ip", "neighbour", "show", CLIENT])


@pytest.mark.parametrize("options", [f"--vip {VIP6}", f"--vip {VIP6}@eth0"],
                         ids=["lo", "on-the-wire"])
def test_neighbour_discovery_says_nothing_of_the_vip(net, options):
    from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptSrcLLAddr, IPv6
    from scapy.layers.l2 import Ether
    start_nginx(net.real, "Real", address="[::]")
    own = mac(net.client)

    def question(address):
        return bytes(Ether(src=own, dst=mac(net.real)) / IPv6(src=CLIENT6, dst=REAL6, hlim=255) /
                     ICMPv6ND_NS(tgt=address) / ICMPv6NDOptSrcLLAddr(lladdr=own))

    def is_about(frame, layer, address):
        return layer in Ether(frame) and Ether(frame)[layer].tgt == address

    with seen(net.client, "eth0", IP6) as wire:
        net.agent.start(options)
        wire.send(question(VIP6))
        wire.send(question(REAL6))
        frames = frames_until(wire, lambda frame: is_about(frame, ICMPv6ND_NA, REAL6))
        connect_from(net.real, VIP6, STRANGER6)
        frames += frames_until(wire, lambda frame: is_about(frame, ICMPv6ND_NS, STRANGER6))
    for frame in map(Ether, frames):
        assert frame[IPv6].src != VIP6
        assert ICMPv6ND_NA not in frame or frame[ICMPv6ND_NA].tgt != VIP6
    # what was repaired has a right checksum: real finds its client
    net.send_vips_to(net.real)
    net.real.run(["ip", "-6", "neighbour", "flush", "dev", "eth0"])
    assert net.client.curl(f"http://[{VIP6}]/") == "Real\n"


# ---- what is not for us ----

def test_what_is_no_sound_tunnel_packet_for_a_vip_is_left_to_the_stack(net):
    agent = net.agent.start(f"--vip {VIP} --vip {VIP6} --tunnel ipip,gue,gre --decap bpf")
    server = net.real.socket(socket.SOCK_DGRAM, bind=("0.0.0.0", 7000))
    good = sound_packets(net)
    with seen(net.client, "eth0", IP) as wire, server:
        for frame in bad_packets(net, good):
            wire.send(frame)
        for frame in good.values():
            wire.send(frame)
        wanted = {name.encode() for name in good}
        received = [server.recv(2000) for _ in wanted]
        assert set(received) == wanted
    agent.stop()
    assert f"{len(good)} packets taken out of a tunnel" in agent.log()


def sound_packets(net, padding=0):
    """Frames with a UDP datagram to the VIP in each kind of tunnel."""
    from scapy.layers.inet import IP as Ip, UDP
    from scapy.layers.inet6 import IPv6
    from scapy.layers.l2 import Ether

    def inner(name):
        return bytes(Ip(src=CLIENT, dst=VIP) / UDP(sport=9, dport=7000) /
                     (name + "." * padding))
    link = Ether(src=mac(net.client), dst=mac(net.real))
    outer = Ip(src="10.0.0.1", dst=REAL)
    outer6 = IPv6(src="fd00::1", dst=REAL6)
    gue = UDP(sport=50000, dport=6080)
    return {name: bytes(frame) for name, frame in {
        "ipip": link / Ip(src="10.0.0.1", dst=REAL, proto=4) / inner("ipip"),
        "gue": link / outer / gue / b"\0\4\0\0" / inner("gue"),
        "gre": link / Ip(src="10.0.0.1", dst=REAL, proto=47) / b"\0\0\x08\0" / inner("gre"),
        "ipip6": link / IPv6(src="fd00::1", dst=REAL6, nh=4) / inner("ipip6"),
        "gue6": link / outer6 / gue / b"\0\4\0\0" / inner("gue6"),
    }.items()}


def bad_packets(net, good):
    from scapy.layers.inet import IP as Ip, UDP
    from scapy.layers.l2 import Ether
    for name, frame in good.items():
        for length in range(14, len(frame)):
            yield frame[:length]
        if not name.endswith("6"):  # lengths that the outer header agrees with
            for length in range(34, len(frame)):
                whole = Ether(frame[:length])
                whole[Ip].len, whole[Ip].chksum = length - 14, None
                yield bytes(whole)
    inner = good["ipip"][34:]

    def ipip(data=inner, **fields):
        return bytes(Ether(src=mac(net.client), dst=mac(net.real)) /
                     Ip(**{"src": "10.0.0.1", "dst": REAL, "proto": 4, **fields}) / data)

    def other_inner(**fields):
        packet = Ip(inner)
        for field, value in fields.items():
            setattr(packet, field, value)
        return bytes(packet)
    yield ipip(flags="MF")
    yield ipip(frag=100)
    yield ipip(chksum=0x1234)
    yield ipip(dst="10.0.0.6")
    yield ipip(version=5)
    yield ipip(proto=41)  # says IPv6, is IPv4
    yield ipip(other_inner(dst="10.0.0.5"))  # no VIP
    yield ipip(other_inner(dst="10.0.0.100"))
    yield ipip(other_inner(version=6))
    yield ipip(other_inner(ihl=4))
    yield ipip(other_inner(len=19))
    yield ipip(other_inner(len=1000))
    for head in (b"\x20\4\0\0", b"\0\4\0\1", b"\0\4\x80\0", b"\1\4\0\0" + bytes(4), b"\x40\4\0\0",
                 b"\x80\4\0\0", b"\0\6\0\0", b"\0\x29\0\0"):
        yield bytes(Ether(src=mac(net.client), dst=mac(net.real)) /
                    Ip(src="10.0.0.1", dst=REAL) / UDP(sport=5, dport=6080) / (head + inner))
    for head in (b"\0\1\x08\0", b"\0\7\x08\0", b"\x20\0\x08\0" + bytes(4),
                 b"\x10\0\x08\0" + bytes(4), b"\x40\0\x08\0" + bytes(4), b"\x08\0\x08\0",
                 b"\0\0\x86\xdd", b"\0\0\x88\xcc", b"\x80\0\x08\0"):
        yield ipip(head + inner, proto=47)


@pytest.mark.vm
def test_tunnel_packets_that_were_cut_up_are_taken_out_too(net):
    agent = net.agent.start(f"--vip {VIP} --vip {VIP6} --tunnel ipip,gue,gre --decap bpf")
    server = net.real.socket(socket.SOCK_DGRAM, bind=("0.0.0.0", 7000))
    good = sound_packets(net, padding=2000)

    with seen(net.client, "eth0", IP) as wire, server:
        for number, (name, frame) in enumerate(good.items()):
            for piece in reversed(pieces(frame, number)):  # the last one comes first
                wire.send(piece)
            data, source = server.recvfrom(4000)
            assert (data.rstrip(b"."), source) == (name.encode(), (CLIENT, 9))
    agent.stop()
    assert f"{len(good)} packets taken out of a tunnel that were cut up" in agent.log()


def pieces(frame, number):
    """The frame in three, as a router on the way cuts it up."""
    from scapy.layers.inet import IP as Ip
    from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment
    from scapy.layers.l2 import Ether
    whole, size = Ether(frame), 800
    outer = whole.payload
    data = bytes(outer.payload)

    def header(at):
        more = at + size < len(data)
        if isinstance(outer, Ip):
            return Ip(src=outer.src, dst=outer.dst, proto=outer.proto, id=number + 1, frag=at // 8,
                      flags="MF" if more else 0)
        return IPv6(src=outer.src, dst=outer.dst) / IPv6ExtHdrFragment(
            nh=outer.nh, id=number + 1, offset=at // 8, m=int(more))
    return [bytes(Ether(src=whole.src, dst=whole.dst) / header(at) / data[at:at + size])
            for at in range(0, len(data), size)]


def test_congestion_that_a_router_marked_is_told_to_the_receiver(net):
    from scapy.layers.inet import IP as Ip, UDP
    from scapy.layers.l2 import Ether
    agent = net.agent.start(f"--vip {VIP} --tunnel ipip --decap bpf")
    server = net.real.socket(socket.SOCK_DGRAM, bind=("0.0.0.0", 7000))
    server.setsockopt(socket.SOL_IP, socket.IP_RECVTOS, 1)

    with seen(net.client, "eth0", IP) as wire, server:
        for outer, inner in ((3, 0), (3, 2), (1, 2)):
            wire.send(bytes(
                Ether(src=mac(net.client), dst=mac(net.real)) /
                Ip(src="10.0.0.1", dst=REAL, proto=4, tos=outer) /
                bytes(Ip(src=CLIENT, dst=VIP, tos=inner) / UDP(sport=9, dport=7000) / b"x")))
        marks = [server.recvmsg(100, 100)[1][0][2][0] for _ in range(2)]
    assert marks == [3, 2]
    agent.stop()
    assert "1 tunnelled packets dropped for congestion" in agent.log()


# ---- everything is undone ----

EVERYTHING = [
    f"--vip {VIP}",
    f"--vip {VIP} --vip {VIP6} --tunnel ipip,gue,gre --arp bpf",
    f"--vip {VIP}@eth0 --vip {VIP6}@eth0 --tunnel gue",
]


@pytest.mark.parametrize("options", EVERYTHING, ids=["dr", "tun", "on-the-wire"])
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_the_end_leaves_the_host_as_it_was(net, options, end):
    net.real.sysctl("net.ipv4.conf.eth0.rp_filter", 1)
    before = state(net.real)
    agent = net.agent.start(options)
    assert state(net.real) != before

    agent.signal(end)

    assert agent.wait() == 0
    assert state(net.real) == before


@pytest.mark.parametrize("first", EVERYTHING, ids=["dr", "tun", "on-the-wire"])
@pytest.mark.parametrize("second", EVERYTHING, ids=["dr", "tun", "on-the-wire"])
def test_the_next_agent_undoes_what_a_killed_one_left(net, first, second):
    net.real.sysctl("net.ipv4.conf.eth0.rp_filter", 1)
    before = state(net.real)
    alone = net.agent.start(second)
    wanted = state(net.real)
    alone.stop()

    net.agent.start(first).kill()
    agent = net.agent.start(second)

    assert state(net.real) == wanted
    agent.stop()
    assert state(net.real) == before


def test_connections_survive_a_killed_agent_and_the_next(net):
    start_nginx(net.real, "Real")
    net.tunnel("ipip")
    options = f"--vip {VIP} --tunnel ipip --decap bpf"
    agent = net.agent.start(options)
    with net.client.socket() as connection:
        connection.connect((VIP, 80))
        assert ask_page(connection) == (200, b"Real\n")

        agent.kill()
        assert net.client.curl(f"http://{VIP}/") == "Real\n"
        net.agent.start(options)

        assert ask_page(connection) == (200, b"Real\n")


def test_what_is_not_ours_stays(net):
    net.real.ip(f"address add {VIP}/32 dev lo")
    net.real.sysctl("net.ipv4.conf.all.arp_ignore", 2)
    net.real.run(["tc", "qdisc", "add", "dev", "eth0", "clsact"])
    net.real.run(["tc", "filter", "add", "dev", "eth0", "ingress", "pref", "50", "handle", "2",
                  "bpf", "da", "bytecode", "1,6 0 0 4294967295,"])
    before = state(net.real)

    agent = net.agent.start(f"--vip {VIP} --tunnel gre")
    net.real.sysctl("net.ipv4.conf.eth0.arp_ignore", 8)  # the operator, meanwhile
    agent.stop()

    assert state(net.real) == {**before, "net.ipv4.conf.eth0.arp_ignore": "8"}


def test_agent_and_director_on_one_host_leave_each_other_alone(net):
    def programs():
        shown = net.real.output(["tc", "filter", "show", "dev", "eth0", "ingress"])
        return set(re.findall(r"\b(?:isobar|agent)_\w+", shown))
    director = Director(net.real)
    director.ipvsadm(f"-A -t {REAL}:80")
    agent = net.agent.start(f"--vip {VIP} --tunnel gre")
    assert programs() == {"isobar_tc", "agent_ingress"}

    director.clear()
    assert programs() == {"agent_ingress"}
    director.ipvsadm(f"-A -t {REAL}:80")
    agent.stop()
    assert programs() == {"isobar_tc"}


@pytest.mark.parametrize("obstacle, options, words", [
    ("true", f"--vip {VIP} --vip fd00::9@nosuch0 --arp bpf", "nosuch0: no such interface"),
    ("true", f"--vip {VIP} --interface lo", "lo: not Ethernet"),
    ("sysctl -w net.ipv6.conf.lo.disable_ipv6=1", f"--vip {VIP} --vip {VIP6} --tunnel gre",
     "fd00::2 on lo: IPv6 is off there"),
    ("tc qdisc add dev eth0 clsact && tc filter add dev eth0 egress pref 50 handle 1 bpf da "
     "bytecode '1,6 0 0 4294967295,'", f"--vip {VIP} --tunnel gre", "eth0: "),
], ids=["interface", "not-ethernet", "no-ipv6", "place-taken"])
def test_a_start_that_fails_leaves_nothing_behind(net, obstacle, options, words):
    net.real.run(["sh", "-c", obstacle])
    before = state(net.real)

    status, said = net.agent.fails(options)

    assert (status, words in said) == (1, True), said
    assert state(net.real) == before


def test_interfaces_may_go_and_come(net):
    start_nginx(net.real, "Real")
    agent = net.agent.start(f"--vip {VIP} --tunnel ipip --decap bpf")

    net.real.remove_interface("eth0")
    net.real.add_interface("eth0", net.bridge.at(f"{REAL}/24"))
    net.tunnel("ipip")

    wait_until(lambda: net.client.curl(f"http://{VIP}/", timeout=1) == "Real\n",
               what="the new eth0 has its programs")
    agent.stop()
    assert "agent_" not in net.real.output(["tc", "filter", "show", "dev", "eth0", "ingress"])
    assert "clsact" not in net.real.output(["tc", "qdisc", "show", "dev", "eth0"])


def test_one_agent_at_a_time(net):
    net.agent.start(f"--vip {VIP}")
    before = state(net.real)

    status, said = net.agent.fails("--vip 10.0.0.3")

    assert (status, "another isobar-agent runs" in said) == (1, True)
    assert state(net.real) == before


# ---- the command line ----

@pytest.mark.parametrize("line, words", [
    ("", "which address?"),
    ("--vip 10.0.0", "'10.0.0' is no address for a VIP"),
    ("--vip 10.0.0.2 --tunnel sit", "'sit' is no tunnel"),
    ("--vip 10.0.0.2@eth0 --arp sysctl", "leave --arp out"),
    ("check --vip 10.0.0.2 --method ospf", "'ospf' is none of dr, tun, nat"),
])
def test_a_bad_command_line_is_refused(net, line, words):
    status, said = net.agent.fails(line)

    assert (status, words in said) == (2, True), said
    assert "Try 'isobar-agent --help'" in said


def test_root_is_needed(net):
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    done = net.real.run([*nobody, *net.agent.command(f"--vip {VIP}")], check=False)

    assert (done.returncode, "needs root" in done.stderr) == (5, True)


# ---- check ----

def test_check_names_what_is_wrong_and_its_fixes_mend_it(net):
    net.real.ip(f"address add {VIP}/24 dev eth0")

    rounds = 0
    while (found := net.agent.check(f"--vip {VIP}"))[0] != 0:
        status, lines = found
        assert status == 1 and rounds < 3, lines
        if rounds == 0:
            assert lines[0].startswith(f"{VIP} is on eth0: this host answers ARP"), lines
        for line in lines:
            net.real.run(["sh", "-c", line.split("; fix: ")[1]])
        rounds += 1

    assert found == (0, ["all is well"])
    net.send_vips_to(net.real)
    start_nginx(net.real, "Real")
    assert net.client.curl(f"http://{VIP}/") == "Real\n"


@pytest.mark.parametrize("options, question", [
    (f"--vip {VIP}", f"--vip {VIP}"),
    (f"--vip {VIP}@eth0", f"--vip {VIP} --method dr"),
    (f"--vip {VIP} --vip {VIP6} --tunnel gue", f"--vip {VIP} --vip {VIP6} --method tun"),
], ids=["dr", "on-the-wire", "tun"])
def test_check_is_content_with_what_the_agent_does(net, options, question):
    net.real.sysctl("net.ipv4.conf.all.rp_filter", 1)
    assert net.agent.check(question)[0] == 1

    net.agent.start(options)

    assert net.agent.check(question) == (0, ["all is well"])


def test_check_looks_at_the_gateway_for_nat(net):
    question = f"--vip {VIP} --method nat --gateway 10.0.0.1"
    status, lines = net.agent.check(question)
    assert (status, lines) == (1, ["no default gateway: answers must go back through the director; "
                                   "fix: ip route replace default via 10.0.0.1"])
    net.real.ip("route add default via 10.0.0.100")
    assert "the default gateway is 10.0.0.100" in net.agent.check(question)[1][0]
    net.real.ip("route replace default via 10.0.0.1")
    assert net.agent.check(question) == (0, ["all is well"])


# ---- looking ----

def mac(host):
    return json.loads(host.output(["ip", "-j", "link", "show", "dev", "eth0"]))[0]["address"]


def url_host(address):
    return f"[{address}]" if ":" in address else address


def seen(host, interface, ether_type):
    """Frames of this kind that arrive at the interface, from now on; can send any."""
    with host.inside():
        wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ether_type))
    wire.bind((interface, ether_type))
    wire.settimeout(10)
    return closing(wire)


def frames_until(wire, is_last):
    frames = [wire.recv(2000)]
    while not is_last(frames[-1]):
        frames.append(wire.recv(2000))
    return frames


def connect_from(host, source, target):
    """Makes the host look for the neighbour `target` with a packet from `source`."""
    with host.inside():
        one = socket.socket(socket.AF_INET6 if ":" in source else socket.AF_INET)
    with one:
        one.setblocking(False)
        one.bind((source, 0))
        one.connect_ex((target, 80))


def upload(client, vip, size):
    """Sends `size` bytes to the sink, and tells whether all have come."""
    import hashlib
    with client.inside():
        connection = socket.create_connection((vip, 9000), timeout=20)
    data = bytes(size)
    with connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        return connection.recv(100).decode() == hashlib.sha256(data).hexdigest()


def mss_of_syn_ack(wire):
    from scapy.layers.inet import TCP
    from scapy.layers.l2 import Ether
    frames = frames_until(wire, lambda each: TCP in Ether(each) and Ether(each)[TCP].flags == "SA")
    return dict(Ether(frames[-1])[TCP].options)["MSS"]


def state(host):
    """All that an agent may change on a host."""
    sysctls = host.output(["sysctl", "-a", "--pattern", r"^net\.ipv[46]\.(ip_|conf\.)"])
    found = dict(line.split(" = ", 1) for line in sysctls.splitlines())
    for words in ("ip -br address", "ip -br link", "ip route show table all",
                  "ip -6 route show table all", "tc qdisc show", "tc filter show dev eth0 ingress",
                  "tc filter show dev eth0 egress"):
        # numbers of programs differ from one start to the next
        found[words] = re.sub(r"\[\d+\]|( id \d+ .*)", "", host.output(words.split())).splitlines()
    return found
