# SPDX-License-Identifier: Apache-2.0
"""Real servers behind fullnat learn who their clients are: by the PROXY protocol, by TOA.

    client 10.0.0.100 --- vs 10.0.0.1, VIP .2 | 192.168.10.1, .20 --- real1 192.168.10.100
           2001:db8::100     2001:db8::2      | fd00::20                    fd00::100
"""

import hashlib
import ipaddress
import os
import re
import socket
import struct
import threading

import pytest
from scapy.all import TCP, rdpcap

from support.cluster import CLIENT, REAL1, VIP
from support.process import wait_until
from support.servers import start_answering

LOCAL, CLIENT6, VIP6, LOCAL6, REAL6 = ("192.168.10.20", "2001:db8::100", "2001:db8::2", "fd00::20",
                                       "fd00::100")
DATA = os.urandom(4 << 20)
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
TOA = 254

NGINX = """
daemon off;
master_process off;
user root;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    default_type text/plain;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{
        listen {address} proxy_protocol;
        root {directory}/html;
        location = /who {{ return 200 "$proxy_protocol_addr $proxy_protocol_server_addr $remote_addr"; }}
    }}
}}
"""


@pytest.fixture(params=["tc", "xdp"])
def apart(bare_cluster, request):
    cluster = bare_cluster
    cluster.real1.ip("route del default")
    cluster.vs.ip(f"addr add {LOCAL}/24 dev eth1")
    if request.param == "xdp":
        cluster.ready_for_xdp()
        cluster.director.start_isobard_at_xdp()
    return cluster


@pytest.fixture
def apart6(apart):
    for host in (apart.client, apart.vs, apart.real1):
        host.sysctl("net.ipv6.conf.all.disable_ipv6", 0)
    apart.vs.sysctl("net.ipv6.conf.all.forwarding", 1)
    apart.vs.ip("addr add 2001:db8::1/64 dev eth0 nodad", f"addr add {VIP6}/64 dev eth0 nodad",
                f"addr add {LOCAL6}/64 dev eth1 nodad")
    apart.client.ip(f"addr add {CLIENT6}/64 dev eth0 nodad")
    apart.real1.ip(f"addr add {REAL6}/64 dev eth1 nodad")
    return apart


def serve(cluster, way, vip=VIP, server=REAL1, local=LOCAL, port=80):
    service = f"-t [{vip}]:{port}" if ":" in vip else f"-t {vip}:{port}"
    at = f"[{server}]:8080" if ":" in server else f"{server}:8080"
    cluster.director.ipvsadm(f"-A {service} --local-address {local} --client-address {way}",
                             f"-a {service} -r {at} --fullnat")


def start_nginx(host, address):
    directory = host.lab.path(f"{host.name}-proxy")
    host.lab.write(os.path.join(directory, "html", "large.txt"), "x" * (4 << 20))
    config = host.lab.write(os.path.join(directory, "nginx.conf"),
                            NGINX.format(directory=directory, address=address))
    host.start(["nginx", "-c", config, "-p", directory])
    wait_until(lambda: host.listens(8080), what=f"nginx of {host} listens")


class Server:
    """Reads a header of the PROXY protocol, says something, and reads all that comes."""

    def __init__(self, host, banner=b""):
        self.listener = host.socket(bind=(REAL1, 8080))
        self.listener.listen()
        self.banner, self.header, self.digest = banner, b"", None
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        connection, _ = self.listener.accept()
        with connection, connection.makefile("rb") as stream:
            self.header = stream.read(28)
            connection.sendall(self.banner)
            digest = hashlib.sha256()
            while piece := stream.read(65536):
                digest.update(piece)
            self.digest = digest.hexdigest()

    def result(self):
        self.thread.join(30)
        assert not self.thread.is_alive(), "the server still waits"
        self.listener.close()
        return self.header, self.digest


def header_of(client_port, port=80):
    return (SIGNATURE + bytes([0x21, 0x11]) + struct.pack("!H", 12)
            + socket.inet_aton(CLIENT) + socket.inet_aton(VIP)
            + struct.pack("!HH", client_port, port))


