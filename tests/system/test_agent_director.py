# SPDX-License-Identifier: Apache-2.0
"""isobar-agent asks a director what comes to its host, and follows what changes there.

    client 10.0.0.100 --+-- vs 10.0.0.1, isobard --+-- real1 .11, agent --+-- real2 .12, agent
                                                                 10.0.0.0/24, fd00::/64

Drawn in full in support/cluster.py (FlatCluster).
"""

import json
import signal
import socket

import pytest

from support.agent import Agent
from support.cluster import VIP, FlatCluster
from support.director import Director
from support.process import wait_until
from support.servers import start_nginx

VIP2, VIP6 = "10.0.0.9", "fd00::2"
REAL1, REAL2 = FlatCluster.REAL1, FlatCluster.REAL2
VS, VS6, REAL1_6 = "10.0.0.1", "fd00::1", "fd00::11"
PORT = 10539


def url_host(address):
    return f"[{address}]" if ":" in address else address


def service(name, vip, *servers, forward="dr", extra="", port=80):
    listed = ", ".join(f'{{ address = "{server}" }}' for server in servers)
    return f"""
        [[service]]
        name = "{name}"
        listen = ["{url_host(vip)}:{port}/tcp"]
        scheduler = "rr"
        forward = "{forward}"
        servers = [ {listed} ]
        {extra}
        """


def config(*services, agents=(VS,)):
    return f"""
        [director]
        agents = {json.dumps(list(agents))}
        """ + "".join(services)


WEB = service("web", VIP, REAL1, REAL2)


def tunnelled(kind):
    return service("web", VIP, REAL1, REAL2, forward="tun", extra=f'tunnel = "{kind}"')


@pytest.fixture
def flat(lab):
    made = FlatCluster(lab).start_servers()
    made.director = Director(made.vs)
    made.agents = [Agent(made.real1), Agent(made.real2)]
    return made


@pytest.fixture
def dual(flat):
    """IPv6, too, on vs and real1."""
    for host, address in ((flat.client, "fd00::100"), (flat.vs, VS6), (flat.real1, REAL1_6)):
        host.sysctl("net.ipv6.conf.all.disable_ipv6", 0)
        host.sysctl("net.ipv6.conf.eth0.accept_dad", 0)
        host.ip(f"address add {address}/64 dev eth0 nodad")
    flat.vs.ip(f"address add {VIP6}/64 dev eth0 nodad")
    return flat


def start_agents(flat, options=f"--director {VS}"):
    return [agent.start(options) for agent in flat.agents]


# ---- what a director says is done ----

@pytest.mark.parametrize("text, options", [
    (WEB, ""), (tunnelled("ipip"), "--decap bpf"), (tunnelled("gue"), ""), (tunnelled("gre"), ""),
], ids=["dr", "ipip", "gue", "gre"])
def test_two_commands_and_no_address_make_a_cluster(flat, text, options):
    flat.director.start_isobard(config(text))

    start_agents(flat, f"--director {VS} {options}")

    assert sorted(pages(flat, VIP, 4)) == ["Real1", "Real1", "Real2", "Real2"]


@pytest.mark.vm
def test_services_come_and_go_without_a_word_to_the_agents(flat):
    flat.vs.ip(f"address add {VIP2}/24 dev eth0")
    isobard = flat.director.start_isobard(config(WEB))
    start_agents(flat)
    assert VIP2 not in addresses(flat.real1)

    flat.director.reload(isobard, config(WEB, service("more", VIP2, REAL1, forward="tun",
                                                      extra='tunnel = "gre"')))
    wait_until(lambda: VIP2 in addresses(flat.real1), what="the agent hears of the new service")
    assert flat.client.curl(f"http://{VIP2}/") == "Real1\n"
    assert sorted(pages(flat, VIP, 2)) == ["Real1", "Real2"]
    assert VIP2 not in addresses(flat.real2)

    flat.director.reload(isobard, config(WEB))
    wait_until(lambda: VIP2 not in addresses(flat.real1), what="the agent hears of its end")
    assert "agent_ingress" not in filters(flat.real1)
    assert sorted(pages(flat, VIP, 2)) == ["Real1", "Real2"]


def test_a_service_made_by_hand_is_told_too(flat):
    flat.director.start_isobard(config(WEB))
    start_agents(flat)

    flat.vs.ip(f"address add {VIP2}/24 dev eth0")
    flat.director.ipvsadm(f"-A -t {VIP2}:80", f"-a -t {VIP2}:80 -r {REAL2} -g")

    wait_until(lambda: VIP2 in addresses(flat.real2), what="the agent hears of the service")
    assert flat.client.curl(f"http://{VIP2}/") == "Real2\n"


