/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ICMPv6 (RFC 4443): what icmp.h does otherwise than for ICMP. The checksum covers the addresses
 * of the error itself and, as an IPv6 header has none of its own, those of the quoted packet.
 */
#pragma once

#include "ipv6.h"
#include "maps.h"
#include "nat.h"

enum {
	ICMP6_DEST_UNREACH = 1,
	ICMP6_PACKET_TOO_BIG = 2,
	ICMP6_TIME_EXCEEDED = 3,
	ICMP6_PARAMETER_PROBLEM = 4,
	/* codes */
	ICMP6_EXC_HOP_LIMIT = 0,
	ICMP6_ADDRESS_UNREACH = 3,
	ICMP6_PORT_UNREACH = 4,
	ICMP6_UNKNOWN_NEXT = 1,
};

struct icmp6_header {
	__u8 type;
	__u8 code;
	__sum16 checksum;
	__be32 mtu;
};

static __always_inline __be16 icmp6_type_code(enum isobar_verdict verdict)
{
	switch (verdict) {
	case ISOBAR_NO_SERVER:
	case ISOBAR_LOCAL_PORTS:
	case ISOBAR_REPLY_UNKNOWN:
		return bpf_htons(ICMP6_DEST_UNREACH << 8 | ICMP6_PORT_UNREACH);
	case ISOBAR_TTL_EXPIRED:
		return bpf_htons(ICMP6_TIME_EXCEEDED << 8 | ICMP6_EXC_HOP_LIMIT);
	case ISOBAR_TOO_BIG:
		return bpf_htons(ICMP6_PACKET_TOO_BIG << 8);
	default:
		return bpf_htons(ICMP6_DEST_UNREACH << 8 | ICMP6_ADDRESS_UNREACH);
	}
}

/* Sum over the packet from its IP header to its transport header. */
static __always_inline int icmp6_sum_headers(ISOBAR_CTX *ctx, __u32 l4, __u64 *sum)
{
	__be32 word[2];

	for (__u32 at = ISOBAR_L3; at < IPV6_FURTHEST; at += sizeof(word)) {
		if (at >= l4)
			break;
		if (ctx_load(ctx, at, word, sizeof(word)))
			return -1;
		*sum += (__u64)word[0] + word[1];
	}
	return 0;
}

struct icmp6_refusal {
	__be32 version_class_flow;
	__be16 length;
	__u8 next;
	__u8 hop_limit;
	struct isobar_address source;
	struct isobar_address destination;
	__be16 type_code;
	__sum16 check;
	__be32 mtu;
};

/* Turns the packet, already cut, into the error about it. It quotes less than it could: what a
 * receiver needs to know its connection. */
__noinline int icmp6_write(ISOBAR_CTX *ctx, const struct isobar_packet *packet,
			   const struct isobar_error *error, __u32 verdict, __u32 mtu)
{
	struct icmp6_refusal refusal = {};
	__u64 sum;

	if (!packet || !error)
		return -1;
	sum = error->sum;
	if (icmp6_sum_headers(ctx, packet->l4, &sum) ||
	    bpf_skb_adjust_room(ctx, sizeof(refusal), BPF_ADJ_ROOM_MAC, 0))
		return -1;
	refusal.version_class_flow = bpf_htonl(6u << 28);
	refusal.length = bpf_htons(error->length - ISOBAR_L3 + sizeof(struct icmp6_header));
	refusal.next = IPV6_ICMP;
	refusal.hop_limit = 64;
	refusal.source = packet->tuple.destination;
	refusal.destination = packet->tuple.source;
	refusal.type_code = icmp6_type_code(verdict);
	refusal.mtu = bpf_htonl(mtu);
	sum += refusal.length + bpf_htons(IPV6_ICMP) + refusal.type_code;
	sum += refusal.mtu;
	for (int i = 0; i < 4; i++)
		sum += (__u64)refusal.source.word[i] + refusal.destination.word[i];
	refusal.check = ~checksum_fold(sum);
	return bpf_skb_store_bytes(ctx, ISOBAR_L3, &refusal, sizeof(refusal), 0);
}

/* Reads the quoted packet's headers. */
__noinline int icmp6_parse(ISOBAR_CTX *ctx, struct isobar_error *error)
{
	struct isobar_packet quoted = {};
	struct icmp6_header icmp;

	if (!error || ctx_load(ctx, error->icmp, &icmp, sizeof(icmp)))
		return -1;
	if (icmp.type < ICMP6_DEST_UNREACH || icmp.type > ICMP6_PARAMETER_PROBLEM)
		return -1;
	if (parse_ipv6(ctx, &quoted, error->inner) != ISOBAR_GO_ON || quoted.l4 == 0)
		return -1;
	error->quoted.source = quoted.tuple.destination;
	error->quoted.destination = quoted.tuple.source;
	error->quoted.protocol = quoted.tuple.protocol;
	error->inner_l4 = quoted.l4;
	error->mtu = bpf_ntohl(icmp.mtu);
	return 0;
}

/* New addresses at one end of the error and the other of the packet that it quotes. Nothing
 * that a driver has summed up changes by this, so the packet is written to directly. */
__noinline int icmp6_rewrite(ISOBAR_CTX *ctx, const struct isobar_packet *packet,
			     const struct isobar_error *error, __u32 end)
{
	const struct isobar_address *old;
	struct icmp6_header *icmp;
	struct ipv6hdr *ip;
	__u64 sum;

	if (!packet || !error || nat_count_hop6(ctx, packet))
		return -1;
	old = nat_old_address(packet, end);
	ip = ctx_data(ctx) + ISOBAR_L3;
	if ((void *)(ip + 1) > ctx_data_end(ctx))
		return -1;
	__builtin_memcpy(end == NAT_SOURCE ? &ip->saddr : &ip->daddr, &error->new_address, 16);
	ip = ctx_data(ctx) + (error->inner & ISOBAR_L4_MASK);
	if ((void *)(ip + 1) > ctx_data_end(ctx))
		return -1;
	__builtin_memcpy(end == NAT_SOURCE ? &ip->daddr : &ip->saddr, &error->new_address, 16);
	icmp = ctx_data(ctx) + (error->icmp & ISOBAR_L4_MASK);
	if ((void *)(icmp + 1) > ctx_data_end(ctx))
		return -1;
	sum = (__u16)~icmp->checksum;
	sum += checksum_change(old->word, error->new_address.word, 4);
	sum += checksum_change(error->old_address.word, error->new_address.word, 4);
	sum += (__u64)(__u16)~error->old_port + error->new_port;
	icmp->checksum = ~checksum_fold(sum);
	return 0;
}
