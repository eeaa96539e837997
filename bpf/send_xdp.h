/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sending from XDP: the frame gets its MAC addresses and leaves by another interface.
 * Refusals, ICMP and waiting fragments are tc's work.
 */
#pragma once

#include "balance.h"
#include "client_told_xdp.h"

static __always_inline enum isobar_verdict
send_out(ISOBAR_CTX *ctx, const struct isobar_nexthop *hop, enum isobar_verdict verdict)
{
	__u32 *macs = ctx_data(ctx); /* both, as the next hop has them */

	if (!hop || (void *)macs + sizeof(hop->macs) > ctx_data_end(ctx))
		return ISOBAR_INTERNAL;
	macs[0] = hop->macs.word[0];
	macs[1] = hop->macs.word[1];
	macs[2] = hop->macs.word[2];
	return bpf_redirect(hop->ifindex, 0) == XDP_REDIRECT ? verdict : ISOBAR_INTERNAL;
}

static __always_inline enum isobar_verdict send_refusal(ISOBAR_CTX *ctx, struct balance *b,
							enum isobar_verdict verdict)
{
	return ISOBAR_TO_TC;
}

static __always_inline enum isobar_verdict balance_icmp(ISOBAR_CTX *ctx, struct balance *b)
{
	return ISOBAR_TO_TC;
}

static __always_inline enum isobar_verdict answer_here(ISOBAR_CTX *ctx, const struct balance *b)
{
	return ISOBAR_NO_SERVICE; /* which leads to tc */
}

static __always_inline enum isobar_verdict tell_client(ISOBAR_CTX *ctx, struct balance *b)
{
	return told_move(ctx, &b->packet, b->found.record, b->found.direction) ? ISOBAR_TO_TC
									       : ISOBAR_GO_ON;
}

static __always_inline enum isobar_verdict
fragment_hold(ISOBAR_CTX *ctx, const struct fragment_key *key, struct fragment_datagram *datagram)
{
	ctx_keep(ctx);
	return ISOBAR_TO_TC;
}

static __always_inline enum isobar_verdict fragment_release(ISOBAR_CTX *ctx,
							    const struct fragment_key *key,
							    struct fragment_datagram *datagram)
{
	ctx_keep(ctx);
	return ISOBAR_TO_TC;
}
