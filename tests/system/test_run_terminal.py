# SPDX-License-Identifier: Apache-2.0
"""./run on a terminal: the table fits and is true, and what is said to try does what is said."""

import os
import re
import subprocess

import pytest

from support.cluster import REAL1, REAL2
from support.director import ROOT
from support.process import run, wait_until
from support.terminal import Terminal

pytestmark = pytest.mark.alone  # there is one ./run on a machine

HEADER = ["service", "/", "server", "weight", "active", "inactive", "conns", "conn/s", "in", "B/s",
          "out", "B/s"]


class Shown:
    """The table that a terminal shows now."""

    def __init__(self, terminal):
        lines = terminal.lines()
        first = max(number for number, line in enumerate(lines) if line.split() == HEADER)
        self.lines = [line for line in lines[first:] if line]
        self.http, self.telnet = (line.split(maxsplit=1)[1] for line in self.lines[-2:])
        # The last ones, oldest first: "1212"
        self.answers = self.http.split()[0]

    def server(self, address):
        """[weight, active, inactive, connections, conn/s, in B/s, out B/s]"""
        row, = (line.split() for line in self.lines if f" {address} " in line)
        return [int(cell) for cell in row[2:]]


@pytest.fixture
def on_terminal():
    opened = []

    def start(columns, rows):
        opened.append(Terminal(["/usr/bin/python3", "tools/demo.py"], columns, rows, cwd=ROOT))
        opened[-1].wait_for("Who answered")
        return opened[-1]
    yield start
    for terminal in opened:
        terminal.close()


@pytest.mark.parametrize("columns, rows", [(120, 40), (80, 24)])
def test_the_table_fits_and_is_refreshed_in_place(on_terminal, columns, rows):
    terminal = on_terminal(columns, rows)
    wait_until(lambda: min(Shown(terminal).server(f"{REAL1}:80")[4:]) > 0 and
               re.search(r"Real[12] \d", Shown(terminal).telnet), 30, "rates and a login", interval=0.1)

    shown = Shown(terminal)
    # A line that is too long would be two, and the table would not find its top again
    assert [line[:8] for line in shown.lines] == [
        "service ", "web  tcp", "  Real1 ", "  Real2 ", "telnet  ", "  Real1 ", "  Real2 ",
        "Who answ", "  HTTP  ", "  telnet"]
    assert sum(line.startswith("service / server") for line in terminal.lines()) == 1
    for address in (f"{REAL1}:80", f"{REAL2}:80"):
        weight, active, inactive, connections = shown.server(address)[:4]
        assert (weight, active + inactive) == (1, connections)
    assert shape_of_readme() <= shape(terminal.written())
    assert re.fullmatch(r"(1?(21)+2?) +Real1 \d+, Real2 \d+", shown.http)
    assert re.fullmatch(r"[12]+ +Real[12] \d+(, Real2 \d+)?", shown.telnet)

    terminal.type("\x03")
    assert terminal.wait() == 0
    assert terminal.lines()[-2] == "Removing the cluster."


def test_what_there_is_to_try_does_what_is_said(on_terminal):
    terminal = on_terminal(120, 40)
    web1 = f"{REAL1}:80"
    (folder,) = re.findall("in another terminal, in (/.*) [(]", terminal.written())
    advice = dict(re.findall(r"^  (\w.*):\n    (.+)$", terminal.written(), re.MULTILINE))

    def try_out(words, input=None):
        command, = (command for title, command in advice.items() if words in title)
        return run(["env", "--chdir", folder, "sh", "-c", command], input=input).stdout

    def see(condition, what):
        wait_until(lambda: condition(Shown(terminal)), 30, what, interval=0.1)

    assert try_out("Ask the cluster yourself") in ("Real1\n", "Real2\n")
    assert log_in(folder, advice["Log in somewhere"]) in ("Real1", "Real2")
    assert f"-> {web1}" in try_out("administrator of LVS")
    assert web1 in try_out("What isobard says")
    assert " 10.0.0.2/24 " in try_out("A shell on the director", "ip -br address\n")

    try_out("Real1 gets three times as much")
    see(lambda shown: one_of_four_is_2(shown.answers[-16:]), "3 of 4 by Real1")
    assert Shown(terminal).server(web1)[0] == 3

    try_out("Real1 gets nothing new")
    see(lambda shown: shown.server(web1)[0] == 0 and re.search("2{12}$", shown.answers),
        "Real2 answers all")

    try_out("The end of both")
    see(lambda shown: shown.server(web1)[0] == 1, "both are equal")
    try_out("By hand")
    wait_until(lambda: "changed by hand, put back" in try_out("What has happened"), 30,
               "it is put back, and told")
    try_out("Real1 gets nothing new")

    try_out("isobard dies")
    terminal.wait_for("isobard does not answer; the kernel goes on forwarding.")
    answered = answered_by_real2(terminal)
    wait_until(lambda: answered_by_real2(terminal) > answered + 10, 30, "more are answered")
    assert "none" not in terminal.written()

    try_out("By hand")  # nobody puts it back
    try_out("web server of Real1 dies")
    wait_until(lambda: re.search("HTTP .*-.* none", terminal.written()), 30, "requests fail")


def shape(text):
    """The lines of `text` without what is different at each run."""
    text = text.replace(f"in {ROOT} ", "in /root/isobar ")
    return {re.sub(r"[\d.]+", "0", re.sub(r" Real\d \d+.*", "", " ".join(line.split())))
            for line in text.splitlines()}


def shape_of_readme():
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as readme:
        sample = re.search(r"```\n(The cluster is up .*?)\n```", readme.read(), re.DOTALL)[1]
    return shape(sample.replace("  ...\n", ""))


def answered_by_real2(terminal):
    return int(re.findall(r"HTTP .* Real2 (\d+)", terminal.written())[-1])


def one_of_four_is_2(answers):
    return len(answers) >= 8 and all(sorted(answers[at:at + 4]) == ["1", "1", "1", "2"]
                                     for at in range(len(answers) - 3))


def log_in(folder, command):
    """Runs the telnet of `command`; who says "login:"."""
    telnet = subprocess.Popen(command.split(), cwd=folder, stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        said = b""
        while not (prompt := re.search(rb"(\w+) login: ", said)):
            piece = os.read(telnet.stdout.fileno(), 4096)
            assert piece, said
            said += piece
        telnet.communicate(b"guest\n", timeout=10)
        return prompt[1].decode()
    finally:
        telnet.kill()
        telnet.wait()
