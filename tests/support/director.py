# SPDX-License-Identifier: Apache-2.0
"""The programs under test, on a host of a lab: isobar-ipvsadm, isobard, isobar."""

import json
import os
import shlex
import signal
from dataclasses import dataclass

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.environ.get("ISOBAR_BIN", os.path.join(ROOT, "build", "release", "bin"))


@dataclass(frozen=True)
class Server:
    """One line of a server in `-L -n`."""
    forward: str
    weight: int
    active: int
    inactive: int


@dataclass(frozen=True)
class Traffic:
    """One line of `-L -n --stats --exact`."""
    connections: int
    in_packets: int
    out_packets: int
    in_bytes: int
    out_bytes: int


class Director:
    def __init__(self, host, bin=BIN):
        self.host = host
        self.bin = bin
        self.socket = host.lab.path(f"{host.name}.sock")
        self.state_dir = host.lab.path(f"{host.name}-state")
        self.user = None  # whom isobard becomes
        host.evidence_commands = [
            [self.program("isobar-ipvsadm"), *words.split()] for words in
            ("-L -n", "-L -n --stats --exact", "-L -n -c", "-L --timeout")
        ] + [[self.program("isobar"), "--socket", self.socket, "status", "-j"]]

    def program(self, name):
        return os.path.join(self.bin, name)

    # ---- isobar-ipvsadm ----

    def ipvsadm(self, *lines, **options):
        """Runs isobar-ipvsadm once for every line of arguments; stdout of the last."""
        output = ""
        for line in lines:
            output = self.host.output([self.program("isobar-ipvsadm"), *shlex.split(line)],
                                      **options)
        return output

    def refuses(self, line, **options):
        """Exit status and stderr of a line that must not succeed."""
        done = self.host.run([self.program("isobar-ipvsadm"), *shlex.split(line)], check=False,
                             **options)
        assert done.returncode != 0, f"isobar-ipvsadm {line} succeeded: {done.stdout}"
        return done.returncode, done.stderr.strip()

    def serve(self, service, *servers, scheduler="rr"):
        """A service with NATed servers: serve("-t 10.0.0.2:80", "192.168.10.100:80 -w 2", ...)"""
        self.ipvsadm(f"-A {service} -s {scheduler}",
                     *(f"-a {service} -r {server} -m" for server in servers))

    def servers(self, service):
        """{"192.168.10.100:80": Server(...)} of "TCP 10.0.0.2:80", from the listing."""
        return {line[1]: Server(line[2], *map(int, line[3:6]))
                for line in self._server_lines("-L -n", service)}

    def traffic(self, service):
        """Traffic of the service (key None) and of each server."""
        lines = self._server_lines("-L -n --stats --exact", service, with_service=True)
        return {None if line[0] != "->" else line[1]: Traffic(*map(int, line[-5:]))
                for line in lines}

    def connections(self):
        """Rows of `-L -n -c`: [protocol, expire, state, source, virtual, destination]."""
        return [line.split() for line in self.ipvsadm("-L -n -c").splitlines()[2:]]

    def _server_lines(self, words, service, with_service=False):
        protocol, address = service.split()
        found, ours = [], False
        for line in self.ipvsadm(words).splitlines()[3 if "--stats" not in words else 2:]:
            fields = line.split()
            if fields[0] != "->":
                ours = fields[:2] == [protocol, address]
                if ours and with_service:
                    found.append(fields)
            elif ours:
                found.append(fields)
        return found

    # ---- isobard ----

    def start_isobard(self, config, name="isobard"):
        """isobard with `config` (the text of a file, or its path), once it is ready."""
        daemon = self.host.start([self.program("isobard"), "-c", self.config_file(config),
                                  *self.paths, *(["--user", self.user] if self.user else [])],
                                 name=name)
        # Not by asking it again and again, which keeps a CPU busy while it starts
        daemon.wait_for_log(" is ready", 20)
        return daemon

    def start_isobard_at_xdp(self):
        """isobard at the XDP hook of every interface, for services made by isobar-ipvsadm."""
        return self.start_isobard("""
            [director]
            hook = "xdp"
            [[masquerade]]
            from = "192.168.10.0/24"
            out = "eth0"
            """)

    def reload(self, isobard, config):
        """Gives a running isobard another text of its file; it is told, and not waited for."""
        self.config_file(config)
        isobard.signal(signal.SIGHUP)

    @property
    def paths(self):
        return ["--socket", self.socket, "--state-dir", self.state_dir]

    def config_file(self, config):
        if "\n" not in config:
            return config
        return self.host.lab.write("isobar.toml", config)

    def isobar(self, *words, **options):
        return self.host.run([self.program("isobar"), "--socket", self.socket, *words], **options)

    def status(self):
        return json.loads(self.isobar("status", "-j").stdout)

    def standings(self):
        """(weight, reason) of each server of the first configured service, by its address; weight
        None: it is out."""
        service = self.status()["services"][0]
        return {each["address"].split(":")[0]: (each["weight"], each["reason"])
                for each in service["configured"]}

    def reasons(self):
        return {server: reason for server, (_, reason) in self.standings().items()}

    def weights(self):
        """Of the servers of the first configured service that the data plane has."""
        service = self.status()["services"][0]
        return {each["address"].split(":")[0]: each["weight"] for each in service["servers"]}

    # ---- the end ----

    def clear(self):
        """Removes services and programs, whoever made them."""
        self.ipvsadm("-C")

    def remove(self):
        """isobard --remove: as clear, and the masquerade, too."""
        self.host.run([self.program("isobard"), "--remove", *self.paths])


def missing_programs(bin=BIN):
    return [name for name in ("isobar-ipvsadm", "isobard", "isobar", "isobar-agent")
            if not os.access(os.path.join(bin, name), os.X_OK)]
