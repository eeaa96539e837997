# SPDX-License-Identifier: Apache-2.0
"""Packets of IPv4 and IPv6 from plain values, and back into words. (Scapy takes half a minute to
start in the virtual machine, and a millisecond for a packet.) An address with a colon is IPv6."""

import array
import socket
import struct
import sys

from . import crc32c

ICMP, IPIP, TCP, UDP, IP6IP, ICMPV6, SCTP = 1, 4, 6, 17, 41, 58, 132
FLAGS = {"F": 1, "S": 2, "R": 4, "P": 8, "A": 16, "U": 32}
CHUNKS = {"DATA": 0, "INIT": 1, "INIT-ACK": 2, "HEARTBEAT": 4, "ABORT": 6, "SHUTDOWN": 7,
          "SHUTDOWN-ACK": 8, "ERROR": 9, "COOKIE-ECHO": 10, "COOKIE-ACK": 11,
          "SHUTDOWN-COMPLETE": 14}
DONT_FRAGMENT = 0x4000
PREC_INTERNETCONTROL = 0xc0  # the TOS of a kernel's own ICMP errors
HOP_LIMIT = 64  # of all that is sent: what is forwarded has less


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


def packed(address):
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def ip(source, destination, protocol, body, ttl=HOP_LIMIT, fragment=DONT_FRAGMENT, tos=0):
    addresses = packed(source) + packed(destination)
    if ":" in source:
        return struct.pack("!IHBB", 6 << 28 | tos << 20, len(body), protocol, ttl) + addresses + body
    head = struct.pack("!BBHHHBBH", 0x45, tos, 20 + len(body), 7, fragment, ttl, protocol,
                       0) + addresses
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body


def _with_checksum(source, destination, protocol, body, at):
    # The sum of IPv6's pseudo header is the same
    pseudo = packed(source) + packed(destination) + struct.pack("!HH", protocol, len(body))
    return body[:at] + struct.pack("!H", checksum(pseudo + body)) + body[at + 2:]


def tcp(source, destination, flags, data=b"", seq=1000, ack=2000, **header):
    """`source` and `destination` are (address, port), `flags` letters: "SA"."""
    bits = sum(FLAGS[letter] for letter in flags)
    body = struct.pack("!HHIIBBHHH", source[1], destination[1], seq, ack, 5 << 4, bits, 8192, 0,
                       0) + data
    return ip(source[0], destination[0], TCP,
              _with_checksum(source[0], destination[0], TCP, body, 16), **header)


def udp(source, destination, data=b"?", **header):
    body = struct.pack("!HHHH", source[1], destination[1], 8 + len(data), 0) + data
    return ip(source[0], destination[0], UDP,
              _with_checksum(source[0], destination[0], UDP, body, 6), **header)


def sctp(source, destination, chunks, **header):
    """`chunks` by their names: "COOKIE-ECHO DATA". Nothing but their headers is right in them."""
    body = struct.pack("!HHII", source[1], destination[1], 7, 0) + b"".join(
        struct.pack("!BBH16x", CHUNKS[name], 3, 20) for name in chunks.split())
    return ip(source[0], destination[0], SCTP, _with_crc(body), **header)


def _with_crc(body):
    return body[:8] + struct.pack("<I", crc32c.of(body[:8] + bytes(4) + body[12:])) + body[12:]


def icmp(source, destination, kind, code, rest=0, quoted=b"", **header):
    body = struct.pack("!BBHI", kind, code, 0, rest) + quoted
    if ":" in source:
        return ip(source, destination, ICMPV6,
                  _with_checksum(source, destination, ICMPV6, body, 2), **header)
    return ip(source, destination, ICMP,
              body[:2] + struct.pack("!H", checksum(body)) + body[4:], **header)


class Packet:
    """What matters of a packet that was received, from the IP header on."""

    def __init__(self, data):
        self.version = data[0] >> 4
        if self.version == 6:
            first, length, self.protocol, self.ttl = struct.unpack_from("!IHBB", data)
            self.tos, self.flow, at = first >> 20 & 0xff, first & 0xfffff, 40
            length += at
            source, destination = data[8:24], data[24:40]
        else:
            (self.tos, length, self.fragment, self.ttl, self.protocol, source,
             destination) = struct.unpack_from("!xBHxxHBBxx4s4s", data)
            at = (data[0] & 15) * 4
        family = socket.AF_INET6 if self.version == 6 else socket.AF_INET
        self.source = socket.inet_ntop(family, source)
        self.destination = socket.inet_ntop(family, destination)
        self.head, self.data = data[:at], data[:length]
        self.body = self.data[at:]
        self.ports = (struct.unpack_from("!HH", self.body) if self.protocol in (TCP, UDP, SCTP)
                      else None)

    @property
    def is_tunnel(self):
        return self.protocol in (IPIP, IP6IP)

    @property
    def inner(self):
        """The packet that a tunnel carries, or that an ICMP error is about."""
        return Packet(self.body if self.is_tunnel else self.body[8:])

    @property
    def inmost(self):
        return self.inner if self.is_tunnel else self

    def words(self):
        """All of it that two directors must agree about, but for the tunnel's IP id."""
        way = f"flow {self.flow:#x}" if self.version == 6 else f"frag {self.fragment:#x}"
        head = (f"tos {self.tos:#x} ttl {self.ttl} {way} "
                f"length {len(self.data)}{self._bad_checksums()}")
        if self.is_tunnel:
            name = {IPIP: "ipip", IP6IP: "ip6ip"}[self.protocol]
            return f"{self.source}>{self.destination} {name} {head} [{self.inner.words()}]"
        if self.protocol in (ICMP, ICMPV6):
            return self._words_of_icmp(head)
        if self.protocol == TCP:
            return f"{self._addresses()} tcp {self._words_of_tcp()} {head}"
        name = {UDP: "udp", SCTP: "sctp"}.get(self.protocol, f"protocol {self.protocol}")
        return f"{self._addresses()} {name} {head}"

    def _words_of_icmp(self, head):
        kind, code, rest = struct.unpack_from("!BBxxI", self.body)
        quoted = len(self.body) - 8
        about = self.inner._addresses() if quoted >= (48 if self.version == 6 else 28) else ""
        if self.tos == PREC_INTERNETCONTROL or self.version == 6 and self.ttl == HOP_LIMIT:
            head = "of the director"  # how much it quotes is not the same everywhere
        return f"{self.source}>{self.destination} icmp {kind}/{code} {rest:#x} {head} [{about}]"

    def _words_of_tcp(self):
        seq, ack, offset, bits = struct.unpack_from("!IIBB", self.body, 4)
        flags = "".join(letter for letter, bit in FLAGS.items() if bits & bit)
        data = self.body[(offset >> 4) * 4:]
        text = f" {data.decode()!r}" if data.endswith(b"\r\n") else ""
        return f"{flags} {seq}/{ack}{text}"

    def _addresses(self):
        if self.ports is None:
            return f"{self.source}>{self.destination}"
        return f"{self.source}:{self.ports[0]}>{self.destination}:{self.ports[1]}"

    def _bad_checksums(self):
        bad = " bad-ip-checksum" if self.version == 4 and checksum(self.head) else ""
        at = {TCP: 16, UDP: 6, ICMPV6: 2}.get(self.protocol)
        if at and self.body != _with_checksum(self.source, self.destination, self.protocol,
                                              self.body[:at] + b"\0\0" + self.body[at + 2:], at):
            bad += " bad-checksum"
        if self.protocol == SCTP and self.body != _with_crc(self.body):
            bad += " bad-checksum"
        return bad
