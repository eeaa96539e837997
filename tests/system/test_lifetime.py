# SPDX-License-Identifier: Apache-2.0
"""The state lives in the network namespace: no daemon, and no trace when it is over.

    client 10.0.0.100 ---- vs 10.0.0.1, VIP 10.0.0.2 / 192.168.10.254 ---- real1 .100, real2 .101

Drawn in full in support/cluster.py. Where isobard runs, it leaves no trace either.
"""

import re
import signal

import pytest

from support.cluster import CONFIG, REAL1, REAL2, VIP
from support.evidence import bpf_ids, living
from support.process import run, wait_until

WEB = f"-t {VIP}:80"
BY_XDP = '[director]\nhook = "xdp"\n' + CONFIG[:CONFIG.index("[[masquerade]]")]


def in_netns_exec(host, *words):
    """As users do it. Unlike nsenter --net this hides /sys/fs/bpf from the command."""
    return run(["ip", "netns", "exec", host.namespace, *words]).stdout


def test_works_in_ip_netns_exec(cluster):
    ipvsadm = cluster.director.program("isobar-ipvsadm")

    in_netns_exec(cluster.vs, ipvsadm, "-A", "-t", f"{VIP}:80", "-s", "rr")
    in_netns_exec(cluster.vs, ipvsadm, "-a", "-t", f"{VIP}:80", "-r", f"{REAL1}:80", "-m")
    cluster.director.ipvsadm(f"-a {WEB} -r {REAL2}:80 -m")  # by nsenter: the same state

    assert [cluster.client.curl(f"http://{VIP}/").strip() for _ in range(2)] == ["Real2", "Real1"]
    assert in_netns_exec(cluster.vs, ipvsadm, "-L", "-n") == cluster.director.ipvsadm("-L -n")


def test_namespaces_do_not_see_each_other(cluster):
    cluster.director.serve(WEB, f"{REAL1}:80")

    other = cluster.vsbak.output([cluster.director.program("isobar-ipvsadm"), "-L", "-n"])

    assert VIP not in other


def test_listing_an_untouched_namespace_leaves_it_untouched(cluster):
    before = traces(cluster.vs)

    cluster.director.ipvsadm("-L -n", "-L -n --stats", "-L -n -c", "-L --timeout")

    assert traces(cluster.vs) == before


def test_interfaces_that_appear_later_are_picked_up_by_the_next_call(cluster):
    cluster.director.serve(WEB, f"{REAL1}:80")
    dmz = cluster.lab.bridge("dmz")
    cluster.vs.add_interface("eth2", dmz.at("10.1.0.1/24"))
    guest = cluster.lab.host("guest", "10.1.0.1", eth0=dmz.at("10.1.0.9/24"))

    cluster.director.ipvsadm("-L -n")

    assert guest.curl(f"http://{VIP}/").strip() == "Real1"


def test_a_bridge_is_an_interface_as_others(cluster):
    """eth0 becomes a port of br0, which has its addresses, as on a host of virtual machines."""
    cluster.vs.ip("link add br0 type bridge", "link set dev br0 up",
                  "addr flush dev eth0", "link set dev eth0 master br0",
                  "addr add 10.0.0.1/24 dev br0", f"addr add {VIP}/24 dev br0")
    cluster.client.ip("neighbour flush dev eth0")
    cluster.director.serve(WEB, f"{REAL1}:80", f"{REAL2}:80")

    pages = [cluster.client.curl(f"http://{VIP}/").strip() for _ in range(2)]

    assert sorted(pages) == ["Real1", "Real2"]


def test_interfaces_may_go_and_come_back(cluster):
    cluster.director.serve(WEB, f"{REAL1}:80")
    cluster.client.curl(f"http://{VIP}/")

    cluster.vs.remove_interface("eth1")
    cluster.vs.add_interface("eth1", cluster.inside.at("192.168.10.1/24", "192.168.10.254/24"))
    cluster.director.ipvsadm("-L -n")
    cluster.real1.ip("neighbour flush dev eth1")  # the new eth1 has another MAC address

    assert wait_until(lambda: cluster.client.curl(f"http://{VIP}/", timeout=2).strip(),
                      what="an answer") == "Real1"


