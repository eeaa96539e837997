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
#include "fullnat.h"
#include "ipv6.h"
#include "known.h"
#include "nat.h"
#include "nexthop.h"
#include "packet.h"
#include "schedule.h"
#include "sctp.h"
#include "steps.h"
#include "track.h"
#include "tunnel.h"
#include "tunnel_any.h"
#include "unknown_reply.h"

/* Given by the hook (send_tc.h, send_xdp.h). */
static enum isobar_verdict send_refusal(ISOBAR_CTX *ctx, struct balance *b,
					enum isobar_verdict verdict);
static enum isobar_verdict balance_icmp(ISOBAR_CTX *ctx, struct balance *b);
static enum isobar_verdict answer_here(ISOBAR_CTX *ctx, const struct balance *b);
static enum isobar_verdict tell_client(ISOBAR_CTX *ctx, struct balance *b);
int ftp_pass(ISOBAR_CTX *ctx, struct isobar_packet *packet, __u32 record, __u32 direction,
	     __u32 mtu);

static __always_inline enum isobar_verdict find_or_schedule(ISOBAR_CTX *ctx, struct balance *b)
{
	enum isobar_verdict verdict;

	if (conn_find(b->settings, &b->packet.tuple, b->kinds, &b->found)) {
		if (!connection_is_over(b))
			return ISOBAR_GO_ON;
		/* it lives on for those that it controls */
		if (!conn_retire(b->found.record) && b->found.conn->controlled)
			return ISOBAR_GO_ON;
	}
	verdict = look_for_unknown_reply(ctx, b);
	if (verdict != ISOBAR_GO_ON)
		return verdict;
	return schedule(ctx, b->settings, &b->packet, b->now, &b->found);
}

static __always_inline enum nexthop_answer route(ISOBAR_CTX *ctx, struct balance *b,
						 struct isobar_nexthop **hop)
{
	if (b->found.direction == ISOBAR_FROM_CLIENT)
		return find_nexthop(ctx, b->settings, &b->packet, b->found.conn->server, NULL,
				    &b->change.new_address, b->now, hop);
	return find_nexthop_back(ctx, b->settings, &b->packet, &b->change.new_address,
				 &b->found.conn->client, b->now, hop);
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

	if (b->found.conn->method == ISOBAR_METHOD_FULLNAT &&
	    fullnat_rewrite(ctx, &b->packet, b->found.record, b->found.direction))
		return -1;
	/* the checksum over all fragments is in the first one, with the ports */
	if (conn_is_rewritten(b->found.conn) && (b->packet.fragment & FRAGMENT_LATER))
		return nat_rewrite_address(ctx, &b->packet, end, &b->change);
	if (b->found.conn->method == ISOBAR_METHOD_NAT && b->packet.tuple.protocol == IPPROTO_SCTP)
		return nat_rewrite_address(ctx, &b->packet, end, &b->change) ||
		       sctp_rewrite_port(ctx, &b->packet, end == NAT_DESTINATION,
					 b->change.new_port);
	if (conn_is_rewritten(b->found.conn))
		return nat_rewrite(ctx, &b->packet, end, &b->change);
	if (nat_count_hop(ctx, &b->packet))
		return -1;
	if (b->found.conn->method == ISOBAR_METHOD_TUN)
		return tunnel_wrap(ctx, &b->packet, b->found.server);
	return 0;
}

