# SPDX-License-Identifier: Apache-2.0
"""Two directors side by side, the kernel's IPVS and Isobar: every step is done to both, and all
that is seen of both is written down, to be compared.

             clients 10.9.0.0/16                          servers 10.0.2.11 .12 .13 .14
                      |                                               |
    wire  ---- gateway 10.0.1.2 ---- [outside] director [inside] -----+
                                     10.0.1.1, VIPs 10.0.3.0/24, 10.0.2.1

and the same in IPv6: clients 2001:db8:9::/64, director 2001:db8:1::1 with VIPs 2001:db8:3::/64
and 2001:db8:2::1, servers 2001:db8:2::11 to ::14.

Clients and servers are this process: it sends frames from the other ends of the director's
interfaces, and sees what comes out. A step takes milliseconds where real clients take seconds (the
machine is emulated), and can be any packet in any order. What both must do alike is a scenario:

    twins.rules("-A -t 10.0.3.1:80 -s rr", "-a -t 10.0.3.1:80 -r 10.0.2.11 -m")
    twins.connect(("10.0.3.1", 80), 10)    # who got the 10 connections
    twins.look("-L -n", "-L -n -c")        # times may differ by SLACK
    twins.agree()                          # the difference of both transcripts, if there is one
"""

import difflib
import itertools
import math
import os
import re
import shlex
import socket
import struct
import subprocess
import time
from dataclasses import dataclass

from . import frames
from .director import BIN
from .process import PATIENCE, run


@dataclass(frozen=True)
class Family:
    gateway: str
    outside: str
    inside: str
    prefix: str  # the length of that of all networks but the clients'
    virtual: str  # what all VIPs begin with
    any_virtual: str
    clients: str
    servers: tuple


V4 = Family("10.0.1.2", "10.0.1.1", "10.0.2.1", "/24", "10.0.3.", "10.0.3.0/24", "10.9.0.0/16",
            ("10.0.2.11", "10.0.2.12", "10.0.2.13", "10.0.2.14"))
V6 = Family("2001:db8:1::2", "2001:db8:1::1", "2001:db8:2::1", "/64", "2001:db8:3::",
            "2001:db8:3::/64", "2001:db8:9::/64",
            ("2001:db8:2::11", "2001:db8:2::12", "2001:db8:2::13", "2001:db8:2::14"))
SERVERS = V4.servers
SLACK = 10  # seconds: the steps are not done at once, and the machine is slow
LATE = 3  # seconds: a timer of IPVS may run out up to 2 s late, and what is left is rounded

ETH_P_ALL, ETH_P_IP, ETH_P_IPV6 = 0x0003, 0x0800, 0x86dd
SO_RCVBUFFORCE = 33
SOL_PACKET, PACKET_IGNORE_OUTGOING = 263, 23
OUT, IN = "out", "in"
# For work on scenarios where there is no IPVS: another program, or Isobar itself.
IPVSADM = os.environ.get("ISOBAR_TWIN", "/usr/sbin/ipvsadm")
# The service that is always there: without any, Isobar would load its programs for each scenario,
# and that takes a quarter of a minute.
KEEPER = "10.0.3.254:1"


def mac(number):
    return f"02:00:00:00:00:{number:02x}"


def name_of(address):
    """As it stands before a port."""
    return f"[{address}]" if ":" in address else address


def service(twins, port, scheduler, weights, extra="", method="-m", protocol="t", to=8080):
    """The rules of a service of the scenario's virtual address."""
    name = f"-{protocol} {name_of(twins.vip)}:{port}"
    return [f"-A {name} -s {scheduler} {extra}",
            *(f"-a {name} -r {name_of(server)}:{to} {method} -w {weight}"
              for server, weight in zip(twins.servers, weights))]


