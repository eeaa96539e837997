# SPDX-License-Identifier: Apache-2.0
"""What isobard may do, and what not even an isobard that somebody has taken over may.

    client 10.0.0.100 ---- vs 10.0.0.1, VIP 10.0.0.2 / 192.168.10.254 ---- real1 .100, real2 .101

Drawn in full in support/cluster.py; the configuration is CONFIG there.
"""

import os
import pwd
import re
import signal

import pytest

from support.cluster import CONFIG, REAL1, VIP
from support.process import wait_until

# <linux/capability.h>
NEEDED = {"kill": 5, "setgid": 6, "setuid": 7, "net_admin": 12, "net_raw": 13, "sys_admin": 21,
          "perfmon": 38, "bpf": 39}
MASK = f"{sum(1 << number for number in NEEDED.values()):016x}"

TRY_FORBIDDEN = """#!/usr/bin/python3
import ctypes, errno, os, sys
libc = ctypes.CDLL(None, use_errno=True)
CALLS = {"mount": lambda: libc.mount(b"none", b"/mnt", b"tmpfs", 0, None),
         "chroot": lambda: libc.chroot(b"/tmp"),
         "unshare": lambda: libc.unshare(0x00020000),  # CLONE_NEWNS
         "ptrace": lambda: libc.ptrace(0, 0, 0, 0),
         "reboot": lambda: libc.reboot(0),
         "settimeofday": lambda: libc.syscall(164, None, None),
         "delete_module": lambda: libc.syscall(176, b"none", 0),
         "io_uring_setup": lambda: libc.syscall(425, 1, None)}
for name, call in CALLS.items():
    ctypes.set_errno(0)
    if call() != -1 or ctypes.get_errno() != errno.EPERM:
        sys.exit(f"{name}: {os.strerror(ctypes.get_errno())}")
print("all refused")
"""


@pytest.fixture
def own(cluster):
    """The folder that isobard's socket and state are in belongs to the user daemon."""
    daemon = pwd.getpwnam("daemon")
    os.chown(cluster.lab.directory, daemon.pw_uid, daemon.pw_gid)
    cluster.director.user = "daemon"
    return cluster


def status_of(isobard):
    """/proc/PID/status of the daemon itself: what nsenter has become."""
    with open(f"/proc/{isobard.pid}/status", encoding="ascii") as file:
        return dict(re.findall(r"^(\w+):\s*(.*)$", file.read(), re.MULTILINE))


def check_by(program, user):
    check = (f'check = {{ type = "program", command = ["{program}"], user = "{user}", '
             'expect = "all refused", interval = "1s", begins_up = true }')
    return CONFIG.replace('name = "web"', f'name = "web"\n{check}')


def test_root_keeps_what_it_needs_alone(cluster):
    isobard = cluster.director.start_isobard(CONFIG)

    status = status_of(isobard)

    assert (status["CapEff"], status["CapPrm"], status["CapBnd"]) == (MASK, MASK, MASK)
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")


@pytest.mark.parametrize("user", ["nobody", "root"])
def test_what_no_director_does_is_refused_to_it_and_its_programs(cluster, user):
    """The filter is inherited: what a check's program is refused, isobard is."""
    tries = cluster.lab.write("tries", TRY_FORBIDDEN, mode=0o755)
    cluster.director.start_isobard(check_by(tries, user))

    def told():
        return cluster.director.isobar("health", "web", REAL1).stdout
    wait_until(lambda: "wanted 'all refused'" not in told() and "expected output" in told(),
               what="every call is refused")


def test_another_user_does_all_that_root_does(own):
    """Sysctls, programs, nftables, checks by programs, versions; and takes over at a restart."""
    own.vs.sysctl("net.ipv4.ip_forward", 0)
    program = own.lab.write("good", "#!/bin/sh\nexit 0\n", mode=0o755)
    config = CONFIG.replace('name = "web"', f"""name = "web"
        check = [{{ type = "ping" }}, {{ type = "program", command = ["{program}"] }}]""")
    isobard = own.director.start_isobard(config)

    status = status_of(isobard)
    assert status["Uid"].split() == [str(pwd.getpwnam("daemon").pw_uid)] * 4
    assert (status["CapEff"], status["CapAmb"]) == (MASK, MASK)
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert "warning" not in isobard.log() and "error" not in isobard.log(), isobard.log()
    wait_until(lambda: {own.client.curl(f"http://{VIP}/").strip() for _ in range(4)}
               == {"Real1", "Real2"}, what="both serve")
    assert own.real1.run(["ping", "-c1", "-W2", "10.0.0.100"], check=False).returncode == 0

    own.director.isobar("apply", "--yes", own.director.config_file(config.replace("wlc", "rr")))
    assert own.director.isobar("history").stdout.count("\n") >= 2
    isobard.signal(signal.SIGKILL)
    isobard.wait()
    isobard = own.director.start_isobard(config)
    assert own.client.curl(f"http://{VIP}/").strip() in ("Real1", "Real2")
    isobard.stop()
    own.director.remove()
    assert own.vs.sysctl("net.ipv4.ip_forward") == "0"


def test_a_user_that_is_not_there_is_an_error(cluster):
    run = cluster.vs.run([cluster.director.program("isobard"), "-c", cluster.director.config_file(CONFIG),
                        *cluster.director.paths, "--user", "nobody-at-all"], check=False)
    assert run.returncode != 0
    assert "user 'nobody-at-all': no such user" in run.stderr
