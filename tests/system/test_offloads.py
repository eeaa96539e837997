# SPDX-License-Identifier: Apache-2.0
"""Checksums and segments that a sender leaves to its network card are right behind the director.

    client 10.0.0.100 ---- vs 10.0.0.1, VIP 10.0.0.2 / 192.168.10.254 ---- real1 192.168.10.100

Drawn in full in support/cluster.py. The client and real1 leave all to the card, the director's own
cards can nothing: its kernel cuts up and sums up what leaves, so that receivers see real sums.
"""

import hashlib
import os
import re
import socket

import pytest

from support.cluster import REAL1, VIP
from support.servers import digest_of_upload, html_directory, start_sink

SIZE = 16 << 20


@pytest.fixture
def half_made(cluster):
    for host in (cluster.client, cluster.real1):
        host.set_offloads(True)
    cluster.vs.set_offloads(False, peers=False)
    return cluster


def test_what_a_client_sends(half_made):
    start_sink(half_made.real1, 9000)
    half_made.director.serve(f"-t {VIP}:9000", f"{REAL1}:9000")
    data = os.urandom(SIZE)

    digest = digest_of_upload(half_made.client, (VIP, 9000), data, timeout=20)

    assert digest == hashlib.sha256(data).hexdigest()
    assert bad_sums(half_made.real1) == 0


def test_what_a_real_server_sends(half_made):
    data = os.urandom(SIZE)
    with open(os.path.join(html_directory(half_made.real1), "data"), "wb") as file:
        file.write(data)
    half_made.director.serve(f"-t {VIP}:80", f"{REAL1}:80")

    digest = half_made.client.output(["bash", "-c", f"curl -sSf http://{VIP}/data | sha256sum"])

    assert digest.split()[0] == hashlib.sha256(data).hexdigest()
    assert bad_sums(half_made.client) == 0


def test_the_refusal_of_a_syn(half_made):
    from scapy.layers.inet import ICMP, IP
    half_made.director.ipvsadm(f"-A -t {VIP}:81")
    with half_made.client.socket(timeout=5) as connection, \
            half_made.client.socket(socket.SOCK_RAW, socket.IPPROTO_ICMP) as heard:
        with pytest.raises(ConnectionRefusedError):
            connection.connect((VIP, 81))
        refusal = IP(heard.recv(2000))

    again = refusal.copy()
    del again.chksum, again[ICMP].chksum
    assert bytes(again) == bytes(refusal)
    assert (refusal[ICMP].type, refusal[ICMP].code) == (3, 3)


def bad_sums(host):
    """Segments and datagrams that this host found damaged."""
    return sum(int(count) for count in re.findall(
        r"(?:Tcp|Udp)InCsumErrors +(\d+)",
        host.output(["nstat", "-asz", "TcpInCsumErrors", "UdpInCsumErrors"])))
