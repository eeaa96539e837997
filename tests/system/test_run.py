# SPDX-License-Identifier: Apache-2.0
"""./run: the demonstration starts, shows who answers, and leaves nothing behind.

The cluster is that of support/cluster.py, in namespaces isobar-client, isobar-vs, ... Most tests
leave out the build that ./run does first: tools/demo.py is what it calls then. What it shows on
a terminal is in test_run_terminal.py.
"""

import contextlib
import os
import re
import signal
import subprocess

import pytest

from demo import once
from support.cluster import REAL1, REAL2, VIP
from support.director import ROOT
from support.lab import Lab
from support.lab_record import Record
from support.process import LabError, Process, run, wait_until

pytestmark = pytest.mark.alone  # there is one ./run on a machine

DEMO = ["/usr/bin/python3", os.path.join(ROOT, "tools", "demo.py")]
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
NAMESPACES = {f"isobar-{name}" for name in ("switch", "client", "vs", "vsbak", "real1", "real2")}


def namespaces():
    """Those of ./run; labs of tests have a number in their names."""
    return {name for name in os.listdir("/run/netns") if re.match(r"isobar-[a-z]+\d?$", name)}


def processes():
    return Record("isobar", None)._processes()


def commands():
    """{pid: name of the program}"""
    found = {}
    for pid in processes():
        with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", encoding="utf-8") as line:
            found[pid] = os.path.basename(line.read().split("\0")[0])
    return found


def left_behind():
    return sorted(namespaces()) + processes() + \
        [name for name in os.listdir("/tmp") if re.match(r"isobar-\w{8}$", name)]


def state_of_this_machine():
    return [run(words.split()).stdout for words in
            ("ip -o link", "ip route", "tc qdisc", "nft --stateless list ruleset",
             "sysctl net.ipv4.ip_forward")]


@pytest.fixture
def demo(tmp_path):
    started = []

    def start(*options, **streams):
        started.append(Process([*DEMO, *options], tmp_path / f"demo{len(started)}.log", **streams))
        return started[-1]
    yield start
    for process in started:
        process.stop(20)


def test_once_builds_and_finds_the_right_shares():
    done = run([os.path.join(ROOT, "run"), "--once"], timeout=100)

    up, pages, prompts, verdict = done.stdout.splitlines()[-4:]
    assert "ninja: Entering directory" in done.stdout
    assert up.startswith("The cluster is up after ")
    assert (pages.count("Real1"), pages.count("Real2")) == (10, 10)
    assert (prompts.count("Real1"), prompts.count("Real2")) == (2, 2)
    assert verdict == "Both servers got their share."
    assert left_behind() == []


@pytest.mark.parametrize("service", ["web", "telnet"])
def test_once_fails_if_the_shares_are_wrong(cluster, service, capsys):
    with open(os.path.join(ROOT, "examples", "reference.toml"), encoding="utf-8") as file:
        before, name, behind = file.read().partition(f'name = "{service}"')
    cluster.director.start_isobard(before + name + behind.replace("weight = 1", "weight = 3", 1))

    assert once(cluster) == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("NOT the right shares")


def test_once_fails_if_a_server_answers_nothing(demo):
    checked = demo("--once")
    wait_until(lambda: "isobard" in commands().values(), 30, "isobard", interval=0.001)
    nginx = [pid for pid, command in commands().items() if command == "nginx"]
    os.kill(nginx[0], signal.SIGKILL)

    assert checked.wait(30) == 1
    assert "The cluster is up" in checked.log()
    # Found out by its check, or just before
    assert "NOT the right shares" in checked.log() or "curl: (7) " in checked.log()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_removes_everything_and_this_machine_is_as_ever(demo, number):
    before = state_of_this_machine()
    shown = demo()
    shown.wait_for_log("Real2 192.168.10.101:23", 30)
    assert namespaces() == NAMESPACES and processes()
    assert state_of_this_machine() == before

    shown.signal(number)

    assert shown.wait(20) == (0 if number == signal.SIGINT else 128 + number)
    wait_until(lambda: left_behind() == [], what="nothing is left")
    assert state_of_this_machine() == before


@pytest.mark.parametrize("moment", ["isobar-switch", "isobar-real2", "isobard"])
def test_ctrl_c_during_the_start_removes_everything(demo, moment):
    starting = demo()
    wait_until(lambda: moment in namespaces() or moment in commands().values(), 30, moment,
               interval=0.001)

    starting.signal(signal.SIGINT)

    assert starting.wait(20) == 130
    assert starting.log() == ""
    wait_until(lambda: left_behind() == [], what="nothing is left")


