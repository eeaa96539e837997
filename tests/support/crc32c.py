# SPDX-License-Identifier: Apache-2.0
"""The checksum of SCTP (RFC 9260, appendix A)."""

_CASTAGNOLI = 0x82f63b78  # its polynomial, the lowest bit first


def _entry(value):
    for _ in range(8):
        value = value >> 1 ^ (_CASTAGNOLI if value & 1 else 0)
    return value


_TABLE = [_entry(value) for value in range(256)]


def of(data):
    crc = 0xffffffff
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xff]
    return crc ^ 0xffffffff
