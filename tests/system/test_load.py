# SPDX-License-Identifier: Apache-2.0
"""Much traffic through the director: nothing is lost, nothing is changed, whatever happens to it.

    client 10.0.0.100 ---- vs 10.0.0.1, VIP 10.0.0.2 / 192.168.10.254 ---- real1 .100, real2 .101

Drawn in full in support/cluster.py.
"""

import hashlib
import itertools
import json
import os
import re
import shutil
import tempfile
import time

import pytest

from support.cluster import CONFIG, REAL1, REAL2, VIP
from support.process import wait_until
from support.servers import (digest_of_upload, html_directory, result_of, start_connections,
                             start_sink)

GIB = 1 << 30
WEB = f"-t {VIP}:80"
WEB_ROW = f"TCP {VIP}:80"
OFFLOADS = pytest.mark.parametrize("offloads", [True, False], ids=["offloads-on", "offloads-off"])


@pytest.fixture(scope="module")
def gibibyte():
    """A file of 1 GiB in which no two blocks are equal."""
    memory = "/dev/shm" if shutil.disk_usage("/dev/shm").free > 4 * GIB else None
    noise = os.urandom((1 << 20) - 8)
    with tempfile.NamedTemporaryFile(dir=memory, prefix="isobar-gibibyte-") as file:
        for number in range(1 << 10):
            file.write(number.to_bytes(8, "big") + noise)
        file.flush()
        yield file.name


@OFFLOADS
def test_a_gibibyte_by_curl_arrives_intact(cluster, gibibyte, offloads):
    set_offloads(cluster, offloads)
    os.symlink(gibibyte, os.path.join(html_directory(cluster.real1), "gibibyte"))
    cluster.director.serve(WEB, f"{REAL1}:80")

    # pipefail: an error of curl counts as well as a difference
    cluster.client.run(["bash", "-o", "pipefail", "-c",
                        f"curl -sSf --noproxy '*' http://{VIP}/gibibyte | cmp - {gibibyte}"],
                       timeout=100)


@OFFLOADS
def test_what_the_client_sends_arrives_intact(cluster, gibibyte, offloads):
    set_offloads(cluster, offloads)
    start_sink(cluster.real1, 9000)
    cluster.director.serve(f"-t {VIP}:9000", f"{REAL1}:9000")
    with open(gibibyte, "rb") as file:
        data = file.read(GIB // 4)

    digest = digest_of_upload(cluster.client, (VIP, 9000), data)

    assert digest == hashlib.sha256(data).hexdigest()


@OFFLOADS
@pytest.mark.parametrize("direction", [[], ["--reverse"]], ids=["upload", "download"])
def test_a_gibibyte_by_iperf3_arrives(cluster, offloads, direction):
    set_offloads(cluster, offloads)
    server = cluster.real1.start(["iperf3", "--server", "--one-off", "--forceflush"])
    server.wait_for_log("Server listening")
    cluster.director.serve(f"-t {VIP}:5201", f"{REAL1}:5201")

    report = json.loads(cluster.client.output(
        ["iperf3", "--client", VIP, "--bytes", GIB, "--json", *direction], timeout=100))

    assert "error" not in report
    # iperf3 stops counting while the last of it is in socket buffers
    assert report["end"]["sum_received"]["bytes"] >= GIB - (16 << 20)
    print(f"{report['end']['sum_received']['bits_per_second'] / 1e9:.1f} Gbit/s")


def test_10000_short_connections_do_not_fail(cluster):
    # rr: wlc would count the closed ones too, and how long these stay depends on how they end
    cluster.director.serve(WEB, f"{REAL1}:80", f"{REAL2}:80", scheduler="rr")

    result = result_of(start_connections(cluster.client, f"{VIP}:80", count=10_000))

    assert (result["ok"], result["failed"], result["errors"]) == (10_000, 0, {})
    assert result["answers"]["Real1"] == pytest.approx(5000, abs=10)


def test_wrk_sees_no_errors(cluster):
    cluster.director.serve(WEB, f"{REAL1}:80", f"{REAL2}:80", scheduler="wlc")

    report = cluster.client.output(["wrk", "-t", 1, "-c", 32, "-d", "3s",
                                    "-H", "Connection: close", f"http://{VIP}/"])

    assert "Socket errors" not in report and "Non-2xx" not in report, report
    assert int(re.search(r"(\d+) requests in", report)[1]) > 1000


@pytest.mark.parametrize("hook, times", [("tc", 20), ("xdp", 6)])
def test_kill_9_and_restart_of_isobard_many_times_lose_nothing(cluster, hook, times):
    if hook == "xdp":
        cluster.ready_for_xdp()
    director = cluster.director
    config = f'[director]\nhook = "{hook}"\n' + CONFIG
    isobard = director.start_isobard(config)
    load = start_connections(cluster.client, f"{VIP}:80", rate=1000)
    wait_until(lambda: director.traffic(WEB_ROW)[None].connections > 100, what="load")

    for _ in range(times):
        isobard.kill()
        isobard = director.start_isobard(config)

    result = result_of(load)
    print(result)
    assert result["failed"] == 0, result
    assert result["slow"] == 0, result  # not even one packet that had to be sent again
    assert director.traffic(WEB_ROW)[None].connections == result["started"]
    by_xdp = {at["name"] for at in director.status()["interfaces"] if at["xdp"]}
    assert by_xdp == ({"eth0", "eth1"} if hook == "xdp" else set())


def test_forwarding_goes_on_without_isobard(cluster):
    isobard = cluster.director.start_isobard(CONFIG)

    isobard.stop()

    assert cluster.client.curl(f"http://{VIP}/").strip() in ("Real1", "Real2")


def test_changes_under_load_lose_nothing(cluster):
    director = cluster.director
    director.serve(WEB, f"{REAL1}:80", f"{REAL2}:80", scheduler="wlc")
    load = start_connections(cluster.client, f"{VIP}:80", rate=1000)
    wait_until(lambda: director.traffic(WEB_ROW)[None].connections > 100, what="load")

    end = time.monotonic() + 6
    for weight in itertools.count(1):
        # another scheduler, another weight; then real1 is drained, removed and comes back
        director.ipvsadm(f"-E {WEB} -s {('rr', 'wrr', 'lc', 'wlc')[weight % 4]}",
                         f"-e {WEB} -r {REAL2}:80 -m -w {weight}",
                         f"-e {WEB} -r {REAL1}:80 -m -w 0")
        wait_until(lambda: director.servers(WEB_ROW)[f"{REAL1}:80"].active == 0, what="drained")
        director.ipvsadm(f"-d {WEB} -r {REAL1}:80", f"-a {WEB} -r {REAL1}:80 -m -w {weight}")
        if time.monotonic() > end:
            break

    result = result_of(load)
    print(f"{weight} rounds of changes: {result}")
    assert result["failed"] == 0, result
    assert result["answers"]["Real1"] > 100 and result["answers"]["Real2"] > 100


def set_offloads(cluster, wanted):
    for host in (cluster.client, cluster.vs, cluster.real1, cluster.real2):
        host.set_offloads(wanted)
