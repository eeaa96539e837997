# SPDX-License-Identifier: Apache-2.0
"""isobard keeps the director in the state that its configuration file says.

    client 10.0.0.100 ---- vs 10.0.0.1, VIP 10.0.0.2 / 192.168.10.254 ---- real1 .100, real2 .101

Drawn in full in support/cluster.py; the configuration is CONFIG there.
"""

import collections
import json
import signal
import socket

import pytest

from support.cluster import CLIENT, CONFIG, REAL1, REAL2, VIP
from support.process import wait_until
from support.servers import ask_page, result_of, start_connections, telnet

WEB_ROW = f"TCP {VIP}:80"
IPV4 = r"^net\.ipv4\."
SWITCHES = b"""
[director]
interfaces = ["eth0"]
timeouts = { tcp = "60s" }
expire_nodest_conn = true
manage_sysctls = false
"""


@pytest.fixture
def host(cluster):
    """The reference cluster, but ip_forward is left to isobard."""
    cluster.vs.sysctl("net.ipv4.ip_forward", 0)
    return cluster


@pytest.mark.vm
@pytest.mark.parametrize("hook", ["tc", "xdp"])
def test_http_and_telnet_are_shared_equally(host, hook):
    if hook == "xdp":
        host.ready_for_xdp()
    host.director.start_isobard(f'[director]\nhook = "{hook}"\n' + CONFIG)

    pages = collections.Counter(host.client.curl(f"http://{VIP}/").strip() for _ in range(8))
    prompts = collections.Counter(telnet(host.client, VIP) for _ in range(4))

    assert pages == {"Real1": 4, "Real2": 4}
    assert prompts == {"Real1": 2, "Real2": 2}
    assert interfaces_with_xdp(host) == (["eth0", "eth1"] if hook == "xdp" else [])


def test_load_by_way_of_xdp_does_not_fail(host):
    host.ready_for_xdp()
    host.director.start_isobard('[director]\nhook = "xdp"\n' + CONFIG)

    result = result_of(start_connections(host.client, f"{VIP}:80", count=5000))

    assert (result["ok"], result["failed"]) == (5000, 0)
    assert interfaces_with_xdp(host) == ["eth0", "eth1"]
    # Packets did go by way of XDP: tc saw only those that XDP passed on
    verdicts = host.director.status()["verdicts"]
    assert verdicts["to_tc"] < verdicts["forwarded"] / 10, verdicts


def test_status_tells_what_runs(host):
    host.director.start_isobard(CONFIG)
    for _ in range(4):
        host.client.curl(f"http://{VIP}/")

    web, logins = host.director.status()["services"]

    assert (web["name"], logins["name"]) == ("web", "telnet")
    assert (web["protocol"], web["address"], web["scheduler"]) == ("tcp", f"{VIP}:80", "wlc")
    assert [server["address"] for server in web["servers"]] == [f"{REAL1}:80", f"{REAL2}:80"]
    assert [server["traffic"]["connections"] for server in web["servers"]] == [2, 2]
    assert "web" in host.director.isobar("status").stdout


def test_real_servers_reach_out_through_the_director(host):
    server = host.client.socket(bind=(CLIENT, 70))
    server.listen()
    host.director.start_isobard(CONFIG)

    with host.real1.socket() as connection:
        connection.connect((CLIENT, 70))
        _, source = server.accept()

    assert source[0] == "10.0.0.1"  # nobody outside knows a way to 192.168.10.100


def test_sysctls_are_set_and_put_back(host):
    host.vs.sysctl("net.ipv4.conf.eth0.rp_filter", 1)
    before = host.vs.sysctls(IPV4)

    isobard = host.director.start_isobard(CONFIG)
    assert host.vs.sysctl("net.ipv4.ip_forward") == "1"
    isobard.stop()
    assert host.vs.sysctl("net.ipv4.ip_forward") == "1"  # forwarding goes on
    host.director.remove()

    assert host.vs.sysctls(IPV4) == before


def test_reload_applies_the_file(host):
    isobard = host.director.start_isobard(CONFIG)
    connection = held_connection(host)

    host.director.reload(isobard, CONFIG.replace('{ address = "192.168.10.100" }',
                                         '{ address = "192.168.10.100", weight = 7 }'))

    wait_until(lambda: host.director.servers(WEB_ROW)[f"{REAL1}:80"].weight == 7,
               what="the new weight")
    assert answers(connection)


def test_reload_removes_what_the_file_no_longer_names(host):
    isobard = host.director.start_isobard(CONFIG)

    host.director.reload(isobard, CONFIG[:CONFIG.index('[[service]]\nname = "telnet"')])

    wait_until(lambda: f"{VIP}:23" not in host.director.ipvsadm("-L -n"), what="telnet is gone")
    assert host.client.curl(f"http://{VIP}/").strip() in ("Real1", "Real2")


def test_services_made_by_hand_are_left_alone(host):
    host.director.serve(f"-t {VIP}:8080", f"{REAL1}:80")

    isobard = host.director.start_isobard(CONFIG)
    host.director.reload(isobard, CONFIG.replace("wlc", "rr"))
    wait_until(lambda: f"TCP  {VIP}:80 rr" in host.director.ipvsadm("-L -n"), what="reloaded")

    assert host.client.curl(f"http://{VIP}:8080/").strip() == "Real1"


