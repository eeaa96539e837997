/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * VS/TUN: the packet travels to its real server inside another one: IP in IP (RFC 2003), GUE
 * (draft-ietf-intarea-gue-09, version 0) or GRE (RFC 2784). The outer header takes TOS with
 * ECN, TTL and DF from the inner one, as IPVS does.
 */
#pragma once

#include "packet.h"

/* <linux/if_tunnel.h> and <linux/udp.h> have no such forms. */
struct tunnel_gue {
	struct udphdr udp;
	__u8 version_length; /* 0: version 0, data, no options */
	__u8 protocol;       /* of what follows */
	__be16 flags;
};

struct tunnel_gre {
	__be16 flags_version;
	__be16 protocol;     /* EtherType of what follows */
};

/* Bytes between the outer IP header and the packet. */
static __always_inline __u32 tunnel_shim(__u32 tunnel)
{
	if (tunnel == ISOBAR_TUNNEL_GUE)
		return sizeof(struct tunnel_gue);
	return tunnel == ISOBAR_TUNNEL_GRE ? sizeof(struct tunnel_gre) : 0;
}

/* By how much a packet grows. */
static __always_inline __u32 tunnel_overhead(const struct isobar_server *server)
{
	return sizeof(struct iphdr) + tunnel_shim(server->tunnel);
}

static __always_inline __u8 tunnel_protocol(__u32 tunnel)
{
	if (tunnel == ISOBAR_TUNNEL_GUE)
		return IPPROTO_UDP;
	return tunnel == ISOBAR_TUNNEL_GRE ? IPPROTO_GRE : IPPROTO_IPIP;
}

/* Of the flow, from the dynamic range (RFC 6335): routers and the receive queues of the real
 * server tell flows apart by it. */
static __always_inline __be16 tunnel_source_port(const struct isobar_tuple *tuple)
{
	__u32 hash = address_v4(&tuple->source) ^
		     ((__u32)tuple->source_port << 16 | tuple->destination_port);

	return bpf_htons(0xc000 | (hash * 0x9e3779b1u) >> 18);
}

static __always_inline int tunnel_write_shim(ISOBAR_CTX *ctx, const struct isobar_packet *packet,
					     const struct isobar_server *server)
{
	void *shim = ctx_data(ctx) + ISOBAR_L3 + sizeof(struct iphdr);

	if (server->tunnel == ISOBAR_TUNNEL_GUE) {
		struct tunnel_gue *gue = shim;

		if ((void *)(gue + 1) > ctx_data_end(ctx))
			return -1;
		gue->udp.source = tunnel_source_port(&packet->tuple);
		gue->udp.dest = server->tunnel_port;
		gue->udp.len = bpf_htons(packet->length + sizeof(*gue));
		gue->udp.check = 0; /* none: the inner packet has its own */
		gue->version_length = 0;
		gue->protocol = IPPROTO_IPIP;
		gue->flags = 0;
	} else if (server->tunnel == ISOBAR_TUNNEL_GRE) {
		struct tunnel_gre *gre = shim;

		if ((void *)(gre + 1) > ctx_data_end(ctx))
			return -1;
		gre->flags_version = 0;
		gre->protocol = bpf_htons(ETH_P_IP);
	}
	return 0;
}

/* What the outer IP header takes from the inner one. */
struct tunnel_inherited {
	__u8 ttl;
	__be16 id;
};

/* Congestion that the packet has met is not told twice (RFC 3168, 9.1.1: CE becomes ECT(0)). */
static __always_inline __u8 tunnel_tos(__u8 tos)
{
	return (tos & 3) == 3 ? tos & ~1 : tos;
}

static __always_inline int tunnel_write_ip(ISOBAR_CTX *ctx, const struct isobar_packet *packet,
					   const struct isobar_server *server,
					   const struct tunnel_inherited *inherited)
{
	struct iphdr *ip = ctx_data(ctx) + ISOBAR_L3;
	__be32 *word = (void *)ip;

	if ((void *)(ip + 1) > ctx_data_end(ctx))
		return -1;
	word[0] = bpf_htonl(0x45000000 | (__u32)tunnel_tos(packet->tos) << 16 |
			    (packet->length + tunnel_overhead(server)));
	ip->id = inherited->id;
	ip->frag_off = packet->dont_fragment ? bpf_htons(0x4000) : 0;
	word[2] = bpf_htonl((__u32)inherited->ttl << 24 | (__u32)tunnel_protocol(server->tunnel)
								  << 16);
	ip->saddr = address_v4(&server->tunnel_source) ? address_v4(&server->tunnel_source)
						       : address_v4(&packet->tuple.destination);
	ip->daddr = address_v4(&server->address);
	ip->check = ~checksum_fold((__u64)word[0] + word[1] + word[2] + word[3] + word[4]);
	return 0;
}

/* The packet, whose time to live was counted down already, in its tunnel. A super-packet that
 * would not fit the 16 bits of a length is refused: its sender sends it again in pieces. */
static __always_inline int tunnel_wrap(ISOBAR_CTX *ctx, const struct isobar_packet *packet,
				       const struct isobar_server *server)
{
	struct iphdr *ip = ctx_data(ctx) + ISOBAR_L3;
	struct tunnel_inherited inherited;

	if ((void *)(ip + 1) > ctx_data_end(ctx) ||
	    packet->length + tunnel_overhead(server) > 0xffff)
		return -1;
	inherited.ttl = ip->ttl;
	/* Fragments of one datagram have one identification. In their tunnels they are packets of
	 * their own, and may be cut up again: they must not be mixed up then. */
	inherited.id = packet->fragment ? bpf_get_prandom_u32() : ip->id;
	if (ctx_push(ctx, tunnel_overhead(server), tunnel_protocol(server->tunnel),
		     packet->tuple.protocol))
		return -1;
	if (tunnel_write_ip(ctx, packet, server, &inherited))
		return -1;
	return tunnel_write_shim(ctx, packet, server);
}