class Wire:
    """The other end of one interface: frames go in, packets come out."""

    def __init__(self, host, interface, own, peer, echo):
        with host.inside():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.socket.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        self.socket.bind((interface, ETH_P_ALL))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        self.socket.settimeout(10 * PATIENCE)
        self.addresses = bytes.fromhex((peer + own).replace(":", ""))
        self.echo = echo  # (who asks, whom)
        self.turn = 0

    def send(self, packet):
        kind = ETH_P_IPV6 if packet[0] >> 4 == 6 else ETH_P_IP
        self.socket.send(self.addresses + struct.pack("!H", kind) + packet)

    def receive(self):
        """The next packet that is not a multicast (IPv6 hosts say much of themselves)."""
        while True:
            frame = self.socket.recv(65535)
            if not frame[0] & 1 and struct.unpack_from("!H", frame, 12)[0] in (ETH_P_IP, ETH_P_IPV6):
                return _received(frame)

    def until_all_is_done(self):
        """What came out since the last time. The director answers a ping only after it has done
        all that came in on this interface before it."""
        self.turn += 1
        self.send(frames.icmp(*self.echo, 8, 0, rest=self.turn))
        packets = []
        while True:
            packet = self.receive()
            if packet.protocol == frames.ICMP and packet.body[0] == 0:
                if struct.unpack_from("!I", packet.body, 4)[0] == self.turn:
                    return packets
                continue
            packets.append(packet)

    def what_is_there(self):
        packets = []
        patience = self.socket.gettimeout()
        self.socket.settimeout(0)
        try:
            while True:
                packets.append(self.receive())
        except BlockingIOError:
            return packets
        finally:
            self.socket.settimeout(patience)


class Twin:
    """One of the two."""

    def __init__(self, lab, wire, name, program):
        self.name, self.program = name, program
        self.transcript = []
        self.host = lab.host(name)
        wire.ip(*(f"link add name {name}-{side} address {mac(0xc0 + number)} up type veth peer "
                  f"name {peer} address {mac(number)} netns {self.host.namespace}"
                  for number, side, peer in ((1, OUT, "outside"), (2, IN, "inside"))))
        for interface in "outside", "inside":
            # a checksum that is left to the other end would be seen as a wrong one
            self.host.run(["ethtool", "-K", interface, "tx", "off"])
        for interface in ("all", "outside", "inside"):
            self.host.sysctl(f"net.ipv6.conf.{interface}.disable_ipv6", 0)
        self.host.ip("link set dev lo up", "link set dev outside up", "link set dev inside up")
        for family in V4, V6:
            self.host.ip(*self._addresses(family))
        for name_, value in (("ipv4.ip_forward", 1), ("ipv6.conf.all.forwarding", 1),
                             ("ipv4.icmp_ratelimit", 0), ("ipv6.icmp.ratelimit", 0)):
            self.host.sysctl(f"net.{name_}", value)
        self.wires = {OUT: Wire(wire, f"{name}-out", mac(9), mac(1), (V4.gateway, V4.outside)),
                      IN: Wire(wire, f"{name}-in", mac(11), mac(2), (SERVERS[0], V4.inside))}

    @staticmethod
    def _addresses(family):
        no_wait = "nodad" if family is V6 else ""
        return [f"address add {family.outside}{family.prefix} dev outside {no_wait}",
                f"address add {family.inside}{family.prefix} dev inside {no_wait}",
                f"route add local {family.any_virtual} dev lo",
                f"neigh add {family.gateway} lladdr {mac(9)} dev outside nud permanent",
                f"route add {family.clients} via {family.gateway}",
                *(f"neigh add {address} lladdr {mac(number)} dev inside nud permanent"
                  for number, address in enumerate(family.servers, 11))]

    def tell(self, *lines):
        self.transcript += lines

    # ---- commands ----

    def start(self, words, given=""):
        with self.host.inside():
            # One name for both: it is part of some messages
            process = subprocess.Popen(["ipvsadm", *words], executable=self.program,
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, text=True,
                                       env=self.host.lab.environment)
        process.given = given
        return process

    def start_one_by_one(self, lines):
        """The same for many lines, by a shell: emulated, Python takes longer to start a program than
        that takes to run."""
        directory = self.host.lab.path(f"{self.name}-commands")
        os.makedirs(directory, exist_ok=True)
        program = os.path.join(directory, "ipvsadm")
        if not os.path.lexists(program):
            os.symlink(self.program, program)
        script = "".join(f"ipvsadm {shlex.join(shlex.split(line))} >{number}.out 2>{number}.error "
                         f"</dev/null\necho $? >{number}.status\n"
                         for number, line in enumerate(lines))
        environment = {**self.host.lab.environment, "PATH": f"{directory}:{os.environ['PATH']}"}
        with self.host.inside():
            return subprocess.Popen(["sh", "-c", script], cwd=directory, env=environment)

    def end_one_by_one(self, process, lines):
        """(status, stdout, stderr) of each."""
        process.wait(300 * PATIENCE)
        for number in range(len(lines)):
            status, out, error = (self._written(f"{number}.{what}") for what in ("status", "out", "error"))
            yield int(status), out, error

    def _written(self, name):
        with open(self.host.lab.path(f"{self.name}-commands", name), encoding="utf-8") as file:
            return file.read()

    @staticmethod
    def end(process):
        out, error = process.communicate(process.given, timeout=60 * PATIENCE)
        return process.returncode, out, error

    # ---- packets ----

    def exchange(self, side, packets):
        """Sends all of them; (what came out of the other side, what came back)."""
        for packet in packets:
            self.wires[side].send(packet)
        back = self.wires[side].until_all_is_done()
        return self.wires[IN if side == OUT else OUT].what_is_there(), back


