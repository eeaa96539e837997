# SPDX-License-Identifier: Apache-2.0
"""Networks of namespaces on one machine, for tests and for ./run.

    with Lab() as lab:
        outside, inside = lab.bridge("outside"), lab.bridge("inside")
        client = lab.host("client", eth0=outside.at("10.0.0.100/24"))
        vs = lab.host("vs", eth0=outside.at("10.0.0.1/24"), eth1=inside.at("192.168.10.254/24"))
        real1 = lab.host("real1", eth1=inside.at("192.168.10.100/24"), gateway="192.168.10.254")
        client.curl("http://10.0.0.1/")

A host is a network namespace PREFIX-name; the bridges are in PREFIX-switch, so that the
machine's own interfaces, routes and firewall stay out of it. The lab owns what it makes and
removes it at the end, also after an exception or Ctrl-C; what a killed lab left behind is
removed by the next one.
"""

import ctypes
import itertools
import os
import signal
import socket
import tempfile
import threading
from contextlib import contextmanager

from . import evidence
from .lab_record import Record
from .process import PATIENCE, LabError, Process, run

NETNS_DIR = "/run/netns"
CLONE_NEWNET = 0x40000000

_numbers = itertools.count(1)
_libc = ctypes.CDLL(None, use_errno=True)


class LabBusy(LabError):
    """Another living lab has this name."""


class Lab:
    """`prefix` names the namespaces; by default it carries our pid and a running number."""

    living = []  # between __enter__ and close

    def __init__(self, prefix=None):
        self.prefix = prefix or f"isobar-{os.getpid()}-{next(_numbers)}"
        self.hosts = {}
        self.directory = None
        self._record = None
        self._processes = []
        self._at_end = []

    # ---- life ----

    def __enter__(self):
        Record.remove_leftovers()
        self._record = Record.claim(self.prefix)
        if self._record is None:
            raise LabBusy(f"a lab named {self.prefix} is running: {Record.describe(self.prefix)}")
        self.directory = tempfile.mkdtemp(prefix=f"{self.prefix}-")
        self._record.add("directory", self.directory)
        os.chmod(self.directory, 0o755)  # for programs that give up root
        Lab.living.append(self)
        try:
            self._switch = self._make_namespace("switch")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Ends all processes and removes everything. Each step runs even if one before failed."""
        with _uninterrupted():
            errors = []
            for step in [*reversed(self._at_end),
                         *(process.stop for process in reversed(self._processes)),
                         self._record.remove]:
                try:
                    step()
                except Exception as error:  # the rest must be removed all the same
                    errors.append(error)
            self._at_end, self._processes = [], []
            if self in Lab.living:
                Lab.living.remove(self)
        if errors:
            raise errors[0]

    def at_end(self, action):
        """Runs `action` when the lab ends, before processes and namespaces go; last one first."""
        self._at_end.append(action)

    def keep_evidence(self, directory):
        """Copies logs and captures, and dumps the state of every host, into `directory`."""
        evidence.keep(self, directory)
        return directory

    # ---- topology ----

    def bridge(self, name):
        self._switch.ip(f"link add name {name} type bridge forward_delay 0 mcast_snooping 0",
                        f"link set dev {name} up")
        return Bridge(self, name)

    def host(self, name, gateway=None, **interfaces):
        """A namespace with `interfaces` (eth0=bridge.at("10.0.0.1/24", ...)) and a default route."""
        host = self._make_namespace(name)
        self.hosts[name] = host
        host.add_interfaces(interfaces, gateway)
        return host

    def _make_namespace(self, name):
        namespace = f"{self.prefix}-{name}"
        self._record.add("namespace", namespace)  # first: a kill may come in between
        run(["ip", "netns", "add", namespace])
        host = Host(self, name, namespace)
        # No addresses and packets of their own accord (link-local, router solicitations,
        # multicast listener reports): they would be in every capture and counter.
        host.sysctl("net.ipv6.conf.all.disable_ipv6", 1)
        host.sysctl("net.ipv6.conf.default.disable_ipv6", 1)
        return host

    # ---- processes ----

    @property
    def environment(self):
        return {**os.environ, Record.OWNER_VARIABLE: self.prefix, "LC_ALL": "C.UTF-8"}

    def log(self, line):
        with open(self.path("commands.log"), "a", encoding="utf-8") as log:
            print(line, file=log)

    def path(self, *names):
        """A path in the lab's directory, which goes with the lab."""
        return os.path.join(self.directory, *names)

    def write(self, name, text, mode=0o644):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def hosts_file(self):
        """Like /etc/hosts: the names of all hosts there are now, and of the machine."""
        lines = [f"{address.split('/')[0]} {host.name}" for host in self.hosts.values()
                 for address in host.addresses]
        return self.write("hosts", "\n".join([f"127.0.0.1 localhost {socket.gethostname()}",
                                              *lines, ""]))

    def adopt(self, process):
        self._processes.append(process)
        return process


