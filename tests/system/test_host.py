# SPDX-License-Identifier: Apache-2.0
"""What isobard changes on its host (sysctls, nftables, interfaces), and how it is put back.

    client 10.0.0.100 ---- vs 10.0.0.1, VIP 10.0.0.2 / 192.168.10.254 ---- real1 .100, real2 .101
                            \\--- eth2 10.1.0.1 ---- guest 10.1.0.9 (where a test plugs it in)

Drawn in full in support/cluster.py; the configuration is CONFIG there.
"""

import json
import signal
import socket

import pytest

from support.cluster import CLIENT, CONFIG, REAL1, VIP
from support.process import wait_until

SERVICES = CONFIG[:CONFIG.index("[[masquerade]]")]
PAGES = ("Real1", "Real2")
IPV4 = r"^net\.ipv4\."
ROUTED_VIP = "10.9.9.9"  # no address of the director's, only a route leads to it


@pytest.fixture
def host(cluster):
    """The reference cluster, but ip_forward is left to isobard."""
    cluster.vs.sysctl("net.ipv4.ip_forward", 0)
    return cluster


# ---- sysctls ----

def test_strict_reverse_path_filters_are_loosened_on_lo_alone_and_put_back(host):
    host.vs.sysctl("net.ipv4.conf.all.rp_filter", 1)
    host.vs.ip(f"route add {ROUTED_VIP}/32 via {CLIENT}")
    host.client.ip(f"route add {ROUTED_VIP}/32 via 10.0.0.1")
    before = host.vs.sysctls(IPV4)
    config = CONFIG + f"""
        [[service]]
        name = "routed"
        listen = ["{ROUTED_VIP}:80/tcp"]
        servers = [ {{ address = "{REAL1}" }} ]
        """

    for take_away in (host.director.remove, host.director.clear):
        isobard = host.director.start_isobard(config)
        # with ip_forward the kernel changes others by itself
        assert {name: value for name, value in changed(host.vs, before).items()
                if not name.endswith((".forwarding", ".accept_redirects"))} == {
            "net.ipv4.ip_forward": "1", "net.ipv4.conf.lo.accept_local": "1",
            "net.ipv4.conf.lo.rp_filter": "2"}
        for client in (host.client, host.vs):  # on the director itself, too
            assert client.curl(f"http://{VIP}/").strip() in PAGES
            assert client.curl(f"http://{ROUTED_VIP}/").strip() == "Real1"

        isobard.stop()
        take_away()
        assert changed(host.vs, before) == {}


def test_sysctls_are_left_alone_where_the_file_says_so_and_put_back_once_it_does(host):
    before = host.vs.sysctls(IPV4)
    unmanaged = "[director]\nmanage_sysctls = false\n" + SERVICES

    isobard = host.director.start_isobard(unmanaged)
    assert changed(host.vs, before) == {}

    host.director.reload(isobard, SERVICES)
    wait_until(lambda: changed(host.vs, before), what="sysctls are set")
    assert host.client.curl(f"http://{VIP}/").strip() in PAGES

    host.director.reload(isobard, unmanaged)
    wait_until(lambda: changed(host.vs, before) == {}, what="sysctls are put back")


# ---- masquerade ----

def test_the_masquerade_comes_and_goes_with_the_configuration(host):
    before = nft(host.vs)
    isobard = host.director.start_isobard(CONFIG)
    assert source_of_real1_by_udp(host) == "10.0.0.1"

    host.vs.run(["nft", "flush", "ruleset"])
    isobard.signal(signal.SIGHUP)
    wait_until(lambda: "masquerade" in nft(host.vs), what="the masquerade is back")
    assert source_of_real1_by_udp(host) == "10.0.0.1"

    host.vs.run(["nft", "add", "table", "ip", "others"])
    host.director.reload(isobard, SERVICES)
    wait_until(lambda: "isobar" not in nft(host.vs), what="the masquerade is gone")
    assert source_of_real1_by_udp(host) is None
    assert "table ip others" in nft(host.vs)

    host.director.reload(isobard, CONFIG)
    wait_until(lambda: "masquerade" in nft(host.vs), what="the masquerade is back")
    isobard.stop()
    host.director.remove()
    host.vs.run(["nft", "delete", "table", "ip", "others"])
    assert nft(host.vs) == before


# ---- interfaces ----