def test_nginx_knows_the_client_by_the_proxy_protocol(apart):
    start_nginx(apart.real1, f"{REAL1}:8080")
    serve(apart, "proxy")

    assert apart.client.curl(f"http://{VIP}/who") == f"{CLIENT} {VIP} {LOCAL}"
    assert apart.client.curl(f"http://{VIP}/large.txt") == "x" * (4 << 20)


def test_nginx_knows_a_client_of_ipv6_by_the_proxy_protocol(apart6):
    start_nginx(apart6.real1, f"[{REAL6}]:8080")
    serve(apart6, "proxy", VIP6, REAL6, LOCAL6)

    assert apart6.client.curl(f"http://[{VIP6}]/who") == f"{CLIENT6} {VIP6} {LOCAL6}"
    assert apart6.client.curl(f"http://[{VIP6}]/large.txt") == "x" * (4 << 20)


def test_all_that_a_client_sends_comes_behind_the_header(apart):
    server = Server(apart.real1)
    serve(apart, "proxy")
    with apart.client.socket() as client:
        client.connect((VIP, 80))
        client.sendall(DATA)
        port = client.getsockname()[1]

    assert server.result() == (header_of(port), hashlib.sha256(DATA).hexdigest())


def test_a_server_that_speaks_first_has_the_header_before(apart):
    server = Server(apart.real1, banner=b"220 ready\r\n")
    serve(apart, "proxy")
    with apart.client.socket() as client:
        client.connect((VIP, 80))
        assert client.recv(100) == b"220 ready\r\n"
        client.sendall(b"QUIT\r\n")
        port = client.getsockname()[1]

    assert server.result() == (header_of(port), hashlib.sha256(b"QUIT\r\n").hexdigest())


def test_a_client_that_only_closes_has_sent_nothing(apart):
    server = Server(apart.real1)
    serve(apart, "proxy")
    with apart.client.socket() as client:
        client.connect((VIP, 80))
        port = client.getsockname()[1]

    assert server.result() == (header_of(port), hashlib.sha256(b"").hexdigest())


def told_by_toa(pcap, server_port=8080):
    """(flags, data, option) of the segments with the option."""
    found = []
    for packet in rdpcap(pcap):
        if TCP not in packet or packet[TCP].dport != server_port:
            continue
        for kind, value in packet[TCP].options:
            if kind == TOA:
                found.append((str(packet[TCP].flags), len(packet[TCP].payload), value))
    return found


def check_toa(cluster, vip, client_address):
    """The ACK of the handshake has the option, and what follows is as ever."""
    family = socket.AF_INET6 if ":" in vip else socket.AF_INET
    pcap = cluster.real1.capture("eth1", "tcp", "port", "8080")
    with cluster.client.socket(family=family) as client:
        client.connect((vip, 80))
        client.settimeout(10)
        port = client.getsockname()[1]
        assert client.recv(100) == b"real1\n"
        client.sendall(b"hello")
        assert client.recv(100) == b"real1 hello"
    option = struct.pack("!H", port) + ipaddress.ip_address(client_address).packed
    wait_until(lambda: told_by_toa(pcap), what="the option in the capture")
    assert set(told_by_toa(pcap)) == {("A", 0, option)}


def test_the_handshake_tells_the_client_by_toa(apart):
    start_answering(apart.real1, "real1", "tcp:8080")
    serve(apart, "toa")
    check_toa(apart, VIP, CLIENT)


def test_configured_by_isobard(bare_cluster):
    bare_cluster.vs.ip(f"addr add {LOCAL}/24 dev eth1")
    bare_cluster.real1.ip("route del default")
    start_nginx(bare_cluster.real1, f"{REAL1}:8080")
    bare_cluster.director.start_isobard(f"""
        [[service]]
        name = "web"
        listen = ["{VIP}:80/tcp"]
        forward = "fullnat"
        local_addresses = ["{LOCAL}"]
        client_address = "proxy"
        servers = [{{ address = "{REAL1}:8080" }}]
        """)

    assert bare_cluster.client.curl(f"http://{VIP}/who") == f"{CLIENT} {VIP} {LOCAL}"
    assert re.search("--client-address proxy$", bare_cluster.director.ipvsadm("-S -n"), re.M)
