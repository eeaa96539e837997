# SPDX-License-Identifier: Apache-2.0
"""Bad input: said so in one sentence, right exit status, nothing changed.

    vs 10.0.0.1 alone: no traffic in here

Messages and statuses of isobar-ipvsadm were recorded from ipvsadm 1.31 on Debian 12.
"""

import pytest

from support.director import Director
from support.lab import Lab

NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"]
# root, but without what BPF needs
NO_BPF = ["setpriv", "--bounding-set=-bpf,-sys_admin,-perfmon", "--inh-caps=-all"]

GOOD = """
[[service]]
name = "web"
listen = ["10.0.0.2:80/tcp"]
forward = "nat"
servers = [ { address = "192.168.10.100" } ]
"""


@pytest.fixture(scope="module")
def director():
    """A director with one service, 10.0.0.2:80, and one server, 192.168.10.100:80."""
    with Lab() as lab:
        vs = lab.host("vs", eth0=lab.bridge("outside").at("10.0.0.1/24"))
        made = Director(vs)
        made.serve("-t 10.0.0.2:80", "192.168.10.100:80", scheduler="wlc")
        yield made


@pytest.fixture
def unchanged(director):
    before = director.ipvsadm("-S -n")
    yield director
    assert director.ipvsadm("-S -n") == before


@pytest.mark.parametrize("line, status, message", [
    ("-A -t 10.0.0.2:80 -s rr", 255, "Service already exists"),
    ("-A -t 10.0.0.2:81 -s nosuch", 255, "Scheduler or persistence engine not found"),
    ("-A -t 10.0.0.2:99999", 2, "illegal virtual server address[:port] specified"),
    ("-A -t 10.0.0.2", 2, "Zero port specified for non-persistent service"),
    ("-A -t 300.1.1.1:80", 2, "illegal virtual server address[:port] specified"),
    ("-A", 2, "You need to supply the 'service-address' option for the 'add-service' command"),
    ("-A -t 10.0.0.2:83 -s rr -w 5", 2, "Illegal 'weight' option with the 'add-service' command"),
    ("-E -t 10.0.0.2:84 -s rr", 255, "No such service"),
    ("-D -t 10.0.0.2:84", 255, "No such service"),
    ("-a -t 10.0.0.2:84 -r 192.168.10.100 -m", 255, "Service not defined"),
    ("-a -t 10.0.0.2:80 -r 192.168.10.100:80 -m", 255, "Destination already exists"),
    ("-a -t 10.0.0.2:80 -r 192.168.10.9:80 -m -w -1", 2, "illegal weight specified"),
    ("-a -t 10.0.0.2:80 -r 192.168.10.9:80 -m -w x", 2, "illegal weight specified"),
    ("-a -t 10.0.0.2:80 -r 192.168.10.9:80 -m -w 2147483648", 2, "illegal weight specified"),
    ("-a -t 10.0.0.2:80 -m", 2,
     "You need to supply the 'real-server' option for the 'add-server' command"),
    ("-e -t 10.0.0.2:80 -r 192.168.10.9 -m", 255, "No such destination"),
    ("-d -t 10.0.0.2:80 -r 192.168.10.9", 255, "No such destination"),
    ("-L -t 10.0.0.2:85", 1, "No such service"),
    ("--nosuch", 255, "Try `"),
    ("-a -t 10.0.0.2:80 -r 192.168.10.9:80 -m -x 5 -y 10", 255, "Numerical result out of range"),
    ("-A -t 10.0.0.2:81 -p 60 -M 255.0.255.0", 255, "a netmask with holes in it (-M)"),
    ("--set 1 2", 2, "--set option requires 3 timeout values"),
    ("--set 1 2 99999999", 2, "invalid timeout value `99999999' specified"),
])
def test_bad_commands_are_refused_as_ipvsadm_does(unchanged, line, status, message):
    said = unchanged.refuses(line)

    assert said[0] == status
    assert message in said[1]


def test_what_a_later_step_brings_is_refused_in_one_sentence(unchanged):
    _, message = unchanged.refuses("--start-daemon master")

    assert len(message.splitlines()) == 1 and len(message) > 20, message


