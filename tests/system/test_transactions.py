# SPDX-License-Identifier: Apache-2.0
"""The configuration as versions: isobar plan, apply, confirm, rollback, history, diff; drift.

    client 10.0.0.100 ---- vs 10.0.0.1, VIP 10.0.0.2 / 192.168.10.254 ---- real1 .100, real2 .101

Drawn in full in support/cluster.py.
"""

import json
import os
import pty
import random
import signal
import subprocess

from support.cluster import REAL1, REAL2, VIP
from support.process import wait_until
from support.servers import ask_page, result_of, start_connections

WEB = f"TCP {VIP}:80"
ONE = f"""
[[service]]
name = "web"
listen = ["{VIP}:80/tcp"]
scheduler = "rr"
servers = [ {{ address = "{REAL1}" }}, {{ address = "{REAL2}" }} ]
"""
ONLY_ONE = ONE.replace(f', {{ address = "{REAL2}" }}', "")
HEAVY = ONE.replace(f'address = "{REAL1}"', f'address = "{REAL1}", weight = 5')


def write(cluster, name, text):
    return cluster.lab.write(name, text)


def weights(cluster):
    return {server.split(":")[0]: row.weight for server, row in cluster.director.servers(WEB).items()}


def versions(cluster):
    return json.loads(cluster.director.isobar("history", "-j").stdout)["versions"]


def test_a_plan_says_what_changes_and_whose_connections_end(cluster):
    cluster.director.start_isobard(ONE)
    held = [cluster.client.socket() for _ in range(4)]
    for connection in held:
        connection.connect((VIP, 80))
        ask_page(connection)
    new = write(cluster, "new.toml", ONLY_ONE.replace('"rr"', '"wlc"'))

    text = cluster.director.isobar("plan", new).stdout
    plan = json.loads(cluster.director.isobar("plan", new, "-j").stdout)

    assert text == f"""\
service web
  ~ scheduler: "rr" -> "wlc"
  - server {REAL2} {{ address = "{REAL2}" }}

What is done in the data plane, in one step:
  {WEB}: scheduler wlc
  {WEB}: server {REAL2}:80 removed: 2 open connections end
2 open connections end.
"""
    assert plan["ends"] == 2
    assert weights(cluster) == {REAL1: 1, REAL2: 1}, "nothing was changed"
    assert cluster.director.isobar("plan").stdout == (
        "The same configuration as the one that runs.\nNothing changes in the data plane.\n")


def test_what_is_applied_holds_over_restarts_until_the_file_is_changed(cluster):
    isobard = cluster.director.start_isobard(ONE)

    done = cluster.director.isobar("apply", write(cluster, "heavy.toml", HEAVY), "--why", "test")

    assert done.stdout.endswith("version 2 holds, 1 change made in the data plane\n")
    assert weights(cluster) == {REAL1: 5, REAL2: 1}
    assert cluster.director.status()["config"]["version"] == 2

    isobard.signal(signal.SIGKILL)
    isobard.wait()
    isobard = cluster.director.start_isobard(ONE)
    assert weights(cluster) == {REAL1: 5, REAL2: 1}
    assert "version 2 of the configuration" in isobard.log()

    isobard.signal(signal.SIGTERM)
    isobard.wait()
    cluster.director.start_isobard(ONE.replace('"rr"', '"wrr"'))
    assert weights(cluster) == {REAL1: 1, REAL2: 1}, "the file is newer"
    assert [(each["version"], each["why"], each["runs"]) for each in versions(cluster)] == [
        (1, "start", False), (2, "test", False), (3, "start", True)]


