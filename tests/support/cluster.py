# SPDX-License-Identifier: Apache-2.0
"""The reference cluster: a director in front of two real servers, in namespaces.

                        10.0.0.0/24 (outside)
    client .100 ----+---------------------------------+
                    | eth0 .1, VIP .2                 | eth0 .3
              +-----+------+                    +-----+------+
              |     vs     | the director       |   vsbak    | the backup (a plain host for now)
              +-----+------+                    +-----+------+
                    | eth1 .1, gateway .254           | eth1 .102
                ----+---+--------------------+--------+
                        | eth1 .100          | eth1 .101
                   +----+----+          +----+----+
                   |  real1  |          |  real2  |  nginx, telnetd; default gateway .254
                   +---------+          +---------+
                       192.168.10.0/24 (inside)
"""

from .servers import start_nginx, start_telnetd

VIP = "10.0.0.2"
CLIENT = "10.0.0.100"
REAL1 = "192.168.10.100"
REAL2 = "192.168.10.101"
GATEWAY = "192.168.10.254"


class Cluster:
    def __init__(self, lab):
        outside, inside = lab.bridge("outside"), lab.bridge("inside")
        self.client = lab.host("client", eth0=outside.at("10.0.0.100/24"))
        self.vs = lab.host("vs", eth0=outside.at("10.0.0.1/24", "10.0.0.2/24"),
                           eth1=inside.at("192.168.10.1/24", "192.168.10.254/24"))
        self.vsbak = lab.host("vsbak", eth0=outside.at("10.0.0.3/24"),
                              eth1=inside.at("192.168.10.102/24"))
        self.real1 = lab.host("real1", GATEWAY, eth1=inside.at("192.168.10.100/24"))
        self.real2 = lab.host("real2", GATEWAY, eth1=inside.at("192.168.10.101/24"))
        self.lab, self.outside, self.inside = lab, outside, inside
        self.nginx = {}  # by the host's name

    def start_servers(self):
        """nginx and telnetd on both real servers: "Real1" and "Real2" on page and prompt."""
        for host, name in ((self.real1, "Real1"), (self.real2, "Real2")):
            self.nginx[host.name] = start_nginx(host, name)
            start_telnetd(host, name)
        return self

    def ready_for_xdp(self):
        """What XDP on veths needs: see Host.set_offloads and Host.let_xdp_transmit."""
        for host in (self.client, self.vs, self.vsbak, self.real1, self.real2):
            host.set_offloads(False)
        self.vs.let_xdp_transmit()


class FlatCluster:
    """All on one net: the real servers answer the clients themselves (VS/DR, VS/TUN).

        client 10.0.0.100   vs 10.0.0.1, VIP .2   real1 10.0.0.11, VIP   real2 10.0.0.12, VIP
               +-----------------+----------------------+----------------------+
                                     10.0.0.0/24
    """

    REAL1, REAL2 = "10.0.0.11", "10.0.0.12"

    def __init__(self, lab):
        net = lab.bridge("outside")
        self.client = lab.host("client", eth0=net.at("10.0.0.100/24"))
        self.vs = lab.host("vs", eth0=net.at("10.0.0.1/24", "10.0.0.2/24"))
        self.vs.sysctl("net.ipv4.ip_forward", 1)
        self.real1 = lab.host("real1", eth0=net.at("10.0.0.11/24"))
        self.real2 = lab.host("real2", eth0=net.at("10.0.0.12/24"))
        self.lab, self.net = lab, net

    def start_servers(self):
        for host, name in ((self.real1, "Real1"), (self.real2, "Real2")):
            start_nginx(host, name)
        return self

    def take_virtual_address(self, host, device="lo"):
        """The VIP on a real server, which must not answer ARP for it."""
        host.sysctl("net.ipv4.conf.all.arp_ignore", 1)
        host.sysctl("net.ipv4.conf.all.arp_announce", 2)
        host.ip(f"addr add {VIP}/32 dev {device}")

    def ready_for_xdp(self):
        for host in (self.client, self.vs, self.real1, self.real2):
            host.set_offloads(False)
        self.vs.let_xdp_transmit()


# HTTP and telnet on both real servers, which reach out through the director.
CONFIG = """
[[service]]
name = "web"
listen = ["10.0.0.2:80/tcp"]
scheduler = "wlc"
forward = "nat"
servers = [ { address = "192.168.10.100" }, { address = "192.168.10.101" } ]

[[service]]
name = "telnet"
listen = ["10.0.0.2:23/tcp"]
scheduler = "wlc"
forward = "nat"
servers = [ { address = "192.168.10.100" }, { address = "192.168.10.101" } ]

[[masquerade]]
from = "192.168.10.0/24"
out = "eth0"
"""
