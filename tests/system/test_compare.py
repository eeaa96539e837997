# SPDX-License-Identifier: Apache-2.0
"""Isobar and the kernel's IPVS side by side, in the virtual machine: the same commands and packets to
both, and no difference in what they choose, send, count, list, say and forget. Drawn in
support/twins.py. What is not equal has its reason in docs/ipvs-differences.md.
"""

import itertools

import pytest

from support import frames
from support.cluster import VIP, FlatCluster
from support.director import Director
from support.lab import Lab
from support.process import run
from support.servers import start_nginx
from support.twins import IN, OUT, SERVERS, Twins, service

pytestmark = pytest.mark.vm

MANY = [f"10.9.{i}.{7 * i + 1}" for i in range(12)]


# ---- listings and rules ----

def all_kinds(twins):
    many = f"-t {twins.vip}:8080"
    return [
        *service(twins, 80, "wlc", (1, 2, 2147483647)),
        *service(twins, 443, "sh", (1, 0), "-b sh-port,sh-fallback"),
        *service(twins, 22, "mh", (1,), "-p 360 -M 255.255.255.0 -b mh-port", "-g", to=22),
        *service(twins, 0, "rr", (1,), "-p", to=0),
        *service(twins, 53, "rr", (1, 1), protocol="u"),
        *service(twins, 5060, "wrr", (1,), "-p 60", "-i", protocol="u", to=5060),
        f"-A {many} -s nq", f"-a {many} -r {SERVERS[3]}:80 -m -x 100 -y 50",
        f"-a {many} -r {SERVERS[0]} -m -x 65535", f"-a {many} -r 10.0.2.2:1 -m",
        f"-a {many} -r 10.0.2.100:99 -i --tun-type gue --tun-port 6080 --tun-nocsum",
        f"-a {many} -r 10.0.2.101:99 -i --tun-type gre",
        "-A -t 10.0.3.100:80 -s rr", "-A -t 10.0.3.20:80 -s fo", "-A -t 10.0.3.3:9 -s ovf",
        "-A -u 10.0.3.3:9 -s sed", "-A -t 10.0.3.3:80",
    ]


LISTINGS = [
    "", "-L", "-l", "-L -n", "-L -n --sort", "-L -c", "-L -n -c", "-L --stats",
    "-L -n --stats", "-L -n --stats --exact",
    "-L -n --thresholds", "-L -n --persistent-conn", "-L -n --tun-info", "-L --timeout", "-L --daemon",
    "-L -n -t {vip}:80", "-L -t {vip}:22", "-L -n -u {vip}:53 --stats", "-L -n --stats --rate",
    "-S", "-S -n", "-L -n --exact", "-L -n -t {vip}", "-L -n -c --persistent-conn",
    "-L -n -c --sort", "-L -n --tun-info --thresholds",
]


# It is the first: in listings with names, each connection that is there takes a tenth of a second here.
def test_listings(twins):
    twins.rules(*all_kinds(twins))
    twins.look("-L -n --rate", "-L -n --rate --exact")  # before there is traffic: it would differ by the moment
    twins.connect((twins.vip, 22), 1)
    twins.connect((twins.vip, 80), 3)
    twins.look_at(LISTINGS)
    twins.agree()


def test_each_restores_what_the_other_saved(twins):
    twins.rules(*all_kinds(twins))
    twins.restore_each_other()
    twins.agree()


# ---- who is chosen ----

# twos is not in Debian's kernel
SCHEDULERS = [
    "rr", "wrr", "lc", "wlc", "sed", "nq", "fo", "ovf", "dh", "sh", "sh -b sh-port",
    "sh -b sh-fallback", "sh -b sh-fallback,sh-port", "mh", "mh -b mh-port", "mh -b mh-fallback",
    "mh -b mh-fallback,mh-port", "lblc", "lblcr"]
WEIGHTS = (1, 2, 3), (1, 1, 1), (0, 5, 2), (30, 0, 100)