def test_rollback_history_and_diff(cluster):
    cluster.director.start_isobard(ONE)
    cluster.director.isobar("apply", write(cluster, "heavy.toml", HEAVY))

    assert "version 3 holds" in cluster.director.isobar("rollback", "--why", "too heavy").stdout
    assert weights(cluster) == {REAL1: 1, REAL2: 1}
    assert "version 4 holds" in cluster.director.isobar("rollback", "2").stdout
    assert weights(cluster) == {REAL1: 5, REAL2: 1}

    assert cluster.director.isobar("history", "1").stdout == ONE
    first, *_, last = cluster.director.isobar("history").stdout.splitlines()
    assert first.endswith("version 2, by root (runs)")
    assert "isobar.toml, by isobard: start" in last
    diff = cluster.director.isobar("diff", "1", "2", check=False)
    assert (diff.returncode, diff.stdout) == (
        1, f"service web\n  ~ server {REAL1} weight: 1 -> 5\n")
    assert cluster.director.isobar("diff", "2", "running").stdout == ""
    assert "5 -> 1" in cluster.director.isobar("diff", check=False).stdout, "the file is as it was"


def test_what_is_not_confirmed_goes_back_by_itself(cluster):
    cluster.director.start_isobard(ONE)
    heavy = write(cluster, "heavy.toml", HEAVY)

    said = cluster.director.isobar("apply", "--confirm", "2s", heavy).stdout
    assert "'isobar confirm' makes it stay" in said
    assert weights(cluster) == {REAL1: 5, REAL2: 1}
    other = cluster.director.isobar("apply", heavy, check=False)
    assert (other.returncode, "waits to be confirmed" in other.stderr) == (4, True)
    wait_until(lambda: weights(cluster) == {REAL1: 1, REAL2: 1}, what="it goes back")
    assert versions(cluster)[-1]["why"] == "version 2 was not confirmed in time"

    cluster.director.isobar("apply", "--confirm", "60s", heavy)
    cluster.director.isobar("confirm")
    assert versions(cluster)[-1]["unconfirmed"] is False
    assert cluster.director.isobar("confirm", check=False).returncode == 4
    assert cluster.director.status()["config"]["goes_back_at"] is None
    assert weights(cluster) == {REAL1: 5, REAL2: 1}


def test_what_is_not_confirmed_does_not_outlive_isobard(cluster):
    isobard = cluster.director.start_isobard(ONE)
    cluster.director.isobar("apply", "--confirm", "60s", write(cluster, "heavy.toml", HEAVY))

    isobard.signal(signal.SIGKILL)
    isobard.wait()
    cluster.director.start_isobard(ONE)

    assert weights(cluster) == {REAL1: 1, REAL2: 1}
    assert versions(cluster)[-1]["why"] == "version 2 was not confirmed when isobard ended"


def test_a_person_at_a_terminal_is_asked(cluster):
    cluster.director.start_isobard(ONE)
    heavy = write(cluster, "heavy.toml", HEAVY)

    def at_a_terminal(*words, answer):
        ours, theirs = pty.openpty()
        with subprocess.Popen(
                cluster.vs.command([cluster.director.program("isobar"), "--socket",
                                    cluster.director.socket, *words]),
                stdin=theirs, stdout=theirs, stderr=theirs) as isobar:
            os.close(theirs)
            os.write(ours, answer)
            assert isobar.wait(10) == 0
        os.close(ours)

    at_a_terminal("apply", heavy, answer=b"n\n")
    assert weights(cluster) == {REAL1: 1, REAL2: 1}
    at_a_terminal("apply", heavy, answer=b"y\n")
    assert weights(cluster) == {REAL1: 5, REAL2: 1}
    at_a_terminal("rollback", "--yes", answer=b"")
    assert weights(cluster) == {REAL1: 1, REAL2: 1}
    cluster.director.isobar("apply", "--dry-run", heavy)
    assert weights(cluster) == {REAL1: 1, REAL2: 1}


def test_another_format_is_applied_too(cluster):
    cluster.director.start_isobard(ONE)
    rules = write(cluster, "rules", f"-A -t {VIP}:80 -s wrr\n"
                                    f"-a -t {VIP}:80 -r {REAL1}:80 -m -w 7\n")

    cluster.director.isobar("apply", rules)

    assert weights(cluster) == {REAL1: 7}
    assert "[[service]]" in cluster.director.isobar("history", "2").stdout


