# SPDX-License-Identifier: Apache-2.0
"""The benchmarks still run, and what they say has its shape; no figure is judged here."""

import json
import os

import pytest

from support.director import BIN, ROOT
from support.process import run

PEERS = os.path.join(ROOT, "bench", "peers")
THROUGHPUT = os.path.join(ROOT, "bench", "throughput")
INSTRUCTIONS = os.path.join(ROOT, "bench", "instructions")


@pytest.mark.parametrize("word, rows", [
    ("not a service", ["not a service"]),
    ("fullnat, 1 flow", [f"{reply}{family}fullnat, 1 flow" for family in ("", "IPv6, ") for reply in ("", "reply, ")]),
], ids=["a stranger", "fullnat"])
def test_isobar_bench_measures_packets_at_both_hooks(tmp_path, word, rows):
    run([os.path.join(BIN, "isobar-bench"), "--quick", "--rounds", 1, "--only", word,
         "--json", tmp_path / "results.json"], timeout=60)

    results = json.loads((tmp_path / "results.json").read_text())
    assert [(row["hook"], row["packet"]) for row in results["packets"]] == [
        (hook, row) for row in rows for hook in ("xdp", "tc")]
    assert all(isinstance(row["ratio"], float) for row in results["packets"])
    assert set(results["units"]) == {"H", "H64", "I"}
    assert results["memory_per_connection"]["bytes"] > 0


def test_a_million_connections_find_their_server_in_a_table_that_grows():
    said = run([os.path.join(BIN, "isobar-bench"), "--grow", 1, "--check"], timeout=100).stdout

    assert "1048576 connections by VS/NAT; the table has grown 4 times" in said


def test_throughput_compares_each_method_with_routing(tmp_path):
    run([THROUGHPUT, "--rounds", 1, "--seconds", 1, "--json", tmp_path / "throughput.json"],
        timeout=120)

    results = json.loads((tmp_path / "throughput.json").read_text())
    assert [row["path"] for row in results["paths"]] == ["nat", "nat, download", "dr", "tun"]
    assert all(row["routed_gbit_s"] > 0 and row["balanced_gbit_s"] > 0 for row in results["paths"])


def test_peers_measure_the_director_of_each(tmp_path):
    before = os.listdir("/run/netns")

    run([PEERS, "--rounds", 1, "--seconds", 1, "--bin", BIN, "--json", tmp_path / "peers.json"], timeout=90)

    results = json.loads((tmp_path / "peers.json").read_text())
    assert [row["peer"] for row in results["peers"]] == [
        "wire", "routed", "isobar", "nft", "haproxy"]
    assert all(row["cpu_us_total"] > 0 for row in results["peers"])
    assert [(row["to"], row["bound"]) for row in results["ratios"]] == [("nft", 0.6), ("haproxy", 0.2)]
    assert not {name for name in set(os.listdir("/run/netns")) - set(before)
                if name.startswith("isobar-bench-")}


# peer, connections, errors, CPU us of the director per connection; in each of three rounds
GOOD = {"wire": (9000, 0, 20.0), "isobar": (9000, 0, 25.0), "nft": (9000, 0, 40.0),
        "haproxy": (9000, 0, 150.0)}


def judged(tmp_path, **others):
    """Exit status, stdout and ratios of --check on measurements like GOOD, but for `others`."""
    lines = [f"{peer}\t{number}\t{connections}\t{connections}\t{errors}\t{us}\n"
             for number in (1, 2, 3)
             for peer, (connections, errors, us) in {**GOOD, **others}.items()]
    (tmp_path / "raw").write_text("".join(lines))
    done = run([PEERS, "--judge", tmp_path / "raw", "--check", "--json", tmp_path / "judged.json"],
               check=False)
    ratios = json.loads((tmp_path / "judged.json").read_text())["ratios"]
    return done.returncode, done.stdout, {row["to"]: row for row in ratios}


def test_ratios_are_of_what_is_above_the_wire(tmp_path):
    status, said, ratios = judged(tmp_path)

    assert status == 0, said
    assert (ratios["nft"]["ratio"], ratios["haproxy"]["ratio"]) == (0.25, 0.038)


def test_a_missed_bound_fails(tmp_path):
    status, said, ratios = judged(tmp_path, isobar=(9000, 0, 35.0))

    assert status == 1 and "MISSED" in said
    assert not ratios["nft"]["ok"] and ratios["haproxy"]["ok"]


@pytest.mark.parametrize("others, why", [
    ({"isobar": (9000, 0, 19.0)}, "isobar: its share is -1.0 us, not positive"),
    ({"nft": (9000, 0, 20.0)}, "nft: its share is 0.0 us, not positive"),
    ({"nft": (9000, 3, 40.0)}, "nft: 3 errors in round 1"),
    ({"isobar": (17, 0, 25.0)}, "isobar: only 17 connections in round 1"),
    ({"wire": (0, 0, 0)}, "wire: only 0 connections in round 1"),
], ids=["negative", "nothing", "errors", "few", "dead"])
def test_what_cannot_be_trusted_is_not_measured(tmp_path, others, why):
    status, said, ratios = judged(tmp_path, **others)

    assert status == 1
    assert f"not measured: {why}" in said
    assert (ratios["nft"]["ratio"], ratios["nft"]["ok"], ratios["nft"]["why"]) == (None, False, why)


# ---- bench/instructions: what it says of measurements (to make them takes minutes) ----

COSTS = {"nat, udp": (1400, 6300), "nat, tcp, reply": (1500, 7100), "new flow, wlc, 3 servers": (3000, 7400),
         "new flow, wlc, 1000 servers": (3100, 26600)}


def instructions(tmp_path, **isobar):
    """Exit status, stdout and rows of --check on COSTS, but for what Isobar costs in `isobar`."""
    lines = ["none kernel 6.1", "none relay 1000", "none source 600", "none ingress 3200"]
    for row, (ours, theirs) in COSTS.items():
        name = row.replace(" ", "_")
        lines += [f"isobar {name} {isobar.get(row.split(',')[0], ours)}", f"ipvs {name} {theirs}"]
    (tmp_path / "raw").write_text("".join(f"{line}\n" for line in lines))
    done = run([INSTRUCTIONS, "--judge", tmp_path / "raw", "--check", "--json", tmp_path / "judged.json"], check=False)
    return done.returncode, done.stdout, json.loads((tmp_path / "judged.json").read_text())["rows"]


def test_instructions_are_compared_above_the_source_and_above_ingress(tmp_path):
    status, said, rows = instructions(tmp_path)

    assert status == 0, said
    assert [(row["packet"], row["above"], row["isobar"], row["peer"], row["bound"]) for row in rows] == [
        ("nat, udp", "source", 800, 5700, 0.2), ("nat, udp", "ingress", 800, 3100, 0.4),
        ("nat, tcp, reply", "source", 900, 6500, 0.2), ("nat, tcp, reply", "ingress", 900, 3900, 0.4),
        ("new flow, wlc, 1000 servers", "source", 2500, 26000, 0.1), ("new flow, 1000 / 3 servers", "source", 2500, 2400, 1.2)]


def test_instructions_above_a_bound_fail(tmp_path):
    status, said, rows = instructions(tmp_path, nat=2000)

    assert status == 1 and " above" in said
    assert [row["ok"] for row in rows] == [False, False, False, True, True, True]
