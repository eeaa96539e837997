# SPDX-License-Identifier: Apache-2.0
"""As test_compare.py, for what has rules of its own: SCTP, FTP through NAT, one-packet scheduling,
services by firewall mark."""

import itertools
import os
import time

import pytest

from support import frames
from support.process import run
from support.twins import IN, OUT, SERVERS, V6, Twins, service

pytestmark = pytest.mark.vm


# ---- SCTP ----

CHUNKS = ("INIT", "INIT-ACK", "COOKIE-ECHO", "COOKIE-ACK", "DATA", "SHUTDOWN", "SHUTDOWN-ACK",
          "SHUTDOWN-COMPLETE", "ERROR", "ABORT")
CLIENT_CHUNKS = tuple((Twins.client, chunk) for chunk in CHUNKS)
SERVER_CHUNKS = tuple((Twins.server, chunk) for chunk in CHUNKS)
HANDSHAKE = ((Twins.client, "INIT"), (Twins.server, "INIT-ACK"), (Twins.client, "COOKIE-ECHO"),
             (Twins.server, "COOKIE-ACK"))
CLOSING = ((Twins.client, "SHUTDOWN"), (Twins.server, "SHUTDOWN-ACK"))


def associations(twins, port, begin, events):
    """Associations that begin alike, and then take one event each. If that takes so long that one may
    be forgotten on the way, as those in INIT1 and REJECTED are after 4 s, others are taken."""
    for _ in range(5):
        started = time.monotonic()
        made = twins.connections((twins.vip, port), len(events))
        for side, chunk in begin:
            side(twins, made, chunk, frames.sctp)
        for association, (side, chunk) in zip(made, events):
            side(twins, [association], chunk, frames.sctp)
        if time.monotonic() < started + 3.5:
            break
    twins.tell(f"from port {made[0].client[1]} on: {' '.join(chunk for _, chunk in begin)}")
    return made


def test_sctp_goes_all_ways(twins):
    twins.rules(*service(twins, 3868, "rr", (1,), protocol="-sctp-service", to=9868),
                *service(twins, 3869, "rr", (1,), method="-g", protocol="-sctp-service", to=3869))
    everyone = CLIENT_CHUNKS + SERVER_CHUNKS
    hidden = [(Twins.client, chunks) for chunks in (
        "COOKIE-ECHO DATA", "COOKIE-ECHO ABORT", "COOKIE-ACK ABORT", "DATA ABORT")]
    ways = [*((3868, (*HANDSHAKE[:1], event), everyone) for event in everyone),
            *((3868, HANDSHAKE[:steps], everyone) for steps in (2, 3, 4)),
            *((3868, HANDSHAKE + CLOSING[:steps], everyone) for steps in (1, 2)),
            (3868, HANDSHAKE[:2], hidden),
            # the replies go by another way
            *((3869, (*HANDSHAKE[:1], event), CLIENT_CHUNKS) for event in CLIENT_CHUNKS)]
    made = [each for way in ways for each in associations(twins, *way)]
    twins.look("-L -n -c", of=made, without=("INIT1", "REJECTED"))
    twins.agree()


def test_packets_of_sctp(twins):
    twins.rules(*service(twins, 3868, "rr", (1,), protocol="-sctp-service", to=9868),
                *service(twins, 3869, "rr", (1,), method="-i", protocol="-sctp-service", to=3869))
    client, server = ("10.9.0.1", twins.port), (SERVERS[0], 9868)
    for port in 3868, 3869, 3870:
        twins.send(OUT, *(frames.sctp(client, (twins.vip, port), chunks) for chunks in
                          ("DATA", "INIT", "COOKIE-ECHO DATA")))
    twins.send(IN, *(frames.sctp(server, client, chunks) for chunks in ("INIT-ACK", "DATA DATA DATA")),
               frames.sctp((SERVERS[1], 9868), client, "DATA"))
    twins.settle("-L -n --stats --exact")

    twins.switch("sloppy_sctp", 1)
    twins.send(OUT, *(frames.sctp((client[0], 5000 + number), (twins.vip, port), chunk)
                      for number, (port, chunk) in enumerate(itertools.product((3868, 3869), CHUNKS))))
    twins.look()
    twins.switch("sloppy_sctp", 0)
    twins.agree()


def test_sctp_is_forgotten_in_time(twins):
    twins.rules(*service(twins, 3868, "rr", (1,), protocol="-sctp-service", to=9868))
    half_open, refused = (twins.connections((twins.vip, 3868), 1) for _ in range(2))
    twins.client(half_open + refused, "INIT", frames.sctp)
    twins.server(refused, "ABORT", frames.sctp)
    twins.look()
    twins.when("both are gone", lambda rows: not rows)
    twins.look("-L -n")
    twins.agree()


