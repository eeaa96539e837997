# SPDX-License-Identifier: Apache-2.0
"""isobar doctor: each fault is made, named with its host and what mends it, and mended so.

    client 10.0.0.100 ---- vs 10.0.0.1, VIP 10.0.0.2 / 192.168.10.254 ---- real1 .100, real2 .101

The same on one net for direct routing and tunnels; both are drawn in support/cluster.py.
"""

import json
import os
import re

import pytest
from support.agent import PROGRAM, Agent
from support.cluster import CONFIG, GATEWAY, REAL1, REAL2, VIP, FlatCluster
from support.director import Director
from support.process import wait_until

VS = "10.0.0.1"


def flat_config(forward, *servers, extra=""):
    listed = ", ".join(f'{{ address = "{server}" }}' for server in servers)
    return f"""
        [director]
        agents = ["{VS}"]
        [[service]]
        name = "web"
        listen = ["{VIP}:80/tcp"]
        forward = "{forward}"
        {extra}
        servers = [ {listed} ]
        """


class Doctor:
    def __init__(self, director):
        self.director = director

    def faults(self):
        """(host, remark) of each."""
        done = self.director.isobar("doctor", "-j", check=False)
        assert done.returncode in (0, 1), done.stderr
        report = json.loads(done.stdout)
        found = [(part["host"], remark) for part in report["hosts"] for remark in part["remarks"]
                 if remark["kind"] == "fault"]
        assert report["faults"] == len(found) and (done.returncode == 1) == bool(found)
        return found

    def is_green(self):
        faults = self.faults()
        assert faults == [], faults
        return True

    def only_fault(self):
        (host, remark), = self.faults()
        return host, remark["what"], remark["fix"]


def command_of(fix):
    """Without the words on where it is to be given."""
    return re.sub(r"^on the director: ", "", fix)


def apply(host, fix):
    host.run(["sh", "-ec", command_of(fix)],
             env={**host.lab.environment, "PATH": f"{os.path.dirname(PROGRAM)}:{os.environ['PATH']}"})


@pytest.fixture
def nat(cluster):
    cluster.director.start_isobard(CONFIG.replace("[[masquerade]]", """
[director]
agents = ["192.168.10.1"]

[[masquerade]]""", 1))
    cluster.doctor = Doctor(cluster.director)
    return cluster


@pytest.fixture
def flat(lab):
    """Both servers have the VIP and keep quiet about it, by hand."""
    made = FlatCluster(lab).start_servers()
    for host in (made.real1, made.real2):
        made.take_virtual_address(host)
    made.director = Director(made.vs)
    made.doctor = Doctor(made.director)
    return made


def tell(host, director):
    """What is wrong there, told once."""
    done = host.run([PROGRAM, "doctor", "--director", director], check=False)
    assert done.returncode in (0, 1) and done.stderr == "", done
    return done


# ---- where nothing is wrong ----

def test_a_sound_cluster_by_nat_has_no_faults(nat):
    for host in (nat.real1, nat.real2):
        tell(host, "192.168.10.1")
    assert nat.doctor.is_green()
    shown = nat.director.isobar("doctor").stdout
    assert shown.endswith("no faults\n") and "\x1b" not in shown
    assert f"✓ {VIP} is here" in shown and "✓ the masquerade rules are there" in shown
    assert "✓ the data plane is attached to eth1 (tc)" in shown
    assert shown.count("its isobar-agent finds nothing wrong") == 2
    assert shown.count("✓ it is reached by eth1, where it answers ARP") == 2


def test_a_sound_cluster_by_direct_routing_has_no_faults(flat):
    flat.director.start_isobard(flat_config("dr", flat.REAL1, flat.REAL2))
    for host in (flat.real1, flat.real2):
        assert tell(host, VS).stdout == "all is well\n"
    assert flat.doctor.is_green()
    assert flat.director.isobar("doctor").stdout.count("keeps quiet about the virtual") == 2


def test_a_sound_cluster_by_tunnels_has_no_faults(lab):
    flat = FlatCluster(lab).start_servers()
    director = Director(flat.vs)
    director.start_isobard(flat_config("tun", flat.REAL1, flat.REAL2, extra='tunnel = "gre"'))
    for host in (flat.real1, flat.real2):
        Agent(host).start(f"--director {VS}")
    wait_until(lambda: director.isobar("doctor").stdout.count("finds nothing wrong") == 2,
               timeout=30, what="both agents have told")
    assert Doctor(director).is_green()


def test_without_isobard_it_looks_at_what_was_made_by_hand(cluster):
    cluster.director.serve(f"-t {VIP}:80", f"{REAL1}:80", f"{REAL2}:80")
    doctor = Doctor(cluster.director)
    assert doctor.is_green()
    assert "- isobard does not answer" in cluster.director.isobar("doctor").stdout


# ---- faults of the director ----

