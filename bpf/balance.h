/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A packet's way through the data plane, the same for both hooks:
 *
 *   parse -> ours? -> find connection -> (find service -> schedule -> record)
 *         -> route -> account -> rewrite or wrap -> verdict
 *
 * Nothing is counted or changed before it is clear that this hook can finish the packet:
 * XDP hands the others to tc untouched.
 */
#pragma once

#include "begin.h"
#include "conn_end.h"
#include "filter.h"
#include "fragment.h"
#include "ipv6.h"
#include "nat.h"
#include "nexthop.h"
#include "packet.h"
#include "schedule.h"
#include "sctp.h"
#include "track.h"
#include "tunnel.h"

struct balance {
	const struct isobar_settings *settings;
	struct filter_kinds kinds;
	struct isobar_packet packet;
	struct conn_found found;
	struct nat_change change;
	__u32 now;
};

/* Given by the hook (send_tc.h, send_xdp.h). */
static enum isobar_verdict send_out(ISOBAR_CTX *ctx, const struct isobar_nexthop *hop,
				    enum isobar_verdict verdict);
static enum isobar_verdict send_refusal(ISOBAR_CTX *ctx, struct balance *b,
					enum isobar_verdict verdict);
static enum isobar_verdict balance_icmp(ISOBAR_CTX *ctx, struct balance *b);

/* IPVS drops what is meant for a removed server, without a word: it may come back. */
static __always_inline int server_is_gone(const struct balance *b)
{
	return b->found.direction == ISOBAR_FROM_CLIENT &&
	       !(b->found.server->flags & ISOBAR_SERVER_AVAILABLE);
}

/* A connection that the packet may not use any more makes room for a new one. */
static __always_inline int connection_is_over(const struct balance *b)
{
	if (isobar_reached(b->found.conn->expires, b->now))
		return 1;
	if (server_is_gone(b) && b->settings->switches[ISOBAR_EXPIRE_NODEST_CONN])
		return 1;
	return b->found.direction == ISOBAR_FROM_CLIENT && packet_begins(&b->packet) &&
	       conn_gives_way(b->found.record);
}

static __always_inline enum isobar_verdict find_or_schedule(ISOBAR_CTX *ctx, struct balance *b)
{
	if (conn_find(b->settings, &b->packet.tuple, b->kinds, &b->found)) {
		if (!connection_is_over(b))
			return ISOBAR_GO_ON;
		conn_retire(b->found.record);
	}
	return schedule(ctx, b->settings, &b->packet, b->now, &b->found);
}

/* What VS/NAT makes of the packet; by every method a client's goes to the new address. */
static __always_inline void plan_change(struct balance *b)
{
	const struct isobar_conn *conn = b->found.conn;
	const struct isobar_tuple *tuple = &b->packet.tuple;

	if (b->found.direction == ISOBAR_FROM_CLIENT) {
		b->change.old_port = tuple->destination_port;
		address_put(&b->change.new_address, address_halves(&b->found.server->address));
		b->change.new_port = conn_server_port(conn, b->found.server);
	} else {
		b->change.old_port = tuple->source_port;
		address_put(&b->change.new_address, address_halves(&conn->virtual_address));
		b->change.new_port = conn->virtual_port;
	}
}

static __always_inline enum nexthop_answer route(ISOBAR_CTX *ctx, struct balance *b,
						 struct isobar_nexthop **hop)
{
	if (b->found.direction == ISOBAR_FROM_CLIENT)
		return find_nexthop(ctx, b->settings, &b->packet, NULL, &b->change.new_address,
				    b->now, hop);
	return find_nexthop(ctx, b->settings, &b->packet, &b->change.new_address,
			    &b->packet.tuple.destination, b->now, hop);
}

static __always_inline void account(const struct balance *b)
{
	one_packet_sent(b->found.conn);
	if (b->packet.fragment & FRAGMENT_LATER) {
		track_more_bytes(b->found.conn->server, b->found.direction,
				 b->packet.length + ISOBAR_L3 - b->packet.l4);
		return;
	}
	track_state(b->settings, &b->packet, &b->found, b->now);
	track_traffic(b->settings, b->found.conn->server, b->found.direction, b->packet.length,
		      b->now);
}

