# SPDX-License-Identifier: Apache-2.0
"""UDP datagrams over IPv4 in fragments, made by hand: to be sent in any order by a raw socket."""

import ipaddress
import struct

IPPROTO_UDP = 17
MORE_FRAGMENTS = 0x2000


def checksum(data):
    total = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def udp(source, target, payload):
    """The datagram with its checksum; source and target are (address, port)."""
    addresses = b"".join(ipaddress.ip_address(end[0]).packed for end in (source, target))
    length = 8 + len(payload)
    header = struct.pack("!HHHH", source[1], target[1], length, 0)
    pseudo = addresses + struct.pack("!BBH", 0, IPPROTO_UDP, length)
    return header[:6] + struct.pack("!H", checksum(pseudo + header + payload) or 0xffff) + payload


def fragments(source, target, payload, identification, size=1368):
    """IP packets with `size` bytes of the datagram in each; the last has the rest."""
    data = udp(source, target, payload)
    packets = []
    for at in range(0, len(data), size):
        more = MORE_FRAGMENTS if at + size < len(data) else 0
        # length and checksum are the kernel's (IP_HDRINCL)
        header = struct.pack("!BBHHHBBH", 0x45, 0, 0, identification, more | at // 8, 64,
                             IPPROTO_UDP, 0)
        header += b"".join(ipaddress.ip_address(end[0]).packed for end in (source, target))
        packets.append(header + data[at:at + size])
    return packets
