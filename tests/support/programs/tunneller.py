#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""tunneller.py INTERFACE VIP REAL KIND [PORT]: a director that knows one real server.

Every packet for VIP that arrives on INTERFACE goes to REAL through a tunnel: ipip, gue (to UDP
port PORT), gre or gre-csum. Outer headers are the kernel's, never fragmented; a packet that does
not fit is told on stdout ("too big: 1520") and lost.
"""

import errno
import ipaddress
import socket
import struct
import sys

ETH_P_ALL = 3
PACKET_HOST = 0
IP_MTU_DISCOVER, IPV6_MTU_DISCOVER, PMTUDISC_DO = 10, 23, 2

interface, vip, real, kind = sys.argv[1:5]
port = int(sys.argv[5]) if len(sys.argv) > 5 else 6080
vip, outer = ipaddress.ip_address(vip), ipaddress.ip_address(real)
inner_protocol = 4 if vip.version == 4 else 41
inner_type = 0x0800 if vip.version == 4 else 0x86dd


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def with_gre_checksum(packet):
    head = struct.pack("!HH", 0x8000, inner_type)
    return head + struct.pack("!HH", checksum(head + bytes(4) + packet), 0) + packet


WRAP = {
    "ipip": (socket.SOCK_RAW, inner_protocol, lambda packet: packet),
    "gue": (socket.SOCK_DGRAM, 0, lambda packet: bytes([0, inner_protocol, 0, 0]) + packet),
    "gre": (socket.SOCK_RAW, 47, lambda packet: struct.pack("!HH", 0, inner_type) + packet),
    "gre-csum": (socket.SOCK_RAW, 47, with_gre_checksum),
}

type_, protocol, wrap = WRAP[kind]
family = socket.AF_INET if outer.version == 4 else socket.AF_INET6
sender = socket.socket(family, type_, protocol)
if outer.version == 4:
    sender.setsockopt(socket.SOL_IP, IP_MTU_DISCOVER, PMTUDISC_DO)
else:
    sender.setsockopt(socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER, PMTUDISC_DO)
sender.connect((real, port if kind == "gue" else 0))

listener = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
listener.bind((interface, ETH_P_ALL))
print("ready", flush=True)
while True:
    packet, address = listener.recvfrom(65536)
    target = packet[16:20] if vip.version == 4 else packet[24:40]
    if address[2] != PACKET_HOST or address[1] != inner_type or target != vip.packed:
        continue
    try:
        sender.send(wrap(packet))
    except OSError as error:
        if error.errno != errno.EMSGSIZE:
            raise
        print("too big:", len(packet), flush=True)
