# SPDX-License-Identifier: Apache-2.0
"""What isobar shows of a director at work.

    client 10.0.0.100 ---- vs 10.0.0.1, VIP 10.0.0.2 / 192.168.10.254 ---- real1 .100, real2 .101

Drawn in full in support/cluster.py.
"""

import json
import os
import re
import shutil
import socket
import struct

import pytest
from support import frames
from support.cluster import REAL1, REAL2, VIP
from support.process import wait_until
from support.terminal import Terminal

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


# ---- isobar conns ----

def conns(director, *words):
    return json.loads(director.isobar("conns", "-j", *words).stdout)


def flood(client, count):
    """That many SYNs of eight clients, the first of which sends half of them."""
    with client.socket(socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        for number in range(count):
            source = f"10.9.0.{max(1, number % 16 - 7)}"
            segment = struct.pack("!HHIIBBHHH", 1024 + number, 80, 1, 0, 5 << 4, 2, 8192, 0, 0)
            raw.sendto(frames.ip(source, VIP, frames.TCP, segment), (VIP, 0))


def test_conns_filters_counts_and_tells_who_has_most(cluster, director):
    kept = cluster.client.socket()
    kept.connect((VIP, 23))
    flood(cluster.client, 3200)

    row, = conns(director, "--service", "telnet")["connections"]
    assert row["client"].startswith("10.0.0.100:") and row["virtual"] == f"{VIP}:23"
    assert (row["protocol"], row["state"], row["service"]) == ("tcp", "ESTABLISHED", "telnet")
    assert row["server"] in (f"{REAL1}:23", f"{REAL2}:23") and 800 < row["expires"] <= 900
    assert row["client"] in director.isobar("conns", "--client", "10.0.0.100").stdout

    assert conns(director, "--state", "syn_recv")["total"] == 3200
    assert len(conns(director)["connections"]) == 1000, "unless somebody asks for more"
    assert len(conns(director, "--limit", "5000")["connections"]) == 3201
    assert "1000 of 3201" in director.isobar("conns").stdout
    halves = [conns(director, "--server", server, "--state", "SYN_RECV")["total"]
              for server in (REAL1, f"{REAL2}:80")]
    assert halves == [1600, 1600]
    assert conns(director, "--client", "10.9.0.4")["total"] == 200
    assert conns(director, "--client", "10.9.0.0/29")["total"] == 3000
    assert conns(director, "--protocol", "udp")["connections"] == []

    talkers = conns(director, "--top", "client", "2")["talkers"]
    assert talkers[0] == {"name": "10.9.0.1", "connections": 1800} and len(talkers) == 2
    shown = director.isobar("conns", "--top", "service").stdout.split("\n")
    assert [line.split()[:2] for line in shown[1:3]] == [["web", "3200"], ["telnet", "1"]]
    kept.close()


def test_conns_of_what_is_not_there(director):
    assert conns(director)["total"] == 0
    for words, code, complaint in (
            (("--service", "wob"), 4, "there is no service 'wob'"),
            (("--top", "servers"), 2, "'servers' is none of client, client/LENGTH"),
            (("--client", "10.0.0.1/8"), 2, "no address or network")):
        refused = director.isobar("conns", *words, check=False)
        assert (refused.returncode, refused.stdout) == (code, ""), words
        assert complaint in refused.stderr
    director.clear()
    refused = director.isobar("conns", check=False)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "there is no data plane" in refused.stderr


def test_many_ask_for_connections_at_once(cluster, director):
    flood(cluster.client, 3000)
    asking = [director.host.start([director.program("isobar"), "--socket", director.socket,
                                   "conns", "-j", "--limit", "4000"], name=f"conns{number}")
              for number in range(8)]
    for each in asking:
        assert each.wait() == 0 and len(json.loads(each.log())["connections"]) == 3000


# ---- isobar services, isobar servers ----

def test_services_and_servers_are_a_line_each(cluster, director):
    cluster.nginx["real1"].stop()
    director.isobar("check", "web", check=False)
    director.isobar("drain", "telnet", REAL2, "--why", "new disk")

    servers = json.loads(director.isobar("servers", "-j").stdout)["servers"]
    assert [(each["service"], each["address"], each["weight"], each["state"])
            for each in servers] == [
        ("web", f"{REAL1}:80", None, "down"), ("web", f"{REAL2}:80", 1, "up"),
        ("telnet", f"{REAL1}:23", 1, "up"), ("telnet", f"{REAL2}:23", 0, "up")]
    told = director.isobar("servers", "telnet").stdout
    assert told.count("\n") == 3 and "drained by hand" in told and "\x1b" not in told
    assert max(len(line) for line in told.split("\n")) <= 100
    assert [line.split()[0] for line in director.isobar("services").stdout.split("\n")[:-1]] == [
        "SERVICE", "web", "telnet"]

    refused = director.isobar("servers", "wob", check=False)
    assert (refused.returncode, refused.stdout) == (4, "")


def test_status_says_how_a_server_is_without_words_for_people(cluster, director):
    cluster.nginx["real1"].stop()
    director.isobar("check", "web", check=False)
    director.isobar("drain", "web", REAL2)
    web, telnet = director.status()["services"]
    assert [(each["health"], each["by_hand"]) for each in web["configured"]] == [
        ("down", False), ("up", True)]
    assert [each["health"] for each in telnet["configured"]] == [None, None], "nobody checks them"
    found = json.loads(director.isobar("health", "web", REAL1, "-j").stdout)["checks"][0]
    for time in (found["since"], found["last"][0]["at"]):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", time)


# ---- isobar top ----

@pytest.fixture
def on_terminal(director):
    opened = []

    def start(*words, columns=100, rows=12, program=None):
        command = program or [director.program("isobar"), "--socket", director.socket, *words]
        opened.append(Terminal(director.host.command(command), columns, rows))
        return opened[-1]
    yield start
    for terminal in opened:
        terminal.close()


def test_top_shows_servers_live_and_leaves_the_terminal_as_it_was(cluster, director, on_terminal):
    kept = cluster.client.socket()
    kept.connect((VIP, 23))
    # Ctrl-C is for the shell, too, which goes on
    ask = f"{director.program('isobar')} --socket {director.socket} top"
    terminal = on_terminal(program=["sh", "-c", f"trap : INT; stty -a; {ask}; echo ended $?; stty -a; {ask}; "
                                                "echo ended $?; stty -a"])
    terminal.wait_for("servers by active")
    assert "\x1b[?1049h" in terminal.raw()
    terminal.wait_for(f"{REAL1}:23")
    terminal.type("s")
    terminal.wait_for("servers by inactive")
    terminal.type("c")
    terminal.wait_for("10.0.0.100            1  100.0 %")
    terminal.resize(60, 12)
    terminal.type("c")
    terminal.wait_for("…")
    terminal.type("q")
    terminal.wait_for("ended 0")
    wait_until(lambda: terminal.raw().count("\x1b[?1049h") == 2, what="it runs again")
    terminal.type("\x03")  # Ctrl-C
    wait_until(lambda: terminal.written().count("ended 0") == 2, what="Ctrl-C ends it, too")

    assert terminal.wait() == 0
    assert terminal.raw().count("\x1b[?1049l") == 2 == terminal.raw().count("\x1b[?25h")
    settings = re.findall(r"-?echo\b|-?icanon\b", terminal.raw())
    assert settings == ["icanon", "echo"] * 3, settings
    kept.close()


def test_top_once_where_nobody_looks(director):
    shown = director.isobar("top").stdout
    assert shown.startswith("isobard ") and f"{REAL1}:80" in shown and "\x1b" not in shown
    assert len(json.loads(director.isobar("top", "-j").stdout)["servers"]) == 4


def test_colours_are_for_terminals_and_not_where_nobody_wants_them(director, on_terminal):
    for words, expected in ((("servers",), True), (("status",), True)):
        terminal = on_terminal(*words)
        assert terminal.wait() == 0
        assert ("\x1b[2m" in terminal.raw()) == expected
    command = ["env", "NO_COLOR=1", director.program("isobar"), "--socket", director.socket,
               "servers"]
    terminal = on_terminal(program=command)
    assert terminal.wait() == 0 and "\x1b" not in terminal.raw()


# ---- isobar events ----

def test_events_say_what_has_happened_and_what_happens(cluster, director):
    follower = director.host.start([director.program("isobar"), "--socket", director.socket,
                                    "events", "--follow", "-j"], name="events")
    cluster.nginx["real1"].stop()
    director.isobar("check", "web", check=False)
    director.isobar("drain", "web", REAL2, "--why", "new disk")

    events = json.loads(director.isobar("events", "-j").stdout)["events"]
    found = [(event["kind"], event["service"], event["server"]) for event in events]
    assert found[0] == ("applied", "", "")
    assert found.count(("up", "web", REAL1)) == 1 == found.count(("down", "web", REAL1))
    assert found[-1] == ("wish", "web", REAL2)
    assert events[-1]["text"] == "drain by root, new disk"
    last = director.isobar("events", "--limit", "1").stdout
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  "
                        rf"web: server {REAL2}: drain by root, new disk\n", last)
    log = director.host.started["isobard"].log()
    for event in events:
        assert event["text"] in log, "said in the log in the same words"
    wait_until(lambda: [json.loads(line)["id"] for line in follower.log().splitlines()] ==
               [event["id"] for event in events], what="the follower has seen the same")

    # The file is bad, then isobard dies: who follows goes on with the next one
    isobard = director.host.started["isobard"]
    director.reload(isobard, CONFIG.replace("rr", "rx"))
    wait_until(lambda: '"kind":"refused"' in follower.log(), what="it is told at once")
    isobard.kill()
    director.start_isobard(CONFIG)
    wait_until(lambda: follower.log().count('"kind":"applied"') == 2, 15, "of the next isobard")