def test_all_of_a_version_is_applied_not_its_services_alone(cluster):
    """Where agents are answered, the way out for the inside net, timeouts; and all of it back."""
    cluster.director.start_isobard(ONE)

    def reached():
        return cluster.real1.run(["curl", "-s", "-m", "2", "-o", "/dev/null",
                                  "http://192.168.10.1:10539/api/v1/real-server"],
                                 check=False).returncode == 0

    def masquerades():
        return "192.168.10.0/24" in cluster.vs.run(["nft", "list", "ruleset"]).stdout

    assert not reached() and not masquerades()
    cluster.director.isobar("apply", write(cluster, "more.toml", f"""
[director]
agents = ["192.168.10.1"]
timeouts = {{ udp = "77s" }}
{ONE}
[[masquerade]]
from = "192.168.10.0/24"
out = "eth0"
"""))
    wait_until(reached, what="agents are answered")
    assert masquerades()
    assert " 77" in cluster.director.ipvsadm("-L --timeout")

    cluster.director.isobar("rollback")
    wait_until(lambda: not reached(), what="agents are not answered any more")
    assert not masquerades()
    assert " 300" in cluster.director.ipvsadm("-L --timeout")


def test_all_or_nothing(cluster):
    """More services than there is room for."""
    cluster.director.start_isobard(ONE)
    before = cluster.director.ipvsadm("-S -n")
    too_many = HEAVY + "\n".join(
        f'[[service]]\nname = "s{i}"\nlisten = ["10.9.{i // 250}.{i % 250}:80/tcp"]'
        for i in range(5000))

    done = cluster.director.isobar("apply", write(cluster, "many.toml", too_many), check=False)

    assert (done.returncode, "services" in done.stderr) == (1, True), done.stderr
    assert cluster.director.ipvsadm("-S -n") == before
    assert len(versions(cluster)) == 1