def test_every_scheduler_chooses_as_that_of_ipvs(twins):
    cases = dict(enumerate(itertools.product(SCHEDULERS, WEIGHTS), 1000))
    twins.rules(*(rule for port, (scheduler, weights) in cases.items()
                  for rule in service(twins, port, scheduler, weights)))
    opened = {port: twins.connect((twins.vip, port), 12, MANY) for port in cases}
    twins.look("-L -n")

    # some clients leave, one server is quiesced, another gets heavier
    twins.close([each for connections in opened.values() for each in connections[::3]])
    twins.rules(*(rule for port in cases for rule in (
        f"-e -t {twins.vip}:{port} -r {SERVERS[1]}:8080 -m -w 0",
        f"-e -t {twins.vip}:{port} -r {SERVERS[0]}:8080 -m -w 4")))
    for port in cases:
        twins.connect((twins.vip, port), 8, MANY)
    twins.look("-L -n")

    # one leaves, a new one comes, one comes back
    twins.rules(*(rule for port in cases for rule in (
        f"-d -t {twins.vip}:{port} -r {SERVERS[2]}:8080",
        f"-a -t {twins.vip}:{port} -r {SERVERS[3]}:8080 -m -w 2",
        f"-e -t {twins.vip}:{port} -r {SERVERS[1]}:8080 -m -w 1")))
    for port in cases:
        twins.connect((twins.vip, port), 6, MANY)
    twins.rules(*(rule for port, (scheduler, _) in cases.items() for rule in (
        f"-a -t {twins.vip}:{port} -r {SERVERS[2]}:8080 -m -w 3",
        f"-E -t {twins.vip}:{port} -s {SCHEDULERS[SCHEDULERS.index(scheduler) - 1]}")))
    for port in cases:
        twins.connect((twins.vip, port), 6, MANY)
    twins.look("-L -n")

    twins.agree()


def test_destination_hashing_by_virtual_address(twins):
    addresses = [f"10.0.3.{number}" for number in range(110, 150, 3)]
    twins.rules(*(line.replace(twins.vip, address) for address in addresses
                  for line in service(twins, 80, "dh", (1, 2, 3))))

    for address in addresses:
        twins.connect((address, 80), 2, MANY)

    twins.agree()


MARKS = """
table ip proxies {
    chain prerouting {
        type filter hook prerouting priority mangle;
        ip daddr 10.0.3.200/29 tcp dport 3128 meta mark set 7
        ip daddr 10.0.3.200/29 tcp dport 3129 meta mark set 8
    }
}
"""


def test_locality_of_many_destinations_by_mark(twins):
    for twin in twins.both:
        twin.host.run(["nft", "-f", "-"], input=MARKS)
    twins.targets += [f"10.0.3.{last}:" for last in range(201, 206)]
    services = {3128: "-f 7", 3129: "-f 8"}
    for name, scheduler in zip(services.values(), ("lblc", "lblcr")):
        twins.rules(f"-A {name} -s {scheduler}", *(f"-a {name} -r {server} -m -w {weight}"
                                                   for server, weight in zip(SERVERS, (2, 1, 4, 1))))
    opened = []

    def connect(rounds):
        for _, port, last in itertools.product(range(rounds), services, range(201, 206)):
            opened.extend(twins.connect((f"10.0.3.{last}", port), 1 + last % 2, MANY))

    for port in services:
        opened.extend(twins.connect(("10.0.3.201", port), 14, MANY))
    connect(4)
    twins.look("-L -n")
    twins.close(opened[::3])
    for name in services.values():
        twins.rules(f"-e {name} -r {SERVERS[2]} -m -w 0", f"-d {name} -r {SERVERS[0]}",
                    f"-e {name} -r {SERVERS[1]} -m -w 9 -x 12")
    connect(3)
    for name in services.values():
        twins.rules(f"-e {name} -r {SERVERS[2]} -m -w 3", f"-a {name} -r {SERVERS[0]} -m -w 5")
    connect(4)
    twins.look("-L -n")
    twins.agree()


# ---- switches ----

@pytest.fixture
def switched(twins):
    yield twins
    for name, value in (("conn_reuse_mode", 1), ("sloppy_tcp", 0), ("secure_tcp", 0),
                        ("expire_nodest_conn", 0)):
        twins.switch(name, value)


def test_switches_of_tcp(switched):
    nat, dr, kept = ((switched.vip, port) for port in (80, 81, 82))
    switched.rules(*service(switched, 80, "rr", (1, 1, 1)),
                   *service(switched, 81, "rr", (1, 1, 1), method="-g"),
                   *service(switched, 82, "rr", (1, 1, 1), "-p 300", method="-g"))

    def client(number, port, *flags):
        switched.send(OUT, *(frames.tcp(("10.9.0.1", number), port, each) for each in flags))

    # a client uses its port again
    for mode in range(4):
        switched.switch("conn_reuse_mode", mode)
        for port in nat, dr, kept:
            client(20000 + mode, port, "S", "A", "FA", "S", "A", "R", "S")
    switched.look("-L -n", "-L -n -c")
    switched.settle("-L -n --stats")

    # in the middle of a connection
    switched.switch("sloppy_tcp", 1)
    for number, flags in enumerate(("A", "FA", "R", "SA"), 21000):
        for port in nat, dr:
            client(number, port, flags, "A")
    switched.look("-L -n -c")
    switched.switch("sloppy_tcp", 0)

    # only the server is believed
    switched.switch("secure_tcp", 3)
    opened = switched.connections(nat, 3) + switched.connections(dr, 3)
    for from_client, flags in ((True, "S"), (True, "A"), (False, "SA"), (True, "A"), (False, "A"),
                               (True, "FA")):
        (switched.client if from_client else switched.server)(
            opened if from_client else opened[:3], flags)
        switched.look("-L -n -c", of=opened)
    switched.switch("secure_tcp", 0)

    # a quiesced server
    opened = switched.connect(dr, 6)
    switched.rules(f"-e -t {switched.vip}:81 -r {SERVERS[0]}:8080 -g -w 0")
    for value in 0, 1:
        switched.switch("expire_nodest_conn", value)
        for connection in opened:
            client(connection.client[1], dr, "A", "S")
    switched.look("-L -n", "-L -n -c")

    switched.agree()


