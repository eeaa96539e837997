/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A router between us and a real server says that our outer packet is too big for its way
 * (RFC 1191; RFC 2003, 5.1). The client is told, with what is left of that size for it: the
 * error is taken off the packet that it quotes, and a new one written about the client's own.
 */
#pragma once

#include "icmp.h"

/* Outer headers of ours have no options. */
static __always_inline int icmp_tunnel_parse(ISOBAR_CTX *ctx, __u32 icmp_offset,
					     struct isobar_error *way)
{
	struct icmphdr *icmp;
	struct iphdr *outer;

	if (!ctx_reach(ctx, icmp_offset + sizeof(*icmp) + sizeof(*outer)))
		return -1;
	icmp = ctx_data(ctx) + icmp_offset;
	outer = (void *)(icmp + 1);
	if ((void *)(outer + 1) > ctx_data_end(ctx))
		return -1;
	if (icmp->type != ICMP_DEST_UNREACH || icmp->code != ICMP_FRAG_NEEDED ||
	    outer->version != 4 || outer->ihl != 5 || (outer->frag_off & bpf_htons(0x1fff)))
		return -1;
	way->overhead = sizeof(*outer);
	if (outer->protocol == IPPROTO_UDP)
		way->overhead += sizeof(struct tunnel_gue);
	else if (outer->protocol == IPPROTO_GRE)
		way->overhead += sizeof(struct tunnel_gre);
	else if (outer->protocol != IPPROTO_IPIP)
		return -1;
	way->inner = icmp_offset + sizeof(*icmp) + way->overhead;
	way->mtu = bpf_ntohl(icmp->rest) & 0xffff;
	return 0;
}

/* The client's packet, as far as it is quoted. */
static __always_inline int icmp_tunnel_inner(ISOBAR_CTX *ctx, __u32 offset,
					     struct isobar_packet *packet)
{
	struct iphdr *ip;
	__be16 *ports;
	__u32 l4;

	if (!ctx_reach(ctx, offset + sizeof(*ip)))
		return -1;
	ip = ctx_data(ctx) + (offset & 0xff);
	if ((void *)(ip + 1) > ctx_data_end(ctx))
		return -1;
	if (ip->version != 4 || ip->ihl < 5 ||
	    (ip->protocol != IPPROTO_TCP && ip->protocol != IPPROTO_UDP))
		return -1;
	packet->tuple.source = address_from_v4(ip->saddr);
	packet->tuple.destination = address_from_v4(ip->daddr);
	packet->tuple.protocol = ip->protocol;
	packet->tos = ip->tos;
	l4 = ip->ihl * 4;
	packet->l4 = ISOBAR_L3 + l4; /* where it will be */
	if (!ctx_reach(ctx, offset + l4 + sizeof(struct icmp_quote)))
		return -1;
	ports = ctx_data(ctx) + ((offset + l4) & 0xff);
	if ((void *)(ports + 2) > ctx_data_end(ctx))
		return -1;
	packet->tuple.source_port = ports[0];
	packet->tuple.destination_port = ports[1];
	return 0;
}

static __always_inline enum isobar_verdict icmp_from_tunnel(ISOBAR_CTX *ctx, struct balance *b,
							    struct isobar_error *way)
{
	if (packet_is_ipv6(&b->packet) || icmp_tunnel_parse(ctx, b->packet.l4 & 0x7f, way) ||
	    icmp_tunnel_inner(ctx, way->inner, &b->packet))
		return ISOBAR_NOT_OURS;
	if (!conn_find(b->settings, &b->packet.tuple, filter_kinds(&b->packet.tuple), &b->found) ||
	    b->found.direction != ISOBAR_FROM_CLIENT ||
	    b->found.conn->method != ISOBAR_METHOD_TUN ||
	    way->overhead != tunnel_overhead(b->found.server))
		return ISOBAR_NOT_OURS;
	/* RFC 791: every network takes 68 bytes */
	if (way->mtu < 68u + way->overhead)
		return ISOBAR_NOT_OURS;
	if (bpf_skb_adjust_room(ctx, -(int)(way->inner - ISOBAR_L3), BPF_ADJ_ROOM_MAC, 0))
		return ISOBAR_INTERNAL;
	return icmp_tell(ctx, b, ISOBAR_TOO_BIG, way->mtu - way->overhead);
}
