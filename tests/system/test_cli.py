# SPDX-License-Identifier: Apache-2.0
"""What isobar shows of a director at work.

    client 10.0.0.100 ---- vs 10.0.0.1, VIP 10.0.0.2 / 192.168.10.254 ---- real1 .100, real2 .101

Drawn in full in support/cluster.py.
"""

import json

import pytest
from support.cluster import REAL1, REAL2, VIP
from support.process import wait_until

# Nobody would learn anything within a test without asking for it
CONFIG = f"""
[[service]]
name = "web"
listen = ["{VIP}:80/tcp"]
scheduler = "rr"
check = {{ type = "http", interval = "1h", timeout = "2s", retries = 0 }}
servers = [ {{ address = "{REAL1}" }}, {{ address = "{REAL2}" }} ]

[[service]]
name = "telnet"
listen = ["{VIP}:23/tcp"]
scheduler = "rr"
servers = [ {{ address = "{REAL1}" }}, {{ address = "{REAL2}" }} ]
"""


@pytest.fixture
def director(cluster):
    """Runs CONFIG, both servers of web in."""
    cluster.director.start_isobard(CONFIG)
    wait_until(lambda: {reason for _, reason in cluster.director.standings().values()} == {"up"},
               what="both servers are up")
    return cluster.director


# ---- isobar check ----

def test_check_asks_now_and_tells_by_its_exit_code(cluster, director):
    done = director.isobar("check", "web")
    assert f"web {REAL1}: weight 1, up\n  http to {REAL1}:80: good, " in done.stdout

    cluster.nginx["real1"].stop()
    done = director.isobar("check", "web", check=False)
    assert done.returncode == 1, done.stdout
    assert f"web {REAL1}: out, down: " in done.stdout and "bad, " in done.stdout
    assert f"web {REAL2}: weight 1, up\n" in done.stdout
    assert director.standings()[REAL1][0] is None, "it was acted on when check came back"

    assert director.isobar("check", "web", REAL2).stdout.startswith(f"web {REAL2}: weight 1, up\n")
    done = director.isobar("check", "web", REAL1, "-j", check=False)
    server, = json.loads(done.stdout)["servers"]
    assert (done.returncode, server["server"]) == (1, REAL1)
    assert server["checks"][0]["health"] == "down"
    assert [each["outcome"] for each in server["checks"][0]["last"]] == ["bad"]


def test_check_of_what_is_not_there_or_not_checked(director):
    done = director.isobar("check", "telnet")
    assert done.stdout.count("nobody checks it") == 2
    for words, code, complaint in (
            (("check", "wob"), 4, "there is no service 'wob'"),
            (("check", "web", "10.9.9.9"), 4, "the service 'web' has no server 10.9.9.9"),
            (("check",), 2, "which service?")):
        refused = director.isobar(*words, check=False)
        assert (refused.returncode, refused.stdout) == (code, ""), words
        assert complaint in refused.stderr
