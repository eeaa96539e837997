# SPDX-License-Identifier: Apache-2.0
"""The forwarding methods beside NAT: the real servers have the VIP too and answer themselves.

    client 10.0.0.100 --+-- vs 10.0.0.1, VIP .2 --+-- real1 .11, VIP --+-- real2 .12, VIP

Drawn in full in support/cluster.py (FlatCluster).
"""

import collections
import hashlib
import json
import os
import re
import socket

import pytest

from support.agent import Agent
from support.cluster import CLIENT, VIP, FlatCluster
from support.director import Director, Server
from support.process import wait_until
from support.servers import digest_of_upload, html_directory, start_nginx, start_sink

WEB = f"-t {VIP}:80"
WEB_ROW = f"TCP {VIP}:80"
REAL1, REAL2 = FlatCluster.REAL1, FlatCluster.REAL2
DATA = os.urandom(4 << 20)
GUE = "--tun-type gue --tun-port 6080 --tun-nocsum"
IP_MTU_DISCOVER, IP_PMTUDISC_DONT = 10, 0  # <linux/in.h>


@pytest.fixture
def plain(lab):
    """Nothing runs on the director yet."""
    made = FlatCluster(lab).start_servers()
    made.director = Director(made.vs)
    return made


@pytest.mark.parametrize("method", ["dr", "tun"])
def test_a_client_on_the_director_is_served(plain, method):
    """By its own address: by the virtual one, which they have too, servers would answer themselves."""
    for host in (plain.real1, plain.real2):
        Agent(host).start(f"--vip {VIP}" + (" --tunnel ipip" if method == "tun" else ""))
    plain.director.start_isobard(f"""
        [[service]]
        name = "web"
        listen = ["{VIP}:80/tcp"]
        scheduler = "rr"
        forward = "{method}"
        servers = [ {{ address = "{REAL1}" }}, {{ address = "{REAL2}" }} ]
        """)

    pages = [plain.vs.curl(f"http://{VIP}/", "--interface", "10.0.0.1").strip() for _ in range(6)]

    assert collections.Counter(pages) == {"Real1": 3, "Real2": 3}
    stats = plain.director.ipvsadm("-L -n --stats --exact")
    connections, packets = re.search(rf"{re.escape(WEB_ROW[4:])} +(\d+) +(\d+)", stats).groups()
    assert int(connections) == 6
    assert int(packets) < 6 * 10, "each is taken once"


@pytest.fixture(params=["tc", "xdp"])
def flat(plain, request):
    """At both hooks: what XDP takes, tc does not see."""
    if request.param == "xdp":
        plain.ready_for_xdp()
        plain.director.start_isobard_at_xdp()
    return plain


def serve(cluster, *servers):
    cluster.director.ipvsadm(f"-A {WEB} -s rr", *(f"-a {WEB} -r {server}" for server in servers))


def pages(cluster, count):
    return [cluster.client.curl(f"http://{VIP}/").strip() for _ in range(count)]


def digest_of(cluster, data):
    """What a sink on real1 received of the data that the client sent to port 9000 of the VIP."""
    start_sink(cluster.real1, 9000)
    return digest_of_upload(cluster.client, (VIP, 9000), data)


# ---- direct routing ----

@pytest.mark.vm
def test_direct_routing_is_answered_by_both_servers_in_turn(flat):
    for host in (flat.real1, flat.real2):
        flat.take_virtual_address(host)
    serve(flat, f"{REAL1} -g", f"{REAL2} -g")

    assert pages(flat, 4) == ["Real2", "Real1"] * 2

    servers = flat.director.servers(WEB_ROW)
    assert {name: server.forward for name, server in servers.items()} == {
        f"{REAL1}:80": "Route", f"{REAL2}:80": "Route"}
    traffic = flat.director.traffic(WEB_ROW)[None]
    assert (traffic.connections, traffic.out_packets, traffic.out_bytes) == (4, 0, 0)
    assert traffic.in_packets >= 4 * 4  # SYN, ACK, GET, FIN at least


