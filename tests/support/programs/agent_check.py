# SPDX-License-Identifier: Apache-2.0
"""An agent of HAProxy's agent-check: says what stands in a file to whoever connects.

usage: agent_check.py PORT FILE
"""

import socket
import sys


def main(port, path):
    listening = socket.create_server(("0.0.0.0", int(port)))
    print("ready", flush=True)
    while True:
        connection, _ = listening.accept()
        with connection, open(path, encoding="utf-8") as file:
            connection.sendall(file.read().encode())


main(*sys.argv[1:])
