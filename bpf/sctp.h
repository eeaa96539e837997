/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * SCTP (RFC 9260) with one address at each end: what a packet says, the states of IPVS
 * (net/netfilter/ipvs/ip_vs_proto_sctp.c), and the checksum when a port changes.
 */
#pragma once

#include "abi.h"
#include "packet.h"

enum sctp_event {
	SCTP_DATA,           /* and all that changes nothing: SACK, HEARTBEAT, unknown chunks */
	SCTP_INIT,
	SCTP_INIT_ACK,
	SCTP_COOKIE_ECHO,
	SCTP_COOKIE_ACK,
	SCTP_SHUTDOWN,
	SCTP_SHUTDOWN_ACK,
	SCTP_SHUTDOWN_COMPLETE,
	SCTP_ERROR,
	SCTP_ABORT,
	SCTP_EVENTS,
};

/* Numbers of chunks (RFC 9260, 3.2). */
enum {
	SCTP_CHUNK_ABORT = 6,
	SCTP_CHUNK_COOKIE_ECHO = 10,
	SCTP_CHUNK_COOKIE_ACK = 11,
};

struct sctp_chunk {
	__u8 type;
	__u8 flags;
	__be16 length;       /* with this header, without the padding to 4 bytes */
};

struct sctp_header {
	__be16 source;
	__be16 destination;
	__be32 tag;
	__u32 checksum;      /* CRC32c, its low byte first; machines here are little-endian */
	struct sctp_chunk chunk; /* the first one */
};

/* ---- what a packet says --------------------------------------------------------- */

static __always_inline __u8 sctp_event_of(__u32 chunk)
{
	static const __u8 events[16] = {
		[1] = SCTP_INIT,
		[2] = SCTP_INIT_ACK,
		[SCTP_CHUNK_ABORT] = SCTP_ABORT,
		[7] = SCTP_SHUTDOWN,
		[8] = SCTP_SHUTDOWN_ACK,
		[9] = SCTP_ERROR,
		[SCTP_CHUNK_COOKIE_ECHO] = SCTP_COOKIE_ECHO,
		[SCTP_CHUNK_COOKIE_ACK] = SCTP_COOKIE_ACK,
		[14] = SCTP_SHUTDOWN_COMPLETE,
	};

	if (chunk >= sizeof(events))
		return SCTP_DATA;
	asm volatile("" : "+r"(chunk)); /* the bounds must come last for Linux 6.1 */
	return events[chunk & 15];
}

/* An ABORT may stand behind a COOKIE ECHO or COOKIE ACK, and is what counts then. */
static __always_inline int sctp_abort_behind(ISOBAR_CTX *ctx, __u32 chunk_at,
					     const struct sctp_chunk *chunk)
{
	__u32 length = (bpf_ntohs(chunk->length) + 3) & ~3u;
	__u8 type;

	if (chunk->type != SCTP_CHUNK_COOKIE_ECHO && chunk->type != SCTP_CHUNK_COOKIE_ACK)
		return 0;
	return length >= sizeof(*chunk) &&
	       ctx_load(ctx, chunk_at + length, &type, sizeof(type)) == 0 &&
	       type == SCTP_CHUNK_ABORT;
}

/* Fills in the ports and the event. Global: the verifier looks at it once. A fragment's checksum
 * covers what is elsewhere, and SCTP sends none if it can: left to the stack. */
__noinline int sctp_parse(ISOBAR_CTX *ctx, struct isobar_packet *packet)
{
	struct sctp_header header;
	__u32 l4;

	if (!packet)
		return ISOBAR_INTERNAL;
	if (packet->fragment)
		return ISOBAR_FRAGMENT;
	l4 = packet->l4 & ISOBAR_L4_MASK;
	if (packet->length + ISOBAR_L3 < l4 + sizeof(header) ||
	    ctx_load(ctx, l4, &header, sizeof(header)))
		return ISOBAR_MALFORMED;
	packet->tuple.source_port = header.source;
	packet->tuple.destination_port = header.destination;
	packet->tcp_event = sctp_event_of(header.chunk.type);
	if (sctp_abort_behind(ctx, l4 + offsetof(struct sctp_header, chunk), &header.chunk))
		packet->tcp_event = SCTP_ABORT;
	packet->wire_length = packet->length;
	if (ctx_gso_size(ctx)) /* a list of packets that are small enough already */
		packet->wire_length = l4;
	return ISOBAR_GO_ON;
}

/* ---- states ----------------------------------------------------------------------- */

#define SCTP_STATES 14
#define SCTP_ROW 16 /* power of two, for the verifier */

