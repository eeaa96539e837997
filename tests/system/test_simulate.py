# SPDX-License-Identifier: Apache-2.0
"""isobar simulate: shares with other schedulers and weights, and those of a real run.

    client 10.0.0.100 ---- vs 10.0.0.1, VIP 10.0.0.2 / 192.168.10.254 ---- real1 .100, real2 .101

Drawn in full in support/cluster.py.
"""

import json

import pytest
from support.cluster import REAL1, REAL2, VIP

CONFIG = f"""
[[service]]
name = "web"
listen = ["{VIP}:80/tcp"]
scheduler = "{{}}"
servers = [ {{{{ address = "{REAL1}" }}}}, {{{{ address = "{REAL2}", weight = 3 }}}} ]

[[service]]
name = "other"
listen = ["{VIP}:8080/tcp"]
servers = [ {{{{ address = "{REAL1}:80" }}}} ]
"""


def simulate(director, *words):
    return json.loads(director.isobar("simulate", "-j", "web", *words).stdout)


def shares(trial):
    return {each["address"].split(":")[0]: each["share"] for each in trial["servers"]}


@pytest.mark.parametrize("scheduler", ["wrr", "wlc"])
def test_shares_are_those_of_a_real_run(cluster, scheduler):
    director = cluster.director
    director.start_isobard(CONFIG.format(scheduler))
    # They end at once, and are remembered as closed
    told = shares(simulate(director, "--rate", "10", "--duration", "4s", "--length", "10ms")["now"])
    pages = [cluster.client.curl(f"http://{VIP}/") for _ in range(40)]
    real = sum("Real1" in page for page in pages) / len(pages)
    assert abs(told[REAL1] - real) <= 0.05, (told, real)


def test_a_million_connections_by_another_scheduler(cluster):
    director = cluster.director
    director.start_isobard(CONFIG.format("wlc"))
    words = ["--scheduler", "sed", "--weight", f"{REAL2}=1", "--rate", "10000", "--duration", "100s"]
    told = simulate(director, *words)
    assert 990_000 < told["connections"] < 1_010_000 and told == simulate(director, *words)
    assert abs(shares(told["now"])[REAL1] - 0.25) < 0.01
    assert abs(shares(told["then"])[REAL1] - 0.5) < 0.01
    assert told["then"]["scheduler"] == "sed"
    assert shares(simulate(director, "--weight", f"{REAL2}=0")["then"])[REAL1] == 1


def test_the_present_connections(cluster):
    director = cluster.director
    director.start_isobard(CONFIG.format("wrr"))
    none = director.isobar("simulate", "web", "--from", "live", check=False)
    assert none.returncode == 4 and "no connection of this service" in none.stderr
    held = []
    for _ in range(8):
        held.append(cluster.client.socket())
        held[-1].connect((VIP, 80))
    held.append(cluster.client.socket())
    held[-1].connect((VIP, 8080))  # of another service
    told = simulate(director, "--from", "live", "--weight", f"{REAL1}=3")
    assert told["connections"] == 8
    assert shares(told["now"]) == {REAL1: 0.25, REAL2: 0.75}
    assert shares(told["then"]) == {REAL1: 0.5, REAL2: 0.5}

    saved = cluster.lab.write("conns.json", director.isobar("conns", "-j").stdout)
    assert shares(simulate(director, "--from", saved)["now"]) == shares(told["now"])
    for each in held:
        each.close()


def test_a_recording_and_what_is_wrong_with_one(cluster):
    director = cluster.director
    director.start_isobard(CONFIG.format("rr"))
    good = cluster.lab.write("good.csv", "begin,end,client\n0,1,10.0.0.9:1\n0.5,2,10.0.0.9:2\n")
    assert shares(simulate(director, "--from", good)["now"]) == {REAL1: 0.5, REAL2: 0.5}
    text = director.isobar("simulate", "web", "--from", good).stdout
    assert "web: 2 connections" in text and REAL1 in text

    bad = cluster.lab.write("bad.csv", "0,1,10.0.0.9:1\n0,x,10.0.0.9:1\n")
    for words, code, said in [
            (["web", "--from", bad], 3, "line 2: 'x' is no time"),
            (["web", "--from", "/nowhere"], 4, "cannot read /nowhere"),
            (["wbe"], 4, "there is no service 'wbe'"),
            (["web", "--weight", "10.9.9.9=1"], 4, "web has no server 10.9.9.9"),
            (["web", "--scheduler", "lrt"], 1, "lrt goes by how fast"),
            (["web", "--scheduler", "wcl"], 2, "did you mean 'wlc'?"),
            (["web", "--length", "5"], 2, "no length of connections")]:
        done = director.isobar("simulate", *words, check=False)
        assert done.returncode == code and said in done.stderr, (words, done.stderr)
