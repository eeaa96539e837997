# SPDX-License-Identifier: Apache-2.0
"""Datagrams of 8 KB, which come in fragments: in order, in no order, both ways, by every method.

    client 10.0.0.100 ---- vs 10.0.0.1, VIP .2 ---- real1

Drawn in full in support/cluster.py.
"""

import random
import socket

import pytest

from support.agent import Agent
from support.cluster import CLIENT, REAL1, VIP, Cluster, FlatCluster
from support.datagrams import fragments
from support.director import Director

PORT, SERVER_PORT = 9000, 9001
SERVICE = f"-u {VIP}:{PORT}"
SIZE, COUNT = 8192, 1000
WINDOW = 8  # datagrams whose fragments are mixed with each other
MTU = 1400  # of who sends: the fragments fit into every tunnel

ORDERS = {
    "reversed": lambda packets: packets[::-1],
    "shuffled": lambda packets: random.Random(4711).sample(packets, len(packets)),
}
# Reversed first: the kernel's identifications, which "plain" takes, may be some of ours, and of
# what was seen before nothing has to wait.
ARRIVALS = "reversed", "plain", "shuffled"
GUE = "--tun-type gue --tun-port 6080 --tun-nocsum"
GRE = "--tun-type gre --tun-nocsum"
METHODS = {"nat": "-m", "dr": "-g", "ipip": "-i", "gue": f"-i {GUE}", "gre": f"-i {GRE}"}


class Scene:
    """A service with one real server; what it is asked, and whence."""

    def __init__(self, lab, method, hook):
        self.cluster = Cluster(lab) if method == "nat" else FlatCluster(lab)
        self.client, self.vs, self.real1 = (self.cluster.client, self.cluster.vs,
                                            self.cluster.real1)
        self.director = Director(self.vs)
        self.server = (REAL1, SERVER_PORT) if method == "nat" else (VIP, PORT)
        # not of a server behind a tunnel, which packets reach in their outer headers
        for host in (self.client, self.real1)[:2 if method == "nat" else 1]:
            host.ip(*(f"link set dev {name} mtu {MTU}" for name in host.interfaces))
        if hook == "xdp":
            self.cluster.ready_for_xdp()
        self.director.start_isobard(f"""
            [director]
            hook = "{hook}"
            [[masquerade]]
            from = "192.168.10.0/24"
            out = "eth0"
            """)
        if method == "dr":
            self.cluster.take_virtual_address(self.real1)
        elif method != "nat":
            Agent(self.real1).start(f"--vip {VIP} --tunnel {method}")
        address = f"{REAL1}:{SERVER_PORT}" if method == "nat" else FlatCluster.REAL1
        self.director.ipvsadm(f"-A {SERVICE} -s rr",
                              f"-a {SERVICE} -r {address} {METHODS[method]}")

    def verdict(self, name):
        return self.director.status()["verdicts"][name]


def payloads():
    return [number.to_bytes(4, "big") + random.Random(number).randbytes(SIZE - 4)
            for number in range(COUNT)]


def send_raw(host, source, target, batch, first, order):
    """The datagrams of `batch`, their fragments mixed as `order` says."""
    packets = [packet for number, payload in enumerate(batch, first)
               for packet in fragments(source, target, payload, number + 1)]
    with host.socket(socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        for packet in ORDERS[order](packets):
            raw.sendto(packet, (target[0], 0))


def batches():
    everything = payloads()
    for first in range(0, COUNT, WINDOW):
        yield first, everything[first:first + WINDOW]


def receive(receiver, batch):
    """The datagrams have arrived, each whole and once; their sender."""
    received = [receiver.recvfrom(2 * SIZE) for _ in batch]
    assert sorted(data for data, _ in received) == sorted(batch)
    [sender] = {address for _, address in received}
    return sender


def send(host, source, target, batch, first, order):
    """As `order` says; or "plain": as the kernel of the host cuts them up."""
    if order != "plain":
        send_raw(host, source.getsockname(), target, batch, first, order)
        return
    for payload in batch:
        source.sendto(payload, target)


@pytest.mark.parametrize("hook", ["tc", "xdp"])
@pytest.mark.parametrize("method", METHODS)
def test_every_datagram_arrives(lab, method, hook):
    scene = Scene(lab, method, hook)
    with scene.client.socket(socket.SOCK_DGRAM, bind=(CLIENT, 0)) as asking, \
            scene.real1.socket(socket.SOCK_DGRAM, bind=scene.server) as server:
        for order in ARRIVALS:
            for first, batch in batches():
                send(scene.client, asking, (VIP, PORT), batch, first, order)
                assert receive(server, batch) == asking.getsockname()

    rounds = len(ARRIVALS)
    traffic = scene.director.traffic(f"UDP {VIP}:{PORT}")[None]
    assert (traffic.connections, traffic.in_packets) == (1, rounds * COUNT)
    assert traffic.in_bytes == rounds * COUNT * (SIZE + 8 + 20)
    assert scene.verdict("fragment_released") >= COUNT  # surely those that came reversed


@pytest.mark.parametrize("hook", ["tc", "xdp"])
def test_every_answer_of_a_nated_server_arrives(lab, hook):
    scene = Scene(lab, "nat", hook)
    with scene.client.socket(socket.SOCK_DGRAM, bind=(CLIENT, 0)) as asking, \
            scene.real1.socket(socket.SOCK_DGRAM, bind=scene.server) as server:
        asking.sendto(b"?", (VIP, PORT))
        _, client = server.recvfrom(100)
        for order in ("plain", "shuffled"):
            for first, batch in batches():
                send(scene.real1, server, client, batch, first, order)
                assert receive(asking, batch) == (VIP, PORT)
