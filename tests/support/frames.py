# SPDX-License-Identifier: Apache-2.0
"""IPv4 packets from plain values, and back into words. (Scapy takes half a minute to start in the
virtual machine, and a millisecond for a packet.)"""

import array
import socket
import struct
import sys

TCP, UDP, ICMP, IPIP = 6, 17, 1, 4
FLAGS = {"F": 1, "S": 2, "R": 4, "P": 8, "A": 16, "U": 32}
DONT_FRAGMENT = 0x4000
PREC_INTERNETCONTROL = 0xc0  # the TOS of a kernel's own ICMP errors


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    words = array.array("H", data)
    if sys.byteorder == "little":
        words.byteswap()
    total = sum(words)
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ipv4(source, destination, protocol, body, ttl=64, fragment=DONT_FRAGMENT, tos=0):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, tos, 20 + len(body), 7, fragment, ttl, protocol, 0,
                       socket.inet_aton(source), socket.inet_aton(destination))
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body


def _with_checksum(source, destination, protocol, body, at):
    pseudo = (socket.inet_aton(source) + socket.inet_aton(destination)
              + struct.pack("!HH", protocol, len(body)))
    return body[:at] + struct.pack("!H", checksum(pseudo + body)) + body[at + 2:]


def tcp(source, destination, flags, data=b"", **ip):
    """`source` and `destination` are (address, port), `flags` letters: "SA"."""
    bits = sum(FLAGS[letter] for letter in flags)
    body = struct.pack("!HHIIBBHHH", source[1], destination[1], 1000, 2000, 5 << 4, bits, 8192,
                       0, 0) + data
    return ipv4(source[0], destination[0], TCP,
                _with_checksum(source[0], destination[0], TCP, body, 16), **ip)


def udp(source, destination, data=b"?", **ip):
    body = struct.pack("!HHHH", source[1], destination[1], 8 + len(data), 0) + data
    return ipv4(source[0], destination[0], UDP,
                _with_checksum(source[0], destination[0], UDP, body, 6), **ip)


def icmp(source, destination, kind, code, rest=0, quoted=b"", **ip):
    body = struct.pack("!BBHI", kind, code, 0, rest) + quoted
    return ipv4(source, destination, ICMP,
                body[:2] + struct.pack("!H", checksum(body)) + body[4:], **ip)


class Packet:
    """What matters of a packet that was received, from the IP header on."""

    def __init__(self, data):
        (self.tos, length, self.fragment, self.ttl, self.protocol, source,
         destination) = struct.unpack_from("!xBHxxHBBxx4s4s", data)
        self.source, self.destination = socket.inet_ntoa(source), socket.inet_ntoa(destination)
        self.data = data[:length]
        self.body = self.data[(data[0] & 15) * 4:]
        self.ports = struct.unpack_from("!HH", self.body) if self.protocol in (TCP, UDP) else None

    @property
    def inner(self):
        """The packet that a tunnel carries, or that an ICMP error is about."""
        return Packet(self.body if self.protocol == IPIP else self.body[8:])

    @property
    def inmost(self):
        return self.inner if self.protocol == IPIP else self

    def words(self):
        """All of it that two directors must agree about, but for the tunnel's IP id."""
        head = (f"tos {self.tos:#x} ttl {self.ttl} frag {self.fragment:#x} "
                f"length {len(self.data)}{self._bad_checksums()}")
        if self.protocol == IPIP:
            return f"{self.source}>{self.destination} ipip {head} [{self.inner.words()}]"
        if self.protocol == ICMP:
            kind, code, rest = struct.unpack_from("!BBxxI", self.body)
            about = self.inner._addresses() if len(self.body) >= 36 else ""
            if self.tos == PREC_INTERNETCONTROL:
                head = "of the director"  # how much it quotes is not the same everywhere
            return (f"{self.source}>{self.destination} icmp {kind}/{code} {rest:#x} {head} "
                    f"[{about}]")
        name = {TCP: "tcp", UDP: "udp"}.get(self.protocol, f"protocol {self.protocol}")
        flags = ""
        if self.protocol == TCP:
            flags = " " + "".join(letter for letter, bit in FLAGS.items() if self.body[13] & bit)
        return f"{self._addresses()} {name}{flags} {head}"

    def _addresses(self):
        if self.ports is None:
            return f"{self.source}>{self.destination}"
        return f"{self.source}:{self.ports[0]}>{self.destination}:{self.ports[1]}"

    def _bad_checksums(self):
        bad = "" if checksum(self.data[:20]) == 0 else " bad-ip-checksum"
        if self.protocol == TCP and _with_checksum(self.source, self.destination, TCP, self.body[:16]
                                                   + b"\0\0" + self.body[18:], 16) != self.body:
            bad += " bad-checksum"
        if self.protocol == UDP and _with_checksum(self.source, self.destination, UDP, self.body[:6]
                                                   + b"\0\0" + self.body[8:], 6) != self.body:
            bad += " bad-checksum"
        return bad