class Connection:
    """A client's port, the service, and for each twin the server."""

    def __init__(self, client, service):
        self.client, self.service = client, service
        self.server = {}


class Twins:
    def __init__(self, lab):
        if "VMRUN" in os.environ:
            run(["modprobe", "ip_vs"])
            # There are no name servers, and to wait for them takes minutes. What is written here
            # is gone with the virtual machine.
            with open("/etc/nsswitch.conf", "w", encoding="utf-8") as file:
                file.write("hosts: files\nservices: files\nprotocols: files\n")
        # limits of the whole machine on ICMP errors
        for name, value in (("icmp_msgs_per_sec", 1000000), ("icmp_msgs_burst", 100000)):
            with open(f"/proc/sys/net/ipv4/{name}", "w", encoding="ascii") as file:
                file.write(str(value))
        wire = lab.host("wire")
        self.ipvs = Twin(lab, wire, "ipvs", IPVSADM)
        self.isobar = Twin(lab, wire, "isobar", os.path.join(BIN, "isobar-ipvsadm"))
        self.both = self.ipvs, self.isobar
        self.next_port = 10000
        self.numbers = itertools.count(1)

    def tell(self, *lines):
        for twin in self.both:
            twin.tell(*lines)

    # ---- commands ----

    def command(self, line, given="", quiet=False):
        """Runs it on both at once: output, messages and exit status are written down."""
        running = [twin.start(shlex.split(line), given) for twin in self.both]
        results = [twin.end(process) for twin, process in zip(self.both, running)]
        for twin, (status, out, error) in zip(self.both, results):
            if not quiet:
                twin.tell(f"$ ipvsadm {line}  [{status}]", *_lines(out), *_lines(error))
        return results

    def commands(self, lines):
        """command() for each, without waiting for the other twin in between."""
        running = [twin.start_one_by_one(lines) for twin in self.both]
        for twin, process in zip(self.both, running):
            for line, (status, out, error) in zip(lines, twin.end_one_by_one(process, lines)):
                twin.tell(f"$ ipvsadm {line}  [{status}]", *_lines(out), *_lines(error))

    def rules(self, *lines):
        """Many commands in one run."""
        self.command("-R", given="\n".join(lines) + "\n")

    def switch(self, name, value):
        """net.ipv4.vs.NAME of both, which is what a transcript calls it."""
        self.ipvs.host.sysctl(f"net.ipv4.vs.{name}", value)
        process = self.isobar.start(["--set-switch", f"{name}={value}"])
        assert self.isobar.end(process)[0] == 0
        self.tell(f"{name} = {value}")

    def look(self, *listings, of=None, without=()):
        """Listings; of these connections only, if they are given, and without those in such states.
        What differs is looked at again while none ends: it may have been gone when the second of the
        two was asked, and IPVS misses one now and then while others end."""
        for line in listings or ("-L -n", "-L -n -c"):
            seen, took = self._seen(line, of, without)
            for _ in range(3):
                if _alike(*seen):
                    break
                self._let_end(self.apart + took, of)
                seen, took = self._seen(line, of, without)
            for twin, lines in zip(self.both, seen):
                twin.tell(*lines)

    def look_at(self, listings):
        """One after the other; at statistics when IPVS has summed them up."""
        for listing in listings:
            (self.settle if "--stats" in listing else self.look)(listing.format(vip=self.vip))

    def _seen(self, line, of, without):
        """A listing of each, and how long that took."""
        started = time.monotonic()
        seen = [[f"$ ipvsadm {line}  [{status}]", *self._listed(line, out, of, without), *_lines(error)]
                for status, out, error in self.command(line, quiet=True)]
        return seen, time.monotonic() - started

    def _let_end(self, within, of, timeout=150):
        """Waits until no connection ends within so many seconds."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            seen, took = self._seen("-L -n -c", of, ())
            left = [int(seconds) for rows in seen for row in rows for seconds in _TIME.findall(row)]
            if min(left, default=math.inf) > within + took + LATE:
                return
            time.sleep(0.2)

    def _listed(self, line, text, of, without):
        rows = _lines(text)
        if "-c" not in line.split():
            return rows
        ports = of and {str(connection.client[1]) for connection in of}
        found = [_seconds(row) for row in rows[2:]
                 if self.is_mine(row)  # not what earlier scenarios left behind
                 and (not ports or row.split()[3].rsplit(":", 1)[1] in ports)
                 and row.split()[2] not in without]
        # the rows stand in the order of two hash tables
        return rows[:2] + sorted(found, key=lambda row: _TIME.sub("", row))

    def is_mine(self, row):
        """Is it a connection to the scenario's virtual address, or a template of its marks?"""
        return any(f" {target}" in row for target in self.targets)

    def settle(self, listing, timeout=30):
        """A listing that IPVS refreshes every 2 s: once both are the same, or never are."""
        deadline = time.monotonic() + timeout
        results = self.command(listing, quiet=True)
        while results[0] != results[1] and time.monotonic() < deadline:
            time.sleep(0.2)
            results = self.command(listing, quiet=True)
        for twin, (status, out, _) in zip(self.both, results):
            twin.tell(f"$ ipvsadm {listing}  [{status}]", *_lines(out))

    def when(self, what, condition, timeout=20 * PATIENCE):
        """Tells after how many seconds `condition` is true of the rows of `-L -n -c`."""
        started, missing = time.monotonic(), list(self.both)
        while missing and time.monotonic() < started + timeout:
            results = self.command("-L -n -c", quiet=True)
            for twin, (_, out, _) in zip(self.both, results):
                if twin in missing and condition([row.split() for row in _lines(out)[2:]
                                        if self.is_mine(row)]):
                    twin.tell(f"~{int(time.monotonic() - started)} s until {what}")
                    missing.remove(twin)
        for twin in missing:
            twin.tell(f"never {what}")

    # ---- packets ----

    def _each(self):
        """One after the other. So much later may a step come to the second."""
        started = time.monotonic()
        yield from self.both
        self.apart = max(self.apart, time.monotonic() - started)

    def send(self, side, *packets):
        """Sends the packets to both; all that comes out is written down."""
        for twin in self._each():
            for packet in packets:
                there, back = twin.exchange(side, [packet])
                twin.tell(f"{side} {frames.Packet(packet).words()}",
                          *(f"    through {each.words()}" for each in there),
                          *(f"    back    {each.words()}" for each in back))

    def connections(self, service, count, client="10.9.0.1"):
        """Connections that no packet belongs to yet, of one client or of a list of them."""
        clients = [client] if isinstance(client, str) else client
        made = []
        for number in range(count):
            made.append(Connection((clients[number % len(clients)], self.next_port), service))
            self.next_port += 1
        return made

    def client(self, connections, flags, make=frames.tcp):
        """A packet of each client; the first one that gets through tells the server."""
        for twin in self._each():
            there, _ = twin.exchange(OUT, [make(connection.client, connection.service, flags)
                                           for connection in connections])
            arrived = {(packet.inmost.source, packet.inmost.ports[0]):
                       (packet.next_hop, packet.inmost.ports[1]) for packet in there}
            for connection in connections:
                if connection.client in arrived or twin not in connection.server:
                    connection.server[twin] = arrived.get(connection.client)

    def server(self, connections, flags, make=frames.tcp):
        """A packet of the server of each."""
        for twin in self._each():
            twin.exchange(IN, [make(connection.server[twin], connection.client, flags)
                               for connection in connections if connection.server[twin]])

    def connect(self, service, count, client="10.9.0.1"):
        """Opens connections, whose three packets are told as one word: the server's number."""
        made = self.connections(service, count, client)
        self.client(made, "S")
        for twin in self.both:
            twin.tell(f"{name_of(service[0])}:{service[1]}: "
                      + " ".join(_number(connection.server[twin]) for connection in made))
        self.server(made, "SA")
        self.client([connection for connection in made if all(connection.server.values())], "A")
        return made

    def close(self, connections):
        """The client goes first."""
        connections = [each for each in connections if all(each.server.values())]
        self.client(connections, "FA")
        self.server(connections, "FA")
        self.client(connections, "A")

    # ---- the end ----

    def begin(self, family=V4):
        """A new scenario, on a virtual address and with clients' ports (ten from self.port) that no
        connection is remembered of."""
        self.family, self.servers = family, family.servers
        number = next(self.numbers)
        self.vip = f"{family.virtual}{number}"
        self.targets = [f"{name_of(self.vip)}:"]
        self.apart = 0
        # IPVS remembers connections of services that are gone, and then knows what their servers say
        self.port = 4000 + 10 * number
        if family is V6:  # else it is not who says that a port is unreachable
            for twin in self.both:
                twin.host.ip(f"address add {self.vip}/128 dev lo")
        self.command(f"-A -t {KEEPER}", quiet=True)
        self.clear_services()
        for twin in self.both:
            twin.transcript = []

    def clear_services(self):
        saved = self.command("-S -n", quiet=True)
        running = [twin.start(["-R"], "".join(f"-D {service}\n" for service in _services(out)))
                   for twin, (_, out, _) in zip(self.both, saved)]
        for twin, process in zip(self.both, running):
            twin.end(process)

    def restore_each_other(self):
        """Each gets what the other has saved, with names and with numbers only."""
        for words in ("-S -n", "-S"):
            saved = [out for _, out, _ in self.command(words)]
            self.clear_services()
            restoring = [twin.start(["-R"], text) for twin, text in zip(self.both, reversed(saved))]
            for twin, process in zip(self.both, restoring):
                twin.tell(str(twin.end(process)))
            self.look("-L -n")

    def agree(self):
        ipvs, isobar = (twin.transcript for twin in self.both)
        # Times that are nearly the same are made the same, in lines that are equal otherwise
        pairs = difflib.SequenceMatcher(None, _timeless(ipvs), _timeless(isobar), autojunk=False)
        for theirs, ours, length in pairs.get_matching_blocks():
            for i in range(length):
                if _near(ipvs[theirs + i], isobar[ours + i]):
                    isobar[ours + i] = ipvs[theirs + i]
        difference = list(difflib.unified_diff(ipvs, isobar, "IPVS", "Isobar", lineterm="", n=3))
        assert not difference, "\n".join(["Isobar is not as IPVS:", *difference])


