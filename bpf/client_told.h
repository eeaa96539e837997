/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Fullnat hides the client from its server, which may be told, over TCP, in one of two ways:
 *  - TOA: an option of kind 254 in the TCP header, as the toa module of LVS and DPVS reads it:
 *    [ 254 | 8 | port | IPv4 address ], [ 254 | 20 | port | IPv6 address ].
 *  - PROXY: a header of the PROXY protocol, version 2 (haproxy's proxy-protocol.txt), as the first
 *    bytes of the stream. All later ones are so much further on: the client's sequence numbers
 *    grow by its length, what the server acknowledges shrinks by it.
 *
 * Either is told by a segment without data: the client's ACK that ends the handshake, which gets it
 * behind its header. So there is no question of room, nothing in the packet has to move, and a
 * server that speaks first is served. If the client sends no such ACK, its first data come in once
 * more, behind themselves without data. Both ways say it again, with the client's retransmissions,
 * until the server's own segments show that it has heard.
 *
 * Where the client's data begin, its local port's record remembers in `expires`: it has no
 * deadline.
 *
 * Here: the formats and the arithmetic. Telling: client_told_tc.h, where all packets go until then;
 * what XDP can do afterwards: client_told_xdp.h.
 */
#pragma once

#include "local_port.h"
#include "fullnat.h"
#include "packet.h"

enum {
	TOLD_TOA = 254,
	TOLD_FIN = 1,        /* flags of TCP */
	TOLD_SYN = 2,
	TOLD_RST = 4,
	TOLD_ACK = 16,
	TOLD_HEADER_MOST = 60,
};

struct told_toa4 {
	__u8 kind;
	__u8 length;
	__be16 port;
	__be32 address;
};

struct told_toa6 {
	__u8 kind;
	__u8 length;
	__be16 port;
	struct isobar_address address;
};

struct told_proxy {
	__u8 signature[12];
	__u8 version_command;
	__u8 family;
	__be16 length;
	union {
		struct {
			__be32 source;
			__be32 destination;
			__be16 source_port;
			__be16 destination_port;
		} v4;
		struct {
			struct isobar_address source;
			struct isobar_address destination;
			__be16 source_port;
			__be16 destination_port;
		} v6;
	};
};

#define TOLD_PROXY4 (offsetof(struct told_proxy, v4) + 12)
#define TOLD_PROXY6 (offsetof(struct told_proxy, v6) + 36)

/* What of a TCP header matters here. */
struct told_segment {
	__be32 sequence;
	__be32 acknowledged;
	__u8 offset;         /* high half: length of the header in words */
	__u8 flags;
};

static __always_inline __u32 told_shift(const struct isobar_conn *conn)
{
	if (!(conn->flags & ISOBAR_CONN_PROXY))
		return 0;
	return address_is_v4(&conn->client) ? TOLD_PROXY4 : TOLD_PROXY6;
}

/* A place in the server's stream, in the client's, whose data begin at `stream`. Before the server
 * has all of the header it may be within it; afterwards gigabytes ahead. */
static __always_inline __u32 told_place(__u32 place, __u32 stream, __u32 shift, __u32 told)
{
	__s32 ahead = place - stream;

	if (told || ahead >= (__s32)shift)
		return place - shift;
	return ahead <= 0 ? place : stream;
}
