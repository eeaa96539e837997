/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * VS/TUN: the packet travels to its real server inside another one: IP in IP (RFC 2003, RFC 2473,
 * RFC 4213), GUE (draft-ietf-intarea-gue-09, version 0) or GRE (RFC 2784). The outer header is of
 * the server's family, which need not be the packet's, and takes TOS with ECN, TTL and DF from the
 * inner one, as IPVS does.
 *
 * Here is the common one, IPv4 in IPv4; all others are in tunnel_any.h.
 */
#pragma once

#include "packet.h"

/* Every network of IPv6 takes packets of this size (RFC 8200, section 5). */
#define IPV6_LEAST_MTU 1280

/* No address of the outer family is known to send from. */
#define TUNNEL_NO_SOURCE 1

/* tunnel_any.h */
int tunnel_wrap_any(ISOBAR_CTX *ctx, const struct isobar_packet *packet,
		    const struct isobar_server *server, int sum);

/* By how much a packet grows. */
static __always_inline __u32 tunnel_overhead(const struct isobar_server *server)
{
	return server->tunnel_overhead;
}

/* Congestion that the packet has met is not told twice (RFC 3168, 9.1.1: CE becomes ECT(0)). */
static __always_inline __u8 tunnel_tos(__u8 tos)
{
	return tos ^ (tos & tos >> 1 & 1);
}

/* What the outer IPv4 header does not take from the server. */
struct tunnel_inherited {
	__be16 id;
	__be16 fragment;     /* DF or 0 */
	__be32 source;
	__u32 length;        /* of all */
	__u8 tos;
	__u8 ttl;
	__u8 protocol;
};

static __always_inline void tunnel_fill_ip(struct iphdr *ip, const struct isobar_server *server,
					   const struct tunnel_inherited *inherited)
{
	__be32 *word = (void *)ip;

	word[0] =
		bpf_htonl(0x45000000 | (__u32)tunnel_tos(inherited->tos) << 16 | inherited->length);
	ip->id = inherited->id;
	ip->frag_off = inherited->fragment;
	word[2] = bpf_htonl((__u32)inherited->ttl << 24 | (__u32)inherited->protocol << 16);
	ip->saddr = inherited->source;
	ip->daddr = address_v4(&server->address);
	ip->check = ~checksum_fold((__u64)word[0] + word[1] + word[2] + word[3] + word[4]);
}

/* The address that user space has found, or the virtual one. */
static __always_inline __be32 tunnel_source_v4(const struct isobar_packet *packet,
					       const struct isobar_server *server)
{
	return address_v4(&server->tunnel_source) ? address_v4(&server->tunnel_source)
						  : address_v4(&packet->tuple.destination);
}

/* Fragments of one datagram have one identification. In their tunnels they are packets of
 * their own, and may be cut up again: they must not be mixed up then. */
static __always_inline __be16 tunnel_id(const struct isobar_packet *packet, __be16 own)
{
	return packet->fragment ? bpf_get_prandom_u32() : own;
}

/* May the stack cut it up in its tunnel? IPv6 only where its sender could not make it smaller
 * (RFC 4213, 3.2); an outer header of IPv6 is never cut up behind its source. */
static __always_inline int tunnel_may_be_cut(const struct isobar_packet *packet,
					     const struct isobar_server *server)
{
	if (!address_is_v4(&server->address))
		return 0;
	return packet_is_ipv6(packet) ? packet->wire_length <= IPV6_LEAST_MTU
				      : !packet->dont_fragment;
}

/* IP in IP of IPv4, whatever the packet is. */
static __always_inline int tunnel_is_plain(const struct isobar_server *server)
{
	return server->tunnel_overhead == sizeof(struct iphdr);
}

/* A packet of IPv4, whose time to live was counted down already, in a plain tunnel; other than 0:
 * it could not be. A super-packet that would not fit the 16 bits of a length is refused: its sender
 * sends it again in pieces. */
static __always_inline int tunnel_wrap_plain(ISOBAR_CTX *ctx, const struct isobar_packet *packet,
					     const struct isobar_server *server)
{
	struct iphdr *ip = ctx_data(ctx) + ISOBAR_L3;
	struct tunnel_inherited inherited = {};

	inherited.length = packet->length + sizeof(*ip);
	if ((void *)(ip + 1) > ctx_data_end(ctx) || inherited.length > 0xffff)
		return -1;
	inherited.id = tunnel_id(packet, ip->id);
	inherited.fragment = packet->dont_fragment ? bpf_htons(0x4000) : 0;
	inherited.source = tunnel_source_v4(packet, server);
	inherited.tos = packet->tos;
	inherited.ttl = ip->ttl;
	inherited.protocol = IPPROTO_IPIP;
	if (ctx_push(ctx, sizeof(*ip), bpf_htons(ETH_P_IP), IPPROTO_IPIP, packet->tuple.protocol))
		return -1;
	ip = ctx_data(ctx) + ISOBAR_L3;
	if ((void *)(ip + 1) > ctx_data_end(ctx))
		return -1;
	tunnel_fill_ip(ip, server, &inherited);
	return 0;
}