@pytest.fixture
def icmp_switched(twins):
    yield twins
    for name in ("nat_icmp_send", "schedule_icmp"):
        twins.switch(name, 0)


def test_switches_of_icmp(icmp_switched):
    twins = icmp_switched
    twins.rules(*service(twins, 80, "rr", (1, 1)), *service(twins, 81, "rr", (0,)),
                *service(twins, 82, "sh", (1, 1, 1)), *service(twins, 83, "rr", (1,), method="-g", to=83),
                *service(twins, 53, "rr", (1,), protocol="u"))
    twins.connect((twins.vip, 80), 1)
    server, client = (SERVERS[0], 8080), ("10.9.0.1", 999)

    for value in 0, 1:
        twins.switch("nat_icmp_send", value)
        twins.send(IN, *(frames.tcp(source, client, flags) for source in (server, (SERVERS[0], 83), (SERVERS[3], 8080))
                         for flags in ("S", "A", "FA", "R")),
                   frames.udp(server, client), frames.udp((SERVERS[1], 8080), client))

    for value in 0, 1:
        twins.switch("schedule_icmp", value)
        for port in (80, 81, 82, 84):
            for number in (1001, 1002):
                page = frames.tcp((twins.vip, port), ("10.9.0.7", number), "A", b"x" * 1000)
                twins.send(OUT, *(frames.icmp("10.9.9.9", twins.vip, kind, code, rest, page[:28])
                                  for kind, code, rest in ((3, 4, 1400), (11, 0, 0), (5, 1, 0))))
        answer = frames.udp((twins.vip, 53), ("10.9.0.7", 1003))
        twins.send(OUT, frames.icmp("10.9.0.7", twins.vip, 3, 3, 0, answer))
    # they live for 3 s, which is not long here
    twins.when("what errors have begun is gone", lambda rows: not any(
        row[3].startswith("10.9.0.7:") for row in rows))
    twins.look("-L -n")
    twins.settle("-L -n --stats")
    twins.agree()


# ---- persistence, thresholds ----

def test_templates(twins):
    clients = [f"10.9.0.{number}" for number in (8, 9, 10, 11, 12, 16, 17, 32)]
    twins.rules(*service(twins, 80, "rr", (1, 1, 1), "-p 300 -M 255.255.255.252"),
                *service(twins, 81, "wlc", (1, 2, 3), "-p 120"),
                *service(twins, 0, "rr", (1, 1, 1), "-p 60", to=0),
                *service(twins, 53, "rr", (1, 1, 1), "-p", protocol="u"))
    for port in (80, 81, 7000, 7001, 7002):
        twins.connect((twins.vip, port), len(clients), clients)
    twins.send(OUT, *(frames.udp((client, twins.port), (twins.vip, 53)) for client in clients[:3]))
    twins.look("-L -n", "-L -n -c", "-L -n --persistent-conn", "-S -n")

    # quiesced, a server keeps its clients; removed, it loses them, and does not get them back
    twins.rules(f"-e -t {twins.vip}:80 -r {SERVERS[2]}:8080 -m -w 0",
                f"-d -t {twins.vip}:80 -r {SERVERS[1]}:8080", f"-d -t {twins.vip}:0 -r {SERVERS[0]}")
    for port in (80, 7000, 7003):
        twins.connect((twins.vip, port), len(clients), clients)
    twins.rules(f"-a -t {twins.vip}:80 -r {SERVERS[1]}:8080 -m",
                f"-E -t {twins.vip}:80 -s wrr -p 300 -M 255.255.255.240", f"-E -t {twins.vip}:81 -s rr -p 120")
    for port in (80, 81):
        twins.connect((twins.vip, port), len(clients), clients)
    twins.look("-L -n", "-L -n -c", "-L -n --persistent-conn")

    twins.agree()


def invite(call, headers=""):
    return f"INVITE sip:bob@example.com SIP/2.0\r\n{headers}Call-ID: {call}\r\n\r\nv=0\r\n".encode()


