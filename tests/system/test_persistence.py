# SPDX-License-Identifier: Apache-2.0
"""Clients that stay with their server, and servers that are full, by real clients. (Side by side with
IPVS: test_compare.py.)

    client 10.0.1.2, .8-.19 ---- outside ---- vs 10.0.1.1, VIP .100 / 10.0.2.1 ---- inside ---+
                                                            rs1 10.0.2.11, rs2 .12, rs3 .13 --+
"""

import itertools

from support.cluster import REAL1, REAL2, VIP as CLUSTER_VIP
from support.director import Director
from support.servers import start_answering, telnet

VIP = "10.0.1.100"
SERVERS = "10.0.2.11", "10.0.2.12", "10.0.2.13"


# ---- the reference cluster ----

def test_on_all_ports_telnet_and_web_of_a_client_meet(cluster):
    cluster.director.ipvsadm(f"-A -t {CLUSTER_VIP} -s rr -p 300",
                             f"-a -t {CLUSTER_VIP} -r {REAL1} -m",
                             f"-a -t {CLUSTER_VIP} -r {REAL2} -m")

    assert web(cluster.client) == telnet(cluster.client, CLUSTER_VIP) == "Real2"
    assert web(cluster.vsbak) == telnet(cluster.vsbak, CLUSTER_VIP) == "Real1"
    assert [web(cluster.client) for _ in range(4)] == ["Real2"] * 4


def test_on_ports_of_their_own_telnet_and_web_stay_apart(cluster):
    cluster.director.ipvsadm(f"-A -t {CLUSTER_VIP}:80 -s rr -p 300",
                             f"-a -t {CLUSTER_VIP}:80 -r {REAL1} -m",
                             f"-a -t {CLUSTER_VIP}:80 -r {REAL2} -m",
                             f"-A -t {CLUSTER_VIP}:23 -s rr -p 300",
                             f"-a -t {CLUSTER_VIP}:23 -r {REAL2} -m",
                             f"-a -t {CLUSTER_VIP}:23 -r {REAL1} -m")

    assert [web(cluster.client) for _ in range(3)] == ["Real2"] * 3
    assert [telnet(cluster.client, CLUSTER_VIP) for _ in range(3)] == ["Real1"] * 3


def test_the_configuration_brings_persistence_and_thresholds(cluster):
    cluster.director.start_isobard(f"""
        [director]
        expire_quiescent_template = true

        [[service]]
        name = "all"
        listen = ["{CLUSTER_VIP}:0/tcp"]
        scheduler = "rr"
        persistence = {{ timeout = "5m", mask = 24 }}
        servers = [
            {{ address = "{REAL1}" }},
            {{ address = "{REAL2}", upper_threshold = 9, lower_threshold = 5 }},
        ]
        """)

    assert {web(cluster.client), telnet(cluster.client, CLUSTER_VIP), web(cluster.vsbak)} == {"Real2"}

    service, = cluster.director.status()["services"]
    assert service["persistence"] == {"timeout": 300, "mask": 24}
    full = service["servers"][1]
    assert (full["persistent"], full["upper_threshold"], full["lower_threshold"],
            full["overloaded"]) == (1, 9, 5, False)
    assert (f"TCP  {CLUSTER_VIP}:0 rr persistent 300 mask 255.255.255.0"
            in cluster.director.ipvsadm("-L -n").splitlines())
    # quiesced, it loses its clients: so it was configured
    cluster.director.ipvsadm(f"-e -t {CLUSTER_VIP} -r {REAL2} -m -w 0")
    assert web(cluster.client) == "Real1"


def web(host):
    return host.curl(f"http://{CLUSTER_VIP}/").strip()


# ---- as IPVS chooses ----

class Scene:
    """A director, and clients whose connections stay open."""

    def __init__(self, lab):
        outside, inside = lab.bridge("outside"), lab.bridge("inside")
        many = [f"10.0.1.{number}/24" for number in range(8, 20)]
        self.client = lab.host("client", eth0=outside.at("10.0.1.2/24", *many))
        vs = lab.host("vs", eth0=outside.at("10.0.1.1/24", f"{VIP}/24"),
                      eth1=inside.at("10.0.2.1/24"))
        vs.sysctl("net.ipv4.ip_forward", 1)
        for number, address in enumerate(SERVERS, 1):
            server = lab.host(f"rs{number}", "10.0.2.1", eth1=inside.at(f"{address}/24"))
            start_answering(server, str(number), "tcp:8080", "tcp:8081")
        self.director = Director(vs)
        self.held = []
        self.source_ports = itertools.count(20000)

    def command(self, *lines):
        self.director.ipvsadm(*lines)

    def clients(self, *numbers, port):
        """Who answers a new connection of 10.0.1.NUMBER each; "-": nobody."""
        answers = []
        for number in numbers:
            source = f"10.0.1.{number}", next(self.source_ports)
            connection = self.client.socket(bind=source)
            self.held.append(connection)
            try:
                connection.connect((VIP, port))
                answers.append(connection.recv(16).decode().strip())
            except OSError:
                answers.append("-")
        return " ".join(answers)


def test_choices_are_those_that_ipvs_was_seen_to_make(lab):
    scene = Scene(lab)
    scene.command(f"-A -t {VIP}:80 -s rr -p 300 -M 255.255.255.252",
                  *(f"-a -t {VIP}:80 -r {server}:8080 -m" for server in SERVERS))
    assert scene.clients(10, 11, 12, 13, 16, 10, 17, port=80) == "3 3 2 2 1 3 1"
    scene.command(f"-e -t {VIP}:80 -r 10.0.2.13:8080 -m -w 0")
    assert scene.clients(11, 8, 10, port=80) == "3 3 3", "a quiesced server keeps its clients"
    scene.command(f"-d -t {VIP}:80 -r 10.0.2.12:8080")
    assert scene.clients(12, 14, 12, port=80) == "1 1 1", "a removed one does not"

    scene.command(f"-A -t {VIP} -s rr -p 60",
                  *(f"-a -t {VIP} -r {server} -m" for server in SERVERS))
    assert scene.clients(10, 11, 12, port=8080) == "3 2 1"
    assert scene.clients(12, 11, 10, port=8081) == "1 2 3", "all ports, one template"
    scene.command(f"-D -t {VIP}")

    scene.command(f"-A -t {VIP}:81 -s rr",
                  f"-a -t {VIP}:81 -r 10.0.2.11:8080 -m -x 3 -y 2",
                  f"-a -t {VIP}:81 -r 10.0.2.12:8080 -m -x 2")
    assert scene.clients(8, 8, 8, 8, 8, 8, port=81) == "2 1 2 1 1 -"
    scene.command(f"-e -t {VIP}:81 -r 10.0.2.12:8080 -m -x 3")
    assert scene.clients(8, 8, port=81) == "2 -"
