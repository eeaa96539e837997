/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Errors about our own outer packets, by a router between us and a real server, or by that: too big
 * for the way (RFC 1191, RFC 8201; RFC 2003, 5.1; RFC 2473, 8), unreachable, hops used up. The
 * client is told: the error is taken off the packet that it quotes, and a new one written about the
 * client's own, with the size that is left for it.
 */
#pragma once

#include "icmp.h"

/* What the client is to be told; ISOBAR_NOT_OURS: nothing. */
static __always_inline __u32 icmp_tunnel_verdict(const struct icmphdr *icmp, int v6)
{
	if (v6) {
		if (icmp->type == ICMP6_PACKET_TOO_BIG)
			return ISOBAR_TOO_BIG;
		if (icmp->type == ICMP6_TIME_EXCEEDED && icmp->code == ICMP6_EXC_HOP_LIMIT)
			return ISOBAR_TTL_EXPIRED;
		/* who does not know the tunnel's protocol says so in a way of its own */
		if (icmp->type == ICMP6_PARAMETER_PROBLEM && icmp->code == ICMP6_UNKNOWN_NEXT)
			return ISOBAR_NO_ROUTE;
		return icmp->type == ICMP6_DEST_UNREACH ? ISOBAR_NO_ROUTE : ISOBAR_NOT_OURS;
	}
	if (icmp->type == ICMP_TIME_EXCEEDED && icmp->code == ICMP_EXC_TTL)
		return ISOBAR_TTL_EXPIRED;
	if (icmp->type != ICMP_DEST_UNREACH)
		return ISOBAR_NOT_OURS;
	return icmp->code == ICMP_FRAG_NEEDED ? ISOBAR_TOO_BIG : ISOBAR_NO_ROUTE;
}

/* The outer IP header at `at`, which has neither options nor extensions: what follows it. */
static __always_inline int icmp_tunnel_outer(ISOBAR_CTX *ctx, __u32 at, int v6)
{
	struct ipv6hdr ip6;
	struct iphdr ip;

	if (v6)
		return ctx_load(ctx, at, &ip6, sizeof(ip6)) || ip6.version != 6 ? -1 : ip6.nexthdr;
	if (ctx_load(ctx, at, &ip, sizeof(ip)) || ip.version != 4 || ip.ihl != 5 ||
	    (ip.frag_off & bpf_htons(0x1fff)))
		return -1;
	return ip.protocol;
}

/* What stands behind that, of the kind that `protocol` says: its length; and the protocol number
 * of the packet inside. */
static __always_inline int icmp_tunnel_shim(ISOBAR_CTX *ctx, __u32 at, struct isobar_error *error,
					    int protocol, int *inner)
{
	union tunnel_shim shim;

	if (protocol == IPPROTO_IPIP || protocol == IPPROTO_IPV6) {
		error->kind = ISOBAR_TUNNEL_IPIP;
		*inner = protocol;
		return 0;
	}
	if (ctx_load(ctx, at, &shim, sizeof(shim)))
		return -1;
	if (protocol == IPPROTO_UDP) {
		error->kind = ISOBAR_TUNNEL_GUE;
		*inner = shim.gue.protocol;
		return sizeof(shim.gue);
	}
	if (protocol != IPPROTO_GRE || (shim.gre.flags_version & ~TUNNEL_GRE_CHECKSUM))
		return -1;
	error->kind = ISOBAR_TUNNEL_GRE;
	*inner = shim.gre.protocol == bpf_htons(ETH_P_IPV6) ? IPPROTO_IPV6 : IPPROTO_IPIP;
	return shim.gre.flags_version ? sizeof(shim.gre) : TUNNEL_GRE_SHORT;
}

/* The client's packet, as far as it is quoted. */
static __always_inline int icmp_tunnel_inner(ISOBAR_CTX *ctx, __u32 at,
					     struct isobar_packet *packet, int v6)
{
	struct iphdr ip;

	if (v6) {
		packet->ether_type = bpf_htons(ETH_P_IPV6);
		return parse_ipv6(ctx, packet, at) == ISOBAR_GO_ON ? 0 : -1;
	}
	if (ctx_load(ctx, at, &ip, sizeof(ip)) || ip.version != 4 || ip.ihl < 5)
		return -1;
	packet->ether_type = bpf_htons(ETH_P_IP);
	parse_ipv4(packet, &ip, ip.ihl * 4);
	packet->fragment = ip.frag_off & bpf_htons(0x1fff) ? FRAGMENT_LATER : 0;
	packet->l4 += at - ISOBAR_L3;
	return 0;
}