def test_it_shows_servers_rates_and_what_to_try(demo):
    shown = demo()
    shown.wait_for_log("telnet answered by Real1", 30)

    text = shown.log()

    for words in ("web  tcp 10.0.0.2:80 wlc", "Real1 192.168.10.100:80", "active",
                  "nsenter --net=/run/netns/isobar-client curl http://10.0.0.2/",
                  "isobar-ipvsadm -e -t 10.0.0.2:80 -r 192.168.10.100:80 -m -w 3"):
        assert words in text


def test_a_second_one_is_refused_politely(demo):
    first = demo()
    first.wait_for_log("The cluster is up", 30)

    second = run([*DEMO, "--once"], check=False, timeout=30)

    assert second.returncode == 1
    assert second.stderr.startswith("./run: another ./run is active")
    assert first.alive


def test_what_a_killed_one_left_is_removed_by_the_next(demo):
    first = demo()
    first.wait_for_log("The cluster is up", 30)
    first.kill()
    assert left_behind()

    run([*DEMO, "--once"], timeout=60)

    assert left_behind() == []


def test_killed_labs_of_tests_are_removed_by_the_next_lab(tmp_path):
    program = tmp_path / "killed.py"
    program.write_text("import os, sys\n"
                       f"sys.path.insert(0, {os.path.join(ROOT, 'tests')!r})\n"
                       "from support.lab import Lab\n"
                       "lab = Lab().__enter__()\n"
                       "lab.host('a').start(['sleep', '1000'])\n"
                       "print(lab.prefix, flush=True)\n"
                       "os.kill(os.getpid(), 9)\n")
    prefix = subprocess.run(["/usr/bin/python3", program], capture_output=True,
                            text=True).stdout.strip()
    assert f"{prefix}-a" in os.listdir("/run/netns")

    with Lab():
        assert f"{prefix}-a" not in os.listdir("/run/netns")
        assert Record(prefix, None)._processes() == []


@pytest.mark.parametrize("words, status, said", [
    ([*NOBODY, "./run", "--once"], 5, "./run needs root"),
    (["./run", "--nosuch"], 2, "usage: ./run"),
    (["./run", "--config"], 2, "usage: ./run"),
    (["./run", "--config", "/nosuch.toml"], 2, "cannot read /nosuch.toml"),
])
def test_wrong_use_of_run_is_one_clear_sentence(words, status, said):
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=20)

    assert done.returncode == status
    assert said in done.stderr


@pytest.fixture
def terminal_on_director(cluster):
    """Runs commands in the director's namespace, with state of isobard's that is not the host's."""
    cluster.vs.sysctl("net.ipv4.ip_forward", 0)
    state = ["/run/isobar", "/var/lib/isobar"]
    made = [path for path in state if not os.path.isdir(path)]
    for path in made:
        os.makedirs(path)
    keeper = cluster.vs.start(["unshare", "--mount", "sh", "-c",
                               'for path; do mount -t tmpfs none "$path" || exit 1; done; '
                               "echo ready; exec sleep 1000", "sh", *state], name="keeper")
    keeper.wait_for_log("ready")
    yield ["nsenter", f"--target={keeper.pid}", "--mount", f"--wd={ROOT}", "--"]
    keeper.kill()
    for path in made:
        with contextlib.suppress(OSError):
            os.rmdir(path)


def test_config_runs_isobard_with_a_file_and_says_the_truth(cluster, terminal_on_director):
    def pages():
        return sorted(cluster.client.curl(f"http://{VIP}/").strip() for _ in range(4))
    both = ["Real1", "Real1", "Real2", "Real2"]

    isobard = cluster.vs.start([*terminal_on_director, os.path.join(ROOT, "run"), "--config",
                                "examples/reference.toml"], name="run")
    isobard.wait_for_log("Ctrl-C ends isobard", 100)
    for server in (REAL1, REAL2):  # or one of them has connections that the other is to make up for
        isobard.wait_for_log(f"web: server {server} up", 20)
    assert pages() == both
    status, remove = re.findall("^  (/.*)$", isobard.log(), re.MULTILINE)
    assert "192.168.10.101:80" in cluster.vs.output([*terminal_on_director, *status.split()])

    isobard.signal(signal.SIGINT)
    assert isobard.wait() == 0
    assert pages() == both

    cluster.vs.run([*terminal_on_director, *remove.split()])
    with pytest.raises(LabError, match=r"curl: \(7\)"):
        pages()
    assert cluster.vs.output(["nft", "list", "ruleset"]) == ""
    assert "clsact" not in cluster.vs.output(["tc", "qdisc"])
    assert cluster.vs.sysctl("net.ipv4.ip_forward") == "0"
