# SPDX-License-Identifier: Apache-2.0
"""What a failed test leaves behind: logs, captures, the state of every host, the BPF maps."""

import glob
import json
import os
import re
import shutil

from .process import run

# Of every host, into HOST.txt
COMMANDS = [
    ["ip", "-details", "-statistics", "link"],
    ["ip", "address"],
    ["ip", "route", "show", "table", "all"],
    ["ip", "-statistics", "neighbour"],
    ["ss", "-tuanp"],
    ["nstat", "--ignore", "--noupdate"],
    ["tc", "-statistics", "qdisc"],
    ["bpftool", "net"],
    ["sysctl", "-a", "--pattern", r"^net\.ipv4\.(ip_forward|conf\..*(rp_filter|accept_local))"],
]


def keep(lab, directory):
    os.makedirs(directory, exist_ok=True)
    for path in glob.glob(lab.path("*.log")) + glob.glob(lab.path("*.pcap")) + \
            glob.glob(lab.path("*.toml")):
        shutil.copy(path, directory)
    for host in lab.hosts.values():
        with open(os.path.join(directory, f"{host.name}.txt"), "w", encoding="utf-8") as report:
            for command in COMMANDS + getattr(host, "evidence_commands", []):
                _tell(host, command, report)
        _dump_maps(host, directory)


def _tell(host, command, report):
    done = run(host.command(command), check=False, env=host.lab.environment)
    print(f"$ {' '.join(map(str, command))}", done.stdout + done.stderr, sep="\n", file=report)


def _dump_maps(host, directory):
    """The BPF maps of the programs that are attached in this host, as bpftool shows them."""
    for map_id in sorted(bpf_ids(host)["maps"]):
        shown = run(["bpftool", "map", "show", "id", map_id], check=False).stdout
        name = re.search(r" name (\w+)", shown)
        # Large tables are mostly empty: their beginning will do, and takes no minute
        dump = run(["sh", "-c", f"bpftool map dump id {map_id} | head -c 1000000"], check=False)
        path = os.path.join(directory, f"{host.name}-map-{name[1] if name else map_id}.txt")
        with open(path, "w", encoding="utf-8") as file:
            file.write(shown + dump.stdout)


def bpf_ids(host):
    """The ids of the BPF programs attached to interfaces of `host`, and of their maps."""
    # bpftool is asked from outside for programs and maps: ids are global on a machine
    attached = json.loads(host.output(["bpftool", "-j", "net"]))
    programs = {hook["id"] for section in attached for hooks in section.values()
                for hook in hooks if "id" in hook}
    maps = set()
    for program in programs:
        shown = run(["bpftool", "-j", "prog", "show", "id", program], check=False)
        if shown.returncode == 0:
            maps.update(json.loads(shown.stdout).get("map_ids", []))
    return {"programs": programs, "maps": maps}


def living(ids):
    """Which of `ids` (as bpf_ids gives them) the kernel still has."""
    return {kind: {number for number in ids[kind + "s"]
                   if run(["bpftool", word, "show", "id", number], check=False).returncode == 0}
            for kind, word in (("program", "prog"), ("map", "map"))}