def test_the_end_of_the_namespace_ends_everything(cluster):
    cluster.director.serve(WEB, f"{REAL1}:80")
    cluster.client.curl(f"http://{VIP}/")
    ids = bpf_ids(cluster.vs)
    assert ids["programs"] and len(ids["maps"]) >= 5

    run(["ip", "netns", "delete", cluster.vs.namespace])
    del cluster.lab.hosts["vs"]

    wait_until(lambda: living(ids) == {"program": set(), "map": set()},
               what="programs and maps are gone")


@pytest.mark.vm
def test_clear_leaves_no_trace(cluster):
    before = traces(cluster.vs)
    cluster.director.serve(WEB, f"{REAL1}:80", f"{REAL2}:80")
    cluster.client.curl(f"http://{VIP}/")
    ids = bpf_ids(cluster.vs)

    cluster.director.ipvsadm("-C")

    assert traces(cluster.vs) == before
    wait_until(lambda: living(ids) == {"program": set(), "map": set()},
               what="programs and maps are gone")
    assert VIP not in cluster.director.ipvsadm("-L -n")


def test_clear_under_a_running_isobard_leaves_no_trace_and_sighup_brings_all_back(cluster):
    cluster.ready_for_xdp()
    for name in ("ip_forward", "conf.lo.accept_local"):
        cluster.vs.sysctl(f"net.ipv4.{name}", 0)
    before = traces(cluster.vs)
    isobard = cluster.director.start_isobard(BY_XDP)
    with_isobard = traces(cluster.vs)
    rules = cluster.director.ipvsadm("-S -n")
    assert "prog/xdp" in with_isobard["ip link"] and rules.count("-A") == 2

    # isobard is told at once that an interface has lost XDP, and must not give it a new program
    for _ in range(2):
        ids = bpf_ids(cluster.vs)
        cluster.director.ipvsadm("-C")
        wait_until(lambda: "somebody removed it" in cluster.director.isobar("status", "-j").stdout,
                   what="isobard knows")
        assert traces(cluster.vs) == before
        wait_until(lambda: living(ids) == {"program": set(), "map": set()},
                   what="programs and maps are gone")

        isobard.signal(signal.SIGHUP)
        wait_until(lambda: cluster.director.ipvsadm("-S -n") == rules, what="the services are back")
        assert without_numbers(traces(cluster.vs)) == without_numbers(with_isobard)
        assert cluster.client.curl(f"http://{VIP}/").strip() in ("Real1", "Real2")


def test_clear_leaves_no_trace_while_somebody_looks_at_the_filters(cluster):
    before = traces(cluster.vs)
    looks = "\n".join(f"filter get dev {interface} {way} protocol all prio 49 handle 1 bpf"
                      for interface in ("eth0", "eth1") for way in ("ingress", "egress"))
    endless = 'exec tc -force -batch - < <(exec yes "$0")'
    lookers = [cluster.vs.start(["bash", "-c", endless, looks], name=f"looker{number}") for number in range(2)]

    for _ in range(2):
        cluster.director.serve(WEB, f"{REAL1}:80")
        cluster.director.ipvsadm("-C")
        assert all(looker.alive for looker in lookers)

    for looker in lookers:
        looker.kill()
    assert traces(cluster.vs) == before


@pytest.mark.parametrize("end", ["alive", "killed"])
def test_the_end_of_the_namespace_ends_xdp_and_isobard_too(cluster, end):
    cluster.ready_for_xdp()
    isobard = cluster.director.start_isobard(BY_XDP)
    cluster.client.curl(f"http://{VIP}/")
    ids = bpf_ids(cluster.vs)
    assert len(ids["programs"]) == 2

    if end == "killed":
        isobard.kill()
    run(["ip", "netns", "delete", cluster.vs.namespace])
    del cluster.lab.hosts["vs"]
    isobard.kill()  # as long as it lives, so does its namespace

    wait_until(lambda: living(ids) == {"program": set(), "map": set()},
               what="programs and maps are gone")


