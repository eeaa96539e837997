/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Fragments. Only the first one of a datagram has the ports: it tells the others, which then find
 * the connection by them as any packet does. One that comes before the first waits for it at tc
 * (fragment_hold.h). What is known of a datagram is kept for a few seconds, of the latest few
 * thousand of them; of waiting fragments the latest few hundred are kept.
 *
 * Nothing is put together here: the receiver does that, and judges overlaps.
 */
#pragma once

#include "maps.h"
#include "one_packet.h"
#include "packet.h"

/* So long a datagram is remembered. Fragments overtake each other by milliseconds; a source that
 * sends much uses its 16-bit identifications again within seconds. */
#define FRAGMENT_SECONDS 5
#define FRAGMENT_DATAGRAMS 4096

/* Fragments that wait, of all datagrams and of one; each has room for a frame of 2 KiB. */
#define FRAGMENT_PIECES 512
#define FRAGMENT_WAITING 64
#define FRAGMENT_PIECE 2048

struct fragment_key {
	struct isobar_address source;
	struct isobar_address destination;
	__u32 id;
	__u8 protocol;
	__u8 pad[3];
};

union fragment_ports {
	struct {
		__be16 source;
		__be16 destination;
	};
	__u32 both;
};

struct fragment_datagram {
	union fragment_ports ports;
	__u32 known;         /* the first fragment was here: the ports are valid */
	__u32 expires;       /* jiffies */
	__u32 server;        /* of a one-packet service: the first one's, and 1 */
	/* Numbers of the pieces: the next one, and the first that was not let go. They begin
	 * anywhere, so that nobody takes a piece of an older datagram for one of this. */
	__u32 held;
	__u32 released;
};

struct fragment_piece_key {
	struct fragment_key datagram;
	__u32 number;
};

struct fragment_piece {
	__u32 length;
	__u8 frame[FRAGMENT_PIECE];
};

/* A piece on its way into the map: too large for the stack. */
struct fragment_scratch {
	struct fragment_piece_key key;
	struct fragment_piece piece;
};

/* The least recently used give way to new ones. */
ISOBAR_MAP(isobar_datagram, BPF_MAP_TYPE_LRU_HASH, struct fragment_key, struct fragment_datagram,
	   FRAGMENT_DATAGRAMS, 0);
ISOBAR_MAP(isobar_pieces, BPF_MAP_TYPE_LRU_HASH, struct fragment_piece_key, struct fragment_piece,
	   FRAGMENT_PIECES, 0);
ISOBAR_PERCPU(isobar_scratch, struct fragment_scratch, 1);

/* Given by the hook (fragment_hold.h, send_xdp.h). The first: ISOBAR_GO_ON if the ports have
 * become known meanwhile. */
static enum isobar_verdict fragment_hold(ISOBAR_CTX *ctx, const struct fragment_key *key,
					 struct fragment_datagram *datagram);
static enum isobar_verdict fragment_release(ISOBAR_CTX *ctx, const struct fragment_key *key,
					    struct fragment_datagram *datagram);

static __always_inline struct fragment_key fragment_key(const struct isobar_packet *packet)
{
	return (struct fragment_key){
		.source = packet->tuple.source,
		.destination = packet->tuple.destination,
		.id = packet->fragment_id,
		.protocol = packet->tuple.protocol,
	};
}

/* The datagram; if it is not known yet, a new one. */
static __always_inline struct fragment_datagram *fragment_of(const struct fragment_key *key,
							     __u32 now, __u32 deadline)
{
	struct fragment_datagram *datagram = bpf_map_lookup_elem(&isobar_datagram, key);
	struct fragment_datagram fresh = { .expires = deadline };

	if (datagram && !isobar_reached(datagram->expires, now))
		return datagram;
	fresh.held = bpf_get_prandom_u32();
	fresh.released = fresh.held;
	if (datagram)
		bpf_map_delete_elem(&isobar_datagram, key);
	/* or another CPU's, if that was quicker */
	bpf_map_update_elem(&isobar_datagram, key, &fresh, BPF_NOEXIST);
	return bpf_map_lookup_elem(&isobar_datagram, key);
}

/* Later fragments must not reach into the header that the first one was judged by (RFC 1858),
 * nor beyond what a datagram can be. */
static __always_inline int fragment_is_sane(const struct isobar_packet *packet)
{
	__u32 header = packet->tuple.protocol == IPPROTO_TCP ? sizeof(struct tcphdr)
							     : sizeof(struct udphdr);

	return packet->fragment_at >= header && packet->fragment_at + packet->length <= 0xffff;
}

/* A later fragment gets the ports of its datagram; or it has to wait. Global, as below: the
 * verifier looks at it once. */
__noinline int fragment_follow(ISOBAR_CTX *ctx, struct isobar_packet *packet)
{
	const struct isobar_settings *settings = &isobar_settings;
	struct fragment_datagram *datagram;
	struct fragment_key key;
	union fragment_ports ports;
	enum isobar_verdict verdict;
	__u32 now;

	if (!packet)
		return ISOBAR_INTERNAL;
	key = fragment_key(packet);
	if (!fragment_is_sane(packet))
		return ISOBAR_MALFORMED;
	now = isobar_now();
	datagram = fragment_of(&key, now, now + FRAGMENT_SECONDS * settings->hz);
	if (!datagram)
		return ISOBAR_FRAGMENT;
	if (!datagram->known) {
		verdict = fragment_hold(ctx, &key, datagram);
		if (verdict != ISOBAR_GO_ON)
			return verdict;
	}
	ports.both = datagram->ports.both;
	packet->tuple.source_port = ports.source;
	packet->tuple.destination_port = ports.destination;
	packet->tcp_event = TCP_NOTHING;
	packet->wire_length = packet->length;
	if (datagram->server)
		one_packet_choose(settings, &packet->tuple, datagram->server - 1, now);
	return ISOBAR_GO_ON;
}

/* A first fragment tells the ports to those that follow, and lets go those that wait. */
__noinline int fragment_lead(ISOBAR_CTX *ctx, struct isobar_packet *packet)
{
	const struct isobar_settings *settings = &isobar_settings;
	struct fragment_datagram *datagram;
	struct fragment_key key;
	union fragment_ports ports;
	__u32 now, deadline;

	if (!packet)
		return ISOBAR_INTERNAL;
	key = fragment_key(packet);
	now = isobar_now();
	deadline = now + FRAGMENT_SECONDS * settings->hz;
	datagram = fragment_of(&key, now, deadline);
	if (!datagram) /* no memory: the others will say so */
		return ISOBAR_GO_ON;
	ports.source = packet->tuple.source_port;
	ports.destination = packet->tuple.destination_port;
	datagram->ports.both = ports.both;
	datagram->expires = deadline;
	datagram->server = 0;
	/* An exchange, because it orders memory: a fragment that comes now either is seen below, or
	 * sees that the ports are known. */
	__sync_lock_test_and_set(&datagram->known, 1);
	if (*(volatile __u32 *)&datagram->held == datagram->released)
		return ISOBAR_GO_ON;
	return fragment_release(ctx, &key, datagram);
}

/* The first fragment of a datagram for a one-packet service: the others go to its server, too. */
__noinline int fragment_lead_to(const struct isobar_packet *packet, __u32 server)
{
	struct fragment_datagram *datagram;
	struct fragment_key key;

	if (!packet)
		return 0;
	key = fragment_key(packet);
	datagram = bpf_map_lookup_elem(&isobar_datagram, &key);
	if (datagram)
		datagram->server = server + 1;
	return 0;
}