def test_calls(twins):
    twins.rules(*service(twins, 5060, "rr", (1, 1, 1), "-p 300 -M 0.0.0.0 --pe sip", protocol="u"),
                *service(twins, 5061, "rr", (1, 1, 1), "-p 60 -M 255.255.255.0 --pe sip -o", "-g", "u", 5061),
                *service(twins, 5062, "rr", (1, 1, 1), "--pe sip", protocol="u"),
                *service(twins, 80, "rr", (1, 1, 1), "-p 60 --pe sip"))
    twins.look("-L -n", "-S -n")
    words = [invite("one@example.com"), invite("two@example.com"), invite("one@example.com"),
             invite("two@example.com", "Contact: c\r\n"), b"INVITE\r\ni:one@example.com\r\n",
             b"INVITE\nCALL-ID  :\n two@example.com\n", b"INVITE\r\nCall-ID: @x\r\nCall-ID: three\r\n",
             invite("x" * 100), invite("x" * 256), invite("a'b"), invite("x y"), invite(""), invite("x@"),
             b"INVITE\r\n", b"INVITE\r\nCall-ID: x", b"Call-ID: x\r\n", b"INVITE\r\nCall-ID-2: x\r\n", b""]
    for port in (5060, 5061, 5062):
        twins.send(OUT, *(frames.udp((f"10.9.{number % 2}.7", 2000 + number), (twins.vip, port), each)
                          for number, each in enumerate(words)))
    twins.send(OUT, *(frames.udp(("10.9.0.7", 2000), (twins.vip, port), each)
                      for port in (5060, 5061) for each in (invite("two@example.com"), b"", invite("four"))))
    twins.send(OUT, frames.tcp(("10.9.0.7", 2000), (twins.vip, 80), "S"))
    twins.look("-L -n", "-L -n --persistent-conn", "-L -n -c", "-L -n -c --persistent-conn")

    # a call loses its server, and does not come back to it
    twins.rules(f"-d -u {twins.vip}:5060 -r {SERVERS[1]}:8080")
    twins.send(OUT, *(frames.udp(("10.9.0.8", 3000 + number), (twins.vip, 5060), each)
                      for number, each in enumerate(words)))
    twins.rules(f"-E -u {twins.vip}:5060 -s rr -p 300")
    twins.send(OUT, frames.udp(("10.9.0.8", twins.port), (twins.vip, 5060), b""))
    twins.look("-L -n", "-L -n -c --persistent-conn")
    twins.agree()


def test_templates_end(twins):
    twins.rules(*service(twins, 80, "rr", (1, 1, 1), "-p 3"), *service(twins, 81, "rr", (1, 1, 1), "-p 3"))
    held = twins.connect((twins.vip, 80), 1, "10.9.0.1")
    twins.client(twins.connections((twins.vip, 81), 1, "10.9.0.2"), "S")

    def template(rows, port):
        return [row for row in rows if row[3].endswith(":0") and row[4] == f"{twins.vip}:{port}"]
    twins.when("the templates of connections that are there are prolonged", lambda rows: all(
        any(row[1] > "00:10" for row in template(rows, port)) for port in (80, 81)))
    twins.client(held, "R")
    twins.look("-L -n -c", "-L -n --persistent-conn")

    twins.agree()


def test_thresholds(twins):
    twins.rules(f"-A -t {twins.vip}:80 -s wlc", f"-a -t {twins.vip}:80 -r {SERVERS[0]}:80 -m -x 6 -y 3",
                f"-a -t {twins.vip}:80 -r {SERVERS[1]}:80 -m -x 4 -w 3",
                f"-a -t {twins.vip}:80 -r {SERVERS[2]}:80 -m -w 0")
    opened = twins.connect((twins.vip, 80), 14)
    twins.look("-L -n --thresholds")
    twins.close(opened[:3])
    twins.connect((twins.vip, 80), 2)  # closed is not gone
    twins.client(opened[3:8], "R")
    twins.when("the reset ones are gone", lambda rows: not any(row[2] == "CLOSE" for row in rows))
    twins.connect((twins.vip, 80), 6)
    twins.rules(f"-e -t {twins.vip}:80 -r {SERVERS[0]}:80 -m -x 8")
    twins.connect((twins.vip, 80), 4)
    twins.rules(f"-e -t {twins.vip}:80 -r {SERVERS[0]}:80 -m -x 1", f"-e -t {twins.vip}:80 -r {SERVERS[1]}:80 -m")
    twins.connect((twins.vip, 80), 4)
    twins.look("-L -n", "-L -n --thresholds")

    twins.agree()


# ---- states and timeouts ----

