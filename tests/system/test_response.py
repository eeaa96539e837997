# SPDX-License-Identifier: Apache-2.0
"""Least response time: one real server is behind a slow wire.

    client 10.0.1.2 --- vs 10.0.1.1, VIP .100 / 10.0.2.1 ---+--- rs1 10.0.2.11
                                                            +--- wire, 300 ms --- rs2 10.0.2.12
"""

import collections

import pytest

from support.director import Director
from support.lab import Lab
from support.process import wait_until
from support.servers import PROGRAMS, PYTHON, start_answering

VIP = "10.0.1.100"
CONNECTIONS = 20


@pytest.fixture
def network():
    with Lab() as lab:
        outside, inside, behind = (lab.bridge(name) for name in ("outside", "inside", "behind"))
        lab.client = lab.host("client", eth0=outside.at("10.0.1.2/24"))
        lab.vs = lab.host("vs", eth0=outside.at("10.0.1.1/24", f"{VIP}/24"),
                          eth1=inside.at("10.0.2.1/24"))
        lab.vs.sysctl("net.ipv4.ip_forward", 1)
        lab.fast = lab.host("rs1", "10.0.2.1", eth1=inside.at("10.0.2.11/24"))
        lab.slow = lab.host("rs2", "10.0.2.1", eth1=behind.at("10.0.2.12/24"))
        wire = lab.host("wire", eth0=inside.at(), eth1=behind.at())
        wire.ip("link set dev eth0 promisc on", "link set dev eth1 promisc on")
        for host in (lab.client, lab.slow):
            host.set_offloads(False)
        wire.start([PYTHON, f"{PROGRAMS}/slow_wire.py", "eth0", "eth1", 150],
                   name="wire").wait_for_log("ready")
        start_answering(lab.fast, "fast", "tcp:8080")
        start_answering(lab.slow, "slow", "tcp:8080")
        lab.director = Director(lab.vs)
        yield lab


def connect(network):
    """A connection, and who answered; nobody if it was refused."""
    connection = network.client.socket()
    try:
        connection.connect((VIP, 80))
        return connection, connection.recv(16).decode().strip()
    except ConnectionError:
        connection.close()
        return None, "nobody"


def test_who_answers_late_gets_few_connections_until_the_other_one_answers_no_more(network):
    network.director.serve(f"-t {VIP}:80", "10.0.2.11:8080", "10.0.2.12:8080", scheduler="lrt")

    held, answered = zip(*(connect(network) for _ in range(CONNECTIONS)))

    count = collections.Counter(answered)
    assert 1 <= count["slow"] <= CONNECTIONS // 4, answered  # it was tried, and left
    assert count["fast"] == CONNECTIONS - count["slow"], answered

    # what refuses answers at once: that is not to attract anybody
    for connection in held:
        connection.close()
    network.fast.started["answer"].stop()
    wait_until(lambda: connect(network)[1] == "slow", what="connections go to the slow server")
    assert [connect(network)[1] for _ in range(5)] == ["slow"] * 5