# ---- isobar completion ----

# A shell without anybody's settings, and what tells it about isobar
SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], "source <(isobar completion bash)"),
    "zsh": (["zsh", "-f", "-i"], "autoload -U compinit; compinit -u -D; "
                                 "source <(isobar completion zsh)"),
    "fish": (["fish", "--no-config", "-i"], "isobar completion fish | source"),
}


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes_commands_services_and_servers(director, on_terminal, shell):
    command, setup = SHELLS[shell]
    if not shutil.which(shell):
        pytest.skip(f"needs {shell}")
    path = f"PATH={director.bin}:{os.environ['PATH']}"
    terminal = on_terminal(program=["env", path, f"HOME={director.host.lab.path()}", *command],
                           columns=150)
    terminal.type(f"{setup}; echo to''ld\r")
    terminal.wait_for("told", 20)
    socket_of = f"--socket {director.socket}"
    # What is typed is a command only if each part was completed
    terminal.type(f"isobar {socket_of} dra\tteln\t{REAL1}\t--wh\ttab\r")
    wait_until(lambda: any("drained by hand" in each["reason"] and each["reason"].endswith("tab)")
                           for each in director.status()["services"][1]["configured"]), 20,
               f"{shell} has completed it")


def test_completion_says_nothing_where_no_isobard_runs(director):
    def completed(*words):
        done = director.host.run([director.program("isobar"), "complete", "--", "--socket",
                                  director.socket, *words])
        assert done.stderr == ""
        return done.stdout.split()
    assert completed("drain", "") == ["telnet", "web"]
    assert completed("check", "web", "192.168.10.10") == [REAL1, REAL2]
    director.host.started["isobard"].kill()
    assert completed("drain", "") == []
    assert completed("dr") == ["drain"]