def test_addresses_of_a_group_are_told(flat):
    text = service("group", VIP, REAL1, extra="").replace(
        f'["{VIP}:80/tcp"]', f'["{VIP}:80/tcp", "{VIP2}:8000-8010/tcp"]')
    flat.director.start_isobard(config(text))

    flat.agents[0].start(f"--director {VS}")

    assert {VIP, VIP2} <= addresses(flat.real1)


def test_nat_needs_nothing_on_the_real_server(flat):
    flat.director.start_isobard(config(service("web", VIP, REAL1, forward="nat")))
    before = state(flat.real1)

    flat.agents[0].start(f"--director {VS}")

    assert state(flat.real1) == before


def test_ipv6_is_asked_for_by_ipv6(dual):
    start_nginx(dual.real1, "Six", address="[::]", port=8080)
    dual.director.start_isobard(config(
        WEB, service("six", VIP6, REAL1_6, forward="tun", extra='tunnel = "gue"', port=8080),
        agents=[VS, f"[{VS6}]:7000"]))

    dual.agents[0].start(f"--director {VS} --director [{VS6}]:7000")

    assert dual.client.curl(f"http://[{VIP6}]:8080/") == "Six\n"
    assert {VIP, VIP6} <= addresses(dual.real1)


def test_what_is_given_by_hand_stays(flat):
    isobard = flat.director.start_isobard(config(WEB))
    flat.agents[0].start(f"--director {VS} --vip {VIP2}@eth0")
    assert {VIP, VIP2} <= addresses(flat.real1)

    flat.director.reload(isobard, config(service("web", VIP, REAL2)))

    wait_until(lambda: VIP not in addresses(flat.real1), what="the agent hears that it is out")
    assert VIP2 in addresses(flat.real1)


# ---- a director that does not answer ----

def test_without_a_director_traffic_goes_on_and_at_the_end_all_is_undone(flat):
    before = state(flat.real1)
    isobard = flat.director.start_isobard(config(tunnelled("gue")))
    agent = start_agents(flat)[0]

    isobard.kill()
    agent.wait_for_log("Connection refused; asked again, meanwhile all stays as it is")
    assert sorted(pages(flat, VIP, 2)) == ["Real1", "Real2"]
    flat.director.start_isobard(config(tunnelled("gue")), name="isobard2")
    agent.wait_for_log(f"director {VS}:{PORT} answers")

    agent.signal(signal.SIGTERM)
    assert agent.wait() == 0
    assert state(flat.real1) == before
    assert agent.log().count("Connection refused") == 1


def test_a_director_that_comes_later_is_asked_again(flat):
    agent = flat.agents[0].start(f"--director {VS}")
    assert "Connection refused; asked again, nothing is known from it yet" in agent.log()
    assert VIP not in addresses(flat.real1)

    flat.director.start_isobard(config(WEB))

    wait_until(lambda: VIP in addresses(flat.real1), what="the agent hears of its VIP")


def test_a_killed_agents_work_stays_until_the_director_is_back(flat):
    isobard = flat.director.start_isobard(config(tunnelled("gre")))
    before = state(flat.real1)
    start_agents(flat)[0].kill()
    isobard.stop()

    agent = flat.agents[0].start(f"--director {VS}")
    assert sorted(pages(flat, VIP, 2)) == ["Real1", "Real2"]

    flat.director.start_isobard(config(service("web", VIP, REAL2)), name="isobard2")
    agent.wait_for_log(f"director {VS}:{PORT} answers")
    wait_until(lambda: VIP not in addresses(flat.real1), what="what the killed agent did is undone")
    agent.stop()
    assert {**state(flat.real1), "addresses": None} == {**before, "addresses": None}


def test_an_answer_of_somebody_else_changes_nothing(flat):
    isobard = flat.director.start_isobard(config(WEB))
    agent = flat.agents[0].start(f"--director {VS}")
    before = state(flat.real1)

    isobard.stop()
    with flat.vs.inside():
        impostor = socket.create_server((VS, PORT))
    with impostor:
        for said, words in ((b"SSH-2.0-OpenSSH_9.2\r\n", "what answers is no isobard"),
                            (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
                             "no answer of a director")):
            wait_until(lambda: answer_once(impostor, said) and words in agent.log(), what=words)

    assert state(flat.real1) == before