static __always_inline int rewrite(ISOBAR_CTX *ctx, const struct balance *b)
{
	enum nat_end end = b->found.direction == ISOBAR_FROM_CLIENT ? NAT_DESTINATION : NAT_SOURCE;

	/* the checksum over all fragments is in the first one, with the ports */
	if (b->found.conn->method == ISOBAR_METHOD_NAT && (b->packet.fragment & FRAGMENT_LATER))
		return nat_rewrite_address(ctx, &b->packet, end, &b->change);
	if (b->found.conn->method == ISOBAR_METHOD_NAT && b->packet.tuple.protocol == IPPROTO_SCTP)
		return nat_rewrite_address(ctx, &b->packet, end, &b->change) ||
		       sctp_rewrite_port(ctx, &b->packet, end == NAT_DESTINATION,
					 b->change.new_port);
	if (b->found.conn->method == ISOBAR_METHOD_NAT)
		return nat_rewrite(ctx, &b->packet, end, &b->change);
	if (nat_count_hop(ctx, &b->packet))
		return -1;
	if (b->found.conn->method == ISOBAR_METHOD_TUN)
		return tunnel_wrap(ctx, &b->packet, b->found.server);
	return 0;
}

static __always_inline enum isobar_verdict account_and_rewrite(ISOBAR_CTX *ctx, struct balance *b)
{
	account(b);
	return rewrite(ctx, b) ? ISOBAR_INTERNAL : ISOBAR_GO_ON;
}

/* By how much the packet will be longer on its way out. */
static __always_inline __u32 overhead(const struct balance *b)
{
	return b->found.conn->method == ISOBAR_METHOD_TUN ? tunnel_overhead(b->found.server) : 0;
}

/* Too big for the way out. What may be cut up, the stack cuts up; but not what still has the
 * virtual address (VS/DR), for the stack would take it for its own. */
static __always_inline enum isobar_verdict send_too_big(ISOBAR_CTX *ctx, struct balance *b)
{
	__u8 method = b->found.conn->method;
	enum isobar_verdict verdict;

	if (!ISOBAR_HOOK_COMPLETE)
		return ISOBAR_TO_TC;
	if (b->packet.dont_fragment || method == ISOBAR_METHOD_DR)
		return ISOBAR_TOO_BIG;
	verdict = account_and_rewrite(ctx, b);
	if (verdict != ISOBAR_GO_ON)
		return verdict;
	if (method == ISOBAR_METHOD_TUN)
		return send_out(ctx, NULL, ISOBAR_TO_FRAGMENT);
	return b->found.direction == ISOBAR_FROM_CLIENT ? ISOBAR_TO_STACK
							: send_out(ctx, NULL, ISOBAR_TO_LOCAL);
}

/* The real server is this host. It has the virtual address, so only VS/NAT has to change
 * anything: the port may be another. */
static __always_inline enum isobar_verdict serve_here(ISOBAR_CTX *ctx, struct balance *b)
{
	if (!ISOBAR_HOOK_COMPLETE)
		return ISOBAR_TO_TC;
	account(b);
	if (b->found.conn->method == ISOBAR_METHOD_NAT && rewrite(ctx, b))
		return ISOBAR_INTERNAL;
	return ISOBAR_TO_SELF;
}

/* pmtu_disc 0: in a tunnel, what may not be cut up is cut up all the same; but IPv6 never is.
 * Without branches, which the verifier would follow to the end. */
static __always_inline void ignore_dont_fragment(struct balance *b)
{
	__u32 keeps = b->settings->switches[ISOBAR_PMTU_DISC] |
		      (b->found.conn->method ^ ISOBAR_METHOD_TUN) |
		      (b->packet.ether_type ^ bpf_htons(ETH_P_IP));

	asm volatile("" : "+r"(keeps));
	b->packet.dont_fragment &= (keeps | -keeps) >> 31;
}

static __always_inline enum isobar_verdict forward(ISOBAR_CTX *ctx, struct balance *b)
{
	int from_client = b->found.direction == ISOBAR_FROM_CLIENT;
	struct isobar_nexthop *hop = NULL;
	enum isobar_verdict verdict;

	plan_change(b);
	ignore_dont_fragment(b);
	if (from_client && (b->found.server->flags & ISOBAR_SERVER_LOCAL))
		return serve_here(ctx, b);
	switch (route(ctx, b, &hop)) {
	case NEXTHOP_FOUND:
		break;
	case NEXTHOP_FORWARDING_OFF:
		return ISOBAR_FORWARDING_OFF;
	case NEXTHOP_NONE:
		if (from_client || !(b->found.conn->flags & ISOBAR_CONN_HERE))
			return ISOBAR_NO_ROUTE;
		if (!ISOBAR_HOOK_COMPLETE)
			return ISOBAR_TO_TC;
		verdict = account_and_rewrite(ctx, b);
		return verdict == ISOBAR_GO_ON ? send_out(ctx, NULL, ISOBAR_TO_LOCAL) : verdict;
	case NEXTHOP_FORBIDDEN:
		return ISOBAR_NO_ROUTE;
	}
	if (!hop)
		return ISOBAR_INTERNAL;
	if (!ISOBAR_HOOK_COMPLETE && !(hop->resolved && hop->xdp))
		return ISOBAR_TO_TC;
	if (b->packet.ttl <= 1)
		return ISOBAR_TTL_EXPIRED;
	if (hop->mtu && b->packet.wire_length + overhead(b) > hop->mtu)
		return send_too_big(ctx, b);
	verdict = account_and_rewrite(ctx, b);
	if (verdict != ISOBAR_GO_ON)
		return verdict;
	return send_out(ctx, hop, from_client ? ISOBAR_FORWARDED : ISOBAR_REPLIED);
}

