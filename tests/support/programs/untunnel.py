#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""untunnel.py DEVICE: takes IP-in-IP, GRE and GUE (UDP port 6080) apart, as a real server of
VS/TUN must. What was inside comes in by the new tun interface DEVICE."""

import fcntl
import selectors
import socket
import struct
import sys

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000
GUE_PORT = 6080

device = open("/dev/net/tun", "r+b", buffering=0)
fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH", sys.argv[1].encode(), IFF_TUN | IFF_NO_PI))

selector = selectors.DefaultSelector()
for protocol, shim in ((socket.IPPROTO_IPIP, b""), (socket.IPPROTO_GRE, b"\x00\x00\x08\x00")):
    made = socket.socket(socket.AF_INET, socket.SOCK_RAW, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    selector.register(made, selectors.EVENT_READ, (20, shim))  # raw sockets keep the outer header
made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
made.bind(("0.0.0.0", GUE_PORT))
selector.register(made, selectors.EVENT_READ, (0, b"\x00\x04\x00\x00"))

print("ready", flush=True)
while True:
    for key, _ in selector.select():
        outer, shim = key.data
        packet = key.fileobj.recv(65536)[outer:]
        if packet.startswith(shim):
            try:
                device.write(packet[len(shim):])
            except OSError:
                pass  # nothing that could be a packet
