# SPDX-License-Identifier: Apache-2.0
"""isobar explain foretells what then happens, and disturbs nothing.

    client 10.0.0.100 ---- vs 10.0.0.1, VIP 10.0.0.2 / 192.168.10.254 ---- real1 .100, real2 .101

Drawn in full in support/cluster.py.
"""

import json

import pytest
from support.cluster import CLIENT, REAL1, REAL2, VIP

CONFIG = f"""
[[service]]
name = "web"
listen = ["{VIP}:80/tcp"]
scheduler = "{{scheduler}}"
{{more}}
servers = [ {{{{ address = "{REAL1}" }}}}, {{{{ address = "{REAL2}", weight = 2 }}}} ]
"""
NAMES = {f"{REAL1}:80": "Real1", f"{REAL2}:80": "Real2"}


def serve(cluster, scheduler="wlc", more=""):
    cluster.director.start_isobard(CONFIG.format(scheduler=scheduler, more=more))
    return cluster.director


def explain(director, port, *more):
    """The answer about a connection from that port of the client."""
    return json.loads(director.isobar("explain", "-j", "tcp", f"{CLIENT}:{port}", f"{VIP}:80",
                                      *more).stdout)


def page(cluster, port):
    """Who answers a connection from that port."""
    return cluster.client.curl(f"http://{VIP}/", "--local-port", str(port)).strip()


@pytest.mark.parametrize("scheduler", ["rr", "wrr", "wlc", "sed", "nq", "sh", "mh", "lrt", "lblcr"])
def test_the_server_that_is_foretold_answers(cluster, scheduler):
    director = serve(cluster, scheduler)
    for port in range(40000, 40012):
        told = explain(director, port)
        assert told == explain(director, port) or scheduler == "lrt", "no turn was taken"
        assert told["verdict"] == "forwarded" and told["service"]["name"] == "web"
        assert NAMES[told["goes_to"]] in page(cluster, port), told["choice"]


def test_a_known_connection_and_its_reply_are_found(cluster):
    director = serve(cluster)
    connection = cluster.client.socket()
    connection.connect((VIP, 80))
    port = connection.getsockname()[1]

    known = explain(director, port)
    assert known["connection"]["state"] == "ESTABLISHED" and known["choice"] is None
    server = known["goes_to"]
    hop = known["next_hop"]
    assert hop["interface"] == "eth1" and hop["mtu"] == 1500 and hop["on_link"]
    assert hop["mac"] in cluster.vs.output(["ip", "neigh", "show", server.split(":")[0]])

    reply = json.loads(director.isobar("explain", "-j", server, f"{CLIENT}:{port}").stdout)
    assert reply["verdict"] == "replied" and reply["connection"]["from_server"]
    assert reply["next_hop"]["interface"] == "eth0"

    row = next(line for line in director.isobar("conns").stdout.splitlines() if f":{port} " in line)
    assert "known, ESTABLISHED" in director.isobar("explain", *row.split()).stdout
    connection.close()


def test_who_is_drained_or_out_is_told_with_the_reason(cluster):
    director = serve(cluster)
    director.isobar("drain", "web", REAL1, "--why", "new disk")
    told = director.isobar("explain", f"{CLIENT}:40000", f"{VIP}:80").stdout
    assert "drained by hand" in told or "new disk" in told, told
    assert f"> {REAL2}:80" in " ".join(told.split()), told

    director.isobar("drain", "web", REAL2)
    told = explain(director, 40000)
    assert told["verdict"] == "no_server" and told["choice"]["why"] == "all weights are 0"
    director.isobar("disable", "web", REAL2)
    assert any(each["text"].startswith("out, ") for each in explain(director, 40000)["configured"])


def test_a_client_that_stays_with_its_server(cluster):
    director = serve(cluster, "rr", 'persistence = { timeout = "5m" }')
    first = explain(director, 40000)
    assert first["template"] is None and first["service"]["persistence"]["timeout"] == 300
    answered = page(cluster, 40000)
    for port in range(40001, 40005):
        told = explain(director, port)
        assert NAMES[told["template"]["server"]] in answered and told["choice"] is None
        assert page(cluster, port) == answered


def test_what_is_not_ours_and_what_is_wrong(cluster):
    director = serve(cluster)
    assert "not_ours" in director.isobar("explain", f"{CLIENT}:1", "10.9.9.9:80").stdout
    assert "no_service" in director.isobar("explain", f"{CLIENT}:1", f"{VIP}:81").stdout

    bad = director.isobar("explain", "tcp", f"{CLIENT}:1", VIP, check=False)
    assert bad.returncode == 2 and f"'{VIP}' is no address:port" in bad.stderr
    bad = director.isobar("explain", "icmp", f"{CLIENT}:1", f"{VIP}:80", check=False)
    assert bad.returncode == 2 and "tcp, udp, sctp" in bad.stderr
    director.clear()
    gone = director.isobar("explain", f"{CLIENT}:1", f"{VIP}:80", check=False)
    assert gone.returncode == 4 and "there is no data plane" in gone.stderr
