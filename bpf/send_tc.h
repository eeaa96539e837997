/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sending from tc. The kernel resolves the neighbour, and keeps the packet while it does
 * so: nothing is lost when a MAC address is not known yet.
 */
#pragma once

#include "balance.h"
#include "icmp.h"

#define SEND_LOOPBACK 1 /* ifindex of lo in every namespace */

static __always_inline enum isobar_verdict
send_to_neighbour(ISOBAR_CTX *ctx, const struct isobar_nexthop *hop, enum isobar_verdict verdict)
{
	struct bpf_redir_neigh neighbour = {
		.nh_family = NEXTHOP_AF_INET,
		.ipv4_nh = hop->gateway,
	};

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

/* The quiet form of a refusal follows it in the list. */
static __always_inline enum isobar_verdict send_refusal(ISOBAR_CTX *ctx, struct balance *b,
							enum isobar_verdict verdict)
{
	struct isobar_nexthop *hop = NULL;
	__be32 client = address_v4(&b->packet.tuple.source);
	__be32 self = address_v4(&b->packet.tuple.destination);
	enum nexthop_answer answer;
	__u32 mtu = 0;

	/* A server's packet is not for us, and our stack knows the address to speak from. */
	if (b->found.conn && b->found.direction == ISOBAR_FROM_SERVER)
		return ISOBAR_REPLY_REFUSED;
	if (verdict == ISOBAR_TOO_BIG)
		mtu = refusal_mtu(ctx, b);
	answer = find_nexthop(ctx, b->settings, &b->packet, self, client, b->now, &hop);
	if (answer == NEXTHOP_FORBIDDEN || answer == NEXTHOP_FORWARDING_OFF ||
	    !icmp_may_send(b->settings, b->now) || icmp_refuse(ctx, &b->packet, verdict, mtu))
		return verdict + 1;
	return send_out(ctx, answer == NEXTHOP_FOUND ? hop : NULL, verdict);
}
