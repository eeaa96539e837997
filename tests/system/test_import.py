# SPDX-License-Identifier: Apache-2.0
"""Configurations of other load balancers run as they are, and what they become runs the same.

    client 10.0.0.100 ---- vs 10.0.0.1, VIP 10.0.0.2 / 192.168.10.254 ---- real1 .100, real2 .101

Drawn in full in support/cluster.py.
"""

import json
from collections import Counter

import pytest

from support.cluster import VIP
from support.process import wait_until

LVS_CF = """\
serial_no = 3
primary = 10.0.0.1
service = lvs
rsh_command = ssh
backup_active = 1
backup = 10.0.0.3
heartbeat = 1
heartbeat_port = 539
keepalive = 2
deadtime = 5
network = nat
nat_router = 192.168.10.254 eth1:1
tcp_timeout = 120
virtual web {
     active = 1
     address = 10.0.0.2 eth0:1
     vip_nmask = 255.255.255.0
     port = 80
     send = "GET / HTTP/1.0\\r\\n\\r\\n"
     expect = "HTTP"
     load_monitor = none
     scheduler = wlc
     protocol = tcp
     timeout = 2
     reentry = 2
     server Real1 {
         address = 192.168.10.100
         active = 1
         weight = 2
     }
     server Real2 {
         address = 192.168.10.101
         active = 1
         weight = 1
     }
}
"""

KEEPALIVED = """\
! Configuration File for keepalived
global_defs {
   router_id LVS_DEVEL
}
vrrp_instance VI_1 {
    state MASTER
    interface eth0
    virtual_router_id 51
    priority 100
    virtual_ipaddress {
        10.0.0.2
    }
}
virtual_server 10.0.0.2 80 {
    delay_loop 2
    lb_algo wlc
    lb_kind NAT
    protocol TCP
    real_server 192.168.10.100 80 {
        weight 2
        HTTP_GET {
            url {
              path /
              status_code 200
            }
            connect_timeout 1
            retry 1
            delay_before_retry 1
        }
    }
    real_server 192.168.10.101 80 {
        weight 1
        TCP_CHECK {
            connect_timeout 1
        }
    }
}
"""

LDIRECTORD = """\
checktimeout=1
checkinterval=1
quiescent=no
virtual=10.0.0.2:80
        real=192.168.10.100:80 masq 2
        real=192.168.10.101:80 masq 1
        service=http
        request="index.txt"
        receive="Real"
        scheduler=wlc
        protocol=tcp
        checktype=negotiate
"""

RULES = """\
-A -t 10.0.0.2:80 -s wlc
-a -t 10.0.0.2:80 -r 192.168.10.100:80 -m -w 2
-a -t 10.0.0.2:80 -r 192.168.10.101:80 -m -w 1
"""

FILES = {"lvs.cf": LVS_CF, "keepalived.conf": KEEPALIVED, "ldirectord.cf": LDIRECTORD,
         "rules": RULES}
CHECKED = {name for name in FILES if name != "rules"}


@pytest.mark.parametrize("name", FILES)
def test_a_foreign_file_runs_and_so_does_what_it_becomes(cluster, name):
    path = cluster.lab.write(name, FILES[name])
    became = cluster.director.isobar("import", path)
    assert "error" not in became.stderr
    if name == "keepalived.conf":
        assert f"{path}:5:1: note: " in became.stderr, "vrrp_instance is named by its line"

    runs = []
    for config in (path, cluster.lab.write("became.toml", became.stdout)):
        isobard = cluster.director.start_isobard(config)
        wait_until(lambda: len(cluster.director.servers(f"TCP {VIP}:80")) == 2,
                   what="both servers are in")
        # nanny lets servers in slowly, over minutes: Real1 has not its weight of 2 yet
        expected = {"Real1": 2, "Real2": 1} if name != "lvs.cf" else None
        pages = Counter(cluster.client.curl(f"http://{VIP}/").strip() for _ in range(3))
        assert pages == (expected or pages) and len(pages) == 2
        runs.append(cluster.director.ipvsadm("-S -n"))
        if name in CHECKED and len(runs) == 2:
            cluster.nginx["real1"].stop()
            wait_until(lambda: len(cluster.director.servers(f"TCP {VIP}:80")) == 1, 20,
                       "the dead one is out")
        isobard.stop()
        cluster.director.remove()
    assert runs[0] == runs[1]


def test_a_broken_foreign_file_is_refused_with_its_lines_and_changes_nothing(cluster):
    path = cluster.lab.write("keepalived.conf", KEEPALIVED)
    isobard = cluster.director.start_isobard(path)
    before = json.dumps(cluster.director.status()["services"][0]["configured"])

    cluster.lab.write("keepalived.conf", KEEPALIVED.replace("lb_algo wlc", "lb_algo best"))
    refused = cluster.director.isobar("import", path, check=False)
    assert (refused.returncode, refused.stdout) == (3, "")
    assert f"{path}:16:13: error: " in refused.stderr
    cluster.director.reload(isobard, path)

    wait_until(lambda: cluster.director.status()["config"]["errors"], what="the error is shown")
    assert json.dumps(cluster.director.status()["services"][0]["configured"]) == before


def test_import_of_what_is_no_such_file(cluster):
    for file, code, words in (("/nowhere", 4, "/nowhere: error: cannot open"),
                              ("/etc/passwd", 3, "of no format that is known here")):
        refused = cluster.director.isobar("import", file, check=False)
        assert refused.returncode == code
        assert words in refused.stderr
