# SPDX-License-Identifier: Apache-2.0
"""The reference cluster with traffic, to look at and to play with: what ./run shows."""

import argparse
import collections
import json
import os
import re
import shutil
import signal
import sys
import threading
import time

if __name__ == "__main__":
    # Ctrl-C during the slow imports: there is nothing to remove yet, and no need of a traceback
    signal.signal(signal.SIGINT, signal.SIG_DFL)

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests"))
sys.dont_write_bytecode = True

from support.cluster import REAL1, REAL2, VIP, Cluster  # noqa: E402
from support.director import Director  # noqa: E402
from support.lab import Lab, LabBusy  # noqa: E402
from support.process import LabError, wait_until  # noqa: E402
from support.servers import telnet  # noqa: E402

CONFIG = os.path.join(ROOT, "examples", "reference.toml")
NAMES = {REAL1: "Real1", REAL2: "Real2"}
REQUEST = f"GET / HTTP/1.1\r\nHost: {VIP}\r\nConnection: close\r\n\r\n".encode()


def main():
    parser = argparse.ArgumentParser(prog="./run")
    parser.add_argument("--once", action="store_true")
    options = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with Lab("isobar") as lab:
            try:
                cluster = start(lab)
                return once(cluster) if options.once else watch(cluster)
            except LabError as error:
                kept = lab.keep_evidence(os.path.join(ROOT, "build", "evidence",
                                                      f"run-{os.getpid()}"))
                print(f"./run: {error}\nlogs and state: {kept}", file=sys.stderr)
                return 1
    except LabBusy:
        print("./run: another ./run is active on this machine; end it first (Ctrl-C there)",
              file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def start(lab):
    began = time.monotonic()
    cluster = Cluster(lab).start_servers()
    cluster.director = Director(cluster.vs)
    isobard = cluster.director.start_isobard(CONFIG)

    def leave_nothing():
        # A shell that somebody has opened in the director's namespace keeps it alive
        isobard.stop()
        cluster.director.remove()
    lab.at_end(leave_nothing)
    print(f"The cluster is up after {time.monotonic() - began:.1f} s: client, vs (the director), "
          "vsbak, real1, real2.")
    return cluster


def wait_for_first_checks(director):
    """Before them no server gets traffic. They are soon over, well or not."""
    def known():
        status = status_of(director)
        return status and all(each["health"] != "unknown" for service in status["services"]
                              for each in service["configured"])
    wait_until(known, what="every server has been checked")


# ---- unattended ----

def once(cluster):
    wait_for_first_checks(cluster.director)
    pages = [cluster.client.curl(f"http://{VIP}/").strip() for _ in range(20)]
    prompts = [telnet(cluster.client, VIP) for _ in range(4)]
    print(f"20 HTTP requests to {VIP}: answered by {' '.join(pages)}")
    print(f"4 telnet logins to {VIP}: answered by {' '.join(prompts)}")
    fair = (collections.Counter(pages) == {"Real1": 10, "Real2": 10} and
            collections.Counter(prompts) == {"Real1": 2, "Real2": 2})
    print("Both servers got their share." if fair else
          "NOT the right shares: 10 and 10 requests, 2 and 2 logins were expected.")
    return 0 if fair else 1


# ---- attended ----

def watch(cluster):
    wait_for_first_checks(cluster.director)
    traffic = Traffic(cluster.client)
    show, seconds = (Screen().show, 1.0) if sys.stdout.isatty() else (show_lines, 5.0)
    print("\n".join(things_to_try(cluster)), end="\n\n", flush=True)
    try:
        while True:
            show(status_of(cluster.director), traffic)
            time.sleep(seconds)  # the rhythm of the display
    except KeyboardInterrupt:
        print("\nRemoving the cluster.")
        return 0
    finally:
        traffic.stop()


def status_of(director):
    """None when isobard does not answer: somebody may have stopped it, to see what happens."""
    done = director.isobar("status", "-j", check=False, timeout=10)
    return json.loads(done.stdout) if done.returncode == 0 else None


class Traffic:
    """Clients that ask all the time: HTTP ten times a second, telnet every other second."""

    def __init__(self, client):
        self.client = client
        self.recent = {"HTTP": collections.deque(maxlen=30), "telnet": collections.deque(maxlen=8)}
        self.total = {"HTTP": collections.Counter(), "telnet": collections.Counter()}
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._repeat, args=arguments, daemon=True)
                         for arguments in (("HTTP", 0.1, self._ask_http),
                                           ("telnet", 2.0, lambda: telnet(client, VIP, 5)))]
        for thread in self._threads:
            thread.start()

    def stop(self):
        self._end.set()
        for thread in self._threads:
            thread.join(6)

    def _repeat(self, name, pause, ask):
        while not self._end.wait(pause):
            try:
                answer = ask()
            except (OSError, LabError):
                answer = "none"
            if not self._end.is_set():
                self.recent[name].append(answer)
                self.total[name][answer] += 1

    def _ask_http(self):
        with self.client.socket(timeout=3) as connection:
            connection.connect((VIP, 80))
            connection.sendall(REQUEST)
            said = b""
            while piece := connection.recv(4096):
                said += piece
        found = re.search(rb"\r\n\r\n(\w+)", said)
        return found[1].decode() if found else "none"