def test_a_director_that_does_not_forward(nat):
    nat.vs.sysctl("net.ipv4.ip_forward", 0)
    host, what, fix = nat.doctor.only_fault()
    assert host.startswith("director ") and what == "net.ipv4.ip_forward is 0"
    assert "1 fault; the first to mend: director " in \
        nat.director.isobar("doctor", check=False).stdout
    apply(nat.vs, fix)
    assert nat.doctor.is_green()


def test_a_virtual_address_that_is_gone(nat):
    nat.vs.ip(f"address del {VIP}/24 dev eth0")
    host, what, fix = nat.doctor.only_fault()
    assert host.startswith("director ") and what == f"{VIP} is not here"
    assert fix == f"ip address add {VIP}/24 dev eth0"
    apply(nat.vs, fix)
    assert nat.doctor.is_green()


def test_masquerade_rules_that_somebody_flushed(nat):
    nat.vs.run(["nft", "flush", "ruleset"])
    host, what, fix = nat.doctor.only_fault()
    assert host.startswith("director ") and what == "the masquerade rules are gone"
    assert fix == "systemctl reload isobard"
    nat.director.host.started["isobard"].signal(1)  # SIGHUP: that is what it does
    wait_until(nat.doctor.is_green, what="doctor is content")


def test_a_data_plane_that_somebody_took_off_an_interface(nat):
    nat.director.host.started["isobard"].kill()
    nat.vs.run(["tc", "qdisc", "del", "dev", "eth1", "clsact"])
    faults = nat.doctor.faults()
    assert [(remark["what"], remark["fix"]) for _, remark in faults] == [
        ("the data plane is not attached to eth1", "systemctl restart isobard")]
    nat.director.start_isobard(CONFIG, name="isobard2")
    assert nat.doctor.is_green()


def test_no_route_to_a_server(nat):
    nat.vs.ip("route del 192.168.10.0/24 dev eth1 src 192.168.10.1")
    faults = nat.doctor.faults()
    assert {host for host, _ in faults} == {f"real server {REAL1}", f"real server {REAL2}"}
    for host, remark in faults:
        assert remark["what"] == "the director has no route to it"
        server = host.split()[-1]
        assert remark["fix"] == f"on the director: ip route add {server} via GATEWAY"
    nat.vs.ip("route add 192.168.10.0/24 dev eth1 src 192.168.10.1")
    assert nat.doctor.is_green()


# ---- faults of real servers by NAT ----

def test_a_server_that_is_off(nat):
    nat.real1.ip("link set dev eth1 down")
    host, what, fix = nat.doctor.only_fault()
    assert host == f"real server {REAL1}"
    assert what == f"{REAL1} does not answer ARP on eth1"
    assert f"isobar disable web {REAL1} && isobar disable telnet {REAL1}" in fix
    for service in ("web", "telnet"):
        nat.director.isobar("disable", service, REAL1)
    assert nat.doctor.is_green()
    for service in ("web", "telnet"):
        nat.director.isobar("enable", service, REAL1)
    nat.real1.ip("link set dev eth1 up", f"route replace default via {GATEWAY}")
    assert nat.doctor.is_green()


@pytest.mark.parametrize("wrong", ["route replace default via 192.168.10.102",
                                   "route del default"])
def test_a_default_gateway_that_is_not_the_director(nat, wrong):
    nat.real1.ip(wrong)
    tell(nat.real1, "192.168.10.1")
    host, what, fix = nat.doctor.only_fault()
    assert host == f"real server {REAL1}"
    assert what in ("its default gateway is not the director", "it has no default gateway")
    assert fix == "ip route replace default via 192.168.10.1"
    apply(nat.real1, fix)
    tell(nat.real1, "192.168.10.1")
    assert nat.doctor.is_green()


def test_a_port_that_nobody_listens_on(nat):
    nat.nginx["real2"].stop()
    tell(nat.real2, "192.168.10.1")
    host, what, fix = nat.doctor.only_fault()
    assert host == f"real server {REAL2}" and what == "nothing listens on tcp port 80"
    assert fix.startswith("start what serves tcp port 80")
    nat.real2.start(["sh", "-c", "exec /usr/bin/python3 -m http.server 80"], name="web")
    wait_until(lambda: tell(nat.real2, "192.168.10.1").returncode == 0, what="it listens")
    assert nat.doctor.is_green()


def test_a_server_that_its_checks_say_is_down(cluster):
    cluster.director.start_isobard(CONFIG.replace("scheduler = \"wlc\"", """scheduler = "wlc"
check = { type = "http", interval = "1h", timeout = "2s", retries = 0 }""", 1))
    wait_until(lambda: set(cluster.director.reasons().values()) == {"up"}, what="both are up")
    doctor = Doctor(cluster.director)
    assert doctor.is_green()
    cluster.nginx["real1"].stop()
    cluster.director.isobar("check", "web", REAL1, check=False)
    host, what, fix = doctor.only_fault()
    assert host == f"real server {REAL1}" and what.startswith("web: down: ")
    assert f"isobar health web {REAL1}" in fix and "start what serves tcp port 80" in fix
    cluster.real1.start(["sh", "-c", "exec /usr/bin/python3 -m http.server 80"], name="web")
    wait_until(lambda: cluster.director.isobar("check", "web", REAL1, check=False).returncode == 0,
               what="it is up again")
    assert doctor.is_green()


