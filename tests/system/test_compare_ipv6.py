# SPDX-License-Identifier: Apache-2.0
"""As test_compare.py, for services of IPv6."""

import itertools

import pytest

from support import frames
from support.twins import IN, OUT, V6, Twins, service

pytestmark = pytest.mark.vm

SERVERS = V6.servers
MANY = [f"2001:db8:9::{7 * i + 1:x}:{i:x}" for i in range(12)]
CLIENT = "2001:db8:9::1"


@pytest.fixture
def twins(twins6):
    return twins6


# ---- who is chosen ----

SCHEDULERS = ["rr", "wrr", "lc", "wlc", "sed", "nq", "fo", "ovf", "dh", "sh", "sh -b sh-port,sh-fallback",
              "mh", "mh -b mh-port,mh-fallback", "lblc", "lblcr"]


def test_every_scheduler_chooses_as_that_of_ipvs(twins):
    cases = dict(enumerate(itertools.product(SCHEDULERS, ((1, 2, 3), (3, 0, 1))), 1000))
    twins.rules(*(rule for port, (scheduler, weights) in cases.items()
                  for rule in service(twins, port, scheduler, weights)))
    for port in cases:
        twins.connect((twins.vip, port), 12, MANY)
    twins.rules(*(rule for port in cases for rule in (
        f"-e -t [{twins.vip}]:{port} -r [{SERVERS[1]}]:8080 -m -w 4",
        f"-d -t [{twins.vip}]:{port} -r [{SERVERS[0]}]:8080")))
    for port in cases:
        twins.connect((twins.vip, port), 6, MANY)
    twins.look("-L -n")
    twins.agree()


# ---- states ----

def test_ways_of_a_connection(twins):
    client = tuple((Twins.client, flags) for flags in ("S", "FA", "A", "R"))
    server = tuple((Twins.server, flags) for flags in ("SA", "FA", "A", "R"))
    for port, (method, events) in enumerate((("-m", client + server), ("-g", client), ("-i", client)), 80):
        twins.rules(*service(twins, port, "rr", (1,), method=method, to=port))
        ways = list(itertools.product(events, repeat=2))
        made = twins.connections((twins.vip, port), len(ways), CLIENT)
        twins.client(made, "S")
        for step in range(2):
            for side, flags in events:
                side(twins, [each for each, way in zip(made, ways) if way[step] == (side, flags)], flags)
        twins.look("-L -n", "-L -n -c", of=made)
    twins.agree()


# ---- persistence ----

def test_templates(twins):
    clients = [f"2001:db8:9::{number}" for number in ("8", "9", "f", "10", "1:8", "ff:8", "ffff:0:8")]
    twins.rules(*service(twins, 80, "rr", (1, 1, 1), "-p 300 -M 124"), *service(twins, 81, "wlc", (1, 2, 3), "-p 120"),
                *service(twins, 82, "rr", (1, 1, 1), "-p 120 -M 96", "-g", to=82),
                *service(twins, 0, "rr", (1, 1, 1), "-p 60", to=0),
                *service(twins, 53, "rr", (1, 1, 1), "-p", protocol="u"))
    for port in (80, 81, 82, 7000, 7001):
        twins.connect((twins.vip, port), len(clients), clients)
    twins.send(OUT, *(frames.udp((client, twins.port), (twins.vip, 53)) for client in clients[:3]))
    twins.look("-L -n", "-L -n -c", "-L -n --persistent-conn", "-S -n")

    twins.rules(f"-e -t [{twins.vip}]:80 -r [{SERVERS[2]}]:8080 -m -w 0",
                f"-d -t [{twins.vip}]:82 -r [{SERVERS[1]}]:82", f"-d -t [{twins.vip}]:0 -r [{SERVERS[0]}]:0",
                f"-E -t [{twins.vip}]:81 -s rr -p 120 -M 64")
    for port in (80, 81, 82, 7002):
        twins.connect((twins.vip, port), len(clients), clients)
    twins.look("-L -n", "-L -n -c", "-L -n --persistent-conn")
    twins.agree()


# ---- packets ----

def test_packets_as_they_are_forwarded(twins):
    twins.rules(*service(twins, 80, "rr", (1,)), *service(twins, 81, "rr", (1,), method="-g", to=81),
                *service(twins, 82, "rr", (1,), method="-i", to=82),
                *service(twins, 53, "rr", (1,), protocol="u"),
                *service(twins, 3868, "rr", (1,), protocol="-sctp-service", to=9868))
    client, server = (CLIENT, twins.port), (SERVERS[0], 8080)
    for port in (80, 81, 82):
        twins.send(OUT, *(frames.tcp(client, (twins.vip, port), flags, data, **header)
                          for flags, data, header in (
                              ("S", b"", {}), ("A", b"", {"tos": 0x10}), ("PA", b"x" * 999, {}),
                              ("PA", b"odd", {}), ("A", b"", {"ttl": 2}), ("A", b"", {"tos": 3}))))
    twins.send(IN, *(frames.tcp(server, client, flags, data, **header) for flags, data, header in (
        ("SA", b"", {}), ("PA", b"y" * 1001, {}), ("A", b"", {"ttl": 2}), ("A", b"", {"ttl": 1}))))
    twins.send(OUT, frames.udp(client, (twins.vip, 53), b"who?"),
               *(frames.sctp(client, (twins.vip, 3868), chunk) for chunk in ("INIT", "COOKIE-ECHO")))
    twins.send(IN, frames.udp(server, client, b"me", tos=4), frames.udp((SERVERS[1], 8080), client, b"not asked"),
               frames.sctp((SERVERS[0], 9868), client, "INIT-ACK"))
    twins.look()
    twins.settle("-L -n --stats --exact")
    # what ends here: IPVS counts it, Isobar does not
    for port in (80, 81, 82):
        twins.send(OUT, frames.tcp(client, (twins.vip, port), "A", ttl=1),
                   frames.tcp(client, (twins.vip, port), "PA", b"x" * 1440))
    twins.agree()