def test_the_directors_own_address_stays_the_only_one_that_answers_arp(flat):
    for host in (flat.real1, flat.real2):
        flat.take_virtual_address(host)
    serve(flat, f"{REAL1} -g", f"{REAL2} -g")
    pages(flat, 2)

    neighbour = flat.client.output(["ip", "neigh", "show", VIP])

    [link] = json.loads(flat.vs.output(["ip", "-j", "link", "show", "dev", "eth0"]))
    assert link["address"] in neighbour


def test_a_large_page_comes_by_direct_routing(flat):
    flat.take_virtual_address(flat.real1)
    page = "x" * (4 << 20)
    flat.lab.write(f"{html_directory(flat.real1)}/large.txt", page)
    serve(flat, f"{REAL1} -g")

    assert flat.client.curl(f"http://{VIP}/large.txt") == page


def test_a_client_can_send_much_by_direct_routing(flat):
    flat.take_virtual_address(flat.real1)
    flat.director.ipvsadm(f"-A -t {VIP}:9000", f"-a -t {VIP}:9000 -r {REAL1} -g")

    assert digest_of(flat, DATA) == hashlib.sha256(DATA).hexdigest()


def test_direct_routing_and_nat_work_in_one_service(flat):
    flat.take_virtual_address(flat.real1)
    # a NATed server's replies go back through the director
    flat.real2.ip(f"route add {CLIENT}/32 via 10.0.0.1")
    serve(flat, f"{REAL1} -g", f"{REAL2} -m")

    assert pages(flat, 4) == ["Real2", "Real1"] * 2


# ---- the director as a real server ----

def test_the_director_serves_too(flat):
    start_nginx(flat.vs, "VS")
    flat.take_virtual_address(flat.real1)
    serve(flat, f"{REAL1} -g", "10.0.0.1 -g", "127.0.0.1 -g")

    assert collections.Counter(pages(flat, 6)) == {"VS": 4, "Real1": 2}


def test_the_director_serves_on_another_port_by_nat(flat):
    start_nginx(flat.vs, "VS", port=8080)
    flat.take_virtual_address(flat.real1)
    serve(flat, f"{REAL1} -g", "10.0.0.1:8080 -m")

    assert collections.Counter(pages(flat, 4)) == {"VS": 2, "Real1": 2}
    assert flat.director.traffic(WEB_ROW)["10.0.0.1:8080"].out_packets > 0


def test_an_address_that_moves_to_the_director_is_served_there(plain):
    start_nginx(plain.vs, "VS")
    plain.director.start_isobard(f"""
        [[service]]
        name = "web"
        listen = ["{VIP}:80/tcp"]
        forward = "dr"
        servers = [ {{ address = "10.0.0.50" }} ]
        """)
    plain.vs.ip("addr add 10.0.0.50/24 dev eth0")

    wait_until(lambda: plain.client.run(["curl", "-s", "-m", "1", f"http://{VIP}/"],
                                       check=False).stdout.strip() == "VS",
               what="the director serves")


# ---- configuration ----

def test_methods_of_the_configuration(plain):
    plain.director.start_isobard(f"""
        [[service]]
        name = "web"
        listen = ["{VIP}:80/tcp"]
        forward = "dr"
        servers = [ {{ address = "{REAL1}", weight = 2 }} ]

        [[service]]
        name = "deep"
        listen = ["{VIP}:81/tcp"]
        forward = "tun"
        tunnel = "gue"
        servers = [ {{ address = "{REAL2}" }} ]
        """)
    plain.take_virtual_address(plain.real1)

    assert pages(plain, 1) == ["Real1"]
    assert plain.director.servers(WEB_ROW) == {f"{REAL1}:80": Server("Route", 2, 0, 1)}
    listing = plain.director.ipvsadm("-L -n --tun-info")
    assert "10.0.0.12:81                 Tunnel  gue:6080:-c   1 " in listing


# ---- tunnels ----

def start_agent(host, options):
    """isobar-agent, which has the VIP and takes apart what comes through the tunnel."""
    kind = re.search("gue|gre|$", options)[0] or "ipip"
    Agent(host).start(f"--vip {VIP} --tunnel {kind}")


