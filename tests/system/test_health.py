# SPDX-License-Identifier: Apache-2.0
"""Servers are checked: those that fail leave their service, and come back.

    client 10.0.0.100 ---- vs 10.0.0.1, VIP 10.0.0.2 / 192.168.10.254 ---- real1 .100, real2 .101

Drawn in full in support/cluster.py.
"""

import signal
import time

from support.cluster import CONFIG, REAL1, REAL2, VIP
from support.process import PATIENCE, wait_until
from support.servers import ask_page, html_directory, result_of, start_connections, start_nginx

HTTP = '{ type = "http", interval = "500ms", timeout = "500ms", retry_delay = "100ms" }'
ADDRESSES = '{ address = "192.168.10.100" }, { address = "192.168.10.101" }'


def web(check, more="", servers=ADDRESSES):
    return f"""
[[service]]
name = "web"
listen = ["10.0.0.2:80/tcp"]
scheduler = "rr"
check = {check}
servers = [ {servers} ]
{more}
"""


def wait_for_weights(cluster, expected, timeout=10.0):
    wait_until(lambda: cluster.director.weights() == expected, timeout,
               f"weights {expected}, not {cluster.director.weights()}: {cluster.director.reasons()}")


def both_in(cluster):
    wait_for_weights(cluster, {REAL1: 1, REAL2: 1})


def test_a_killed_server_leaves_within_timeout_and_interval(cluster):
    check = '{ type = "http", interval = "1s", timeout = "1s", reentry = "2s" }'
    cluster.director.start_isobard(web(check))
    both_in(cluster)
    kept = [cluster.client.socket() for _ in range(4)]
    for connection in kept:
        connection.connect((VIP, 80))
    answers = [ask_page(connection) for connection in kept]
    load = start_connections(cluster.client, f"{VIP}:80", rate=200)

    cluster.nginx["real1"].stop()
    killed = time.monotonic()
    wait_for_weights(cluster, {REAL2: 1})
    took = time.monotonic() - killed
    failed = result_of(load)["failed"]
    after = start_connections(cluster.client, f"{VIP}:80", count=400)
    assert result_of(after) | {"ok": 400, "failed": 0} == result_of(after)

    assert took <= 2.5 * PATIENCE, "time-out and interval are 2 s; this program asks every so often, too"
    assert failed < 200 * 2.5 / 2, "only those that real1 was to have, and only until then"
    assert "refused" in cluster.director.reasons()[REAL1]
    told = cluster.director.isobar("health", "web", REAL1).stdout
    assert f"http to {REAL1}:80: down since " in told and "  bad  " in told, told
    told = cluster.director.isobar("health", "web", f"{REAL2}:80").stdout
    assert f"web {REAL2}: weight 1, up\n" in told
    assert "> GET / HTTP/1.1" in told and "< HTTP/1.1 200 OK" in told, told
    # who was with the other server notices nothing
    for connection, answer in zip(kept, answers):
        if b"Real2" in answer[1]:
            assert ask_page(connection) == (200, b"Real2\n")

    start_nginx(cluster.real1, "Real1")
    started = time.monotonic()
    both_in(cluster)
    assert time.monotonic() - started >= 1.5, "re-entry time, but for what it took to start"


def test_nobody_gets_traffic_before_the_first_verdict(cluster):
    cluster.nginx["real1"].stop()
    isobard = cluster.director.start_isobard(web(HTTP))

    wait_for_weights(cluster, {REAL2: 1})
    pages = {cluster.client.curl(f"http://{VIP}/").strip() for _ in range(6)}

    assert pages == {"Real2"}
    assert f"web: server {REAL1}" not in isobard.log(), "it was never up"


def test_a_quiesced_server_keeps_its_connections(cluster):
    page = html_directory(cluster.real1)
    check = HTTP.replace('"http"', '"http", path = "/up"')
    for host in (cluster.real1, cluster.real2):
        with open(f"{html_directory(host)}/up", "w", encoding="utf-8") as file:
            file.write("yes\n")
    cluster.director.start_isobard(web(check, 'on_failure = "quiesce"'))
    both_in(cluster)
    kept = [cluster.client.socket() for _ in range(2)]
    for connection in kept:
        connection.connect((VIP, 80))
    answers = [ask_page(connection) for connection in kept]

    with open(f"{page}/gone", "w", encoding="utf-8"):
        pass
    cluster.real1.run(["rm", f"{page}/up"])
    wait_for_weights(cluster, {REAL1: 0, REAL2: 1})

    assert "404" in cluster.director.reasons()[REAL1]
    assert [ask_page(connection) for connection in kept] == answers
    assert {cluster.client.curl(f"http://{VIP}/").strip() for _ in range(4)} == {"Real2"}


