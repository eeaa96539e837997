#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""inetd for one service: inetd.py PORT COMMAND...: COMMAND gets each connection as stdin and stdout."""

import signal
import socket
import subprocess
import sys

signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children are reaped by the kernel
listener = socket.create_server(("0.0.0.0", int(sys.argv[1])), backlog=128)
while True:
    connection, _ = listener.accept()
    subprocess.Popen(sys.argv[2:], stdin=connection, stdout=connection, stderr=connection)
    connection.close()
