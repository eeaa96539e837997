# SPDX-License-Identifier: Apache-2.0
"""Checks that go the way of clients (through = "service"): forwarded, by each method, to the very
server that is checked. What they find is whether the service works, not whether the host does.

    client 10.0.0.100 --+-- vs 10.0.0.1, VIP .2 --+-- real1 .11, VIP --+-- real2 .12, VIP

Drawn in full in support/cluster.py (FlatCluster).
"""

import pytest

from support.agent import Agent
from support.cluster import REAL1, REAL2, VIP, FlatCluster
from support.director import Director
from support.process import wait_until
from support.servers import start_nginx


def config(forward, servers, listen=f'"{VIP}:80/tcp"'):
    return f"""
[[service]]
name = "web"
listen = [{listen}]
scheduler = "rr"
{forward}
check = {{ type = "http", through = "service", interval = "300ms", timeout = "300ms", retries = 0 }}
servers = [ {", ".join(f'{{ address = "{server}" }}' for server in servers)} ]
"""


@pytest.fixture
def flat(lab):
    made = FlatCluster(lab).start_servers()
    made.director = Director(made.vs)
    return made


def who_is_in(cluster):
    return {server for server, (weight, _) in cluster.director.standings().items() if weight}


@pytest.mark.parametrize("forward", ['forward = "dr"', 'forward = "tun"',
                                     'forward = "tun"\ntunnel = "gue"'])
def test_a_server_that_answers_but_not_as_the_service_is_out(flat, forward):
    """Real1 is made a real server; Real2 is up as a host, and has no virtual address."""
    real1, real2 = flat.REAL1, flat.REAL2
    line = f"--vip {VIP}" + ("" if '"dr"' in forward else " --tunnel ipip,gue")
    Agent(flat.real1).start(line)
    flat.director.start_isobard(config(forward, [real1, real2]))

    wait_until(lambda: who_is_in(flat) == {real1}, what="the one that serves is in")
    assert {flat.client.curl(f"http://{VIP}/").strip() for _ in range(4)} == {"Real1"}
    told = flat.director.isobar("health", "web", real1).stdout
    assert f"http to {VIP}:80: up since" in told, told

    Agent(flat.real2).start(line)
    wait_until(lambda: who_is_in(flat) == {real1, real2}, what="now both do")
    # nobody else sees the ways of checks
    assert flat.director.ipvsadm("-L -n").count("->") == 1 + 2
    assert "FWM" not in flat.director.ipvsadm("-S -n")
    assert len(flat.director.status()["services"]) == 1


@pytest.mark.parametrize("listen", [f'"{VIP}:80/tcp"', f'"{VIP}:80/tcp", "{VIP}:8080/tcp"'])
def test_nat_goes_to_each_server_by_its_own_way(cluster, listen):
    cluster.director.start_isobard(config("", [REAL1, REAL2], listen))

    wait_until(lambda: who_is_in(cluster) == {REAL1, REAL2}, what="both are in")
    assert {cluster.client.curl(f"http://{VIP}/").strip() for _ in range(4)} == {"Real1", "Real2"}

    cluster.nginx["real1"].stop()
    wait_until(lambda: who_is_in(cluster) == {REAL2}, what="it is out")
    start_nginx(cluster.real1, "Real1")
    wait_until(lambda: who_is_in(cluster) == {REAL1, REAL2}, what="it is in again")