@pytest.mark.parametrize("options", [
    pytest.param("", id="ipip", marks=pytest.mark.vm),  # there by the kernel's own tunnel device
    pytest.param(GUE, id="gue"),
    pytest.param("--tun-type gre --tun-nocsum", id="gre"),
])
def test_tunnels_are_answered_by_both_servers(flat, options):
    for host in (flat.real1, flat.real2):
        start_agent(host, options)
    serve(flat, f"{REAL1} -i {options}", f"{REAL2} -i {options}")

    assert pages(flat, 4) == ["Real2", "Real1"] * 2
    assert flat.director.servers(WEB_ROW)[f"{REAL1}:80"].forward == "Tunnel"


@pytest.mark.parametrize("options", ["", GUE], ids=["ipip", "gue"])
def test_a_client_can_send_much_through_a_tunnel(flat, options):
    start_agent(flat.real1, options)
    flat.director.ipvsadm(f"-A -t {VIP}:9000", f"-a -t {VIP}:9000 -r {REAL1} -i {options}")

    assert digest_of(flat, DATA) == hashlib.sha256(DATA).hexdigest()


def test_a_client_learns_what_fits_the_tunnel(flat):
    Agent(flat.real1).start(f"--vip {VIP} --tunnel gue --mss off")
    flat.client.set_offloads(False)
    flat.director.ipvsadm(f"-A -t {VIP}:9000", f"-a -t {VIP}:9000 -r {REAL1} -i {GUE}")

    assert digest_of(flat, DATA) == hashlib.sha256(DATA).hexdigest()
    assert "mtu 1468" in flat.client.output(["ip", "route", "get", VIP])


def test_large_datagrams_that_may_be_cut_up_are_cut_up_in_their_tunnel(flat):
    flat.vs.sysctl("net.ipv4.conf.lo.accept_local", 1)  # isobard sets it by itself
    flat.client.set_offloads(False)
    flat.director.ipvsadm(f"-A -u {VIP}:5353", f"-a -u {VIP}:5353 -r {REAL1} -i")
    datagram = b"z" * 1472  # 1500 bytes of IP packet

    # The pieces are put together for any receiver of IP in IP.
    with flat.real1.socket(socket.SOCK_RAW, socket.IPPROTO_IPIP) as tunnel, \
            flat.client.socket(socket.SOCK_DGRAM) as asking:
        asking.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT)
        asking.connect((VIP, 5353))
        asking.send(datagram)

        outer = tunnel.recv(2000)

    assert len(outer) == 20 + 20 + 8 + 1472
    assert outer.endswith(datagram)


@pytest.mark.parametrize("tunnel", ["", GUE, "--tun-type gre --tun-nocsum"],
                         ids=["ipip", "gue", "gre"])
def test_large_datagrams_that_are_cut_up_in_their_tunnel_arrive(flat, tunnel):
    flat.vs.sysctl("net.ipv4.conf.lo.accept_local", 1)  # isobard sets it by itself
    flat.client.set_offloads(False)
    flat.director.ipvsadm(f"-A -u {VIP}:5353", f"-a -u {VIP}:5353 -r {REAL1} -i {tunnel}")
    agent = Agent(flat.real1).start(f"--vip {VIP} --tunnel ipip,gue,gre --decap bpf")

    with flat.real1.socket(socket.SOCK_DGRAM, bind=(VIP, 5353)) as server, \
            flat.client.socket(socket.SOCK_DGRAM) as asking:
        asking.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT)
        asking.connect((VIP, 5353))
        for number in range(50):
            datagram = bytes([number]) * 8192  # five full packets and a small one
            asking.send(datagram)
            assert server.recv(9000) == datagram
            server.sendto(b"seen", asking.getsockname())
            assert asking.recv(100) == b"seen"
    agent.stop()
    assert "250 packets taken out of a tunnel that were cut up" in agent.log()


def test_saved_and_restored(plain):
    rules = (f"-A {WEB} -s wlc\n"
             f"-a {WEB} -r 10.0.0.9:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-nocsum\n"
             f"-a {WEB} -r 10.0.0.10:80 -i -w 1 --tun-type gre --tun-nocsum\n"
             f"-a {WEB} -r {REAL1}:80 -g -w 2\n"
             f"-a {WEB} -r {REAL2}:80 -i -w 3 --tun-type ipip\n")
    plain.director.ipvsadm("-R", input=rules)

    assert plain.director.ipvsadm("-S -n") == rules