/* Its ports; all that an error about it is going to quote must be there. */
static __always_inline int icmp_tunnel_ports(ISOBAR_CTX *ctx, struct isobar_packet *packet)
{
	struct icmp_quote quote;

	if (packet->tuple.protocol != IPPROTO_TCP && packet->tuple.protocol != IPPROTO_UDP &&
	    packet->tuple.protocol != IPPROTO_SCTP)
		return -1;
	if ((packet->fragment & FRAGMENT_LATER) || ctx_load(ctx, packet->l4, &quote, sizeof(quote)))
		return -1;
	packet->tuple.source_port = quote.half[0];
	packet->tuple.destination_port = quote.half[1];
	return 0;
}

/* `packet`, an ICMP error, becomes the client's packet that it is about. Global: the verifier looks
 * at it once. */
__noinline int icmp_tunnel_parse(ISOBAR_CTX *ctx, struct isobar_packet *packet,
				 struct isobar_error *error)
{
	struct icmphdr icmp;
	int v6, protocol, shim, inner = 0;
	__u32 at;

	if (!packet || !error)
		return ISOBAR_NOT_OURS;
	v6 = packet_is_ipv6(packet);
	at = packet->l4 & ISOBAR_L4_MASK;
	if (ctx_load(ctx, at, &icmp, sizeof(icmp)))
		return ISOBAR_NOT_OURS;
	at += sizeof(icmp);
	protocol = icmp_tunnel_outer(ctx, at, v6);
	if (protocol < 0)
		return ISOBAR_NOT_OURS;
	at += v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
	shim = icmp_tunnel_shim(ctx, at, error, protocol, &inner);
	if (shim < 0 || (inner != IPPROTO_IPIP && inner != IPPROTO_IPV6))
		return ISOBAR_NOT_OURS;
	at += shim;
	error->inner = at;
	error->mtu = bpf_ntohl(icmp.rest);
	if (!v6)
		error->mtu &= 0xffff;
	if (icmp_tunnel_inner(ctx, at, packet, inner == IPPROTO_IPV6) ||
	    icmp_tunnel_ports(ctx, packet))
		return ISOBAR_NOT_OURS;
	packet->l4 -= at - ISOBAR_L3; /* where it will be */
	return icmp_tunnel_verdict(&icmp, v6);
}

/* Takes all before the inner header away. Linux 6.1 cannot change the protocol while it shrinks
 * (BPF_F_ADJ_ROOM_DECAP_L3_IPV4 came with 6.3): bpf_skb_change_proto does, and makes the header
 * longer or shorter by 20 bytes. */
__noinline int icmp_tunnel_strip(ISOBAR_CTX *ctx, __u32 away, __u32 from_v6, __u32 to_v6)
{
	const int difference = sizeof(struct ipv6hdr) - sizeof(struct iphdr);
	const __be16 type = to_v6 ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP);
	int length = away & ISOBAR_L4_MASK;

	if (from_v6 != to_v6) {
		if (bpf_skb_change_proto(ctx, type, 0) ||
		    ctx_store(ctx, offsetof(struct ethhdr, h_proto), &type, sizeof(type)))
			return -1;
		length += to_v6 ? difference : -difference;
	}
	return bpf_skb_adjust_room(ctx, -length, BPF_ADJ_ROOM_MAC, 0);
}

/* Is it our server's tunnel that the error is about? And is the size one that there is: every
 * network takes 68 bytes (RFC 791). */
static __always_inline int icmp_tunnel_is_ours(const struct balance *b,
					       const struct isobar_error *error, __u32 verdict,
					       __u32 v6)
{
	const struct isobar_server *server = b->found.server;

	if (b->found.direction != ISOBAR_FROM_CLIENT ||
	    b->found.conn->method != ISOBAR_METHOD_TUN || server->tunnel != error->kind ||
	    address_is_v4(&server->address) == v6)
		return 0;
	return verdict != ISOBAR_TOO_BIG || error->mtu >= 68u + tunnel_overhead(server);
}

static __always_inline enum isobar_verdict icmp_from_tunnel(ISOBAR_CTX *ctx, struct balance *b,
							    struct isobar_error *error)
{
	__u32 v6 = packet_is_ipv6(&b->packet);
	__u32 verdict = icmp_tunnel_parse(ctx, &b->packet, error);
	__u32 mtu = 0;

	if (verdict == ISOBAR_NOT_OURS ||
	    !conn_find(b->settings, &b->packet.tuple, filter_kinds(&b->packet.tuple), &b->found) ||
	    !icmp_tunnel_is_ours(b, error, verdict, v6))
		return ISOBAR_NOT_OURS;
	if (verdict == ISOBAR_TOO_BIG)
		mtu = icmp_mtu(&b->packet, error->mtu - tunnel_overhead(b->found.server));
	if (icmp_tunnel_strip(ctx, error->inner - ISOBAR_L3, v6, packet_is_ipv6(&b->packet)))
		return ISOBAR_INTERNAL;
	return icmp_tell(ctx, b, verdict, mtu);
}
