/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The tc hook as the data plane sees it. Same functions as ctx_xdp.h.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "abi.h"

#define ISOBAR_CTX struct __sk_buff
/* tc finishes everything; XDP hands what it cannot do to tc. */
#define ISOBAR_HOOK_COMPLETE 1

/* What the hook is told, by enum isobar_action. */
#define CTX_PASS TC_ACT_UNSPEC /* other filters, and then the stack, see it */
#define CTX_REDIRECT TC_ACT_REDIRECT
#define CTX_DROP TC_ACT_SHOT

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
	return ctx->len;
}

static __always_inline __u32 ctx_ifindex(ISOBAR_CTX *ctx)
{
	return ctx->ifindex;
}

/* Sent by this host itself, not on its way through it. */
static __always_inline int ctx_is_from_here(ISOBAR_CTX *ctx)
{
	return ctx->ingress_ifindex == 0;
}

static __always_inline __u32 ctx_mark(ISOBAR_CTX *ctx)
{
	return ctx->mark;
}

/* Payload of each packet that the driver or the device will cut this super-packet into;
 * 0: it is an ordinary packet. */
static __always_inline __u32 ctx_gso_size(ISOBAR_CTX *ctx)
{
	return ctx->gso_size;
}

/* Makes the first `length` bytes directly readable; pointers into the packet are void
 * afterwards. False: the packet is shorter. */
static __always_inline int ctx_reach(ISOBAR_CTX *ctx, __u32 length)
{
	if (ctx_data(ctx) + length <= ctx_data_end(ctx))
		return 1;
	if (ctx->len < length)
		return 0;
	return bpf_skb_pull_data(ctx, length) == 0;
}

/* The same for who compares the end by himself. */
static __always_inline int ctx_pull(ISOBAR_CTX *ctx, __u32 length)
{
	return ctx_reach(ctx, length);
}

/* Copies from the packet. Other than 0: it is shorter. */
static __always_inline int ctx_load(ISOBAR_CTX *ctx, __u32 offset, void *into, __u32 length)
{
	return bpf_skb_load_bytes(ctx, offset, into, length);
}

/* Keeps the driver's sum of the packet right: also for what no checksum makes up for, as fields of
 * the IPv6 header. Ends the validity of packet pointers. */
static __always_inline int ctx_store(ISOBAR_CTX *ctx, __u32 offset, const void *from, __u32 length)
{
	return bpf_skb_store_bytes(ctx, offset, from, length, BPF_F_RECOMPUTE_CSUM);
}

static __always_inline int ctx_store_address(ISOBAR_CTX *ctx, __u32 offset,
					     const struct isobar_address *address)
{
	return ctx_store(ctx, offset, address, sizeof(*address));
}

/* Makes room for outer headers of `length` bytes between the Ethernet and the IP header; `type`
 * is the outer one's EtherType, which the caller writes where it is another than the packet's,
 * `outer` and `inner` are the protocols behind the two IP headers. The segments of a TCP
 * super-packet become smaller by as much, so that they still fit; datagrams cannot. */
static __always_inline int ctx_push(ISOBAR_CTX *ctx, __u32 length, __be16 type, __u8 outer,
				    __u8 inner)
{
	__u64 flags = type == bpf_htons(ETH_P_IPV6) ? BPF_F_ADJ_ROOM_ENCAP_L3_IPV6
						    : BPF_F_ADJ_ROOM_ENCAP_L3_IPV4;

	if (outer == IPPROTO_UDP)
		flags |= BPF_F_ADJ_ROOM_ENCAP_L4_UDP;
	if (outer == IPPROTO_GRE)
		flags |= BPF_F_ADJ_ROOM_ENCAP_L4_GRE;
	if (inner == IPPROTO_UDP)
		flags |= BPF_F_ADJ_ROOM_FIXED_GSO;
	return bpf_skb_adjust_room(ctx, length, BPF_ADJ_ROOM_MAC, flags);
}

/* The changes of the transport checksum at `offset`. The helper knows about checksums
 * that the device is to fill in (their field holds the pseudo header only) and keeps the
 * driver's sum of the packet right. */
static __always_inline int ctx_change_checksum(ISOBAR_CTX *ctx, __u32 offset, __be32 old_address,
					       __be32 new_address, __be16 old_port, __be16 new_port,
					       int is_udp)
{
	/* a UDP checksum of 0 means "none" and must stay so */
	__u64 flags = is_udp ? BPF_F_MARK_MANGLED_0 : 0;

	if (bpf_l4_csum_replace(ctx, offset, old_address, new_address,
				flags | BPF_F_PSEUDO_HDR | sizeof(old_address)))
		return -1;
	if (old_port == new_port)
		return 0;
	return bpf_l4_csum_replace(ctx, offset, old_port, new_port, flags | sizeof(old_port));
}

/* The same for IPv6. A UDP checksum of 0 is for the receiver to judge (RFC 6936, 5.10). */
static __always_inline int ctx_change_checksum6(ISOBAR_CTX *ctx, __u32 offset,
						const struct isobar_address *old_address,
						const struct isobar_address *new_address,
						__be16 old_port, __be16 new_port, int is_udp)
{
	__u64 flags = is_udp ? BPF_F_MARK_MANGLED_0 : 0;
	__s64 change = bpf_csum_diff((void *)old_address, sizeof(*old_address), (void *)new_address,
				     sizeof(*new_address), 0);

	if (change < 0 || bpf_l4_csum_replace(ctx, offset, 0, change, flags | BPF_F_PSEUDO_HDR))
		return -1;
	if (old_port == new_port)
		return 0;
	return bpf_l4_csum_replace(ctx, offset, old_port, new_port, flags | sizeof(old_port));
}