CLIENT_EVENTS = tuple((Twins.client, flags) for flags in ("S", "FA", "A", "R"))
SERVER_EVENTS = tuple((Twins.server, flags) for flags in ("SA", "FA", "A", "R"))


def walk(twins, port, first, events, further):
    """Connections that go all ways of `further` events after `first`; where they are at the end."""
    ways = [way for length in range(further + 1)
            for way in itertools.product(events, repeat=length)]
    connections = twins.connections((twins.vip, port), len(ways))
    twins.client(connections, "S")
    twins.tell(f"connections begin at port {connections[0].client[1]}; first {first[1:]}")
    first[0](twins, connections, first[1])
    for step in range(further):
        for event in events:
            event[0](twins, [connection for connection, way in zip(connections, ways)
                             if way[step:step + 1] == (event,)], event[1])
    twins.look(f"-L -n -t {twins.vip}:{port}", "-L -n -c", of=connections)


def test_all_ways_of_a_connection_by_nat(twins):
    for port, first in enumerate(CLIENT_EVENTS + SERVER_EVENTS, 80):
        twins.rules(*service(twins, port, "rr", (1,)))
        walk(twins, port, first, CLIENT_EVENTS + SERVER_EVENTS, 2)
    twins.agree()


def test_all_ways_of_a_connection_whose_replies_are_not_seen(twins):
    for port, (method, first) in enumerate(itertools.product(("-g", "-i"), CLIENT_EVENTS), 80):
        twins.rules(*service(twins, port, "rr", (1,), method=method, to=port))
        walk(twins, port, first, CLIENT_EVENTS, 2)
    twins.agree()


def test_odd_flags(twins):
    twins.rules(*service(twins, 80, "rr", (1,)))
    odd = ["", "P", "U", "SF", "SR", "SRA", "FR", "SFA", "SFRPAU", "PA", "UA"]
    established = [twins.connect((twins.vip, 80), 1)[0] for _ in odd]
    for flags, connection in zip(odd, established):
        twins.client([connection], flags)
        twins.send(OUT, frames.tcp(("10.9.1.1", 5000 + odd.index(flags)), (twins.vip, 80), flags))
    twins.look()
    twins.agree()


def test_timeouts_that_are_set(twins):
    twins.rules("--set 4 6 3", *service(twins, 80, "rr", (1, 1)), *service(twins, 53, "rr", (1,), protocol="u"))
    twins.look("-L --timeout")
    open_, closing = twins.connect((twins.vip, 80), 2), twins.connect((twins.vip, 80), 2)
    twins.client(closing, "FA")
    twins.send(OUT, frames.udp(("10.9.0.1", twins.port), (twins.vip, 53)))
    twins.look()
    for protocol, connections in (("UDP", ()), ("TCP", open_)):
        ports = {str(connection.client[1]) for connection in connections} or {str(twins.port)}
        twins.when(f"the {protocol} ones are gone", lambda rows, ports=ports: not any(
            row[3].rsplit(":")[1] in ports for row in rows))
    twins.rules("--set 900 120 300")
    twins.look("-L --timeout")
    twins.agree()


# ---- servers and services that go and come ----

def test_connections_of_what_is_removed(twins):
    twins.rules(*service(twins, 80, "rr", (1, 1)))
    opened = twins.connect((twins.vip, 80), 4)
    twins.rules(f"-d -t {twins.vip}:80 -r {SERVERS[1]}:8080")
    twins.send(OUT, *(frames.tcp(each.client, each.service, "A") for each in opened))
    twins.look()
    twins.rules(f"-a -t {twins.vip}:80 -r {SERVERS[1]}:8080 -m -w 2")
    twins.send(OUT, *(frames.tcp(each.client, each.service, "A") for each in opened))
    twins.look()
    twins.rules(f"-D -t {twins.vip}:80")
    twins.send(IN, *(frames.tcp(each.server[twins.ipvs], each.client, "PA", b"still here") for each in opened))
    twins.send(OUT, *(frames.tcp(each.client, each.service, "A") for each in opened))
    twins.look(of=opened)
    twins.rules(*service(twins, 80, "rr", (1, 1)))
    twins.send(OUT, *(frames.tcp(each.client, each.service, "A") for each in opened))
    twins.connect((twins.vip, 80), 3)
    twins.look()
    twins.agree()


# ---- packets ----