def test_the_sorry_server_serves_while_there_is_no_quorum(cluster):
    start_nginx(cluster.vsbak, "Sorry", port=8080, address="192.168.10.102")
    # Replies go by the director: this host has no way of its own to the client
    cluster.vsbak.ip("link set dev eth0 down", "route replace default via 192.168.10.254")
    cluster.director.start_isobard(
        web(HTTP, 'sorry = { address = "192.168.10.102:8080" }\nquorum = 2'))
    both_in(cluster)

    cluster.nginx["real1"].stop()
    wait_for_weights(cluster, {REAL2: 0, "192.168.10.102": 1})
    assert cluster.client.curl(f"http://{VIP}/").strip() == "Sorry"
    assert "no quorum, the sorry server serves" in cluster.director.isobar("status").stdout

    start_nginx(cluster.real1, "Real1")
    both_in(cluster)


def test_a_server_that_comes_in_starts_slowly(cluster):
    servers = ADDRESSES.replace(" }", ", weight = 64 }")
    cluster.director.start_isobard(web(HTTP, 'slow_start = "6s"', servers))
    wait_for_weights(cluster, {REAL1: 64, REAL2: 64})
    cluster.nginx["real1"].stop()
    wait_for_weights(cluster, {REAL2: 64})

    start_nginx(cluster.real1, "Real1")
    seen = []
    def grown():
        seen.append(cluster.director.weights().get(REAL1, 0))
        return seen[-1] == 64
    wait_until(grown, 15, "all of its weight")

    steps = [weight for weight in seen if weight]
    assert steps[0] <= 32, steps
    assert steps == sorted(steps) and len(set(steps)) >= 3, steps


def test_who_serves_goes_on_when_a_check_is_added_and_when_isobard_starts_anew(cluster):
    isobard = cluster.director.start_isobard(CONFIG)
    load = start_connections(cluster.client, f"{VIP}:80", rate=300)
    slow = HTTP.replace("500ms", "5s")

    cluster.director.reload(isobard, web(slow))
    wait_until(lambda: cluster.director.reasons(), what="the new configuration")
    assert cluster.director.weights() == {REAL1: 1, REAL2: 1}
    isobard.signal(signal.SIGKILL)
    isobard.wait()
    cluster.director.start_isobard(web(slow))
    assert cluster.director.weights() == {REAL1: 1, REAL2: 1}

    assert result_of(load)["failed"] == 0


def test_a_program_checks_as_nobody_and_one_that_hangs_is_bad(cluster):
    script = cluster.lab.write("check.sh", "#!/bin/sh\n"
                               '[ "$(id -un)" = nobody ] && [ "$1:$2" = 192.168.10.100:80 ]\n',
                               0o755)
    hanging = cluster.lab.write("hang.sh", "#!/bin/sh\ntrap '' TERM\nsleep 1000\n", 0o755)
    timing = 'interval = "500ms", timeout = "300ms", retries = 0'
    servers = (f'{{ address = "{REAL1}", check = {{ type = "program", {timing}, '
               f'command = ["{script}", "%h", "%p"] }} }}, '
               f'{{ address = "{REAL2}", check = {{ type = "program", {timing}, '
               f'command = ["{hanging}"] }} }}')
    cluster.vs.run(["chmod", "a+rx", cluster.lab.path()])
    cluster.director.start_isobard(web("[]", "", servers))

    wait_for_weights(cluster, {REAL1: 1})
    wait_until(lambda: "down" in cluster.director.reasons()[REAL2], what="the one that hangs is down")


def test_a_verdict_is_not_lost_while_the_data_plane_is_away(cluster):
    isobard = cluster.director.start_isobard(web(HTTP))
    both_in(cluster)

    cluster.director.clear()  # somebody takes everything away, and a server dies meanwhile
    cluster.nginx["real1"].stop()
    isobard.wait_for_log("the data plane was removed")
    cluster.director.ipvsadm(f"-A -t {VIP}:443 -s rr")  # and it is there again

    wait_for_weights(cluster, {REAL2: 1})