def test_start_repairs_what_was_changed_meanwhile(host):
    host.director.start_isobard(CONFIG).kill()
    host.director.ipvsadm(f"-d -t {VIP}:80 -r {REAL1}:80", f"-e -t {VIP}:80 -r {REAL2}:80 -m -w 9")

    host.director.start_isobard(CONFIG)

    servers = host.director.servers(WEB_ROW)
    assert {address: server.weight for address, server in servers.items()} == {
        f"{REAL1}:80": 1, f"{REAL2}:80": 1}


@pytest.mark.parametrize("content", [
    b"[[service]]\nname = \"web\"\nlisten = [\"10.0.0.2:80/tcp\"]\nschedular = \"wlc\"\n",
    b"x" * (10 << 20),
    bytes(range(256)) * 16,
    b"[[service]\n",
    b"",
    # much that is right, of which nothing counts: one server's port is wrong; one service too many
    SWITCHES + CONFIG[:CONFIG.index('[[service]]\nname = "telnet"')].encode().replace(
        b'192.168.10.101"', b'192.168.10.101:99999"'),
    SWITCHES + b"".join(b'[[service]]\nname = "s%d"\nlisten = ["10.0.0.2:%d/tcp"]\n' % (port, port)
                        for port in range(1000, 1000 + 4096 + 1)),
], ids=["misspelt", "10-MiB", "binary", "syntax", "0-bytes", "one-of-many", "no-room"])
def test_reload_of_a_bad_file_changes_nothing(host, content):
    isobard = host.director.start_isobard(CONFIG)
    before = what_runs(host)

    with open(host.lab.path("isobar.toml"), "wb") as file:
        file.write(content)
    isobard.signal(signal.SIGHUP)
    wait_until(lambda: host.director.status()["config"]["errors"], what="the errors are told")

    assert isobard.alive
    assert what_runs(host) == before
    assert host.client.curl(f"http://{VIP}/").strip() in ("Real1", "Real2")


def test_interfaces_that_appear_later_are_picked_up(host):
    host.director.start_isobard(CONFIG)

    host.vs.add_interface("eth2", host.lab.bridge("dmz").at("10.1.0.1/24"))

    wait_until(lambda: {"name": "eth2", "tc": True, "xdp": False} in
               host.director.status()["interfaces"], what="eth2 has its program")


def test_timeouts_of_the_file_reach_the_kernel(host):
    timeouts = '[director]\ntimeouts = {{ tcp = "{}", tcp_fin = "{}", udp = "{}" }}\n'

    isobard = host.director.start_isobard(timeouts.format("2h", "90s", "1m") + CONFIG)
    assert host.director.ipvsadm("-L --timeout") == "Timeout (tcp tcpfin udp): 7200 90 60\n"
    with held_connection(host):
        (_, expires, state, *_), = host.director.connections()
    assert state == "ESTABLISHED" and "120:00" >= expires > "119:30"

    host.director.reload(isobard, timeouts.format("15m", "2s", "300s") + CONFIG)
    wait_until(lambda: host.director.ipvsadm("-L --timeout") ==
               "Timeout (tcp tcpfin udp): 900 2 300\n", what="the new timeouts")


def test_a_second_isobard_is_kept_out_and_status_watches_the_first(host):
    isobard = host.director.start_isobard(CONFIG)
    before = what_runs(host)
    watch = host.vs.start([host.director.program("isobar"), "--socket", host.director.socket,
                           "status", "--watch", "--json"], name="watch")

    for words in (["-c", host.director.config_file(CONFIG)], ["--remove"]):
        done = host.vs.run([host.director.program("isobard"), *words, *host.director.paths],
                           check=False)
        assert done.returncode == 1
        line, = done.stderr.splitlines()
        assert f"isobard is running already (process {isobard.pid})" in line
    assert what_runs(host) == before

    reports = wait_until(lambda: len(watch.log().splitlines()) >= 2 and watch.log().splitlines(),
                         what="a second report")
    assert [len(json.loads(report)["services"]) for report in reports] == [2] * len(reports)
    isobard.kill()  # is waited for
    wait_until(lambda: "isobard does not run there" in watch.log(), what="that is told")
    told = len(watch.log().splitlines())
    host.director.start_isobard(CONFIG)
    wait_until(lambda: watch.log().splitlines()[told:][-1].startswith('{"'), what="a report again")
    assert watch.alive


def what_runs(host):
    """All that a configuration decides about."""
    return (host.director.ipvsadm("-S -n"), host.director.ipvsadm("-L --timeout"),
            host.vs.sysctls(IPV4), host.vs.output(["nft", "list", "ruleset"]),
            host.vs.output(["bpftool", "net"]))


def interfaces_with_xdp(host):
    return [at["name"] for at in host.director.status()["interfaces"] if at["xdp"]]


def held_connection(host):
    connection = host.client.socket(socket.SOCK_STREAM)
    connection.connect((VIP, 80))
    assert answers(connection)
    return connection


def answers(connection):
    return ask_page(connection) in ((200, b"Real1\n"), (200, b"Real2\n"))
