# SPDX-License-Identifier: Apache-2.0
"""./run: the demonstration starts, shows who answers, and leaves nothing behind.

The cluster is that of support/cluster.py, in namespaces isobar-client, isobar-vs, ... The build
that ./run does first is left out: tools/demo.py is what it calls then.
"""

import os
import re
import signal
import subprocess

import pytest

from support.director import ROOT
from support.lab import Lab
from support.lab_record import Record
from support.process import Process, run, wait_until

pytestmark = pytest.mark.alone  # there is one ./run on a machine

DEMO = ["/usr/bin/python3", os.path.join(ROOT, "tools", "demo.py")]
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


def left_behind():
    return [name for name in os.listdir("/run/netns") if name.startswith("isobar-vs")] + \
           [name for name in os.listdir("/tmp") if re.match(r"isobar-\w{8}$", name)]


@pytest.fixture
def demo(tmp_path):
    started = []

    def start(*options, **streams):
        started.append(Process([*DEMO, *options], tmp_path / f"demo{len(started)}.log", **streams))
        return started[-1]
    yield start
    for process in started:
        process.stop(20)


def test_once_finds_the_right_shares():
    done = run([*DEMO, "--once"], timeout=60)

    answers = done.stdout.splitlines()
    assert (answers[1].count("Real1"), answers[1].count("Real2")) == (10, 10)
    assert (answers[2].count("Real1"), answers[2].count("Real2")) == (2, 2)
    assert left_behind() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_removes_everything(demo, number):
    shown = demo()
    shown.wait_for_log("HTTP answered by Real1", 30)

    shown.signal(number)

    assert shown.wait(20) == (0 if number == signal.SIGINT else 128 + number)
    assert left_behind() == []
    wait_until(lambda: Record("isobar", None)._processes() == [], what="no process is left")


def test_it_shows_servers_rates_and_what_to_try(demo):
    shown = demo()
    shown.wait_for_log("telnet answered by Real1", 30)

    text = shown.log()

    for words in ("web  tcp 10.0.0.2:80 wlc", "Real1 192.168.10.100:80", "active",
                  "nsenter --net=/run/netns/isobar-client curl http://10.0.0.2/",
                  "isobar-ipvsadm -e -t 10.0.0.2:80 -r 192.168.10.100:80 -m -w 0"):
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
