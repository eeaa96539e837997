# SPDX-License-Identifier: Apache-2.0
"""The benchmarks still run, and what they say has its shape; no figure is judged here."""

import json
import os

import pytest

from support.director import BIN, ROOT
from support.process import run

PEERS = os.path.join(ROOT, "bench", "peers")
THROUGHPUT = os.path.join(ROOT, "bench", "throughput")


def test_isobar_bench_measures_a_packet_at_both_hooks(tmp_path):
    run([os.path.join(BIN, "isobar-bench"), "--quick", "--rounds", 1, "--only", "not a service",
         "--json", tmp_path / "results.json"], timeout=60)

    results = json.loads((tmp_path / "results.json").read_text())
    assert {(row["hook"], row["packet"]) for row in results["packets"]} == {
        ("xdp", "not a service"), ("tc", "not a service")}
    assert all(isinstance(row["ratio"], float) for row in results["packets"])
    assert set(results["units"]) == {"H", "H64", "I"}
    assert results["memory_per_connection"]["bytes"] > 0


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
