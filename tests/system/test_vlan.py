# SPDX-License-Identifier: Apache-2.0
"""VLAN tags: both nets of the reference cluster are VLANs, each on the interface of that name.

    client eth0.7 10.0.0.100 ---- vs eth0.7 VIP 10.0.0.2 / eth1.8 192.168.10.254 ---- real1, real2 eth1.8

Where VLANs are the hardware's work, XDP sees no tag; else it leaves the frame to the VLAN's own interface.
In the virtual machine: it has VLAN devices.
"""

import pytest

from support.cluster import CLIENT, CONFIG, GATEWAY, REAL1, REAL2, VIP
from support.process import run
from support.servers import start_nginx

pytestmark = pytest.mark.vm


def put_on_vlan(host, interface, number, *addresses, gateway=None):
    vlan = f"{interface}.{number}"
    host.ip(f"link add link {interface} name {vlan} type vlan id {number}",
            f"addr flush dev {interface}", f"link set dev {vlan} up",
            *(f"addr add {address} dev {vlan}" for address in addresses),
            *([f"route add default via {gateway}"] if gateway else []))


@pytest.fixture
def tagged(bare_cluster):
    run(["modprobe", "8021q"])
    put_on_vlan(bare_cluster.client, "eth0", 7, f"{CLIENT}/24")
    put_on_vlan(bare_cluster.vs, "eth0", 7, "10.0.0.1/24", f"{VIP}/24")
    put_on_vlan(bare_cluster.vs, "eth1", 8, "192.168.10.1/24", f"{GATEWAY}/24")
    put_on_vlan(bare_cluster.real1, "eth1", 8, f"{REAL1}/24", gateway=GATEWAY)
    put_on_vlan(bare_cluster.real2, "eth1", 8, f"{REAL2}/24", gateway=GATEWAY)
    start_nginx(bare_cluster.real1, "Real1")
    start_nginx(bare_cluster.real2, "Real2")
    return bare_cluster


def each_answers(cluster):
    return {cluster.client.curl(f"http://{VIP}/").strip() for _ in range(4)} == {"Real1", "Real2"}


def test_services_are_reached_on_vlans(tagged):
    tagged.ready_for_xdp()
    tagged.director.start_isobard('[director]\nhook = "xdp"\n' + CONFIG.replace('"eth0"', '"eth0.7"'))

    for by_hardware in True, False:
        for host in (tagged.client, tagged.vs, tagged.real1, tagged.real2):
            host.set_offloads(by_hardware, ("rxvlan", "txvlan"))
        assert each_answers(tagged)
