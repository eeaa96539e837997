# SPDX-License-Identifier: Apache-2.0
"""isobar trace: what is seen of packets on their way through the director.

    client 10.0.0.100 ---- vs 10.0.0.1, VIP 10.0.0.2 / 192.168.10.254 ---- real1 .100, real2 .101

Drawn in full in support/cluster.py.
"""

import json
import os
import socket

import pytest
from support import pcapng
from support.cluster import CLIENT, CONFIG, REAL1, REAL2, VIP, Cluster, FlatCluster
from support.director import Director
from support.lab import Lab
from support.process import wait_until

pytestmark = pytest.mark.vm

HTTP = f"http://{VIP}/"


class Trace:
    """isobar trace with these words, once it looks."""

    count = 0

    def __init__(self, director, *words):
        Trace.count += 1
        self.director = director
        self.process = director.host.start(
            [director.program("isobar"), "--socket", director.socket, "trace", *words],
            name=f"trace{Trace.count}")
        self.process.wait_for_log("Tracing")

    def lines(self):
        return [line for line in self.process.log().splitlines()
                if not line.startswith("Tracing") and " packets" not in line]

    def packets(self):
        return [json.loads(line) for line in self.lines()]

    def wait_for(self, verdict, count=1):
        wait_until(lambda: sum(each["verdict"] == verdict for each in self.packets()) >= count,
                   what=f"{count} packets {verdict}: {self.process.log()}")
        return [each for each in self.packets() if each["verdict"] == verdict]

    def stop(self):
        assert self.process.stop() == 0
        return self.process.log().splitlines()[-1]


def ends(layer):
    """"tcp 10.0.0.100 > 10.0.0.2:80": the client's port is another each time."""
    def end(name):
        port = layer[name].get("port", 0)
        return layer[name]["address"] + (f":{port}" if 0 < port < 1024 else "")
    return f"{layer['protocol']} {end('source')} > {end('destination')}"


@pytest.fixture(scope="module")
def cluster():
    """One for all: in the virtual machine it takes long to make. The last tests break it."""
    with Lab() as lab:
        made = Cluster(lab).start_servers()
        made.director = Director(made.vs)
        made.director.start_isobard(CONFIG)
        yield made


@pytest.fixture
def director(cluster):
    return cluster.director


def programs(director):
    """Those that stand around programs, on this machine."""
    shown = json.loads(director.host.output(["bpftool", "prog", "show", "-j"]))
    return {each["id"] for each in shown if each.get("name", "").startswith("trace_")}


def test_a_request_and_its_reply_are_seen_as_they_came_and_as_they_went(cluster, director):
    trace = Trace(director, "-j", "--client", CLIENT, "--service", "web")
    cluster.client.curl(HTTP)

    sent, answered = trace.wait_for("forwarded")[0], trace.wait_for("replied")[0]
    server = sent["out"]["neighbour"]
    assert server in (REAL1, REAL2)
    assert (sent["interface"], sent["hook"]) == ("eth0", "ingress")
    assert sent["out"]["interface"] == "eth1"
    assert ends(sent["packet"]["layers"][0]) == f"tcp {CLIENT} > {VIP}:80"
    assert sent["packet"]["layers"][0]["detail"] == "[S]"
    assert ends(sent["became"]["layers"][0]) == f"tcp {CLIENT} > {server}:80"
    assert sent["meaning"] == "client packet, sent to its real server"
    assert ends(answered["packet"]["layers"][0]) == f"tcp {server}:80 > {CLIENT}"
    assert ends(answered["became"]["layers"][0]) == f"tcp {VIP}:80 > {CLIENT}"
    assert answered["packet"]["layers"][0]["detail"] == "[S.]"
    assert (answered["interface"], answered["out"]["interface"]) == ("eth1", "eth0")
    assert answered["out"]["neighbour"] == CLIENT
    assert trace.stop().endswith(" packets")


def test_a_line_for_people(cluster, director):
    trace = Trace(director, "--protocol", "tcp", "--port", "80", "--count", "2")
    cluster.client.curl(HTTP)
    assert trace.process.wait() == 0
    first, second = trace.lines()
    assert f" eth0 ingress tcp {CLIENT}:" in first and f" > {VIP}:80 [S], " in first
    assert " bytes: forwarded: client packet, sent to its real server; -> tcp " in first
    assert " eth1 ingress tcp 192.168.10.10" in second and " [S.], " in second
    assert second.endswith(f" by eth0 to {CLIENT}")