def test_refusals(twins):
    other = "2001:db8:3::ffff"
    twins.rules(f"-A -t [{twins.vip}]:80 -s rr", f"-A -u [{twins.vip}]:53 -s rr",
                *service(twins, 81, "rr", (0, 0)), *service(twins, 82, "ovf", (1,)))
    client = CLIENT, twins.port
    twins.connect((twins.vip, 82), 2, CLIENT)
    twins.send(OUT, *(frames.tcp(client, (twins.vip, port), flags)
                      for port in (80, 81, 82) for flags in ("S", "A", "R")))
    twins.send(OUT, frames.udp(client, (twins.vip, 53)), frames.tcp((CLIENT, 20), (twins.vip, 80), "S"),
               frames.icmp(CLIENT, twins.vip, 128, 0, 7, b"ping"), frames.tcp(client, (other, 80), "S"))
    twins.agree()


def test_icmp_errors_about_connections(twins):
    twins.rules(*service(twins, 80, "rr", (1,)), *service(twins, 81, "rr", (1,), method="-g", to=81))
    nat, direct = (twins.connect((twins.vip, port), 1, CLIENT)[0] for port in (80, 81))
    router = "2001:db8:9::9"
    seen_by_client = frames.tcp((twins.vip, 80), nat.client, "A", b"x" * 1000)
    seen_by_server = frames.tcp(nat.client, (SERVERS[0], 8080), "A", b"x" * 1000)
    for kind, code, rest in ((2, 0, 1400), (1, 0, 0), (1, 4, 0), (3, 0, 0)):
        twins.send(OUT, frames.icmp(router, twins.vip, kind, code, rest, seen_by_client[:68]),
                   frames.icmp(router, twins.vip, kind, code, rest, seen_by_client))
        twins.send(IN, frames.icmp(SERVERS[0], CLIENT, kind, code, rest, seen_by_server[:80]))
    twins.send(OUT, frames.icmp(router, twins.vip, 2, 0, 1400,
                                frames.tcp((twins.vip, 81), direct.client, "A", b"x" * 1000)[:80]),
               frames.icmp(router, twins.vip, 2, 0, 1400,
                           frames.tcp((twins.vip, 80), (CLIENT, 999), "A")))
    twins.agree()


# ---- marks ----

MARKS = """
table ip6 by_mark {
    chain prerouting {
        type filter hook prerouting priority mangle;
        ip6 daddr %s tcp dport { 80, 443 } meta mark set 111
        ip6 daddr %s udp dport 53 meta mark set 111
    }
}
"""


def test_services_by_mark(twins):
    for twin in twins.both:
        twin.host.run(["nft", "-f", "-"], input=MARKS % (twins.vip, twins.vip))
        twin.host.run(["ip6tables", "-t", "mangle", "-A", "PREROUTING", "-d", twins.vip, "-p", "tcp", "--dport", "90",
                       "-j", "MARK", "--set-mark", "112"])
    twins.targets += ["[0:6f::]:", "[::6f]:"]
    twins.rules(*(rule for mark, options, method in ((111, "-s rr -p 300 -M 120", "-m"), (112, "-s wlc", "-g"))
                  for rule in (f"-A -f {mark} -6 {options}", *(
                      f"-a -f {mark} -6 -r [{server}] {method}" for server in SERVERS))))
    for port in (80, 443, 90):
        twins.connect((twins.vip, port), 8, MANY[:4])
    twins.send(OUT, *(frames.udp((client, twins.port), (twins.vip, 53)) for client in MANY[:6]))
    twins.rules("-A -f 111 -s rr", "-D -f 112", "-E -f 112 -6 -s rr", "-A -f 113 -6")
    twins.look("-L -n", "-L -n -c", "-S -n", "-L -n -f 111 -6", "-L -n -f 111", "-L -n --persistent-conn")
    twins.settle("-L -n --stats --exact")
    twins.agree()


# ---- listings and rules ----

