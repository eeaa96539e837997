/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sending from tc, and what only tc does: refusals and ICMP. The kernel resolves the
 * neighbour, and keeps the packet while it does so: nothing is lost when a MAC address is not
 * known yet.
 */
#pragma once

#include "balance.h"
#include "call.h"
#include "client_told_tc.h"
#include "fragment_hold.h"
#include "ftp.h"
#include "icmp_schedule.h"
#include "local_client.h"

#define SEND_LOOPBACK 1 /* ifindex of lo in every namespace */
#define SEND_SENT 0x1b0b /* tc_index of what has been sent on, which nothing else uses */

static __always_inline enum isobar_verdict
send_to_neighbour(ISOBAR_CTX *ctx, const struct isobar_nexthop *hop, enum isobar_verdict verdict)
{
	struct bpf_redir_neigh neighbour = {};

	if (address_is_v4(&hop->gateway)) {
		neighbour.nh_family = NEXTHOP_AF_INET;
		neighbour.ipv4_nh = address_v4(&hop->gateway);
	} else {
		neighbour.nh_family = NEXTHOP_AF_INET6;
		__builtin_memcpy(neighbour.ipv6_nh, &hop->gateway, sizeof(hop->gateway));
	}
	ctx->tc_index = SEND_SENT;
	if (bpf_redirect_neigh(hop->ifindex, &neighbour, sizeof(neighbour), 0) != TC_ACT_REDIRECT)
		return ISOBAR_INTERNAL;
	return verdict;
}

/* The packet is for this host. It comes in by lo, where a packet from the virtual address,
 * which is this host's own, is no martian (lo/accept_local); and with lo's MAC address, or
 * it would be taken for somebody else's. */
static __always_inline enum isobar_verdict send_to_self(ISOBAR_CTX *ctx,
							enum isobar_verdict verdict)
{
	struct ethhdr *eth = ctx_data(ctx);

	if ((void *)(eth + 1) > ctx_data_end(ctx))
		return ISOBAR_INTERNAL;
	__builtin_memset(eth->h_dest, 0, ETH_ALEN);
	if (bpf_redirect(SEND_LOOPBACK, BPF_F_INGRESS) != TC_ACT_REDIRECT)
		return ISOBAR_INTERNAL;
	return verdict;
}

static __always_inline enum isobar_verdict
send_out(ISOBAR_CTX *ctx, const struct isobar_nexthop *hop, enum isobar_verdict verdict)
{
	return hop ? send_to_neighbour(ctx, hop, verdict) : send_to_self(ctx, verdict);
}

static __always_inline enum isobar_verdict send_refusal(ISOBAR_CTX *ctx, struct balance *b,
							enum isobar_verdict verdict)
{
	/* A server's packet is not for us, and our stack knows the address to speak from. With
	 * fullnat it is for us: the stack would take it. */
	if (b->found.conn && b->found.direction == ISOBAR_FROM_SERVER &&
	    b->found.conn->method != ISOBAR_METHOD_FULLNAT)
		return ISOBAR_REPLY_REFUSED;
	if (b->packet.fragment & FRAGMENT_LATER) /* no errors about them (RFC 1122, 3.2.2) */
		return verdict + 1;
	return icmp_tell(ctx, b, verdict, verdict == ISOBAR_TOO_BIG ? refusal_mtu(ctx, b) : 0);
}

/* Later fragments have no sequence number of their own. */
static __always_inline enum isobar_verdict tell_client(ISOBAR_CTX *ctx, struct balance *b)
{
	int failed;

	if (b->packet.fragment & FRAGMENT_LATER)
		return ISOBAR_GO_ON;
	failed = b->found.direction == ISOBAR_FROM_CLIENT
			 ? told_from_client(ctx, &b->packet, b->found.record)
			 : told_from_server(ctx, &b->packet, b->found.record);
	return failed ? ISOBAR_INTERNAL : ISOBAR_GO_ON;
}

/* Of no service and no connection, and from a virtual address. By lo it has come already. */
static __always_inline enum isobar_verdict answer_here(ISOBAR_CTX *ctx, const struct balance *b)
{
	if (ctx_is_from_here(ctx) || ctx_ifindex(ctx) == SEND_LOOPBACK ||
	    !is_for_client_here(&b->packet.tuple))
		return ISOBAR_NO_SERVICE;
	return send_to_self(ctx, ISOBAR_TO_LOCAL);
}

static __always_inline enum isobar_verdict balance_icmp(ISOBAR_CTX *ctx, struct balance *b)
{
	struct isobar_error *error = icmp_error();
	enum isobar_verdict verdict;

	if (!error)
		return ISOBAR_INTERNAL;
	if (b->packet.fragment)
		return ISOBAR_NOT_OURS;
	b->now = isobar_now();
	if (icmp_parse(ctx, &b->packet, error) ||
	    !conn_find(b->settings, &error->quoted, filter_kinds(&error->quoted), &b->found)) {
		verdict = icmp_from_tunnel(ctx, b, error);
		return verdict == ISOBAR_NOT_OURS ? icmp_schedule(ctx, b) : verdict;
	}
	verdict = check_network(ctx, &b->packet);
	if (verdict != ISOBAR_GO_ON)
		return verdict;
	if (b->packet.ttl <= 1)
		return ISOBAR_TTL_EXPIRED_QUIET;
	/* what is quoted is turned round: it looks like a packet of whom the error comes from */
	return b->found.direction == ISOBAR_FROM_CLIENT ? icmp_to_server(ctx, b, error)
							: icmp_to_client(ctx, b, error);
}