# ---- FTP ----

def follow_ftp(twins):
    """IPVS follows FTP by a module, and that by conntrack, which a rule wakes up."""
    if "VMRUN" in os.environ:
        run(["modprobe", "ip_vs_ftp"])
    tables = "".join(f"table {family} tracked {{ chain c {{ type filter hook prerouting priority 0; "
                     "ct state new; }; }\n" for family in ("ip", "ip6"))
    for twin in twins.both:
        twin.host.run(["nft", "-f", "-"], input=tables)
    yield twins
    for twin in twins.both:
        twin.host.run(["nft", "flush", "ruleset"])


@pytest.fixture
def following(twins):
    yield from follow_ftp(twins)


@pytest.fixture
def following6(twins6):
    yield from follow_ftp(twins6)


class Control:
    """A control connection: both ends count what they say, as TCP does."""

    def __init__(self, twins, client, server):
        self.twins, self.client, self.server = twins, client, server
        self.service = twins.vip, 21
        self.said = {OUT: 1000, IN: 5000}
        self.heard = {OUT: 5000, IN: 1000}
        for side, flags in ((OUT, "S"), (IN, "SA"), (OUT, "A")):
            self.say(side, b"", flags=flags)

    def say(self, side, data, becomes=None, flags="PA"):
        source, target = ((self.client, self.service) if side == OUT else (self.server, self.client))
        self.twins.send(side, frames.tcp(source, target, flags, data, seq=self.said[side],
                                         ack=self.heard[side]))
        self.said[side] += len(data) + ("S" in flags)
        self.heard[IN if side == OUT else OUT] += len(becomes or data) + ("S" in flags)


def data_connection(twins, server, client, port):
    """By NAT, from the client to a port of the service: its handshake."""
    twins.send(OUT, frames.tcp(client, (twins.vip, port), "S", seq=1, ack=0))
    twins.send(IN, frames.tcp((server, port), client, "SA", seq=1, ack=2))
    twins.send(OUT, frames.tcp(client, (twins.vip, port), "A", seq=2, ack=2))


def test_ftp_passive(following):
    twins, server = following, SERVERS[0]
    twins.rules(*service(twins, 21, "rr", (1,), to=21))
    control = Control(twins, ("10.9.0.1", 30001), (server, 21))
    control.say(IN, b"220 ready\r\n")
    control.say(OUT, b"PASV\r\n")
    words = "227 Entering Passive Mode (%s,78,52).\r\n"
    control.say(IN, *((words % address.replace(".", ",")).encode() for address in (server, twins.vip)))
    twins.look("-L -n", "-L -n -c")
    data_connection(twins, server, ("10.9.0.1", 30002), 78 * 256 + 52)
    # the answer has shrunk: from here on, both count differently
    control.say(OUT, b"RETR file\r\n")
    control.say(IN, b"150 here it comes\r\n")
    control.say(OUT, b"EPSV\r\n")
    control.say(IN, b"229 Entering Extended Passive Mode (|||20021|)\r\n")
    data_connection(twins, server, ("10.9.0.1", 30003), 20021)
    control.say(OUT, b"QUIT\r\n")
    control.say(IN, b"221 bye\r\n", flags="PAF")
    twins.look("-L -n", "-L -n -c")
    twins.settle("-L -n --stats --exact")
    twins.agree()


def test_ftp_active(following):
    twins, server = following, SERVERS[0]
    twins.rules(*service(twins, 21, "rr", (1,), to=21))
    control = Control(twins, ("10.9.0.1", 31001), (server, 21))
    for number, command in ((31002, b"PORT 10,9,0,1,121,26\r\n"), (31003, b"EPRT |1|10.9.0.1|31003|\r\n")):
        control.say(OUT, command)
        client = "10.9.0.1", number
        twins.send(IN, frames.tcp((server, 20), client, "S", seq=1, ack=0))
        twins.send(OUT, frames.tcp(client, (twins.vip, 20), "SA", seq=1, ack=2))
        twins.send(IN, frames.tcp((server, 20), client, "A", seq=2, ack=2))
        control.say(IN, b"200 command successful\r\n")
        twins.look("-L -n", "-L -n -c")
    twins.agree()


def test_ftp_of_ipv6(following6):
    twins, server, client = following6, V6.servers[0], "2001:db8:9::1"
    twins.rules(*service(twins, 21, "rr", (1,), to=21))
    control = Control(twins, (client, 30001), (server, 21))
    control.say(OUT, b"EPSV\r\n")
    control.say(IN, b"229 Entering Extended Passive Mode (|||20021|)\r\n")
    data_connection(twins, server, (client, 30003), 20021)
    control.say(OUT, b"EPRT |2|2001:db8:9::1|31003|\r\n")
    twins.send(IN, frames.tcp((server, 20), (client, 31003), "S", seq=1, ack=0))
    twins.send(OUT, frames.tcp((client, 31003), (twins.vip, 20), "SA", seq=1, ack=2))
    control.say(IN, b"200 command successful\r\n")
    twins.look("-L -n", "-L -n -c")
    twins.agree()