def all_kinds(twins):
    web = f"-t [{twins.vip}]:8080"
    return [
        *service(twins, 80, "wlc", (1, 2, 2147483647)), *service(twins, 443, "sh", (1, 0), "-b sh-port,sh-fallback"),
        *service(twins, 22, "mh", (1,), "-p 360 -M 64 -b mh-port", "-g", to=22),
        *service(twins, 0, "rr", (1,), "-p", to=0), *service(twins, 53, "rr", (1, 1), protocol="u"),
        *service(twins, 5060, "wrr", (1,), "-p 60 -M 128", "-i", protocol="u", to=5060),
        *service(twins, 3868, "rr", (1,), protocol="-sctp-service"),
        f"-A {web} -s nq", f"-a {web} -r [{SERVERS[3]}]:80 -m -x 100 -y 50", f"-a {web} -r [{SERVERS[0]}] -m",
        f"-a {web} -r [2001:db8:2::2]:1 -m", f"-a {web} -r [2001:db8:2::100]:99 -i --tun-type gue --tun-port 6080",
        f"-a {web} -r [2001:db8:2::101]:99 -i --tun-type gre --tun-csum",
        "-A -t [2001:db8:3::100]:80 -s rr", "-A -t [2001:db8:3::20]:80 -s fo", "-A -u [2001:db8::3]:9 -s sed",
        "-A -t 10.0.3.250:80 -s rr", "-a -t 10.0.3.250:80 -r 10.0.2.11:80 -m", "-A -f 9 -s rr", "-A -f 9 -6 -s rr",
        f"-A -t [{twins.vip}]:99 -s rr", f"-a -t [{twins.vip}]:99 -r 10.0.2.11:99 -i",
        f"-a -t [{twins.vip}]:99 -r [fd00::1]:99 -i", f"-a -t [{twins.vip}]:99 -r [{SERVERS[0]}]:99 -i",
        "-A -u 10.0.3.250:9 -s rr", "-A -t 10.0.3.250:99 -s rr", f"-a -t 10.0.3.250:99 -r [{SERVERS[0]}]:99 -i",
    ]


LISTINGS = [
    "", "-L", "-L -n", "-L -n --stats", "-L --stats", "-L -n --stats --exact", "-L -n --thresholds",
    "-L -n --persistent-conn", "-L -n --tun-info", "-L -n -t [{vip}]:80", "-L -t [{vip}]:22",
    "-L -n -u [{vip}]:53 --stats", "-S", "-S -n", "-L -n --exact", "-L -n -t [{vip}]", "-L -n -c",
    "-L -n -c --persistent-conn", "-L -n -f 9 -6", "-L -n --sort",
]


def test_listings(twins):
    twins.rules(*all_kinds(twins))
    twins.connect((twins.vip, 22), 1, CLIENT)
    twins.connect((twins.vip, 80), 3, MANY)
    twins.look_at(LISTINGS)
    twins.agree()


def test_each_restores_what_the_other_saved(twins):
    twins.rules(*all_kinds(twins))
    twins.restore_each_other()
    twins.agree()


LINES = """
-A -t [VIP]:99999
-A -t [VIP]
-A -t VIP:80
-A -t VIP
-A -t [VIP
-A -t VIP]:80
-A -t [VIP]80
-A -t []:80
-A -t [VIP]:
-A -t [10.0.3.1]:80
-a -t [VIP]:80 -r [10.0.2.14]:81 -i
-A -t [2001:db8::g]:80
-A -t [fe80::1%lo]:80
-A -t [VIP]:83 -p 60 -M 255.255.255.0
-A -t [VIP]:83 -p 60 -M 129
-A -t [VIP]:83 -p 60 -M 0
-A -t [VIP]:83 -p 60 -M -1
-A -t [VIP]:84 -p 60 -M 1
-A -t [VIP]:85 -s rr -6
-A -6 -t [VIP]:86
-A -f 8 -6 -p 60 -M 64
-A -f 8 -6
-A -f 8 -6 -s nosuch
-A -6
-a -t [VIP]:80 -r 10.0.2.11:80 -m
-a -t [VIP]:80 -r 10.0.2.11 -g
-a -t [VIP]:80 -r 10.0.2.12 -i
-a -t [VIP]:80 -r [2001:db8:2::12]:81 -g
-a -t [VIP]:80 -r [::1]:80 -m
-a -t [VIP]:80 -r [::]:80 -m
-a -t [VIP]:80 -r [ff02::1]:80 -m
-a -t [VIP]:80 -r [fe80::5]:80 -g
-a -t [VIP]:80 -r 2001:db8:2::13 -m
-a -t [VIP]:80 -r [2001:db8:2::13] -m
-a -f 8 -6 -r [2001:db8:2::12]:0 -m
-a -f 8 -r [2001:db8:2::12]:0 -m
-a -f 8 -6 -r 10.0.2.11 -g
-e -t [VIP]:80 -r [2001:db8:2::13] -m -w 5
-d -t [VIP]:80 -r [2001:db8:2::99]:80
-D -t [VIP]:99
-L -n -t [VIP]:99
-Z -t [VIP]:80
-Z -f 8 -6
-D -f 8
-D -f 8 -6
-S -n
""".strip().splitlines()


def test_command_lines(twins):
    twins.rules(*service(twins, 80, "rr", (1,)))
    twins.commands([line.replace("VIP", twins.vip) for line in LINES])
    twins.agree()