def test_only_the_listed_interfaces_are_used(host):
    host.ready_for_xdp()
    plug_in_eth2(host)
    untouched = attached_at(host, "eth2")
    # or isobard would bring its services back while others do
    report = 'on_drift = "report"\n'
    two = f'[director]\n{report}hook = "xdp"\ninterfaces = ["eth0", "eth1"]\n' + SERVICES
    three = two.replace('["eth0", "eth1"]', '["eth0", "eth1", { name = "eth2", hook = "tc" }]')

    isobard = host.director.start_isobard(two)
    host.director.ipvsadm("-L")  # which takes in what appears, but not what is left out
    assert hooks(host) == {"lo": "tc", "eth0": "xdp", "eth1": "xdp"}
    assert attached_at(host, "eth2") == untouched

    host.director.reload(isobard, three)
    wait_until(lambda: hooks(host) == {"lo": "tc", "eth0": "xdp", "eth1": "xdp", "eth2": "tc"},
               what="eth2 is attached")
    assert "isobar_tc" in attached_at(host, "eth2")

    host.director.reload(isobard, two)
    wait_until(lambda: "eth2" not in hooks(host), what="eth2 is detached")
    assert attached_at(host, "eth2") == untouched
    assert host.client.curl(f"http://{VIP}/").strip() in PAGES

    # Others may make all of it anew, on all interfaces: then the file counts again
    saved = host.director.ipvsadm("-S -n")
    host.vs.run([host.director.program("isobar-ipvsadm-restore")], input=saved)
    isobard.signal(signal.SIGHUP)
    wait_until(lambda: hooks(host) == {"lo": "tc", "eth0": "xdp", "eth1": "xdp"},
               what="the interfaces are as before")
    assert attached_at(host, "eth2") == untouched


@pytest.mark.parametrize("hook", ["tc", "xdp"])
def test_traffic_by_an_interface_that_appears_later(host, hook):
    if hook == "xdp":
        host.ready_for_xdp()
    host.director.start_isobard(f'[director]\nhook = "{hook}"\n' + SERVICES)
    guest = plug_in_eth2(host)

    if hook == "xdp":
        host.vs.set_offloads(False)
        guest.set_offloads(False)
        host.vs.let_xdp_transmit()
    wait_until(lambda: hooks(host).get("eth2") == hook, what=f"eth2 is used by {hook}")
    assert guest.curl(f"http://{VIP}/").strip() in PAGES

    # The same name at once again is another interface, though isobard, which is just looking at
    # the new address and then pauses, never sees a moment without eth2
    switch = host.lab._switch
    host.vs.ip("address add 10.1.0.2/24 dev eth2", "link delete dev eth2",
               f"link add name eth2 type veth peer name vs-eth2 netns {switch.namespace}",
               "link set dev eth2 up", "address add 10.1.0.1/24 dev eth2")
    switch.ip("link set dev vs-eth2 master dmz up")
    if hook == "xdp":
        host.vs.set_offloads(False)
        host.vs.let_xdp_transmit()
    guest.ip("neighbour flush dev eth0")
    wait_until(lambda: hooks(host).get("eth2") == hook, what=f"the new eth2 is used by {hook}")
    assert guest.curl(f"http://{VIP}/").strip() in PAGES


def plug_in_eth2(host):
    dmz = host.lab.bridge("dmz")
    host.vs.add_interface("eth2", dmz.at("10.1.0.1/24"))
    return host.lab.host("guest", "10.1.0.1", eth0=dmz.at("10.1.0.9/24"))


def hooks(host):
    """Of the interfaces that have programs of ours: "tc", or "xdp" with or without tc."""
    found = {}
    for section in json.loads(host.vs.output(["bpftool", "-j", "net"])):
        for kind in ("tc", "xdp"):
            for hook in section.get(kind, []):
                found[hook["devname"]] = "xdp" if kind == "xdp" else found.get(hook["devname"], "tc")
    return found


def attached_at(host, interface):
    """As tc and ip show it."""
    commands = [["tc", "qdisc", "show", "dev", interface], ["ip", "link", "show", "dev", interface],
                *(["tc", "filter", "show", "dev", interface, way] for way in ("ingress", "egress"))]
    return "".join(host.vs.run(command, check=False).stdout for command in commands)


def changed(vs, before):
    return {name: value for name, value in vs.sysctls(IPV4).items() if before[name] != value}


def nft(vs):
    return vs.output(["nft", "list", "ruleset"])


def source_of_real1_by_udp(host):
    """The address that a datagram of real1's has at the client; None if it comes as it is."""
    with host.client.socket(socket.SOCK_DGRAM, bind=(CLIENT, 71)) as client, \
            host.real1.socket(socket.SOCK_DGRAM) as server:
        client.settimeout(5)
        server.sendto(b"hello", (CLIENT, 71))
        source = client.recvfrom(100)[1][0]
    return None if source == REAL1 else source
