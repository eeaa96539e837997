# SPDX-License-Identifier: Apache-2.0
"""What a lab has made, in a file that outlives it: whoever comes next can remove it.

The file is locked as long as the lab lives, which also makes a lab's name its own. The lock goes
with the process, however that ends, and cannot be mistaken as a pid can.
"""

import contextlib
import fcntl
import os
import shutil
import signal

from .process import run

DIRECTORY = "/run/isobar-lab"


class Record:
    OWNER_VARIABLE = "ISOBAR_LAB"  # in the environment of all processes of a lab

    def __init__(self, prefix, file):
        self.prefix = prefix
        self._file = file

    @staticmethod
    def claim(prefix):
        """The record of lab `prefix`, or None if a living lab has it. What a killed lab of this
        name left is removed."""
        with _all_records():
            return Record._claim(prefix)

    @staticmethod
    def _claim(prefix):
        path = os.path.join(DIRECTORY, prefix)
        while True:
            file = open(path, "a+", encoding="utf-8")  # close-on-exec: no child inherits the lock
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(file.fileno()).st_ino == os.stat(path).st_ino:
                    break
            except BlockingIOError:
                file.close()
                return None
            except FileNotFoundError:
                pass
            file.close()  # its owner removed the file between our open and our lock: again
        record = Record(prefix, file)
        record._remove_things()
        file.truncate(0)
        record.add("pid", os.getpid())
        return record

    @staticmethod
    def remove_leftovers():
        """Removes what killed labs have left, whatever their names were."""
        with _all_records():
            for prefix in sorted(os.listdir(DIRECTORY)):
                record = Record._claim(prefix)
                if record:
                    record.remove()

    @staticmethod
    def describe(prefix):
        """"pid 17" of the lab that has this name."""
        with open(os.path.join(DIRECTORY, prefix), encoding="utf-8") as file:
            return file.readline().strip()

    def add(self, kind, name):
        print(kind, name, file=self._file, flush=True)

    def remove(self):
        """Removes all that was added, and the record."""
        self._remove_things()
        try:
            os.unlink(os.path.join(DIRECTORY, self.prefix))
        except FileNotFoundError:
            pass
        self._file.close()

    def _remove_things(self):
        self._file.seek(0)
        things = [line.strip().split(" ", 1) for line in self._file]
        for pid in self._processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        for kind, name in things:
            # With a namespace go its interfaces, routes and BPF programs
            if kind == "namespace" and os.path.exists(f"/run/netns/{name}"):
                run(["ip", "netns", "delete", name])
            if kind == "directory":
                shutil.rmtree(name, ignore_errors=True)

    def _processes(self):
        """Processes with our variable in their environment: also those that went to the
        background. A shell that somebody opened in a namespace is not among them."""
        wanted = f"{self.OWNER_VARIABLE}={self.prefix}".encode()
        found = []
        for entry in os.listdir("/proc"):
            if not entry.isdigit() or int(entry) == os.getpid():
                continue
            try:
                with open(f"/proc/{entry}/environ", "rb") as environ:
                    if wanted in environ.read().split(b"\0"):
                        found.append(int(entry))
            except OSError:
                continue  # gone meanwhile
        return found


@contextlib.contextmanager
def _all_records():
    """One process at a time claims records: none takes another's, which it has just made and not
    locked yet, for a leftover."""
    os.makedirs(DIRECTORY, exist_ok=True)
    directory = os.open(DIRECTORY, os.O_RDONLY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        yield
    finally:
        os.close(directory)
