#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""sink.py PORT: reads a connection to its end, then answers with the SHA-256 of what came."""

import hashlib
import socket
import sys

listener = socket.create_server(("0.0.0.0", int(sys.argv[1])))
print("ready", flush=True)
while True:
    connection, _ = listener.accept()
    digest = hashlib.sha256()
    buffer = bytearray(1 << 20)
    while count := connection.recv_into(buffer):
        digest.update(memoryview(buffer)[:count])
    connection.sendall(digest.hexdigest().encode())
    connection.close()