def test_packets_as_they_are_forwarded(twins):
    twins.rules(*service(twins, 80, "rr", (1,)), *service(twins, 81, "rr", (1,), method="-g", to=81),
                *service(twins, 82, "rr", (1,), method="-i", to=82),
                *service(twins, 53, "rr", (1,), protocol="u"))
    client, server = ("10.9.0.1", twins.port), (SERVERS[0], 8080)
    for port in (80, 81, 82):
        twins.send(OUT, *(frames.tcp(client, (twins.vip, port), flags, data, **ip)
                          for flags, data, ip in (
                              ("S", b"", {}), ("A", b"", {"tos": 0x10}), ("PA", b"x" * 999, {}),
                              ("PA", b"odd", {"fragment": 0}), ("A", b"", {"ttl": 2}),
                              ("A", b"", {"tos": 3}))))
    twins.send(IN, *(frames.tcp(server, client, flags, data, **ip) for flags, data, ip in (
        ("SA", b"", {}), ("PA", b"y" * 1001, {}), ("A", b"", {"ttl": 2}), ("A", b"", {"ttl": 1}))))
    twins.send(OUT, frames.udp(client, (twins.vip, 53), b"who?"))
    twins.send(IN, frames.udp(server, client, b"me", tos=4),
               frames.udp((SERVERS[1], 8080), client, b"not asked"))
    twins.settle("-L -n --stats --exact")
    # what ends here: IPVS counts it, Isobar does not
    twins.send(OUT, *(frames.tcp(client, (twins.vip, port), "A", ttl=1) for port in (80, 81, 82)))
    twins.agree()


def test_refusals(twins):
    twins.rules(f"-A -t {twins.vip}:80 -s rr", f"-A -u {twins.vip}:53 -s rr", *service(twins, 81, "rr", (0, 0)),
                *service(twins, 82, "ovf", (1,)), *service(twins, 0, "rr", (0,), "-p 60", to=0))
    client = "10.9.0.1", twins.port
    twins.connect((twins.vip, 82), 2)
    twins.send(OUT, *(frames.tcp(client, (twins.vip, port), flags)
                      for port in (80, 81, 82, 7000) for flags in ("S", "A", "R")))
    twins.send(OUT, frames.udp(client, (twins.vip, 53)), frames.udp(client, ("10.0.3.9", 53)),
               frames.tcp(client, ("10.0.3.9", 80), "S"), frames.tcp((client[0], 20), (twins.vip, 80), "S"))
    twins.send(OUT, frames.icmp(client[0], twins.vip, 8, 0, 7, b"ping"))
    twins.agree()


def test_icmp_errors_about_connections(twins):
    twins.rules(*service(twins, 80, "rr", (1,)), *service(twins, 81, "rr", (1,), method="-g", to=81))
    nat, direct = twins.connect((twins.vip, 80), 1)[0], twins.connect((twins.vip, 81), 1)[0]
    server = SERVERS[0], 8080
    seen_by_client = frames.tcp((twins.vip, 80), nat.client, "A", b"x" * 1000)
    seen_by_server = frames.tcp(nat.client, server, "A", b"x" * 1000)
    for kind, code, rest in ((3, 4, 1400), (3, 1, 0), (3, 3, 0), (11, 0, 0), (5, 1, 0)):
        twins.send(OUT, frames.icmp("10.9.9.9", twins.vip, kind, code, rest, seen_by_client[:28]),
                   frames.icmp("10.9.9.9", twins.vip, kind, code, rest, seen_by_client[:548]))
        twins.send(IN, frames.icmp(SERVERS[0], nat.client[0], kind, code, rest, seen_by_server[:60]))
    twins.send(OUT, frames.icmp("10.9.9.9", twins.vip, 3, 4, 1400,
                                frames.tcp((twins.vip, 81), direct.client, "A", b"x" * 1000)[:60]),
               frames.icmp("10.9.9.9", twins.vip, 3, 4, 1400,
                           frames.tcp((twins.vip, 80), ("10.9.0.1", 999), "A")))
    twins.agree()


# ---- counters ----

def test_counters(twins):
    twins.rules(*service(twins, 80, "rr", (1, 1)), *service(twins, 81, "rr", (1,), method="-g", to=81),
                *service(twins, 53, "rr", (1, 1), protocol="u"))
    opened = twins.connect((twins.vip, 80), 5)
    twins.connect((twins.vip, 81), 3)
    twins.close(opened[:2])
    twins.client(opened[2:], "PA")
    twins.client(opened[2:3], "R")
    for twin in twins.both:
        twin.exchange(OUT, [frames.udp(("10.9.0.1", twins.port + i), (twins.vip, 53), b"x" * i) for i in range(9)])
    twins.settle("-L -n --stats --exact")
    twins.settle("-L -n --stats")
    twins.rules(f"-Z -t {twins.vip}:80", f"-d -t {twins.vip}:80 -r {SERVERS[0]}:8080")
    twins.settle("-L -n --stats --exact")
    twins.connect((twins.vip, 80), 3)
    twins.rules(f"-a -t {twins.vip}:80 -r {SERVERS[0]}:8080 -m")
    twins.settle("-L -n --stats --exact")
    twins.rules("-Z")
    twins.settle("-L -n --stats --exact")
    twins.agree()


