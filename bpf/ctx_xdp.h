/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The XDP hook as the data plane sees it. Same functions as ctx_tc.h. Frames here are
 * linear, carry complete checksums, and are never super-packets.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/if_ether.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "abi.h"
#include "checksum.h"
#include "tuple.h"

#define ISOBAR_CTX struct xdp_md
#define ISOBAR_HOOK_COMPLETE 0

/* What the hook is told, by enum isobar_action. */
#define CTX_PASS XDP_PASS
#define CTX_REDIRECT XDP_REDIRECT
#define CTX_DROP XDP_DROP

static __always_inline void *ctx_data(ISOBAR_CTX *ctx)
{
	return (void *)(long)ctx->data;
}

static __always_inline void *ctx_data_end(ISOBAR_CTX *ctx)
{
	return (void *)(long)ctx->data_end;
}

static __always_inline __u32 ctx_length(ISOBAR_CTX *ctx)
{
	return ctx->data_end - ctx->data;
}

static __always_inline __u32 ctx_ifindex(ISOBAR_CTX *ctx)
{
	return ctx->ingress_ifindex;
}

/* To a function that makes no use of it clang would not hand the context, which the verifier
 * expects in every global one that has it. */
static __always_inline void ctx_keep(ISOBAR_CTX *ctx)
{
	asm volatile("" : : "r"(ctx));
}

static __always_inline int ctx_is_from_here(ISOBAR_CTX *ctx)
{
	return 0;
}

static __always_inline __u32 ctx_mark(ISOBAR_CTX *ctx)
{
	ctx_keep(ctx);
	return 0;
}

static __always_inline __u32 ctx_gso_size(ISOBAR_CTX *ctx)
{
	return 0;
}

static __always_inline int ctx_reach(ISOBAR_CTX *ctx, __u32 length)
{
	return ctx_data(ctx) + length <= ctx_data_end(ctx);
}

/* The same for who compares the end by himself: frames are linear. */
static __always_inline int ctx_pull(ISOBAR_CTX *ctx, __u32 length)
{
	return 1;
}

/* Of a length known beforehand, up to so much, and near the beginning: by hand, for the helpers
 * cost more than a few moves. */
#define CTX_NEAR 0x1ff
#define CTX_BY_HAND(offset, length)                                             \
	(__builtin_constant_p(length) && (length) <= 44 && (length) % 2 == 0 && \
	 (offset) <= CTX_NEAR)

static __always_inline int ctx_load(ISOBAR_CTX *ctx, __u32 offset, void *into, __u32 length)
{
	const __be16 *from = ctx_data(ctx) + (offset & CTX_NEAR);

	if (CTX_BY_HAND(offset, length)) {
		asm volatile("" : "+r"(from)); /* what is compared is what is read by */
		if ((void *)from + length > ctx_data_end(ctx))
			return -1;
		__builtin_memcpy(__builtin_assume_aligned(into, 2),
				 __builtin_assume_aligned(from, 2), length);
		return 0;
	}
	return bpf_xdp_load_bytes(ctx, offset, into, length);
}

static __always_inline int ctx_store(ISOBAR_CTX *ctx, __u32 offset, const void *from, __u32 length)
{
	__be16 *to = ctx_data(ctx) + (offset & CTX_NEAR);

	if (CTX_BY_HAND(offset, length)) {
		asm volatile("" : "+r"(to));
		if ((void *)to + length > ctx_data_end(ctx))
			return -1;
		__builtin_memcpy(__builtin_assume_aligned(to, 2), __builtin_assume_aligned(from, 2),
				 length);
		return 0;
	}
	return bpf_xdp_store_bytes(ctx, offset, (void *)from, length);
}

/* An address of IPv6. Two moves: the frame need not be aligned for them. */
static __always_inline int ctx_store_address(ISOBAR_CTX *ctx, __u32 offset,
					     const struct isobar_address *address)
{
	struct isobar_address *to = ctx_data(ctx) + (offset & CTX_NEAR);

	asm volatile("" : "+r"(to));
	if ((void *)(to + 1) > ctx_data_end(ctx))
		return -1;
	address_put(to, address_halves(address));
	return 0;
}

/* The MAC addresses are written by whoever sends the frame. */
static __always_inline int ctx_push(ISOBAR_CTX *ctx, __u32 length, __be16 type, __u8 outer,
				    __u8 inner)
{
	struct ethhdr *eth;

	if (bpf_xdp_adjust_head(ctx, -(int)length))
		return -1;
	eth = ctx_data(ctx);
	if ((void *)(eth + 1) > ctx_data_end(ctx))
		return -1;
	eth->h_proto = type;
	return 0;
}

static __always_inline int ctx_change_checksum(ISOBAR_CTX *ctx, __u32 offset, __be32 old_address,
					       __be32 new_address, __be16 old_port, __be16 new_port,
					       int is_udp)
{
	__sum16 *sum = ctx_data(ctx) + (offset & 0x1ff);

	if ((void *)(sum + 1) > ctx_data_end(ctx))
		return -1;
	if (is_udp && *sum == 0)
		return 0;
	*sum = checksum_replace(*sum, old_address, new_address, old_port, new_port);
	if (is_udp && *sum == 0)
		*sum = 0xffff;
	return 0;
}

static __always_inline int ctx_change_checksum6(ISOBAR_CTX *ctx, __u32 offset,
						const struct isobar_address *old_address,
						const struct isobar_address *new_address,
						__be16 old_port, __be16 new_port, int is_udp)
{
	__sum16 *sum = ctx_data(ctx) + (offset & 0x1ff);
	__u64 total = checksum_change(old_address->word, new_address->word, 4);

	if ((void *)(sum + 1) > ctx_data_end(ctx))
		return -1;
	if (is_udp && *sum == 0)
		return 0;
	total += (__u64)(__u16) ~*sum + (__u16)~old_port + new_port;
	*sum = ~checksum_fold(total);
	if (is_udp && *sum == 0)
		*sum = 0xffff;
	return 0;
}