def rows(status):
    """The table: a line for each service and each of its servers."""
    yield ("service / server", "weight", "active", "inactive", "conns", "conn/s", "in B/s",
           "out B/s")
    for service in status["services"]:
        rates = service["rates"]
        yield (f"{service['name']}  {service['protocol']} {service['address']} "
               f"{service['scheduler']}", "", "", "", service["traffic"]["connections"],
               rates["connections"], rates["in_bytes"], rates["out_bytes"])
        for server in service["servers"]:
            rates = server["rates"]
            name = NAMES.get(server["address"].rsplit(":", 1)[0], "")
            yield (f"  {name} {server['address']}", server["weight"], server["active"],
                   server["inactive"], server["traffic"]["connections"], rates["connections"],
                   rates["in_bytes"], rates["out_bytes"])


def table(status):
    if status is None:
        return ["isobard does not answer; the kernel goes on forwarding."]
    # 79 columns: a terminal of the usual 80 shows all of it
    return ["{:<27}{:>7}{:>7}{:>9}{:>7}{:>7}{:>7}{:>8}".format(row[0], *map(short, row[1:]))
            for row in rows(status)]


def short(cell):
    """A number in at most six characters."""
    if not isinstance(cell, int) or cell < 10**6:
        return cell
    return f"{cell / 1e6:.1f}M" if cell < 10**9 else f"{cell / 1e9:.1f}G"


class Screen:
    """On a terminal: refreshed in place, below what was said before."""

    def __init__(self):
        self.height = 0

    def show(self, status, traffic):
        lines = table(status)
        lines += ["", "Who answered the last requests (1: Real1, 2: Real2, -: nobody)"]
        for name, answers in traffic.recent.items():
            letters = "".join("-" if answer == "none" else answer[-1] for answer in list(answers))
            lines.append(f"  {name:<8}{letters:<32}{tell(traffic.total[name])}")
        columns, height = shutil.get_terminal_size()
        lines = lines[:height - 1]  # higher than the screen, it would not find its top again
        up = f"\x1b[{self.height}A" if self.height else ""
        # Erased before it is written: behind a full line the cursor stands on its last letter
        print(up + "".join(f"\x1b[K{line[:columns]}\n" for line in lines) + "\x1b[J", end="",
              flush=True)
        self.height = len(lines)


def show_lines(status, traffic):
    """In a pipe or a log: the same as plain lines."""
    lines = [time.strftime("--- %H:%M:%S"), *table(status)]
    lines += [f"{name} answered by {tell(total)}" for name, total in traffic.total.items()]
    print("\n".join(lines), flush=True)


def tell(counter):
    return ", ".join(f"{name} {count}" for name, count in sorted(counter.items())) or "nobody yet"


def things_to_try(cluster):
    def inside(host, *words):
        return f"nsenter --net=/run/netns/{host.namespace} {' '.join(words)}"
    isobar, ipvsadm = (os.path.relpath(cluster.director.program(name))
                       for name in ("isobar", "isobar-ipvsadm"))
    ask = f"{isobar} --socket {cluster.director.socket}"
    advice = {
        "Ask the cluster yourself": inside(cluster.client, "curl", f"http://{VIP}/"),
        "Log in somewhere": inside(cluster.client, "telnet", VIP),
        "What an administrator of LVS sees": inside(cluster.vs, ipvsadm, "-L -n"),
        "What isobard says": f"{ask} status",
        "Servers at work, live (q ends it)": f"{ask} top",
        # wlc counts what is there already, as IPVS does
        "Real1 gets three times as much (and all, until it is that far ahead)":
            f"{ask} weight web {REAL1} 3",
        "Real1 gets nothing new": f"{ask} drain web {REAL1} --why 'a new disk'",
        "The end of both": f"{ask} enable web {REAL1}",
        "By hand, as with LVS; isobard puts it back within a second":
            inside(cluster.vs, ipvsadm, f"-e -t {VIP}:80 -r {REAL1}:80 -m -w 3"),
        "What has happened": f"{ask} events",
        "The web server of Real1 dies (and leaves, when its check has seen it)":
            f"kill {cluster.real1.started['nginx'].pid}",
        "isobard dies (and no request fails)":
            f"kill -9 {cluster.vs.started['isobard'].pid}",
        "A shell on the director": inside(cluster.vs, "bash"),
    }
    return ["", f"Try, in another terminal, in {os.getcwd()} (Ctrl-C here removes everything):",
            *(f"  {what}:\n    {command}" for what, command in advice.items())]


if __name__ == "__main__":
    sys.exit(main())