# ---- command lines ----

def test_what_the_kernel_refuses(twins):
    web = f"-t {twins.vip}:80"
    twins.rules(*service(twins, 80, "rr", (1,)))
    twins.rules(
        f"-A {web} -s rr", f"-A -t {twins.vip}:81 -s nosuch", f"-E -t {twins.vip}:84 -s rr", f"-D -t {twins.vip}:84",
        f"-E {web} -s nosuch", f"-a -t {twins.vip}:84 -r {SERVERS[0]} -m", f"-a {web} -r {SERVERS[0]}:8080 -m",
        f"-e {web} -r {SERVERS[2]} -m", f"-d {web} -r {SERVERS[2]}",
        f"-a {web} -r {SERVERS[1]} -m -x 5 -y 10", f"-a {web} -r {SERVERS[1]} -m -x 0 -y 10",
        f"-a {web} -r {SERVERS[1]}:99 -g", f"-a {web} -r {SERVERS[1]}:98 -g", f"-Z -t {twins.vip}:85",
        f"-a {web} -r 224.0.0.1 -m", f"-a {web} -r 255.255.255.255 -m", f"-a {web} -r 0.0.0.0 -m",
        f"-a {web} -r 127.0.0.1:80 -m",
        "--set 0 0 0", "--set 1 0 0", "--set 900 120 300", f"-D {web}", f"-D {web}")
    twins.look("-S -n", "-L --timeout")
    twins.agree()


LINES = """
-A -t VIP:99999
-A -t VIP
-A -t VIP:0
-A -t VIP:-1
-A -t VIP:
-A -t :80
-A -t 300.1.1.1:80
-A -t nosuch.invalid:80
-A -t VIP:nosuchport
-A -t
-A
-A -t VIP:82 -u VIP:82
-A -t VIP:82 -t VIP:83
-A -t VIP:83 -p 0
-A -t VIP:83 -p -1
-A -t VIP:83 -p abc
-A -t VIP:83 -p 5x
-A -t VIP:83 -p 31536001
-A -t VIP:83 -M 255.255.255.0
-A -t VIP:86 -M 255.255.255.300
-A -t VIP:86 -M 24
-A -t VIP:83 -p 10 -p 20
-A -t VIP:83 -s rr -s wrr
-A -t VIP:83 -b nosuch
-A -t VIP:87 -s sh -b
-A -t VIP:87 -s rr -b sh-port
-A -t VIP:88 -s sh -b flag-1,flag-3
-A -t VIP:83 -s rr -w 5
-A -t VIP:83 -r 10.0.2.11
-A -t VIP:83 -m
-A -t VIP:83 -x 5
-A -t VIP:83 -n
-A -t VIP:83 extra
-A -t VIP:83 -s
-A -t VIP:83 --scheduler=rr
-A -t VIP:84 --scheduler rr --persistent=50 --netmask 255.255.0.0
-A -t VIP:85 --persistent 50
-A -tVIP:89 -srr -p70
-A --tcp-service VIP:90 -s lc
-A --tcp VIP:91
-A -D
-D
-D -t VIP:80 -s rr
-D -t VIP:80 -r 10.0.2.11
-E
-E -t VIP:80 -m
-a -t VIP:80
-a -t VIP:80 -m
-a -t VIP:80 -r
-a -t VIP:80 -r 10.0.2.12:99999 -m
-a -t VIP:80 -r 10.0.2.300 -m
-a -t VIP:80 -r nosuch.invalid -m
-a -t VIP:80 -r 10.0.2.12 -s rr
-a -t VIP:80 -r 10.0.2.12 -p 5
-a -t VIP:80 -r 10.0.2.12 -m -g
-a -t VIP:80 -r 10.0.2.12 -m -m
-a -t VIP:80 -r 10.0.2.12 -m -w -1
-a -t VIP:80 -r 10.0.2.12 -m -w x
-a -t VIP:80 -r 10.0.2.12 -m -w 1x
-a -t VIP:80 -r 10.0.2.12 -m -w 2147483648
-a -t VIP:80 -r 10.0.2.12 -m -w
-a -t VIP:80 -r 10.0.2.12 -m -x -1
-a -t VIP:80 -r 10.0.2.12 -m -x 65536
-a -t VIP:80 -r 10.0.2.12 -m -y x
-a -t VIP:80 -r 10.0.2.12 -i --tun-type gue
-a -t VIP:80 -r 10.0.2.12 -i --tun-type nosuch
-a -t VIP:80 -r 10.0.2.12 -i --tun-port 5
-a -t VIP:80 -r 10.0.2.12 -i --tun-type gue --tun-port 0
-a -t VIP:80 -r 10.0.2.12 -i --tun-type gue --tun-port 65536
-a -t VIP:80 -r 10.0.2.12 -i --tun-type gre --tun-port 5
-a -t VIP:80 -r 10.0.2.12 -i --tun-type ipip --tun-csum
-a -t VIP:80 -r 10.0.2.12 -i --tun-type gre --tun-csum --tun-nocsum
-a -t VIP:80 -r 10.0.2.12 -m --tun-type gue --tun-port 5
-a -t VIP:80 -r 10.0.2.12 -m -M 255.255.255.0
-a -r 10.0.2.12
-a -t VIP:80 -r 10.0.2.13 --weight=7 --masquerading
-a -t VIP:80 -r 10.0.2.14 --weight 8 --ipip
-e -t VIP:80 -r 10.0.2.14 --gatewaying --u-threshold 7 --l-threshold 3
-e -t VIP:80
-d -t VIP:80
-d -t VIP:80 -r 10.0.2.14 -w 5
-d -t VIP:80 -r 10.0.2.14 -m
-L -Z
-L -t VIP:85
-L -t VIP:86
-L --daemon --timeout
-L -c --timeout
-L -c -t VIP:80
-L -c --stats
-L -r 10.0.2.11
-L -s rr
-L extra
-L -n extra words
-L --stats --thresholds
-L -n --rate --persistent-conn
-C -n
-C -t VIP:80
-C extra
-Z -n
-Z -r 10.0.2.11
-S -t VIP:80
-S -c
-S --exact
-R -n
-R -t VIP:80
--set
--set 1
--set 1 2
--set 1 2 3 4
--set a b c
--set 1 2 2678401
--set -1 2 3
--set 1 2 3 -n
-X
--nosuch
extra words
-A -t VIP:83 --nosuch
-v
--version
--list
--add-service
--stop-daemon
-C
-C
""".strip().splitlines()