def test_other_programs_on_the_interfaces_stay(cluster):
    # somebody else's clsact qdisc and filter, which a clear must not take along
    cluster.vs.run(["tc", "qdisc", "add", "dev", "eth0", "clsact"])
    cluster.vs.run(["tc", "filter", "add", "dev", "eth0", "ingress", "pref", 7, "protocol", "ip",
                    "u32", "match", "u32", 0, 0, "flowid", "1:1"])
    before = traces(cluster.vs)
    cluster.director.serve(WEB, f"{REAL1}:80")

    cluster.director.clear()

    assert traces(cluster.vs) == before


def traces(host):
    """All that we could have left in the namespace, but for state of the stack itself."""
    commands = [["tc", "qdisc", "show"], ["bpftool", "net"], ["ip", "link"], ["ip", "address"],
                ["ip", "rule"], ["ip", "route", "show", "table", "all"], ["ip", "netns", "list-id"],
                ["sysctl", "-a", "--pattern", r"^net\."]]
    for interface in ("lo", *host.interfaces):
        for hook in ("ingress", "egress"):
            commands.append(["tc", "filter", "show", "dev", interface, hook])
    return {" ".join(command): host.run(command, check=False).stdout for command in commands}


def test_nosort_lists_the_newest_first_and_else_the_order_is_that_of_ipvsadm(cluster):
    cluster.director.ipvsadm(
        f"-A -u {VIP}:53 -s rr", f"-A -t {VIP}:80 -s rr", f"-A -t {VIP}:23 -s rr",
        f"-a -t {VIP}:80 -r {REAL2}:80 -m", f"-a -t {VIP}:80 -r {REAL1}:80 -m -w 2")
    head = cluster.director.ipvsadm("-L -n -u 10.0.0.2:53").splitlines()[:-1]

    def rows(line):
        lines = cluster.director.ipvsadm(line).splitlines()
        assert lines[1:3] == head
        return [" ".join(row.split()[:4]) for row in lines[3:]]

    web = [f"-> {REAL1}:80 Masq 2", f"-> {REAL2}:80 Masq 1"]
    assert rows("-L -n --nosort") == [f"TCP {VIP}:23 rr", f"TCP {VIP}:80 rr", *web,
                                      f"UDP {VIP}:53 rr"]
    cluster.director.ipvsadm(f"-d -t {VIP}:80 -r {REAL2}:80", f"-a -t {VIP}:80 -r {REAL2}:80 -m")
    assert rows("-L -n --nosort")[2:4] == web[::-1]
    assert rows("-L -n") == [f"TCP {VIP}:23 rr", f"TCP {VIP}:80 rr", *web, f"UDP {VIP}:53 rr"]
    cluster.director.ipvsadm(f"-A -t {VIP}:443 -s rr")
    assert rows("-L -n --nosort")[0] == f"TCP {VIP}:443 rr"
    assert rows("-L -n")[-2:] == [f"TCP {VIP}:443 rr", f"UDP {VIP}:53 rr"]


def without_numbers(seen):
    """Programs have other numbers each time they are loaded."""
    return {command: re.sub(r"\b(xdp/id:|id |tag )[0-9a-f]+", "", text)
            for command, text in seen.items()}


def test_what_save_prints_restore_brings_back_and_nothing_else(cluster):
    """As ipvsadm-save and ipvsadm-restore do, and the thresholds, too."""
    director = cluster.director
    director.ipvsadm(f"-A -t {VIP}:80 -s sh -b sh-port -p 60",
                     f"-a -t {VIP}:80 -r {REAL1} -m -w 3 -x 9 -y 5", "-A -f 5 -s rr")
    save, restore = (director.program(f"isobar-ipvsadm-{name}") for name in ("save", "restore"))
    saved = director.host.output([save, "-n", "--thresholds"])
    assert saved == (f"-A -t {VIP}:80 -s sh -p 60 -b sh-port\n"
                     f"-a -t {VIP}:80 -r {REAL1}:80 -m -w 3 -x 9 -y 5\n-A -f 5 -s rr\n")
    assert director.host.output([save, "-n"]) == saved.replace(" -x 9 -y 5", "")

    director.ipvsadm("-C", f"-A -t {VIP}:81 -s rr")
    director.host.run([restore], input=f"# the web\n{saved}")

    assert director.host.output([save, "-n", "--thresholds"]) == saved
    assert director.host.run([restore, "file"], check=False).returncode == 1
    assert director.host.run([save, "-x"], check=False).returncode == 1
