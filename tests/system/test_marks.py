# SPDX-License-Identifier: Apache-2.0
"""Several addresses that are one service: by firewall mark, as rules of nft, iptables and tc set
it, and as a named group of the configuration. In the reference cluster.
"""

import os

import pytest

from support.cluster import REAL1, REAL2, VIP, Cluster
from support.director import Director
from support.process import LabError, run, wait_until
from support.servers import PROGRAMS, PYTHON, telnet

BY_MARK = ("-A -f 1 -s rr -p 300", f"-a -f 1 -r {REAL1} -m", f"-a -f 1 -r {REAL2} -m")

NFT = """
table ip balance {
    chain prerouting {
        type filter hook prerouting priority mangle;
        ip daddr %s tcp dport { 80, 23 } meta mark set 1
    }
}
""" % VIP
IPTABLES = (f"iptables -t mangle -A PREROUTING -d {VIP}/32 -p tcp -m multiport --dports 80,23 "
            "-j MARK --set-mark 1")


def web(host):
    return host.curl(f"http://{VIP}/").strip()


def rule_by_nft(host):
    host.run(["nft", "-f", "-"], input=NFT)


def rule_by_iptables(host):
    host.run(IPTABLES.split())


@pytest.mark.parametrize("make_rule", [rule_by_nft, rule_by_iptables], ids=["nft", "iptables"])
def test_what_the_hosts_rules_mark_is_one_service(cluster, make_rule):
    make_rule(cluster.vs)
    cluster.director.ipvsadm(*BY_MARK)

    assert web(cluster.client) == telnet(cluster.client, VIP) == "Real2"
    assert web(cluster.vsbak) == telnet(cluster.vsbak, VIP) == "Real1"
    assert [web(cluster.client) for _ in range(3)] == ["Real2"] * 3
    assert "FWM  1 rr persistent 300" in cluster.director.ipvsadm("-L -n").splitlines()
    templates = [line.split() for line in cluster.director.ipvsadm("-L -n -c").splitlines()
                 if line.startswith("IP ")]
    assert {tuple(words[3:]) for words in templates} == {
        ("10.0.0.100:0", "0.0.0.1:0", f"{REAL2}:0"), ("10.0.0.3:0", "0.0.0.1:0", f"{REAL1}:0")}


def test_changed_rules_are_followed_from_the_next_command_on(cluster):
    cluster.director.ipvsadm(*BY_MARK)
    with pytest.raises(LabError):
        web(cluster.client)

    rule_by_nft(cluster.vs)
    cluster.director.ipvsadm("-L")
    assert web(cluster.client) == "Real2"

    cluster.vs.run(["nft", "flush", "ruleset"])
    cluster.director.ipvsadm("-L")
    with pytest.raises(LabError):
        web(cluster.client)


def test_a_rule_that_cannot_be_followed_is_named(cluster):
    cluster.vs.run(["nft", "-f", "-"], input=NFT.replace("ip daddr", "iifname eth0 ip daddr"))

    done = cluster.vs.run([cluster.director.program("isobar-ipvsadm"), "-A", "-f", "1"])

    assert done.stderr == ("isobar-ipvsadm: warning: nft rule ip balance prerouting handle 3: "
                           "its marks are not followed\n")


def test_a_service_by_mark_is_saved_and_restored(cluster):
    cluster.director.ipvsadm(*BY_MARK)
    saved = cluster.director.ipvsadm("-S -n")
    assert saved == (f"-A -f 1 -s rr -p 300\n-a -f 1 -r {REAL1}:0 -m -w 1\n"
                     f"-a -f 1 -r {REAL2}:0 -m -w 1\n")

    cluster.director.ipvsadm("-C")
    cluster.vs.run([cluster.director.program("isobar-ipvsadm"), "-R"], input=saved)
    assert cluster.director.ipvsadm("-S -n") == saved