def test_command_lines(twins):
    twins.rules(*service(twins, 80, "rr", (1,)))
    twins.commands([line.replace("VIP", twins.vip) for line in [*LINES, "-S -n"]])
    for given in ("-L -n\n-C\n", "garbage\n-A -t 1.2.3.4:6 -s rr\n", "ipvsadm -A -t 1.2.3.4:7\n", "\n\n",
                  "# comment\n-A -t 1.2.3.4:8\n", "-A -t 1.2.3.4:9 -s nosuch\n-A -t 1.2.3.4:9\n",
                  "-A -t 1.2.3.4:10", "-A -t 1.2.3.4:11\t-s  rr  \n", "-A\n-Z\n"):
        twins.tell(repr(given))
        twins.command("-R", given=given)
        twins.look("-S -n")
    twins.agree()


# ---- real clients and servers ----

class KernelDirector(Director):
    """ipvsadm in place of isobar-ipvsadm."""

    def program(self, name):
        return "ipvsadm"


def test_pages_come_by_every_method():
    """real1 has the VIP on a dummy device (DR), real2 on the kernel's tunnel device (TUN), real3 goes
    back through the director (NAT)."""
    run(["modprobe", "--all", "dummy", "ipip"])
    with Lab() as lab:
        net = FlatCluster(lab)
        real3 = lab.host("real3", "10.0.0.1", eth0=net.net.at("10.0.0.13/24"))
        real3.ip("route add 10.0.0.100/32 via 10.0.0.1")
        net.real1.ip("link add name dummy0 type dummy", "link set dev dummy0 up")
        net.take_virtual_address(net.real1, "dummy0")
        net.real2.ip("link set dev tunl0 up")
        net.take_virtual_address(net.real2, "tunl0")
        for host, port in ((net.real1, 80), (net.real2, 81), (real3, 8080)):
            start_nginx(host, host.name, port)
        net.vs.sysctl("net.ipv4.conf.all.send_redirects", 0)

        rules = "\n".join([
            f"-A -t {VIP}:80", f"-a -t {VIP}:80 -r {FlatCluster.REAL1} -g",
            f"-A -t {VIP}:81", f"-a -t {VIP}:81 -r {FlatCluster.REAL2} -i",
            f"-A -t {VIP}:82", f"-a -t {VIP}:82 -r 10.0.0.13:8080 -m", ""])
        urls = [f"http://{VIP}:{port}/" for port in (80, 81, 82)]
        for director in (KernelDirector(net.vs), Director(net.vs)):
            director.ipvsadm("-R", input=rules)

            assert [net.client.curl(url).strip() for url in urls] == ["real1", "real2", "real3"]

            assert f"TCP  {VIP}:82 wlc" in director.ipvsadm("-L -n")
            director.clear()