#define NO (ISOBAR_STATE_SCTP_NONE - ISOBAR_STATE_SCTP_NONE)
#define I1 (ISOBAR_STATE_SCTP_INIT1 - ISOBAR_STATE_SCTP_NONE)
#define IN (ISOBAR_STATE_SCTP_INIT - ISOBAR_STATE_SCTP_NONE)
#define CS (ISOBAR_STATE_SCTP_C_SENT - ISOBAR_STATE_SCTP_NONE)
#define CR (ISOBAR_STATE_SCTP_C_REPLIED - ISOBAR_STATE_SCTP_NONE)
#define CW (ISOBAR_STATE_SCTP_C_WAIT - ISOBAR_STATE_SCTP_NONE)
#define CO (ISOBAR_STATE_SCTP_COOKIE - ISOBAR_STATE_SCTP_NONE)
#define CE (ISOBAR_STATE_SCTP_C_ECHOED - ISOBAR_STATE_SCTP_NONE)
#define ES (ISOBAR_STATE_SCTP_ESTABLISHED - ISOBAR_STATE_SCTP_NONE)
#define SS (ISOBAR_STATE_SCTP_S_SENT - ISOBAR_STATE_SCTP_NONE)
#define SR (ISOBAR_STATE_SCTP_S_RECEIVED - ISOBAR_STATE_SCTP_NONE)
#define SA (ISOBAR_STATE_SCTP_S_ACK_SENT - ISOBAR_STATE_SCTP_NONE)
#define RJ (ISOBAR_STATE_SCTP_REJECTED - ISOBAR_STATE_SCTP_NONE)
#define CL (ISOBAR_STATE_SCTP_CLOSED - ISOBAR_STATE_SCTP_NONE)

/* clang-format off */
static const __u8 sctp_next_state[32][SCTP_ROW] = {
	/*                            NO  I1  IN  CS  CR  CW  CO  CE  ES  SS  SR  SA  RJ  CL */
	/* client: */
	[SCTP_DATA]               = { ES, I1, IN, CS, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL },
	[SCTP_INIT]               = { I1, IN, IN, CS, CR, CW, CO, CE, ES, SS, SR, SA, IN, IN },
	[SCTP_INIT_ACK]           = { CW, CW, CW, CS, CR, CO, CO, CE, ES, SS, SR, SA, RJ, CL },
	[SCTP_COOKIE_ECHO]        = { CR, IN, IN, CR, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL },
	[SCTP_COOKIE_ACK]         = { ES, I1, IN, CS, CR, CW, CO, ES, ES, SS, SR, SA, RJ, CL },
	[SCTP_SHUTDOWN]           = { SR, I1, IN, CS, CR, CW, CO, CE, SR, SS, SR, SA, RJ, CL },
	[SCTP_SHUTDOWN_ACK]       = { CL, IN, IN, CS, CR, CW, CO, CE, ES, CL, SR, CL, RJ, CL },
	[SCTP_SHUTDOWN_COMPLETE]  = { CL, CL, CL, CS, CR, CW, CO, CE, ES, SS, SR, CL, RJ, CL },
	[SCTP_ERROR]              = { CL, I1, IN, CS, CR, CW, CO, CL, ES, SS, SR, SA, RJ, CL },
	[SCTP_ABORT]              = { CL, CL, CL, CL, CL, RJ, CL, CL, CL, CL, CL, CL, CL, CL },
	/* server: */
	[10 + SCTP_DATA]              = { ES, I1, IN, CS, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL },
	[10 + SCTP_INIT]              = { CW, CW, CW, CW, CW, CW, CW, CW, ES, CW, CW, CW, CW, CW },
	[10 + SCTP_INIT_ACK]          = { CS, CS, CS, CS, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL },
	[10 + SCTP_COOKIE_ECHO]       = { CE, CE, CE, CE, CE, CE, CE, CE, ES, SS, SR, SA, RJ, CL },
	[10 + SCTP_COOKIE_ACK]        = { ES, ES, ES, ES, ES, ES, ES, ES, ES, SS, SR, SA, RJ, CL },
	[10 + SCTP_SHUTDOWN]          = { SS, SS, SS, SS, SS, SS, SS, SS, SS, SS, SR, SA, RJ, CL },
	[10 + SCTP_SHUTDOWN_ACK]      = { SA, SA, SA, SA, SA, CW, CO, CE, ES, SA, SA, SA, RJ, CL },
	[10 + SCTP_SHUTDOWN_COMPLETE] = { CL, I1, IN, CS, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL },
	[10 + SCTP_ERROR]             = { CL, CL, CL, CL, CL, CW, CO, CE, ES, SS, SR, SA, RJ, CL },
	[10 + SCTP_ABORT]             = { CL, RJ, CL, CL, CL, CL, CL, CL, CL, CL, CL, CL, CL, CL },
	/* client, of a connection whose replies do not come this way: */
	[20 + SCTP_DATA]              = { ES, I1, IN, CS, CR, ES, CO, CE, ES, SS, SR, SA, RJ, CL },
	[20 + SCTP_INIT]              = { I1, IN, IN, IN, IN, IN, CO, CE, ES, SS, SR, SA, IN, IN },
	[20 + SCTP_INIT_ACK]          = { CE, CE, CE, CE, CE, CE, CO, CE, ES, SS, SR, SA, RJ, CL },
	[20 + SCTP_COOKIE_ECHO]       = { ES, ES, ES, ES, ES, ES, CO, CE, ES, SS, SR, SA, RJ, CL },
	[20 + SCTP_COOKIE_ACK]        = { ES, I1, IN, ES, ES, CW, ES, ES, ES, SS, SR, SA, RJ, CL },
	[20 + SCTP_SHUTDOWN]          = { SR, I1, IN, CS, CR, CW, CO, CE, SR, SS, SR, SA, RJ, CL },
	[20 + SCTP_SHUTDOWN_ACK]      = { CL, IN, IN, CS, CR, CW, CO, CE, CL, CL, SR, CL, RJ, CL },
	[20 + SCTP_SHUTDOWN_COMPLETE] = { CL, CL, CL, CL, CL, CW, CO, CE, ES, SS, CL, CL, RJ, CL },
	[20 + SCTP_ERROR]             = { CL, I1, IN, CS, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL },
	[20 + SCTP_ABORT]             = { CL, CL, CL, CL, CL, RJ, CL, CL, CL, CL, CL, CL, CL, CL },
};
/* clang-format on */