def test_isobard_knows_services_by_mark(cluster):
    rule_by_nft(cluster.vs)
    cluster.director.start_isobard(f"""
        [[service]]
        name = "all"
        mark = 1
        scheduler = "rr"
        persistence = {{ timeout = "5m" }}
        servers = [{{ address = "{REAL1}" }}, {{ address = "{REAL2}" }}]
        """)

    assert web(cluster.client) == telnet(cluster.client, VIP) == "Real2"
    service, = cluster.director.status()["services"]
    assert (service["name"], service["mark"]) == ("all", 1)
    assert "all  mark 1" in cluster.director.isobar("status").stdout


# ---- the shop: its cookies are known on one server only ----

@pytest.fixture
def shops(lab):
    """The cluster with a shop on each server, and a customer's two steps."""
    made = Cluster(lab)
    made.director = Director(made.vs)
    certificate = lab.path("shop.pem")
    run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-subj", "/CN=shop", "-days", "2", "-keyout", certificate, "-out",
         lab.path("shop.crt")])
    with open(certificate, "a", encoding="utf-8") as file, open(lab.path("shop.crt"),
                                                                encoding="utf-8") as chain:
        file.write(chain.read())
    for real, name in ((made.real1, "Real1"), (made.real2, "Real2")):
        real.start([PYTHON, os.path.join(PROGRAMS, "shop.py"), name, certificate])
    for real in (made.real1, made.real2):
        wait_until(lambda: real.listens(80) and real.listens(443), what=f"the shop on {real}")
    return made


def go_shopping(shops, customer):
    """Takes something by HTTP, goes to pay by HTTPS. What is said there."""
    jar = shops.vs.lab.path(f"{customer}.cookies")
    options = ("--insecure", "--cookie", jar, "--cookie-jar", jar)
    shops.client.curl(f"http://{VIP}/take", *options)
    return shops.client.curl(f"https://{VIP}/pay", *options).strip()


def shop_configuration(listens):
    return "".join(f"""
        [[service]]
        name = "{name}"
        listen = {listen}
        scheduler = "rr"
        persistence = {{ timeout = "5m" }}
        servers = [{{ address = "{first}" }}, {{ address = "{second}" }}]
        """ for name, listen, first, second in listens)


def test_persistence_per_port_loses_the_basket_on_the_way_to_https(shops):
    """The classic trouble: each port has a template of its own, and they lead to two servers."""
    shops.director.start_isobard(shop_configuration([
        ("http", f'["{VIP}:80/tcp"]', REAL1, REAL2), ("https", f'["{VIP}:443/tcp"]', REAL2, REAL1)]))

    assert go_shopping(shops, "customer") == "Real1: 0 in the basket"


def test_a_group_keeps_the_basket(shops):
    shops.director.start_isobard(shop_configuration([
        ("shop", f'["{VIP}:80/tcp", "{VIP}:443/tcp"]', REAL1, REAL2)]))

    assert go_shopping(shops, "customer") == "Real2: 1 in the basket"
    service, = shops.director.status()["services"]
    assert service["name"] == "shop" and service["mark"] >= 1 << 31
    # as a mark in ipvsadm, and found there with all its ports
    assert f"FWM  {service['mark']} rr persistent 300" in shops.director.ipvsadm("-L -n").splitlines()


def test_services_become_a_group_and_a_group_services_while_they_serve(shops):
    apart = shop_configuration([("http", f'["{VIP}:80/tcp"]', REAL1, REAL2),
                                ("https", f'["{VIP}:443/tcp"]', REAL2, REAL1)])
    together = shop_configuration([("shop", f'["{VIP}:80/tcp", "{VIP}:443/tcp"]', REAL1, REAL2)])
    isobard = shops.director.start_isobard(apart)
    shops.client.curl(f"http://{VIP}/")

    def become(configuration, names):
        shops.director.reload(isobard, configuration)
        wait_until(lambda: [service["name"] for service in shops.director.status()["services"]] ==
                   names, what=f"the services are {names}")

    become(together, ["shop"])
    assert go_shopping(shops, "second").endswith("1 in the basket")
    become(apart, ["http", "https"])
    assert go_shopping(shops, "third").endswith("0 in the basket")