/* `mtu`: of the way out; 0: it is not known. */
static __always_inline enum isobar_verdict account_and_rewrite(ISOBAR_CTX *ctx, struct balance *b,
							       __u32 mtu)
{
	enum isobar_verdict verdict;
	int failure;

	if (b->found.conn->flags & (ISOBAR_CONN_TOA | ISOBAR_CONN_PROXY)) {
		verdict = tell_client(ctx, b);
		if (verdict != ISOBAR_GO_ON)
			return verdict;
	}
	if (ISOBAR_HOOK_COMPLETE && (b->found.conn->flags & ISOBAR_CONN_FTP)) {
		verdict = ftp_pass(ctx, &b->packet, b->found.record, b->found.direction, mtu);
		if (verdict != ISOBAR_GO_ON && verdict != ISOBAR_FTP_IGNORED)
			return verdict;
		b->packet.ignored = bits_equal(verdict, ISOBAR_FTP_IGNORED);
	}
	account(b);
	failure = rewrite(ctx, b);
	return failure ? rewriting_failed(failure) : ISOBAR_GO_ON;
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
	if (method == ISOBAR_METHOD_TUN ? !tunnel_may_be_cut(&b->packet, b->found.server)
					: b->packet.dont_fragment || method == ISOBAR_METHOD_DR)
		return ISOBAR_TOO_BIG;
	verdict = account_and_rewrite(ctx, b, 0);
	if (verdict != ISOBAR_GO_ON)
		return verdict;
	b->packet.ignored = 0; /* that is the lesser news */
	if (method == ISOBAR_METHOD_TUN)
		return send_out(ctx, NULL, ISOBAR_TO_FRAGMENT);
	/* what is from an address of ours, and not by lo, the stack takes for a martian */
	return b->found.direction == ISOBAR_FROM_CLIENT && method != ISOBAR_METHOD_FULLNAT
		       ? ISOBAR_TO_STACK
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

static __always_inline enum isobar_verdict forward(ISOBAR_CTX *ctx, struct balance *b)
{
	int from_client = b->found.direction == ISOBAR_FROM_CLIENT;
	struct isobar_nexthop *hop = NULL;
	enum isobar_verdict verdict;

	if (!ISOBAR_HOOK_COMPLETE && (b->found.conn->flags & ISOBAR_CONN_FTP))
		return ISOBAR_TO_TC;
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
		verdict = account_and_rewrite(ctx, b, 0);
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
	verdict = account_and_rewrite(ctx, b, hop->mtu);
	if (verdict != ISOBAR_GO_ON)
		return verdict;
	return send_out(ctx, hop, from_client ? ISOBAR_FORWARDED : ISOBAR_REPLIED);
}

/* Those that tell the sender why, by ICMP. */
static __always_inline int is_refusal(enum isobar_verdict verdict)
{
	return verdict == ISOBAR_NO_SERVER || verdict == ISOBAR_LOCAL_PORTS ||
	       verdict == ISOBAR_NO_ROUTE || verdict == ISOBAR_TTL_EXPIRED ||
	       verdict == ISOBAR_TOO_BIG || verdict == ISOBAR_REPLY_UNKNOWN;
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

static __always_inline enum isobar_verdict balance_any(ISOBAR_CTX *ctx)
{
	struct balance b = {};
	struct iphdr *plain = plain4(ctx);
	enum isobar_verdict verdict;

	if (plain) {
		parse_plain4(&b.packet, plain);
	} else {
		verdict = parse_network(ctx, &b.packet);
		if (verdict != ISOBAR_GO_ON)
			return verdict;
	}
	b.settings = &isobar_settings;
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
	if (b.packet.fragment == FRAGMENT_MORE && verdict == ISOBAR_GO_ON &&
	    (b.found.conn->flags & ISOBAR_CONN_CHOSEN))
		fragment_lead_to(&b.packet, b.found.conn->server);
	if (verdict == ISOBAR_GO_ON)
		verdict = server_is_gone(&b) ? ISOBAR_SERVER_REMOVED : forward(ctx, &b);
	if (ISOBAR_HOOK_COMPLETE && verdict == ISOBAR_NO_SERVICE &&
	    (b.kinds.source & ISOBAR_FILTER_VIRTUAL))
		return answer_here(ctx, &b);
	if (is_refusal(verdict))
		return send_refusal(ctx, &b, verdict);
	return verdict ^ ((verdict ^ ISOBAR_FTP_IGNORED) & -b.packet.ignored);
}

/* A function of its own where there is a short way: neither has the other's frame on its stack. */
static __noinline enum isobar_verdict balance_long(ISOBAR_CTX *ctx)
{
	return balance_any(ctx);
}

/* tc has no short way: there it saves a tenth and costs the verifier half as much again. */
static __always_inline enum isobar_verdict balance(ISOBAR_CTX *ctx)
{
	enum isobar_verdict verdict;

	if (ISOBAR_HOOK_COMPLETE)
		return balance_any(ctx);
	verdict = balance_known(ctx);
	return verdict == ISOBAR_LONG_WAY ? balance_long(ctx) : verdict;
}

/* Counts the verdict. What the hook is to say: CTX_PASS, CTX_REDIRECT or CTX_DROP. */
static __always_inline int conclude(enum isobar_verdict verdict)
{
	static const int actions[ISOBAR_VERDICTS] = {
#define X(name, action, meaning) CTX_##action,
		ISOBAR_VERDICT_LIST(X)
#undef X
	};
	__u32 index = verdict;
	__u64 *count = bpf_map_lookup_elem(&isobar_verdicts, &index);

	if (count)
		++*count;
	return verdict < ISOBAR_VERDICTS ? actions[verdict] : CTX_DROP;
}