# ---- faults of real servers by direct routing and tunnels ----

def test_a_server_that_answers_arp_for_the_virtual_address(flat):
    """The classic."""
    flat.director.start_isobard(flat_config("dr", flat.REAL1, flat.REAL2))
    flat.real2.sysctl("net.ipv4.conf.all.arp_ignore", 0)
    host, what, fix = flat.doctor.only_fault()
    assert host == f"real server {flat.REAL2}"
    assert what == f"it answers ARP for {VIP} on eth0"
    apply(flat.real2, fix)
    assert flat.doctor.is_green()


def test_a_virtual_address_that_another_host_has_too(flat):
    flat.director.start_isobard(flat_config("dr", flat.REAL1, flat.REAL2))
    flat.client.ip(f"address add {VIP}/24 dev eth0")
    link, = json.loads(flat.client.output(["ip", "-j", "link", "show", "dev", "eth0"]))
    host, what, fix = flat.doctor.only_fault()
    assert host == f"host with the MAC address {link['address']}"
    assert what.startswith(f"it has {VIP}, too")
    assert fix == f"ip address del {VIP}/24 dev DEVICE"
    apply(flat.client, fix.replace("DEVICE", "eth0"))
    assert flat.doctor.is_green()


@pytest.mark.parametrize("breaking, what", [
    (lambda real: real.ip(f"address del {VIP}/32 dev lo"), f"{VIP} is on no interface"),
    (lambda real: real.sysctl("net.ipv4.conf.all.arp_announce", 0), "arp_announce of eth0 is 0"),
])
def test_what_agents_find(flat, breaking, what):
    flat.director.start_isobard(flat_config("dr", flat.REAL1, flat.REAL2))
    breaking(flat.real1)
    assert tell(flat.real1, VS).returncode == 1
    host, said, fix = flat.doctor.only_fault()
    assert (host, said) == (f"real server {flat.REAL1}", what)
    apply(flat.real1, fix)
    tell(flat.real1, VS)
    assert flat.doctor.is_green()


def test_a_port_that_is_listened_on_elsewhere_only(lab):
    flat = FlatCluster(lab)
    flat.take_virtual_address(flat.real1)
    director = Director(flat.vs)
    director.start_isobard(flat_config("dr", flat.REAL1))
    server = flat.real1.start(["/usr/bin/python3", "-m", "http.server", "80", "--bind", flat.REAL1],
                              name="web")
    wait_until(lambda: "only" in tell(flat.real1, VS).stdout, what="it listens at its own address")
    host, what, fix = Doctor(director).only_fault()
    assert host == f"real server {flat.REAL1}"
    assert what == f"tcp port 80 is listened on at {flat.REAL1} only"
    assert fix == "let what serves tcp port 80 listen on all addresses"
    server.stop()
    flat.real1.start(["/usr/bin/python3", "-m", "http.server", "80"], name="web2")
    wait_until(lambda: tell(flat.real1, VS).returncode == 0, what="it listens at all")
    assert Doctor(director).is_green()


def test_a_tunnel_that_nobody_takes_packets_out_of(flat):
    flat.director.start_isobard(flat_config("tun", flat.REAL1, extra='tunnel = "gre"'))
    tell(flat.real1, VS)
    faults = flat.doctor.faults()
    assert {host for host, _ in faults} == {f"real server {flat.REAL1}"}
    assert faults[0][1]["what"] == "no gre tunnel ends here"
    fix, = {remark["fix"] for _, remark in faults}
    assert fix == f"isobar-agent --director {VS}:10539"
    Agent(flat.real1).start(fix.split(" ", 1)[1])
    wait_until(lambda: not flat.doctor.faults(), timeout=30, what="the agent says that all is well")


def test_a_way_to_a_tunnel_server_that_takes_too_little(flat):
    flat.director.start_isobard(flat_config("tun", flat.REAL1, extra='tunnel = "gre"'))
    Agent(flat.real1).start(f"--director {VS}")
    assert flat.doctor.is_green()
    flat.vs.ip("link set dev eth0 mtu 1400")
    host, what, fix = flat.doctor.only_fault()
    assert host == f"real server {flat.REAL1}"
    assert what == "the MTU of eth0 on the director is 1400"
    apply(flat.vs, fix)
    assert flat.doctor.is_green()


def test_it_needs_a_data_plane_to_look_at(cluster):
    host, what, fix = Doctor(cluster.director).only_fault()
    assert host.startswith("director ") and what == "there is no data plane"
    assert fix == "systemctl start isobard"
