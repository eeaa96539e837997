# SPDX-License-Identifier: Apache-2.0
"""Which server gets the next connection: the exact choices of the kernel's IPVS.

    client 10.0.1.2, .10-.49 ---- outside ---- vs 10.0.1.1, VIP .100 / 10.0.2.1 ---- inside ---+
                                                                       rs1 10.0.2.11 weight 1 -+
                                                                       rs2 10.0.2.12 weight 2 -+
                                                                       rs3 10.0.2.13 weight 3 -+

The expected rows were recorded with ipvsadm 1.31 on Debian 12's kernel 6.1 in this topology: 40
connections, either one client address or many, kept open ("hold") or closed before the next one.
"""

import itertools

import pytest

from support.director import Director
from support.lab import Lab
from support.process import wait_until
from support.servers import start_answering

VIP = "10.0.1.100"
CONNECTIONS = 40
# Every test its own ports: the client's closed ones stay in TIME_WAIT, and servers that are
# removed and added again would come back with their connections (IPVS's "trash").
# Ports 20000 and 30000 on are those of the recorded rows of sh-port and mh-port.
_source_ports = itertools.count(21000, 100)
_service_ports = itertools.count(80)


@pytest.fixture(scope="module")
def network():
    with Lab() as lab:
        outside, inside = lab.bridge("outside"), lab.bridge("inside")
        many = [f"10.0.1.{number}/24" for number in range(10, 50)]
        lab.client = lab.host("client", eth0=outside.at("10.0.1.2/24", *many))
        lab.vs = lab.host("vs", eth0=outside.at("10.0.1.1/24", "10.0.1.100/24"),
                          eth1=inside.at("10.0.2.1/24"))
        lab.vs.sysctl("net.ipv4.ip_forward", 1)
        for number in (1, 2, 3):
            server = lab.host(f"rs{number}", "10.0.2.1", eth1=inside.at(f"10.0.2.1{number}/24"))
            start_answering(server, str(number), "tcp:8080")
        lab.director = Director(lab.vs)
        yield lab


@pytest.fixture
def three_servers(network):
    yield network
    network.director.clear()


@pytest.mark.parametrize("scheduler, expected", [
    ("rr", "3 2 1"),
    ("wrr", "3 2 1 3 3 2"),
    ("lc", "3 2 1"),
    ("wlc", "3 2 1 3 2 3"),
])
@pytest.mark.parametrize("kind", ["hold-one", "close-one", "hold-many"])
def test_servers_are_chosen_as_ipvs_does(three_servers, scheduler, expected, kind):
    port = next(_service_ports)
    director = three_servers.director
    director.serve(f"-t {VIP}:{port}", "10.0.2.11:8080 -w 1", "10.0.2.12:8080 -w 2",
                   "10.0.2.13:8080 -w 3", scheduler=scheduler)

    answered = connect_in_turn(three_servers, port, kind)

    row = list(itertools.islice(itertools.cycle(expected.split()), CONNECTIONS))
    assert " ".join(answered) == " ".join(row)


# What is served, the weight of rs3 after that, and the rows: the whole one, or the part that
# comes again and again.
OTHERS = [
    ("sed", 3, {"hold-one": "3 2 3 3 2 1", "close-one": "3", "hold-many": "3 2 3 3 2 1"}),
    ("nq", 3, {"hold-one": "3 2 1 3 3 2" + 6 * " 3 2 3 3 2 1", "close-one": "3",
               "hold-many": "3 2 1 3 3 2" + 6 * " 3 2 3 3 2 1"}),
    ("fo", 3, {"hold-one": "3", "close-one": "3", "hold-many": "3"}),
    ("ovf", 3, {"close-one": "3"}),
    ("dh", 3, {"hold-one": "3", "close-one": "3", "hold-many": "3"}),
    ("sh", 3, {"hold-one": "2", "close-one": "2", "hold-many":
               "3 3 1 3 2 3 2 3 3 2 3 2 1 2 1 2 2 3 2 3 2 1 3 1 3 3 3 3 3 3 2 3 2 1 3 2 3 2 3 2"}),
    ("sh -b sh-port", 3, {"hold-one":
     "3 1 3 2 3 3 2 3 2 3 2 1 2 1 3 2 3 2 3 3 1 3 1 3 3 3 3 2 3 2 3 2 1 3 2 3 2 3 2 1"}),
    ("sh -b sh-fallback", 0, {"hold-many":
     "2 2 1 2 1 2 1 2 2 2 2 1 2 1 2 1 2 2 2 2 2 2 1 2 1 2 2 2 2 2 2 1 2 1 2 2 2 2 2 2"}),
    ("mh", 3, {"hold-one": "1", "close-one": "1", "hold-many":
               "2 3 2 2 2 2 3 1 1 2 3 2 3 3 3 2 3 3 3 2 3 1 1 3 3 2 1 3 2 2 1 3 3 2 3 1 3 3 3 3"}),
    ("mh -b mh-port", 3, {"hold-many":
     "3 2 2 3 1 3 3 1 2 1 3 2 3 3 2 2 2 2 2 1 2 3 3 2 3 2 1 3 3 1 3 2 2 3 1 3 3 3 3 2"}),
    ("mh -b mh-fallback", 0, {"hold-many":
     "2 1 2 2 2 2 2 1 1 2 2 2 2 2 2 2 1 1 2 2 1 1 1 2 2 2 1 2 2 2 1 2 2 2 2 1 2 2 2 2"}),
]


