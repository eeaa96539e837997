# SPDX-License-Identifier: Apache-2.0
"""isobar-agent on a host of a lab, and the director that sends it packets through a tunnel."""

import os

from .director import BIN
from .servers import PROGRAMS, PYTHON

PROGRAM = os.path.join(BIN, "isobar-agent")


class Agent:
    """The agent's command line on `host`."""

    def __init__(self, host):
        self.host = host
        self.state_dir = host.lab.path(f"{host.name}-agent")
        self.count = 0
        host.evidence_commands = [["tc", "filter", "show", "dev", "eth0", side]
                                  for side in ("ingress", "egress")]

    def command(self, line):
        words = line.split()
        return [PROGRAM, *words, *([] if words[:1] == ["check"] else
                                   ["--state-dir", self.state_dir])]

    def start(self, line):
        """The agent with these options, once it is ready."""
        self.count += 1  # a log of its own for each
        process = self.host.start(self.command(line), name=f"agent{self.count}")
        process.wait_for_log(" is ready")
        return process

    def start_load(self, line):
        """`isobar-agent load` with these options, once it is ready."""
        process = self.host.start([PROGRAM, "load", *line.split()], name="agent-load")
        process.wait_for_log(" is ready")
        return process

    def fails(self, line):
        """Exit status and stderr of a command line that must end by itself."""
        done = self.host.run(self.command(line), check=False)
        return done.returncode, done.stderr

    def check(self, line):
        """Exit status and lines of `isobar-agent check`, which complains of nothing."""
        done = self.host.run([PROGRAM, "check", *line.split()], check=False)
        assert done.stderr == ""
        return done.returncode, done.stdout.splitlines()


def start_tunneller(host, vip, real, kind, port=6080):
    """programs/tunneller.py: what comes for `vip` goes to `real` through a tunnel."""
    process = host.start([PYTHON, f"{PROGRAMS}/tunneller.py", "eth0", vip, real, kind, port],
                         name="tunneller")
    process.wait_for_log("ready")
    return process
