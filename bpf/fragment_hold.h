/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Fragments that came before the first of their datagram, tc only. A copy of each waits in a map.
 * When the first comes, it and the copies come in once more by the same interface, the first ahead,
 * and then go their way as if they had come in this order.
 */
#pragma once

#include "fragment.h"

/* Number of a new piece, or of as many as may wait: the datagram then has enough of them. */
static __always_inline int fragment_number(struct fragment_datagram *datagram, __u32 *number)
{
	if (datagram->held - datagram->released >= FRAGMENT_WAITING)
		return -1;
	*number = __sync_fetch_and_add(&datagram->held, 1);
	return 0;
}

/* A length from 1 to FRAGMENT_PIECE, so that Linux 6.1 sees it, too. */
static __always_inline __u32 fragment_bounded(__u32 length)
{
	asm volatile("" : "+r"(length));
	return ((length - 1) & (FRAGMENT_PIECE - 1)) + 1;
}

static __always_inline int fragment_copy(ISOBAR_CTX *ctx, struct fragment_piece *piece)
{
	__u32 length = ctx->len;

	if (length - 1 >= sizeof(piece->frame))
		return -1;
	piece->length = length;
	return bpf_skb_load_bytes(ctx, 0, piece->frame, fragment_bounded(length));
}

static __always_inline enum isobar_verdict
fragment_hold(ISOBAR_CTX *ctx, const struct fragment_key *key, struct fragment_datagram *datagram)
{
	struct fragment_scratch *scratch = isobar_only(isobar_scratch);

	/* what this host itself sends is in order, and has no interface to come in by again */
	if (!scratch || ctx_is_from_here(ctx) || fragment_copy(ctx, &scratch->piece) ||
	    fragment_number(datagram, &scratch->key.number))
		return ISOBAR_FRAGMENT;
	scratch->key.datagram = *key;
	if (bpf_map_update_elem(&isobar_pieces, &scratch->key, &scratch->piece, BPF_ANY))
		return ISOBAR_FRAGMENT;
	/* Did the first come meanwhile, and not see this one? Then it need not wait. */
	if (*(volatile __u32 *)&datagram->known &&
	    bpf_map_delete_elem(&isobar_pieces, &scratch->key) == 0)
		return ISOBAR_GO_ON;
	return ISOBAR_FRAGMENT_HELD;
}

struct fragment_releasing {
	struct __sk_buff *skb;
	__u32 next;
	__u32 end;
	int lost;
};

/* Fails where the kernel's queue of what comes in (net.core.netdev_max_backlog) is full. */
static __always_inline int fragment_come_again(struct __sk_buff *skb)
{
	return bpf_clone_redirect(skb, skb->ifindex, BPF_F_INGRESS);
}

/* The packet becomes the held one. */
static __always_inline int fragment_become(struct __sk_buff *skb,
					   const struct fragment_piece *piece)
{
	__u32 length = piece->length;

	if (bpf_skb_change_tail(skb, length, 0))
		return -1;
	return bpf_skb_store_bytes(skb, 0, piece->frame, fragment_bounded(length),
				   BPF_F_RECOMPUTE_CSUM);
}

static long fragment_release_one(__u32 i, struct fragment_releasing *releasing)
{
	struct fragment_scratch *scratch = isobar_only(isobar_scratch);
	struct fragment_piece *piece;

	if (!scratch || releasing->next == releasing->end)
		return 1;
	scratch->key.number = releasing->next++;
	piece = bpf_map_lookup_elem(&isobar_pieces, &scratch->key);
	/* Not there: it gave way to newer ones, or its own CPU lets it go. */
	if (piece && fragment_become(releasing->skb, piece) == 0 &&
	    bpf_map_delete_elem(&isobar_pieces, &scratch->key) == 0 &&
	    fragment_come_again(releasing->skb))
		releasing->lost = 1;
	return 0;
}

static __always_inline enum isobar_verdict fragment_release(ISOBAR_CTX *ctx,
							    const struct fragment_key *key,
							    struct fragment_datagram *datagram)
{
	struct fragment_scratch *scratch = isobar_only(isobar_scratch);
	struct fragment_releasing releasing = {
		.skb = ctx,
		.next = datagram->released,
		.end = datagram->held,
	};

	if (!scratch || ctx_is_from_here(ctx))
		return ISOBAR_GO_ON;
	/* somebody else's first fragment, a copy: it let them go */
	if (__sync_val_compare_and_swap(&datagram->released, releasing.next, releasing.end) !=
	    releasing.next)
		return ISOBAR_GO_ON;
	if (fragment_come_again(ctx))
		return ISOBAR_FRAGMENT_LOST;
	scratch->key.datagram = *key;
	bpf_loop(FRAGMENT_WAITING, fragment_release_one, &releasing, 0);
	return releasing.lost ? ISOBAR_FRAGMENT_LOST : ISOBAR_FRAGMENT_RELEASED;
}