# One test a kind, not one a scheduler: loading the programs takes the time.
@pytest.mark.parametrize("kind", ["hold-one", "close-one", "hold-many"])
def test_other_servers_are_chosen_as_ipvs_does(three_servers, kind):
    ports, rules = {}, ""
    for scheduler, weight, rows in OTHERS:
        if kind not in rows:
            continue
        ports[scheduler] = port = next(_service_ports)
        rules += f"-A -t {VIP}:{port} -s {scheduler}\n"
        for number in (1, 2, 3):
            rules += f"-a -t {VIP}:{port} -r 10.0.2.1{number}:8080 -m -w {number}\n"
        rules += f"-e -t {VIP}:{port} -r 10.0.2.13:8080 -m -w {weight}\n"
    three_servers.director.ipvsadm("-R", input=rules)

    for scheduler, weight, rows in OTHERS:
        if kind not in rows:
            continue
        first_port = {"sh -b sh-port": 20000, "mh -b mh-port": 30000}.get(scheduler)
        answered = connect_in_turn(three_servers, ports[scheduler], kind, first_port)

        row = list(itertools.islice(itertools.cycle(rows[kind].split()), CONNECTIONS))
        assert f"{scheduler}: {' '.join(answered)}" == f"{scheduler}: {' '.join(row)}"


def test_overflow_refuses_when_all_servers_are_full(three_servers):
    port = next(_service_ports)
    three_servers.director.serve(f"-t {VIP}:{port}", "10.0.2.11:8080 -w 1", "10.0.2.12:8080 -w 2",
                                 "10.0.2.13:8080 -w 3", scheduler="ovf")

    answered = connect_in_turn(three_servers, port, "hold-one", count=10)

    assert " ".join(answered) == "3 3 3 3 2 2 2 1 1 -"


def test_flags_are_listed_and_saved(three_servers):
    port = next(_service_ports)
    director = three_servers.director
    director.ipvsadm(f"-A -t {VIP}:{port} -s sh -b sh-port,sh-fallback")

    assert f"TCP  {VIP}:{port} sh (sh-fallback,sh-port)\n" in director.ipvsadm("-L -n")
    assert director.ipvsadm("-S -n") == f"-A -t {VIP}:{port} -s sh -b sh-fallback,sh-port\n"
    director.ipvsadm(f"-E -t {VIP}:{port} -s sh")
    assert director.ipvsadm("-S -n") == f"-A -t {VIP}:{port} -s sh\n"


def connect_in_turn(lab, port, kind, first_port=None, count=CONNECTIONS):
    """Who answered each of so many connections that were made one after the other; - is nobody."""
    first_port = first_port or next(_source_ports)
    answered, held = [], []
    for number in range(count):
        source = f"10.0.1.{10 + number}" if "many" in kind else "10.0.1.2"
        connection = lab.client.socket(bind=(source, first_port + number))
        try:
            connection.connect((VIP, port))
        except ConnectionRefusedError:
            connection.close()
            answered.append("-")
            continue
        answered.append(connection.recv(16).decode().strip())
        if "close" in kind:
            connection.close()
            # By then the director has seen the end of this one, before the next one starts.
            # (TIME_WAIT itself may not be seen: a FIN sent twice makes the server answer the
            # second ACK of it by RST, and that ends TIME_WAIT: RFC 1337.)
            wait_until(lambda: set(lab.client.tcp_states(first_port + number)) <= {"TIME_WAIT"},
                       what="the client is done", interval=0.002)
        else:
            held.append(connection)
    for connection in held:
        connection.close()
    return answered
