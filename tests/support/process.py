# SPDX-License-Identifier: Apache-2.0
"""Child processes of a lab, and waiting for things without sleeping blindly."""

import ctypes
import os
import signal
import subprocess
import time

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class LabError(Exception):
    """A command of the lab failed; the text holds the command and all it said."""


class Hopeless(LabError):
    """No use in waiting any longer."""


# In an emulated guest (tests/vm) everything takes several times as long: so do all deadlines.
PATIENCE = 8 if os.environ.get("VMRUN") else 1


def wait_until(condition, timeout=10.0, what="condition", interval=0.02):
    """Polls `condition` until it is true and returns what it returned; LabError after `timeout` s.

    A condition that raises counts as false (but for Hopeless), and the last exception is told
    at the end.
    """
    timeout *= PATIENCE
    deadline = time.monotonic() + timeout
    last = None
    while True:
        try:
            value = condition()
            if value:
                return value
            last = repr(value)
        except Hopeless:
            raise
        except (OSError, LabError, AssertionError, LookupError, ValueError) as error:
            last = f"{type(error).__name__}: {error}"
        if time.monotonic() > deadline:
            raise LabError(f"after {timeout:g} s still not: {what}; last seen: {last}")
        time.sleep(interval * PATIENCE)


def run(command, *, input=None, timeout=30.0, check=True, env=None, log=None):
    """Runs `command` to its end; stdout and stderr as text. LabError if it fails and `check`."""
    command = [str(word) for word in command]
    timeout *= PATIENCE
    started = time.monotonic()
    try:
        done = subprocess.run(command, input=input, timeout=timeout, env=env, text=True,
                              errors="replace", capture_output=True,
                              stdin=subprocess.DEVNULL if input is None else None)
    except subprocess.TimeoutExpired as expired:
        raise LabError(f"{' '.join(command)}: not done after {timeout:g} s\n"
                       f"{(expired.stdout or b'')!r}\n{(expired.stderr or b'')!r}") from None
    if log:
        log(f"[{done.returncode}] {' '.join(command)} ({time.monotonic() - started:.3f} s)")
    if check and done.returncode != 0:
        raise LabError(f"{' '.join(command)}: exit status {done.returncode}\n"
                       f"{done.stdout}{done.stderr}".rstrip())
    return done


def _die_with_parent():
    # A killed lab (kill -9) takes its children along. The signal survives exec, and goes
    # when the *thread* that forked ends: so start processes from the main thread.
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


class Process:
    """A process in the background: output to a file, ended by its own pid."""

    def __init__(self, command, log_path, env=None, stdin=subprocess.DEVNULL):
        self.command = [str(word) for word in command]
        self.log_path = log_path
        with open(log_path, "ab") as log:
            self._log_begins = log.tell()
            # A session of its own: Ctrl-C at the terminal reaches only the lab, which then
            # ends its processes in order.
            self._popen = subprocess.Popen(self.command, stdin=stdin, stdout=log, stderr=log,
                                           env=env, start_new_session=True,
                                           preexec_fn=_die_with_parent)
        self.pid = self._popen.pid
        self.stdin = self._popen.stdin

    @property
    def alive(self):
        return self._popen.poll() is None

    @property
    def exit_status(self):
        return self._popen.poll()

    def cpu_seconds(self):
        """CPU time that it has used so far."""
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as stat:
            user, system = stat.read().rsplit(")", 1)[1].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def log(self, begin=0):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            log.seek(begin)
            return log.read()

    def signal(self, number):
        if self.alive:
            self._popen.send_signal(number)

    def wait(self, timeout=10.0):
        """Exit status once it ended by itself."""
        try:
            return self._popen.wait(timeout * PATIENCE)
        except subprocess.TimeoutExpired:
            raise LabError(f"{self}: still there after {timeout:g} s") from None

    def wait_for_log(self, text, timeout=10.0):
        """Until it has said so itself: an earlier process may have written to the same file."""
        def said():
            if text in self.log(self._log_begins):
                return True
            if not self.alive:
                raise Hopeless(f"{self} ended with status {self.exit_status}:\n{self.log()}")
            return False
        wait_until(said, timeout, f"{self} says {text!r}")

    def stop(self, timeout=5.0):
        """SIGTERM, and SIGKILL if that is not enough."""
        self.signal(signal.SIGTERM)
        try:
            return self._popen.wait(timeout * PATIENCE)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self):
        self.signal(signal.SIGKILL)
        return self._popen.wait(10)

    def __str__(self):
        return f"{' '.join(self.command)} (pid {self.pid})"
