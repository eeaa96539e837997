#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""sink.py PORT [ADDRESS]: reads a connection to its end, answers with the SHA-256 of what came."""

import hashlib
import socket
import sys

address = sys.argv[2] if len(sys.argv) > 2 else "0.0.0.0"
dual = ":" in address  # "::" takes IPv4, too
listener = socket.create_server((address, int(sys.argv[1])), dualstack_ipv6=dual,
                                family=socket.AF_INET6 if dual else socket.AF_INET)
print("ready", flush=True)
while True:
    connection, _ = listener.accept()
    digest = hashlib.sha256()
    buffer = bytearray(1 << 20)
    while count := connection.recv_into(buffer):
        digest.update(memoryview(buffer)[:count])
    connection.sendall(digest.hexdigest().encode())
    connection.close()