# ---- one-packet scheduling ----

def test_one_packet_scheduling(twins):
    twins.rules(*service(twins, 53, "rr", (1, 1, 1), "-o", protocol="u"),
                *service(twins, 54, "wlc", (1, 2, 3), "-o", protocol="u", method="-g", to=54),
                *service(twins, 55, "wrr", (2, 1), "-o", protocol="u", method="-i", to=55),
                *service(twins, 56, "rr", (1, 1, 1), "-o -p 300", protocol="u"),
                *service(twins, 57, "rr", (1, 1), protocol="u"))
    twins.command(f"-A -t {twins.vip}:80 -o")
    for port in range(53, 58):
        for client in ("10.9.0.1", "10.9.0.2"):
            twins.send(OUT, *[frames.udp((client, twins.port), (twins.vip, port))] * 4)
    twins.send(IN, *(frames.udp((SERVERS[0], 8080), ("10.9.0.1", twins.port), b"answer") for _ in range(2)))
    twins.look("-L -n", "-L -n -c", "-S -n")
    twins.settle("-L -n --stats --exact")

    # it begins and ends while clients send
    twins.rules(f"-E -u {twins.vip}:53 -s rr", f"-E -u {twins.vip}:57 -s rr -o")
    for port in 53, 57:
        twins.send(OUT, *[frames.udp(("10.9.0.1", twins.port), (twins.vip, port))] * 4,
                   *[frames.udp(("10.9.0.3", twins.port), (twins.vip, port))] * 3)
    twins.look("-L -n", "-L -n -c")
    twins.agree()


# ---- marks ----

NFT = """
table ip %(name)s {
    chain prerouting {
        type filter hook prerouting priority mangle;
        ip daddr %(vip)s tcp dport { 80, 443 } meta mark set 101
        ip daddr %(vip)s udp dport 53 meta mark set 101
        ip daddr %(vip)s tcp dport 8000-8010 meta mark set 102
        ip daddr %(vip)s ip saddr 10.9.5.0/24 tcp dport 8080 meta mark set 103
    }
}
"""
IPTABLES = ("-d {vip} -p tcp -m multiport --dports 90,91 -j MARK --set-mark 104",
            "-d {vip} -p tcp --dport 92 -j MARK --set-mark 105")


def test_services_by_mark(twins):
    for twin in twins.both:
        twin.host.run(["nft", "-f", "-"], input=NFT % {"vip": twins.vip, "name": "by_mark"})
        for rule in IPTABLES:
            twin.host.run(["iptables", "-t", "mangle", "-A", "PREROUTING", *rule.format(vip=twins.vip).split()])
    twins.targets += [f"0.0.0.{mark}:" for mark in range(101, 106)]
    services = {101: ("-s rr -p 300", "-m"), 102: ("-s wlc", "-g"), 103: ("-s wrr", "-i"),
                104: ("-s rr -p 60 -M 255.255.255.0", "-g"), 105: ("-s sh", "-m")}
    twins.rules(*(rule for mark, (options, method) in services.items()
                  for rule in (f"-A -f {mark} {options}", *(
                      f"-a -f {mark} -r {server} {method} -w {weight}"
                      for server, weight in zip(SERVERS, (1, 2, 1))))),
                *service(twins, 80, "rr", (0, 0, 0, 1)), *service(twins, 8080, "rr", (0, 0, 0, 1)))
    clients = [f"10.9.{number}.{number}" for number in range(3, 8)]
    for port in (80, 443, 8000, 8011, 8080, 90, 91, 92):
        twins.connect((twins.vip, port), len(clients), clients)
    twins.send(OUT, *(frames.udp((client, twins.port), (twins.vip, 53)) for client in clients))
    twins.look("-L -n", "-L -n -c", "-S -n", "-L -n --persistent-conn", "-L -n -f 101")
    twins.settle("-L -n --stats --exact")

    twins.rules(f"-d -f 101 -r {SERVERS[0]}", f"-e -f 102 -r {SERVERS[1]} -g -w 0", "-D -f 103",
                "-E -f 104 -s rr", "-D -f 199", "-A -f 101", "-A -f 0", f"-a -f 101 -r {SERVERS[2]} -m",
                f"-d -f 101 -r {SERVERS[3]}", "-Z -f 105")
    for port in (80, 443, 8000, 8080, 90):
        twins.connect((twins.vip, port), len(clients), clients)
    twins.look("-L -n", "-L -n -c", "-S -n")
    twins.agree()