_TIME = re.compile(r"~(\d+)")


def _timeless(lines):
    return [_TIME.sub("~", line) for line in lines]


def _near(there, here):
    """Are the times nearly the same in two lines that are equal otherwise?"""
    return all(abs(int(a) - int(b)) <= SLACK for a, b in zip(_TIME.findall(there), _TIME.findall(here)))


def _alike(theirs, ours):
    return _timeless(theirs) == _timeless(ours) and all(map(_near, theirs, ours))


def _seconds(row):
    """A row of `-L -c`, with its MM:SS as seconds behind a mark: "~903"."""
    return re.sub(r"\b(\d\d+):(\d\d) ", lambda m: f"~{int(m[1]) * 60 + int(m[2])} ", row, count=1)


def _lines(text):
    return text.split("\n")[:-1] if text.endswith("\n") else text.split("\n") if text else []


def _services(saved):
    return [name for name in re.findall(r"^-A (\S+ \S+(?: -6)?)", saved, re.M) if KEEPER not in name]


def _received(frame):
    packet = frames.Packet(frame[14:])
    number = _NUMBERS.get(frame[:6])
    servers = (V6 if packet.version == 6 else V4).servers
    packet.next_hop = servers[number - 1] if number else None
    return packet


_NUMBERS = {bytes.fromhex(mac(10 + number).replace(":", "")): number for number in range(1, 5)}


def _number(server):
    return server[0][-1] if server else "-"