def test_filters_leave_out_what_is_not_meant(cluster, director):
    traces = {words: Trace(director, "-j", *words) for words in (
        ("--client", "10.0.0.99"), ("--service", "telnet"), ("--server", REAL1),
        ("--service", f"{VIP}:80"), ("--client", "10.0.0.0/24", "--protocol", "udp"),
        ("--verdict", "replied"), ("--server", f"{REAL2}:81"))}
    for _ in range(2):  # round robin or near it: one to each
        cluster.client.curl(HTTP)
    traces["--service", f"{VIP}:80"].wait_for("replied", 8)
    traces["--server", REAL1].wait_for("forwarded")

    seen = {words: trace.packets() for words, trace in traces.items()}
    for words in (("--client", "10.0.0.99"), ("--service", "telnet"),
                  ("--client", "10.0.0.0/24", "--protocol", "udp"), ("--server", f"{REAL2}:81")):
        assert seen[words] == [], words
    assert {each["verdict"] for each in seen["--verdict", "replied"]} == {"replied"}
    for each in seen["--server", REAL1]:
        assert REAL1 in json.dumps(each) and REAL2 not in json.dumps(each)
    for trace in traces.values():
        trace.stop()


def test_drops_and_refusals_are_told_with_their_reason(cluster, director):
    trace = Trace(director, "-j", "--drops")
    cluster.client.curl(HTTP)
    for server in (REAL1, REAL2):
        director.isobar("disable", "telnet", server)
    refused = cluster.client.run(["curl", "--max-time", "5", f"telnet://{VIP}:23"], check=False)
    assert refused.returncode != 0
    for server in (REAL1, REAL2):
        director.isobar("enable", "telnet", server)

    seen = trace.wait_for("no_server")[0]
    assert seen["lost"] and "port unreachable" in seen["meaning"]
    answer, quoted = seen["became"]["layers"]
    assert ends(answer) == f"icmp {VIP} > {CLIENT}" and answer["detail"] == "port unreachable"
    assert ends(quoted) == f"tcp {CLIENT} > {VIP}:23"
    assert {each["verdict"] for each in trace.packets()} == {"no_server"}
    trace.stop()


def test_what_is_none_of_ours_is_shown_when_asked_for(cluster, director):
    usual, everything = Trace(director, "-j"), Trace(director, "-j", "--all")
    cluster.client.run(["ping", "-c", "1", "-W", "5", "10.0.0.1"])
    seen = everything.wait_for("not_ours")
    assert "icmp 10.0.0.100 > 10.0.0.1" in [ends(each["packet"]["layers"][0]) for each in seen
                                            if "source" in each["packet"]["layers"][0]]
    assert all(each["verdict"] != "not_ours" for each in usual.packets())


def test_at_xdp_and_by_every_method(lab):
    cluster = FlatCluster(lab)
    cluster.start_servers()
    cluster.ready_for_xdp()
    cluster.take_virtual_address(cluster.real1)
    director = Director(cluster.vs)
    director.start_isobard(f"""
        [director]
        hook = "xdp"
        [[service]]
        name = "web"
        listen = ["{VIP}:80/tcp"]
        forward = "dr"
        servers = [ {{ address = "{cluster.REAL1}" }} ]
        """)
    by_server = Trace(director, "-j", "--server", cluster.REAL1)
    for _ in range(3):
        cluster.client.curl(HTTP)
    forwarded = by_server.wait_for("forwarded", 3)
    assert "xdp" in {each["hook"] for each in forwarded}
    for each in forwarded:
        assert each["became"] is None, "by direct routing it stays as it is"
        assert each["out"] == {"interface": "eth0", "neighbour": cluster.REAL1}
    assert all(each["verdict"] != "to_tc" for each in by_server.packets())
    by_server.stop()