/* Those that tell the sender why, by ICMP. */
static __always_inline int is_refusal(enum isobar_verdict verdict)
{
	return verdict == ISOBAR_NO_SERVER || verdict == ISOBAR_NO_ROUTE ||
	       verdict == ISOBAR_TTL_EXPIRED || verdict == ISOBAR_TOO_BIG;
}

/* The ports: the packet's own, or those of the datagram that it is a fragment of. */
static __always_inline enum isobar_verdict parse_ports(ISOBAR_CTX *ctx,
						       struct isobar_packet *packet)
{
	enum isobar_verdict verdict;

	if (packet->tuple.protocol == IPPROTO_SCTP)
		return sctp_parse(ctx, packet);
	if (packet->fragment & FRAGMENT_LATER)
		return fragment_follow(ctx, packet);
	verdict = parse_transport(ctx, packet);
	if (verdict == ISOBAR_GO_ON && packet->fragment)
		return fragment_lead(ctx, packet);
	return verdict;
}

static __always_inline enum isobar_verdict balance(ISOBAR_CTX *ctx)
{
	struct balance b = {};
	enum isobar_verdict verdict;

	if (parse_plain(ctx, &b.packet)) {
		verdict = parse_network(ctx, &b.packet);
		if (verdict != ISOBAR_GO_ON)
			return verdict;
	}
	b.settings = isobar_only(isobar_settings);
	if (!b.settings)
		return ISOBAR_INTERNAL;
	if (b.packet.tuple.protocol == IPPROTO_ICMP || b.packet.tuple.protocol == IPV6_ICMP)
		return balance_icmp(ctx, &b);
	b.kinds = filter_kinds(&b.packet.tuple);
	if (b.settings->marks && ctx_mark(ctx)) /* of any address */
		b.kinds.destination |= ISOBAR_FILTER_VIRTUAL;
	if (!(b.kinds.source | b.kinds.destination))
		return ISOBAR_NOT_OURS;
	if (b.packet.tuple.protocol != IPPROTO_TCP && b.packet.tuple.protocol != IPPROTO_UDP &&
	    b.packet.tuple.protocol != IPPROTO_SCTP)
		return b.packet.tuple.protocol == IPV6_UNREADABLE ? ISOBAR_EXTENSIONS
								  : ISOBAR_NOT_OURS;
	verdict = check_network(ctx, &b.packet);
	if (verdict != ISOBAR_GO_ON)
		return verdict;
	verdict = parse_ports(ctx, &b.packet);
	if (verdict != ISOBAR_GO_ON)
		return verdict;

	b.now = isobar_now();
	conn_sweep_due(b.settings, b.now);
	verdict = find_or_schedule(ctx, &b);
	if (b.packet.fragment == FRAGMENT_MORE && verdict == ISOBAR_GO_ON && b.found.conn->chosen)
		fragment_lead_to(&b.packet, b.found.conn->server);
	if (verdict == ISOBAR_GO_ON)
		verdict = server_is_gone(&b) ? ISOBAR_SERVER_REMOVED : forward(ctx, &b);
	return is_refusal(verdict) ? send_refusal(ctx, &b, verdict) : verdict;
}

/* Counts the verdict and says what the hook is to do. */
static __always_inline enum isobar_action conclude(enum isobar_verdict verdict)
{
	static const __u8 actions[ISOBAR_VERDICTS + 1] = {
#define X(name, action, meaning) ISOBAR_ACTION_##action,
		ISOBAR_VERDICT_LIST(X)
#undef X
	};
	__u32 index = verdict;
	__u64 *count = bpf_map_lookup_elem(&isobar_verdicts, &index);

	if (count)
		++*count;
	return verdict < ISOBAR_VERDICTS ? actions[verdict] : ISOBAR_ACTION_DROP;
}
