# SPDX-License-Identifier: Apache-2.0
"""Reads pcapng files (draft-ietf-opsawg-pcapng), as far as isobar trace writes them."""

import struct
from dataclasses import dataclass


@dataclass(frozen=True)
class Packet:
    interface: str
    frame: bytes
    length: int
    comment: str


def _options(data):
    found = {}
    while data:
        code, length = struct.unpack_from("=HH", data)
        if code == 0:
            break
        found[code] = data[4:4 + length]
        data = data[4 + (length + 3) // 4 * 4:]
    return found


def read(path):
    """The packets of a file; AssertionError if it is none."""
    with open(path, "rb") as file:
        data = file.read()
    interfaces, packets = [], []
    while data:
        kind, length = struct.unpack_from("=II", data)
        assert length % 4 == 0 and struct.unpack_from("=I", data, length - 4) == (length,)
        body, data = data[8:length - 4], data[length:]
        if kind == 0x0a0d0d0a:
            assert struct.unpack_from("=IHH", body) == (0x1a2b3c4d, 1, 0)
        elif kind == 1:
            interfaces.append(_options(body[8:])[2].decode())
        else:
            assert kind == 6
            number, _, _, captured, whole = struct.unpack_from("=5I", body)
            options = _options(body[20 + (captured + 3) // 4 * 4:])
            packets.append(Packet(interfaces[number], body[20:20 + captured], whole,
                                  options[1].decode()))
    return packets