def test_who_asks_hears_of_itself_only_and_nothing_else_is_answered(flat):
    flat.director.start_isobard(config(WEB))

    def get(host, path):
        return host.run(["curl", "-s", "-w", " %{http_code}", f"http://{VS}:{PORT}{path}"]).stdout
    told = json.loads(get(flat.real1, "/api/v1/real-server").rsplit(" ", 1)[0])
    assert told == {"version": 1, "address": REAL1, "services": [
        {"protocol": "tcp", "address": f"{VIP}:80", "last_port": 0, "forward": "dr"}]}
    assert '"services":[]' in get(flat.client, "/api/v1/real-server")
    for path in ("/", "/healthz", "/api/v1/status"):
        assert get(flat.real1, path).endswith(" 404")


def test_where_agents_are_answered_can_change(flat):
    isobard = flat.director.start_isobard(config(WEB))
    assert flat.vs.listens(PORT)

    flat.director.reload(isobard, config(WEB, agents=[f"{VS}:7000", "10.0.0.200:7001"]))
    wait_until(lambda: flat.vs.listens(7000) and not flat.vs.listens(PORT), what="the new port")
    flat.vs.ip("address add 10.0.0.200/24 dev eth0")  # moves here from another director
    flat.agents[0].start("--director 10.0.0.200:7001")
    assert VIP in addresses(flat.real1)

    flat.director.reload(isobard, config(WEB, agents=[]))
    wait_until(lambda: not flat.vs.listens(7000), what="the end of the socket")


def test_an_address_that_is_taken_is_named_in_the_status(flat):
    with flat.vs.inside():
        other = socket.create_server((VS, PORT))
    with other:
        flat.director.start_isobard(config(WEB))

        [error] = flat.director.status()["config"]["errors"]
        assert error == f"agents: listen at {VS}:{PORT}: Address already in use"


# ---- check ----

def test_check_asks_what_there_is_to_check(flat):
    flat.director.start_isobard(config(tunnelled("gre"), service("ssh", VIP2, REAL1, forward="nat",
                                                                 port=22)))
    question = f"--director {VS}"

    status, lines = flat.agents[0].check(question)
    text = "\n".join(lines)
    assert status == 1
    assert f"{VIP} is on no interface" in text
    assert f"no gre tunnel ends here: nothing here takes packets out of it; fix: isobar-agent " \
           f"--director {VS}:{PORT}" in text
    assert "no default gateway: answers must go back through the director" in text
    assert "nothing listens on tcp port 22: clients are refused" in text

    flat.agents[0].start(question)
    flat.real1.start(["/usr/bin/python3", "-m", "http.server", "22"], name="ssh")
    wait_until(lambda: flat.real1.listens(22), what="port 22 is listened on")
    flat.real1.ip(f"route add default via {VS}")
    assert flat.agents[0].check(f"{question} --gateway {VS}") == (0, ["all is well"])


def test_check_says_when_a_director_sends_nothing_or_is_not_there(flat):
    agent = flat.agents[1]
    done = flat.real2.run([*agent.command(f"check --director {VS}")], check=False)
    assert (done.returncode, "Connection refused" in done.stderr) == (1, True)

    flat.director.start_isobard(config(service("web", VIP, REAL1)))
    status, [line] = agent.check(f"--director {VS}")
    assert (status, line) == (1, f"{VS}:{PORT} has no service with {REAL2}: it sends nothing here; "
                                 f"fix: isobar-ipvsadm -a ... -r {REAL2} on the director")


# ---- looking ----

def pages(flat, vip, count):
    return [flat.client.curl(f"http://{url_host(vip)}/").strip() for _ in range(count)]


def addresses(host):
    shown = json.loads(host.output(["ip", "-j", "address", "show"]))
    return {each["local"] for link in shown for each in link["addr_info"]}


def filters(host):
    return host.output(["tc", "filter", "show", "dev", "eth0", "ingress"])


def state(host):
    """What an agent may change on a host."""
    sysctls = host.sysctls(r"^net\.ipv4\.conf\..*\.(arp_|rp_filter)")
    return {"sysctls": sysctls, "addresses": addresses(host),
            "qdisc": host.output(["tc", "qdisc", "show", "dev", "eth0"]),
            "agent": "agent_" in filters(host)}


def answer_once(server, said):
    """Takes one caller, and says this to it."""
    server.settimeout(10)
    caller, _ = server.accept()
    with caller:
        caller.recv(4096)
        caller.sendall(said)
    return True