class Bridge:
    def __init__(self, lab, name):
        self.lab = lab
        self.name = name

    def at(self, *addresses, mtu=1500):
        """A port of this bridge, and the addresses of the interface that is plugged into it."""
        return Port(self, addresses, mtu)


class Port:
    def __init__(self, bridge, addresses, mtu):
        self.bridge = bridge
        self.addresses = addresses
        self.mtu = mtu


class Host:
    """One network namespace."""

    def __init__(self, lab, name, namespace):
        self.lab = lab
        self.name = name
        self.namespace = namespace
        self.interfaces = []
        self.addresses = []  # with prefix lengths
        self.started = {}  # name -> the Process last started under it

    # ---- commands ----

    def command(self, words):
        # Not `ip netns exec`: that mounts a fresh /sys, which hides /sys/fs/bpf (and with it
        # all BPF pins); nsenter changes the network alone.
        return ["nsenter", f"--net={NETNS_DIR}/{self.namespace}", "--", *map(str, words)]

    def run(self, words, **options):
        """Runs a command to its end. Options: input, timeout, check, env (see process.run)."""
        options.setdefault("env", self.lab.environment)
        return run(self.command(words), log=self.lab.log, **options)

    def output(self, words, **options):
        return self.run(words, **options).stdout

    def start(self, words, name=None, **options):
        """Starts a command in the background; output goes to NAME.log; ended with the lab."""
        name = name or os.path.basename(str(words[0]))
        self.lab.log(f"[start] {self.namespace}: {' '.join(map(str, words))}")
        self.started[name] = Process(self.command(words),
                                     self.lab.path(f"{self.name}-{name}.log"),
                                     env=self.lab.environment, **options)
        return self.lab.adopt(self.started[name])

    def ip(self, *lines):
        """`ip` with one command a line, all or an error. Write `name` and `dev` in `link`: a host
        called `up` or an interface called `type` would be read as a keyword."""
        # -n would do what `ip netns exec` does; nothing in here needs /sys, but one way is enough.
        run(self.command(["ip", "-batch", "-"]), input="\n".join(lines) + "\n", log=self.lab.log)

    def curl(self, url, *options, timeout=10):
        """The body of `url`. LabError if curl fails."""
        return self.output(["curl", "--silent", "--show-error", "--fail", "--noproxy", "*",
                            "--max-time", timeout * PATIENCE, *options, url], timeout=timeout + 5)

    # ---- network ----

    def add_interface(self, name, port):
        """Plugs a veth in: `name` here, its peer on the bridge, in the switch namespace."""
        self.add_interfaces({name: port})

    def add_interfaces(self, ports, gateway=None):
        # Few and large batches: in the virtual machine each process costs a quarter of a second
        there, here = [], ["link set dev lo up"]
        for name, port in ports.items():
            peer = f"{self.name}-{name}"
            if len(peer) > 15:
                raise LabError(f"interface name {peer} is longer than 15 characters")
            there += [f"link add name {peer} type veth peer name {name} netns {self.namespace}",
                      f"link set dev {peer} master {port.bridge.name} up"]
            here += [f"address add {address} dev {name}" for address in port.addresses]
            here += [f"link set dev {name} mtu {port.mtu} up"]
            self.interfaces.append(name)
            self.addresses += port.addresses
        self.lab._switch.ip(*there)
        self.ip(*here, *([f"route add default via {gateway}"] if gateway else []))

    def remove_interface(self, interface):
        self.ip(f"link delete dev {interface}")
        self.interfaces.remove(interface)

    def sysctl(self, name, value=None):
        """Reads a sysctl of this namespace, or writes it."""
        path = "/proc/sys/" + name.replace(".", "/")
        with self.inside(), open(path, "r" if value is None else "w", encoding="ascii") as file:
            return file.read().strip() if value is None else file.write(str(value))

    def sysctls(self, pattern):
        """All of this namespace that match the regular expression, by name."""
        lines = self.output(["sysctl", "-a", "--pattern", pattern]).splitlines()
        return dict(line.split(" = ", 1) for line in lines)

    def set_offloads(self, wanted, names=("rx", "tx", "tso", "gso", "gro"), peers=True):
        """Switches offloads of every interface, and of its other end on the bridge.

        XDP on a veth sees frames of local senders with partial checksums, which nobody completes
        behind an XDP redirect: off with them where XDP must forward.
        """
        state = "on" if wanted else "off"
        settings = [word for name in names for word in (name, state)]
        for interface in self.interfaces:
            self.run(["ethtool", "-K", interface, *settings])
            if peers:
                self.lab._switch.run(["ethtool", "-K", f"{self.name}-{interface}", *settings])

    def let_xdp_transmit(self):
        """Lets XDP of this host send out of its veths.

        A veth takes a frame from XDP_TX or an XDP redirect only if its *peer* polls (NAPI), which
        it does with an XDP program or with GRO; otherwise the frame is dropped without a trace.
        """
        for interface in self.interfaces:
            self.lab._switch.run(["ethtool", "-K", f"{self.name}-{interface}", "gro", "on"])

    def capture(self, interface, *filter_words):
        """Captures packets into HOST-INTERFACE.pcap until the lab ends."""
        path = self.lab.path(f"{self.name}-{interface}.pcap")
        # -Z root: tcpdump would give up root, and could not write the file then
        process = self.start(["tcpdump", "-i", interface, "-n", "-U", "-s", 200, "-Z", "root",
                              "-w", path, *filter_words], name=f"tcpdump-{interface}")
        process.wait_for_log("listening on")
        return path

    @contextmanager
    def inside(self):
        """Sockets that this thread makes meanwhile belong to this host, and stay so."""
        with open("/proc/thread-self/ns/net") as before, \
                open(f"{NETNS_DIR}/{self.namespace}") as there:
            _setns(there)
            try:
                yield self
            finally:
                _setns(before)

    def socket(self, kind=socket.SOCK_STREAM, protocol=0, bind=None, timeout=5.0,
               family=socket.AF_INET):
        """A socket of this host, bound to `bind` if given."""
        with self.inside():
            made = socket.socket(family, kind, protocol)
        made.settimeout(timeout * PATIENCE)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if bind:
            made.bind(bind)
        return made

    def listens(self, port):
        """Does a TCP server listen on `port`?"""
        return "LISTEN" in self.tcp_states(port)

    def tcp_states(self, port):
        """States of the TCP sockets of this host with the local port `port`."""
        rows = []
        for name in ("tcp", "tcp6"):
            with self.inside(), open(f"/proc/thread-self/net/{name}", encoding="ascii") as table:
                rows += [line.split() for line in table][1:]
        names = {"01": "ESTABLISHED", "06": "TIME_WAIT", "0A": "LISTEN"}
        return [names.get(row[3], row[3]) for row in rows if row[1].endswith(f":{port:04X}")]

    def __str__(self):
        return self.name


def _setns(file):
    if _libc.setns(file.fileno(), CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


@contextmanager
def _uninterrupted():
    """A second Ctrl-C must not stop the clean-up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN)
              for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

