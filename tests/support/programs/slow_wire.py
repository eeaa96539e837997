#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""slow_wire.py A B MS: what comes in by interface A or B leaves by the other one MS later.

Offloads must be off on both sides: frames are copied as they are.
"""

import collections
import selectors
import socket
import sys
import time

ETH_P_ALL = 3
PACKET_OUTGOING = 4

delay = float(sys.argv[3]) / 1000
selector = selectors.DefaultSelector()
ends = [socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) for _ in "AB"]
for end, interface in zip(ends, sys.argv[1:]):
    end.bind((interface, ETH_P_ALL))
for end, other in zip(ends, reversed(ends)):
    selector.register(end, selectors.EVENT_READ, other)

waiting = collections.deque()  # (due, where, frame): all wait equally long
print("ready", flush=True)
while True:
    patience = max(0, waiting[0][0] - time.monotonic()) if waiting else None
    for key, _ in selector.select(patience):
        frame, address = key.fileobj.recvfrom(65535)
        if address[2] != PACKET_OUTGOING:
            waiting.append((time.monotonic() + delay, key.data, frame))
    while waiting and waiting[0][0] <= time.monotonic():
        _, end, frame = waiting.popleft()
        end.send(frame)
