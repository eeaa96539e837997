#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""answer.py NAME tcp:PORT udp:PORT ...: servers that say who they are.

TCP: "NAME\n" as soon as the connection stands, then "NAME " before each piece it sends back, and
closes when the client does. UDP: "NAME " and the datagram.
"""

import selectors
import socket
import sys

selector = selectors.DefaultSelector()


def accept(listener):
    connection, _ = listener.accept()
    connection.setblocking(False)
    selector.register(connection, selectors.EVENT_READ, answer_stream)
    connection.send(name + b"\n")


def answer_stream(connection):
    try:
        piece = connection.recv(65536)
        if piece:
            connection.send(name + b" " + piece)
            return
    except OSError:
        pass  # reset by the client
    selector.unregister(connection)
    connection.close()


def answer_datagram(server):
    datagram, client = server.recvfrom(65536)
    try:
        server.sendto(name + b" " + datagram, client)
    except OSError:
        pass  # an ICMP error about an earlier answer


name = sys.argv[1].encode()
for listen in sys.argv[2:]:
    protocol, port = listen.split(":")
    if protocol == "tcp":
        made = socket.create_server(("0.0.0.0", int(port)), backlog=4096)
        selector.register(made, selectors.EVENT_READ, accept)
    else:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        made.bind(("0.0.0.0", int(port)))
        selector.register(made, selectors.EVENT_READ, answer_datagram)
print("ready", flush=True)
while True:
    for key, _ in selector.select():
        key.data(key.fileobj)