#undef NO
#undef I1
#undef IN
#undef CS
#undef CR
#undef CW
#undef CO
#undef CE
#undef ES
#undef SS
#undef SR
#undef SA
#undef RJ
#undef CL

/* `seen`: who of the two speaks; 2: the client, and nobody hears the server. */
__noinline int sctp_next(__u32 state, __u32 seen, __u32 event)
{
	__u32 row = seen * SCTP_EVENTS + event;
	__u32 column = state - ISOBAR_STATE_SCTP_NONE;

	if (column >= SCTP_STATES)
		return ISOBAR_STATE_SCTP_CLOSED;
	/* as in tcp_next() */
	asm volatile("" : "+r"(row), "+r"(column));
	return ISOBAR_STATE_SCTP_NONE + sctp_next_state[row & 31][column & (SCTP_ROW - 1)];
}

/* ---- checksum ----------------------------------------------------------------------- */

/* CRC32c (RFC 9260, appendix A) is linear: if bytes change, it changes by the CRC of the
 * difference, which is the difference times x^(8 n), n bytes before the end. Polynomials have
 * their highest power in bit 0. */
#define SCTP_POLYNOMIAL 0x82f63b78u

/* Global: the verifier looks at it once. */
__noinline __u32 sctp_multiply(__u32 a, __u32 b)
{
	__u32 product = 0;

	for (int i = 0; i < 32; i++) {
		product ^= b & -(a >> 31);
		a <<= 1;
		b = (b >> 1) ^ (SCTP_POLYNOMIAL & -(b & 1));
	}
	return product;
}

/* By what the checksum of a packet of `length` bytes changes if its first four change by
 * `difference`. */
__noinline int sctp_checksum_change(__u32 difference, __u32 length)
{
	/* x^8, and each the square of the one before */
	static const __u32 power[16] = {
		0x00800000, 0x00008000, 0x82f63b78, 0x6ea2d55c, 0x18b8ea18, 0x510ac59a,
		0xb82be955, 0xb8fdb1e7, 0x88e56f72, 0x74c360a4, 0xe4172b16, 0x0d65762a,
		0x35d73a62, 0x28461564, 0xbf455269, 0xe2ea32dc,
	};

	for (int i = 0; i < 16; i++)
		if (length >> i & 1)
			difference = sctp_multiply(difference, power[i]);
	return (int)difference;
}

union sctp_ports {
	struct {
		__be16 source;
		__be16 destination;
	};
	__u32 both;
};

/* One port of a packet changes. A checksum of 0 is one that the device or the receiving stack is
 * to fill in (partial checksums, super-packets): that must stay so. */
__noinline int sctp_rewrite_port(ISOBAR_CTX *ctx, const struct isobar_packet *packet, __u32 second,
				 __u32 port)
{
	union sctp_ports before, after;
	__u32 checksum, l4;

	if (!packet)
		return -1;
	l4 = packet->l4 & ISOBAR_L4_MASK;
	if (ctx_load(ctx, l4, &before, sizeof(before)) ||
	    ctx_load(ctx, l4 + offsetof(struct sctp_header, checksum), &checksum, sizeof(checksum)))
		return -1;
	after = before;
	if (second)
		after.destination = port;
	else
		after.source = port;
	if (before.both == after.both)
		return 0;
	if (checksum)
		checksum ^= sctp_checksum_change(before.both ^ after.both,
						 packet->length + ISOBAR_L3 - l4);
	return ctx_store(ctx, l4, &after, sizeof(after)) ||
			       ctx_store(ctx, l4 + offsetof(struct sctp_header, checksum),
					 &checksum, sizeof(checksum))
		       ? -1
		       : 0;
}