@pytest.mark.parametrize("tunnel", ["ipip", "gue", "gre"])
def test_tunnels_are_looked_into(lab, tunnel):
    cluster = FlatCluster(lab)
    director = Director(cluster.vs)
    port = "tunnel_port = 6080" if tunnel == "gue" else ""
    director.start_isobard(f"""
        [[service]]
        name = "web"
        listen = ["{VIP}:80/tcp"]
        forward = "tun"
        tunnel = "{tunnel}"
        {port}
        servers = [ {{ address = "{cluster.REAL1}" }} ]
        """)
    trace = Trace(director, "-j", "--service", "web", "--server", cluster.REAL1)
    cluster.client.run(["curl", "--noproxy", "*", "--max-time", "1", HTTP], check=False)
    outer, inner = trace.wait_for("forwarded")[0]["became"]["layers"]
    assert ends(outer).startswith(f"{tunnel} ") and ends(outer).split(" > ")[1] == cluster.REAL1
    assert ends(inner) == f"tcp {CLIENT} > {VIP}:80"
    trace.stop()


def test_a_file_for_wireshark_has_the_verdict_as_comment(cluster, director):
    file = cluster.lab.path("trace.pcapng")
    trace = Trace(director, "--write", file, "--service", "web")
    cluster.client.curl(HTTP)
    wait_until(lambda: os.path.getsize(file) > 2000, what="packets are written")
    trace.stop()

    assert trace.lines() == []
    packets = pcapng.read(file)
    first = packets[0]
    assert (first.interface, first.frame[12:14]) == ("eth0", b"\x08\x00")
    assert socket.inet_ntoa(first.frame[30:34]) == VIP
    assert first.comment.startswith("isobar: forwarded: client packet, sent to its real server; ->")
    assert {each.interface for each in packets} == {"eth0", "eth1"}
    shown = cluster.vs.run(["tcpdump", "-r", file, "-n"])
    assert f"{CLIENT}." in shown.stdout


def test_nothing_is_left_of_one_that_is_killed(cluster, director):
    before = programs(director)
    trace = Trace(director, "-j")
    assert len(programs(director) - before) == 2
    trace.process.kill()
    wait_until(lambda: programs(director) == before, what="its programs are gone")
    cluster.client.curl(HTTP)


def test_bad_words_are_refused_before_anything_is_attached(director):
    for words, code, complaint in (
            (("--verdict", "forwardet"), 2, "unknown 'forwardet'; did you mean 'forwarded'?"),
            (("--port", "0"), 2, "port: not '0'"),
            (("--count", "x"), 2, "count: not 'x'"),
            (("--client", "here"), 2, "'here' is no address or network"),
            (("--drops", "--all"), 2, "one of them"),
            (("--service", "wob"), 4, "there is no service 'wob'"),
            (("--write", "/nowhere/x", "--count", "1"), 4, "/nowhere/x")):
        refused = director.isobar("trace", *words, check=False)
        assert refused.returncode == code and refused.stdout == "", (words, refused)
        assert complaint in refused.stderr


def forget_build(director):
    """The data plane is one of another build: a number in its settings says so."""
    def told(*words):
        return json.loads(director.host.output(words))
    filters = told("tc", "-j", "filter", "show", "dev", "lo", "ingress")
    program = next(each["options"]["prog"]["id"] for each in filters
                   if "prog" in each.get("options", {}))
    for number in told("bpftool", "prog", "show", "id", program, "-j")["map_ids"]:
        if told("bpftool", "map", "show", "id", number, "-j")["name"] != ".data.settings":
            continue
        dumped = told("bpftool", "map", "dump", "id", number, "-j")
        value = bytearray(int(byte, 16) for byte in dumped[0]["value"])
        build = dumped[0]["formatted"]["value"][".data.settings"][0]["isobar_settings"]["build"]
        value[value.index(build.to_bytes(8, "little"))] ^= 1
        director.host.run(["bpftool", "map", "update", "id", number, "key", 0, 0, 0, 0,
                           "value", *value])


def test_it_goes_along_with_programs_that_are_replaced(cluster, director):
    trace = Trace(director, "-j", "--service", "web")
    first = programs(director)
    director.host.started["isobard"].kill()
    forget_build(director)
    director.start_isobard(CONFIG, name="isobard2")
    wait_until(lambda: programs(director) - first and not programs(director) & first,
               what="it stands around the new program")
    cluster.client.curl(HTTP)
    trace.wait_for("forwarded")
    trace.stop()


def test_it_ends_with_a_word_when_the_data_plane_goes(cluster, director):
    trace = Trace(director, "-j")
    director.clear()
    assert trace.process.wait() == 4
    assert "the data plane was removed" in trace.process.log()
    refused = director.isobar("trace", check=False)
    assert refused.returncode == 4 and "there is no data plane" in refused.stderr
