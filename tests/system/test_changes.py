# SPDX-License-Identifier: Apache-2.0
"""A change is made as a whole or not at all, whoever else changes something, and whoever is killed
in the middle of it.

    client 10.0.0.100 ---- vs 10.0.0.1, VIP 10.0.0.2 / 192.168.10.254 ---- real1 .100, real2 .101

Drawn in full in support/cluster.py.
"""

import itertools
import random
import selectors
import socket
import time

import pytest

from support.cluster import CLIENT, REAL1, REAL2, VIP
from support.process import wait_until
from support.servers import ask_page, result_of, start_connections

WEB_ROW = f"TCP {VIP}:80"
PORTS = range(1000, 1200)


@pytest.fixture(autouse=True)
def client_ports(cluster):
    cluster.client_ports = itertools.count(2000)


def web(*servers):
    return f"""
        [[service]]
        name = "web"
        listen = ["{VIP}:80/tcp"]
        scheduler = "rr"
        servers = [ {", ".join(f'{{ address = "{server}" }}' for server in servers)} ]
        """


def test_the_only_server_is_replaced_without_a_moment_of_no_server(cluster):
    director = cluster.director
    isobard = director.start_isobard(web(REAL1))
    load = start_connections(cluster.client, f"{VIP}:80", rate=1000)
    wait_until(lambda: director.traffic(WEB_ROW)[None].connections > 100, what="load")

    for server in [REAL2, REAL1] * 6:
        director.reload(isobard, web(server))
        wait_until(lambda: list(director.servers(WEB_ROW)) == [f"{server}:80"], what="reloaded")

    # who was just talking to a server that went is heard when it comes back
    director.reload(isobard, web(REAL1, REAL2))
    result = result_of(load)
    assert (result["failed"], director.status()["verdicts"]["no_server"]) == (0, 0), result
    assert min(result["answers"].values()) > 100, result


# ---- many services, by many writers ----

def rules(ports):
    return "".join(f"-A -t {VIP}:{port} -s wlc\n"
                   f"-a -t {VIP}:{port} -r {REAL1}:80 -m -w {port}\n"
                   f"-a -t {VIP}:{port} -r {REAL2}:80 -m\n" for port in ports)


def configuration(ports):
    return web(REAL1) + "".join(f"""
        [[service]]
        name = "s{port}"
        listen = ["{VIP}:{port}/tcp"]
        servers = [ {{ address = "{REAL1}:80", weight = {port} }}, {{ address = "{REAL2}:80" }} ]
        """ for port in ports)


def saved(cluster):
    return sorted(cluster.director.ipvsadm("-S -n").splitlines())


def wanted(ports, *more):
    return sorted([*rules(ports).replace("-m\n", "-m -w 1\n").splitlines(), *more])


def start_restoring(cluster, text, name="restore"):
    with open(cluster.lab.write(f"{name}.rules", text), encoding="utf-8") as file:
        return cluster.vs.start([cluster.director.program("isobar-ipvsadm"), "-R"], name=name,
                                stdin=file)


def answering(cluster, ports):
    """Those of the services that let a client in."""
    found = []
    with selectors.DefaultSelector() as selector:
        for port in ports:
            # each at a port of its own: two services may be one server
            client = cluster.client.socket(bind=(CLIENT, next(cluster.client_ports)))
            client.setblocking(False)
            client.connect_ex((VIP, port))
            selector.register(client, selectors.EVENT_WRITE, port)
        while selector.get_map() and (ready := selector.select(2)):
            for key, _ in ready:
                if key.fileobj.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                    found.append(key.data)
                selector.unregister(key.fileobj)
                key.fileobj.close()
        for key in list(selector.get_map().values()):
            key.fileobj.close()
    return sorted(found)


def test_two_restores_at_once_bring_all_the_rules_of_both(cluster):
    odd, even = PORTS[1::2], PORTS[::2]

    # in a namespace without a data plane: one of them makes it
    writers = [start_restoring(cluster, rules(ports), name)
               for name, ports in (("odd", odd), ("even", even))]

    assert [(writer.wait(), writer.log()) for writer in writers] == [(0, "")] * 2
    assert saved(cluster) == wanted(PORTS)
    assert answering(cluster, PORTS) == list(PORTS)


WEB_RULES = f"-A -t {VIP}:80 -s rr", f"-a -t {VIP}:80 -r {REAL1}:80 -m -w 1"


def test_a_restore_that_is_killed_anywhere_leaves_nothing_half_done(cluster):
    connection = None
    deletions = "".join(f"-D -t {VIP}:{port}\n" for port in PORTS)
    for turn in range(5):
        if turn == 1:  # the first one is killed while it makes the data plane, or soon after
            cluster.director.ipvsadm(*WEB_RULES)
            connection = cluster.client.socket()
            connection.connect((VIP, 80))
        for text in (rules(PORTS), deletions):
            writer = start_restoring(cluster, text)
            time.sleep(random.uniform(0, 0.3))  # not waiting for anything: anywhere
            writer.kill()
            # what it had done is refused now, and the rest is done
            done = cluster.vs.run([cluster.director.program("isobar-ipvsadm"), "-R"], input=text,
                                  check=False)
            assert set(done.stderr.splitlines()) <= {
                "Service already exists", "Destination already exists", "No such service"}
            if text == deletions:
                assert saved(cluster) == sorted(WEB_RULES if connection else ())
            else:
                assert saved(cluster) == wanted(PORTS, *(WEB_RULES if connection else ()))
                assert answering(cluster, PORTS) == list(PORTS)
        if connection:
            assert ask_page(connection) == (200, b"Real1\n")


def test_an_isobard_that_is_killed_anywhere_leaves_nothing_half_done(cluster):
    director = cluster.director
    director.start_isobard(web(REAL1)).kill()
    connection = cluster.client.socket()
    connection.connect((VIP, 80))
    for _ in range(5):
        for ports in (PORTS, PORTS[::2]):
            config = director.config_file(configuration(ports))
            isobard = cluster.vs.start([director.program("isobard"), "-c", config, *director.paths])
            time.sleep(random.uniform(0, 0.3))  # not waiting for anything: anywhere
            isobard.kill()
            director.start_isobard(config).kill()

            assert saved(cluster) == wanted(ports, *WEB_RULES)
            assert answering(cluster, ports) == list(ports)
        assert ask_page(connection) == (200, b"Real1\n")
