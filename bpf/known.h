/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The short way: a whole IPv4 datagram without options, TCP or UDP, of a connection that is in
 * its place, to where the way is known. So are nearly all packets. What it does is what the long
 * way (balance.h) does with such a packet, and made of the same steps.
 *
 * It is quick because nothing here goes to a function by its address: clang then keeps all that is
 * known of the packet in registers. So whatever needs more than a look leaves before anything
 * was counted or changed, and the long way begins afresh: the first packet of a jiffy, too, and
 * that which closes a period of rates. A function of its own, or the long way had no stack left.
 */
#pragma once

#include "conn_end.h"
#include "filter.h"
#include "nat.h"
#include "nexthop.h"
#include "packet.h"
#include "steps.h"
#include "track.h"
#include "tunnel.h"

/* Given by the hook (send_tc.h, send_xdp.h). */
static enum isobar_verdict send_out(ISOBAR_CTX *ctx, const struct isobar_nexthop *hop,
				    enum isobar_verdict verdict);

/* Of this jiffy: it sweeps some of the table. */
static __always_inline int known_is_first(__u32 now)
{
	struct isobar_sweep *sweep = isobar_only(isobar_sweep);

	return !sweep || sweep->tick != now;
}

/* A SYN or SYN-ACK: there may be no connection yet, and response.h takes the time. Told before
 * anything else is done in vain. */
static __always_inline int known_begins(ISOBAR_CTX *ctx, const struct isobar_packet *packet)
{
	struct tcphdr *tcp = ctx_data(ctx) + ISOBAR_L3 + sizeof(struct iphdr);

	if (packet->tuple.protocol != IPPROTO_TCP)
		return 0;
	return (void *)(tcp + 1) > ctx_data_end(ctx) || tcp->syn;
}

/* ISOBAR_GO_ON: of a connection that is there, which the packet may use. */
static __always_inline enum isobar_verdict known_connection(ISOBAR_CTX *ctx, struct balance *b)
{
	int elsewhere;

	if (parse_plain(ctx, &b->packet) || ctx_mark(ctx))
		return ISOBAR_LONG_WAY;
	if (b->packet.tuple.protocol != IPPROTO_TCP && b->packet.tuple.protocol != IPPROTO_UDP)
		return ISOBAR_LONG_WAY;
	if (known_begins(ctx, &b->packet))
		return ISOBAR_LONG_WAY;
	b->settings = isobar_only(isobar_settings);
	b->kinds = filter_kinds(&b->packet.tuple);
	if (!(b->kinds.source | b->kinds.destination))
		return ISOBAR_NOT_OURS;
	if (!b->settings || check_network(ctx, &b->packet) != ISOBAR_GO_ON ||
	    parse_transport(ctx, &b->packet) != ISOBAR_GO_ON)
		return ISOBAR_LONG_WAY;
	b->now = isobar_now();
	if (known_is_first(b->now) ||
	    !conn_find_near(b->settings, &b->packet.tuple, conn_direction(b->kinds), &b->found,
			    &elsewhere))
		return ISOBAR_LONG_WAY;
	if (b->found.conn->method > ISOBAR_METHOD_TUN || (b->found.conn->flags & ISOBAR_CONN_FTP))
		return ISOBAR_LONG_WAY;
	if (connection_is_over(b) || server_is_gone(b))
		return ISOBAR_LONG_WAY;
	return ISOBAR_GO_ON;
}

/* The way on, if the packet can take it as it is; or NULL. */
static __always_inline struct isobar_nexthop *known_nexthop(ISOBAR_CTX *ctx,
							    const struct balance *b)
{
	int from_client = b->found.direction == ISOBAR_FROM_CLIENT;
	struct isobar_nexthop *hop;
	__u32 length = b->packet.wire_length;

	if (from_client && (b->found.server->flags & ISOBAR_SERVER_LOCAL))
		return NULL;
	hop = from_client ? nexthop_known(ctx, b->settings, NULL, &b->change.new_address, b->now)
			  : nexthop_known(ctx, b->settings, &b->change.new_address,
					  &b->packet.tuple.destination, b->now);
	if (b->found.conn->method == ISOBAR_METHOD_TUN) {
		if (!tunnel_is_plain(b->found.server))
			return NULL;
		length += tunnel_overhead(b->found.server);
	}
	if (!hop || b->packet.ttl <= 1 || (hop->mtu && length > hop->mtu))
		return NULL;
	return hop->xdp ? hop : NULL;
}

static __always_inline int known_rewrite(ISOBAR_CTX *ctx, const struct balance *b)
{
	enum nat_end end = b->found.direction == ISOBAR_FROM_CLIENT ? NAT_DESTINATION : NAT_SOURCE;
	__u8 method = b->found.conn->method;

	if (method == ISOBAR_METHOD_NAT)
		return nat_rewrite4(ctx, &b->packet, end, &b->change);
	if (nat_count_hop4(ctx))
		return -1;
	return method == ISOBAR_METHOD_TUN ? tunnel_wrap_plain(ctx, &b->packet, b->found.server)
					   : 0;
}

/* ISOBAR_LONG_WAY: it is not such a packet. */
static __noinline enum isobar_verdict balance_known(ISOBAR_CTX *ctx)
{
	struct balance b = {};
	struct isobar_nexthop *hop;
	enum isobar_verdict verdict = known_connection(ctx, &b);
	__u32 server;

	if (verdict != ISOBAR_GO_ON)
		return verdict;
	plan_change(&b);
	ignore_dont_fragment(&b);
	hop = known_nexthop(ctx, &b);
	server = b.found.conn->server;
	if (!hop || track_period_is_over(b.settings, server, b.now))
		return ISOBAR_LONG_WAY;
	track_state(b.settings, &b.packet, &b.found, b.now);
	track_packet(bpf_map_lookup_elem(&isobar_traffic, &server), b.found.direction,
		     b.packet.length);
	if (known_rewrite(ctx, &b))
		return ISOBAR_INTERNAL;
	return send_out(ctx, hop,
			b.found.direction == ISOBAR_FROM_CLIENT ? ISOBAR_FORWARDED
								: ISOBAR_REPLIED);
}