def mutations(rng):
    """200 texts that are no configuration: cut, a bad value, a duplicate, nonsense, too large."""
    lines = ONE.strip().splitlines()
    bad_values = ['scheduler = "fastest"', "scheduler = 7", 'listen = []', 'listen = ["10.0.0.2"]',
                  'forward = "magic"', "persistence = 5", 'check = { type = "no" }',
                  "quorum = 0", 'weight = 1', 'servers = [ { address = "nowhere" } ]',
                  'slow_start = "soon"', "[service", "= 3", "\x01", 'name = "we b"']
    for i in range(200):
        kind = i % 5
        if kind == 0:  # cut in the middle of a word that must end
            yield ONE[:rng.randrange(3, ONE.index("servers") - 2)].rstrip() + " ="
        elif kind == 1:
            at = rng.randrange(1, len(lines) + 1)
            yield "\n".join([*lines[:at], rng.choice(bad_values) + " " * (i // 5), *lines[at:]])
        elif kind == 2:
            line = rng.choice(lines[1:])
            yield "\n".join([*lines, line])
        elif kind == 3:
            at = rng.randrange(len(ONE))
            yield ONE[:at] + "\x00" + ONE[at:]
        else:
            yield ONE + "#" * (1 << 20) + str(i)


def test_200_broken_configurations_are_refused_by_line_and_change_nothing(cluster):
    isobard = cluster.director.start_isobard(ONE)
    before = cluster.director.ipvsadm("-S -n")
    path = cluster.lab.path("broken.toml")

    for text in mutations(random.Random(4)):
        with open(path, "w") as file:
            file.write(text)
        done = cluster.director.isobar("apply", path, check=False)
        assert done.returncode == 3, (text[:300], done)
        # With the line where it stands; what is too large has none.
        assert f"{path}:" in done.stderr, (text[:300], done)

    # Likewise by the API itself, and by the file
    for text in ("", "x = 1", "[[service]]\nname = 3"):
        body = json.dumps({"text": text, "from": "test"})
        answer = cluster.vs.output(
            ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--unix-socket",
             cluster.director.socket, "-d", body, "http://isobar/api/v1/config"])
        assert answer == "422"
    cluster.director.reload(isobard, "[[service]]\nname = 3\n")
    wait_until(lambda: cluster.director.status()["config"]["errors"], what="the errors are told")
    assert cluster.director.ipvsadm("-S -n") == before
    assert len(versions(cluster)) == 1


def test_100_changes_under_load_lose_no_connection(cluster):
    """Half by the file and SIGHUP, half by isobar apply; 1,000 connections a second meanwhile."""
    isobard = cluster.director.start_isobard(ONE)
    texts = [HEAVY, ONE.replace('"rr"', '"wlc"'), ONE + f"""
[[service]]
name = "telnet"
listen = ["{VIP}:23/tcp"]
servers = [ {{ address = "{REAL1}" }} ]
"""]
    paths = [write(cluster, f"text{i}.toml", text) for i, text in enumerate(texts)]
    load = start_connections(cluster.client, f"{VIP}:80", rate=1000)

    for i in range(50):
        cluster.director.isobar("apply", paths[2 * i % 3])
        version = cluster.director.status()["config"]["version"]
        cluster.director.reload(isobard, texts[(2 * i + 1) % 3])
        wait_until(lambda: cluster.director.status()["config"]["version"] == version + 1,
                   what="the file is applied")

    result = result_of(load)
    assert result["failed"] == 0
    assert result["ok"] > 2000
    assert cluster.director.status()["config"]["version"] == 101


def test_what_is_changed_by_hand_is_put_back_or_reported(cluster):
    isobard = cluster.director.start_isobard(ONE)
    cluster.director.ipvsadm(f"-e -t {VIP}:80 -r {REAL1}:80 -m -w 9", f"-d -t {VIP}:80 -r {REAL2}:80",
                             f"-A -t {VIP}:8080")
    wait_until(lambda: weights(cluster) == {REAL1: 1, REAL2: 1}, what="it is put back")
    assert "changed by hand, put back" in isobard.log()
    assert f"{VIP}:8080" in cluster.director.ipvsadm("-L -n"), "no configuration names it"
    cluster.director.ipvsadm("--set 33 0 0")
    wait_until(lambda: "33" not in cluster.director.ipvsadm("-L --timeout"), what="timeouts, too")

    cluster.director.reload(isobard, '[director]\non_drift = "report"\n' + ONE)
    wait_until(lambda: cluster.director.status()["config"]["version"] == 2, what="reloaded")
    cluster.director.ipvsadm(f"-e -t {VIP}:80 -r {REAL1}:80 -m -w 9")
    wait_until(lambda: cluster.director.status()["config"]["errors"], what="it is reported")
    [error] = cluster.director.status()["config"]["errors"]
    assert error == f"changed by hand; to undo: {WEB}: server {REAL1}:80 weight 9 -> 1"
    cluster.director.isobar("weight", "web", REAL2, "4")
    assert weights(cluster) == {REAL1: 9, REAL2: 4}, "others change as ever"
    cluster.director.isobar("weight", "web", REAL1, "3")
    assert weights(cluster) == {REAL1: 3, REAL2: 4}, "the operator has news of it"


def test_a_full_disk_refuses_the_change_and_nothing_else(cluster):
    """The state directory is a file system of 256 KiB, filled up."""
    small = cluster.lab.path("small")
    os.makedirs(small, exist_ok=True)
    cluster.vs.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", small])
    try:
        cluster.director.state_dir = small
        cluster.director.start_isobard(ONE)
        with open(os.path.join(small, "filler"), "wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(b"x" * 4096)
            except OSError:
                pass
        done = cluster.director.isobar("apply", write(cluster, "heavy.toml", HEAVY), check=False)
        assert done.returncode == 1 and "No space left" in done.stderr
        assert weights(cluster) == {REAL1: 1, REAL2: 1}
        assert cluster.client.curl(f"http://{VIP}/").strip() in ("Real1", "Real2")

        os.remove(os.path.join(small, "filler"))
        cluster.director.isobar("apply", write(cluster, "heavy.toml", HEAVY))
        assert weights(cluster) == {REAL1: 5, REAL2: 1}
    finally:
        cluster.vs.run(["umount", "-l", small])