def test_restore_stops_at_the_first_syntax_error(director):
    rules = "-A -t 10.0.0.2:90 -s rr\ngarbage\n-A -t 10.0.0.2:91 -s rr\n"

    status, _ = director.refuses("-R", input=rules)

    assert status == 255
    listing = director.ipvsadm("-L -n")
    assert "10.0.0.2:90" in listing and "10.0.0.2:91" not in listing
    director.ipvsadm("-D -t 10.0.0.2:90")


def test_nobody_is_told_to_be_root(unchanged):
    done = unchanged.host.run([*NOBODY, unchanged.program("isobar-ipvsadm"), "-L"], check=False)

    assert done.returncode == 2
    assert "Permission denied (you must be root)" in done.stderr


def test_root_without_bpf_is_told_what_it_lacks(unchanged):
    ipvsadm = unchanged.program("isobar-ipvsadm")
    # as a container without capabilities has it; nothing is there that could be listed
    untouched = unchanged.host.lab.host("untouched")

    for host, line, status in ((unchanged.host, "-L", 2), (unchanged.host, "-C", 2),
                               (untouched, "-A -t 10.0.0.2:80", 255)):
        done = host.run([*NO_BPF, ipvsadm, *line.split()], check=False)

        assert done.returncode == status, done
        sentence, = done.stderr.splitlines()
        assert sentence.startswith("isobar-ipvsadm: ")
        assert sentence.endswith("(root lacks a capability here: CAP_BPF, CAP_PERFMON, "
                                 "CAP_NET_ADMIN and CAP_SYS_ADMIN are needed)")


@pytest.mark.parametrize("who", [NOBODY, NO_BPF], ids=["nobody", "without-bpf"])
def test_isobard_without_privileges_says_what_it_lacks(unchanged, who):
    config = unchanged.config_file(GOOD)

    done = unchanged.host.run([*who, unchanged.program("isobard"), "-c", config,
                               *unchanged.paths], check=False, timeout=10)

    assert done.returncode == 5, done
    assert "CAP_BPF" in done.stderr or "root" in done.stderr


BAD_CONFIGS = {
    "0-bytes": b"",
    "binary": bytes(range(256)) * 16,
    "10-MiB": b"a" * (10 << 20),
    "10-MiB-of-tables": b"[[service]]\n" * ((10 << 20) // 12),
    "cut": GOOD.encode()[:-20],
    "unknown-key": GOOD.replace("forward", "foward").encode(),
    "wrong-type": GOOD.replace('"web"', "7").encode(),
    "bad-address": GOOD.replace("10.0.0.2:80", "10.0.0.300:80").encode(),
    "bad-scheduler": GOOD.replace("forward =", 'scheduler = "wlcc"\nforward =').encode(),
    "twice": (GOOD + GOOD).encode(),
}


@pytest.mark.parametrize("content", BAD_CONFIGS.values(), ids=BAD_CONFIGS)
@pytest.mark.parametrize("check_only", [["-t"], []], ids=["check", "start"])
def test_a_bad_configuration_is_refused_with_its_place(unchanged, content, check_only):
    path = unchanged.host.lab.path("bad.toml")
    with open(path, "wb") as file:
        file.write(content)
    arguments = ["-t", path] if check_only else ["-c", path, *unchanged.paths]

    done = unchanged.host.run([unchanged.program("isobard"), *arguments], check=False, timeout=10)

    assert done.returncode == 3, done
    assert "bad.toml" in done.stderr
    assert len(done.stderr) < 20_000  # not the whole of a bad file


def test_all_errors_are_told_with_line_and_hint(unchanged):
    bad = GOOD.replace("forward", "foward").replace("10.0.0.2:80/tcp", "10.0.0.2:99999/tcp")
    path = unchanged.host.lab.write("bad.toml", bad)

    done = unchanged.host.run([unchanged.program("isobard"), "-t", path], check=False)

    assert "bad.toml:4:" in done.stderr and "bad.toml:5:" in done.stderr
    assert "forward" in done.stderr and "^" in done.stderr


def test_a_good_file_passes_the_check(unchanged):
    path = unchanged.host.lab.write("good.toml", GOOD)

    assert unchanged.host.run([unchanged.program("isobard"), "-t", path]).returncode == 0
