# SPDX-License-Identifier: Apache-2.0
"""A program on a terminal of its own, as somebody sits in front of it."""

import fcntl
import os
import re
import signal
import struct
import subprocess
import termios
import threading

from .process import PATIENCE, LabError, wait_until


class Terminal:
    """Runs `command` on a terminal of `columns` by `rows`; read meanwhile, so that it never waits."""

    def __init__(self, command, columns, rows, cwd=None):
        self.columns, self.rows = columns, rows
        self._written = ""
        self._master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        environment = {**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8"}
        for name in ("COLUMNS", "LINES"):
            environment.pop(name, None)
        # In a session that owns the terminal, keys are signals, for its children too
        self._popen = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, cwd=cwd,
                                       env=environment, start_new_session=True,
                                       preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        try:
            while piece := os.read(self._master, 65536):
                self._written += piece.decode(errors="replace")
        except OSError:  # nobody has it open any more
            pass

    def written(self):
        """All that was written so far, as plain text."""
        return re.sub(r"\x1b\[\d*[A-Z]|\r", "", self._written)

    def raw(self):
        """With all orders to the terminal."""
        return self._written

    def resize(self, columns, rows):
        self.columns, self.rows = columns, rows
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def lines(self):
        """What is seen, and what has scrolled off above it."""
        return shown(self._written, self.columns, self.rows)

    def type(self, keys):
        os.write(self._master, keys.encode())

    def wait_for(self, text, timeout=30.0):
        wait_until(lambda: text in self.written(), timeout, f"the terminal shows {text!r}")

    def wait(self, timeout=20.0):
        """Exit status once it ended by itself; all it wrote is read then."""
        try:
            status = self._popen.wait(timeout * PATIENCE)
        except subprocess.TimeoutExpired:
            raise LabError(f"still there after {timeout:g} s:\n{self.written()}") from None
        self._reader.join(timeout)
        return status

    def close(self):
        """SIGTERM, and SIGKILL if that is not enough."""
        if self._popen.poll() is None:
            self._popen.send_signal(signal.SIGTERM)
            try:
                self._popen.wait(20 * PATIENCE)
            except subprocess.TimeoutExpired:
                self._popen.kill()
                self._popen.wait()
        self._reader.join(20)
        os.close(self._master)


def shown(text, columns, rows):
    """The lines of a terminal after `text`; it knows what ./run uses: erase to the end of the line
    (K) and of the screen (J), and cursor up (A), which ends at the top of the screen."""
    lines, row, column, top = [""], 0, 0, 0

    def down(row):
        if row + 1 == len(lines):
            lines.append("")
        return row + 1, max(top, row + 2 - rows)

    for number, order, letter in re.findall(r"\x1b\[(\d*)([AKJ])|(.)", text, re.DOTALL):
        if letter == "\r":
            column = 0
        elif letter == "\n":
            row, top = down(row)
        elif letter:
            if column == columns:
                (row, top), column = down(row), 0
            lines[row] = lines[row][:column].ljust(column) + letter + lines[row][column + 1:]
            column += 1
        elif order == "A":
            row = max(top, row - int(number or 1))
        else:
            # Behind the last column the cursor still stands on it, and what stands there goes, too
            lines[row] = lines[row][:min(column, columns - 1)]
            if order == "J":
                lines[row + 1:] = [""] * (len(lines) - row - 1)
    return lines
