# SPDX-License-Identifier: Apache-2.0
"""FTP: vsftpd behind a virtual IP, curl before it, data connections of every kind.

    client 10.0.0.100 ---- vs eth0 10.0.0.1, VIP .2 / eth1 192.168.10.254 ---- real1 .100, real2 .101

Drawn in full in support/cluster.py.
"""

import os
import re

import pytest

from support.cluster import REAL1, REAL2, VIP, FlatCluster
from support.director import Director
from support.process import wait_until
from support.servers import start_vsftpd

FTP = f"-t {VIP}:21"
FTP_ROW = f"TCP {VIP}:21"

# curl takes the address of the control connection for the data, too, unless told to listen.
PASSIVE = ("--disable-epsv", "--no-ftp-skip-pasv-ip")
MODES = pytest.mark.parametrize("mode", [
    PASSIVE, (), ("--ftp-port", "-", "--disable-eprt"), ("--ftp-port", "-")],
    ids=["PASV", "EPSV", "PORT", "EPRT"])


def start_servers(cluster):
    """vsftpd on both real servers; the big file is each one's own."""
    big = {}
    for host in (cluster.real1, cluster.real2):
        big[host.name] = os.urandom(3 << 20)
        start_vsftpd(host, {"who": f"{host.name}\n".encode(), "big": big[host.name]})
    return big


@pytest.fixture(params=["tc", "xdp"])
def cluster(bare_cluster, request):
    cluster = bare_cluster
    if request.param == "xdp":
        cluster.ready_for_xdp()
        cluster.director.start_isobard_at_xdp()
    cluster.big = start_servers(cluster)
    cluster.director.serve(FTP, f"{REAL1}:21", f"{REAL2}:21")
    return cluster


def fetch(cluster, mode, names=("who", "big", "who")):
    """The files, all over one control connection, and what was said there."""
    paths = [cluster.lab.path(f"got-{number}") for number in range(len(names))]
    words = [word for name, path in zip(names, paths)
             for word in ("-o", path, f"ftp://{VIP}/{name}")]
    done = cluster.client.run(["curl", "-v", "--silent", "--show-error", "--noproxy", "*",
                               "--max-time", "30", *mode, *words], timeout=40)
    contents = []
    for path in paths:
        with open(path, "rb") as file:
            contents.append(file.read())
    return contents, done.stderr


@MODES
def test_every_file_comes_from_the_server_of_the_control_connection(cluster, mode):
    for name in ("real2", "real1"):
        (who, big, again), said = fetch(cluster, mode)

        assert who == again == f"{name}\n".encode()
        assert big == cluster.big[name]
        assert said.count("220 (vsFTPd") == 1, "more than one control connection"
        if mode == PASSIVE:
            assert len(re.findall(r"227 Entering Passive Mode \(10,0,0,2,", said)) == 3
            assert "192,168,10" not in said

    traffic = cluster.director.traffic(FTP_ROW)[None]
    assert traffic.connections == 2, "data connections do not count, as with IPVS"
    assert traffic.out_bytes > 2 * (3 << 20)


def test_the_data_connections_are_those_of_the_listing(cluster):
    fetch(cluster, PASSIVE)

    rows = cluster.director.connections()
    control = [row for row in rows if row[4] == f"{VIP}:21"]
    data = [row for row in rows if row[4] != f"{VIP}:21"]
    assert len(control) == 1 and len(data) == 3
    for row in data:
        # the virtual port is the server's own
        assert row[5] == f"{REAL2}:{row[4].rpartition(':')[2]}"


def test_a_port_of_ones_own_is_told_in_the_configuration(bare_cluster):
    cluster = bare_cluster
    start_vsftpd(cluster.real1, {"who": b"real1\n"}, port=2121)
    config = f"""
        [director]
        ftp_ports = [21, 2121]
        [[service]]
        name = "ftp"
        listen = ["{VIP}:2121/tcp"]
        forward = "nat"
        servers = [{{ address = "{REAL1}" }}]
        """
    cluster.director.start_isobard(config)

    for mode in (PASSIVE, ("--ftp-port", "-")):
        assert cluster.client.curl(f"ftp://{VIP}:2121/who", *mode) == "real1\n"


@MODES
def test_by_direct_routing_persistence_keeps_data_with_its_server(lab, mode):
    cluster = FlatCluster(lab)
    cluster.director = Director(cluster.vs)
    for host in (cluster.real1, cluster.real2):
        cluster.take_virtual_address(host)
    big = start_servers(cluster)
    cluster.director.ipvsadm(f"-A {FTP} -s rr -p 60", f"-a {FTP} -r {FlatCluster.REAL1} -g",
                             f"-a {FTP} -r {FlatCluster.REAL2} -g")

    (who, file, again), _ = fetch(cluster, mode)

    assert who == again == b"real2\n"
    assert file == big["real2"]
    wait_until(lambda: any(row[4] == f"{VIP}:0" for row in cluster.director.connections()),
               what="a template for all ports")
