/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tunnels of both families and all kinds, with and without a checksum. The outer headers are built
 * aside and stored at once: by a helper, which keeps the driver's sum of the packet right.
 */
#pragma once

#include "maps.h"
#include "tunnel.h"
#include "tunnel_sum.h"

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
	__sum16 check;       /* the last two: only with the flag */
	__be16 reserved;
};

#define TUNNEL_GRE_CHECKSUM bpf_htons(0x8000)
#define TUNNEL_GRE_SHORT offsetof(struct tunnel_gre, check)

/* Between the two IP headers. */
union tunnel_shim {
	struct tunnel_gue gue;
	struct tunnel_gre gre;
	__be32 word[3];
};

/* As a frame begins, from the EtherType on. */
struct tunnel_outer {
	__be16 pad;          /* aligns what follows */
	__be16 ether_type;
	union {
		struct iphdr v4;
		struct ipv6hdr v6;
	};
};

/* Both, where they are built: the stack has no room. */
struct tunnel_headers {
	struct tunnel_outer outer;
	union tunnel_shim shim;
};

/* How a packet is wrapped up. Read once: the server's record may change meanwhile. */
struct tunnel_shape {
	__u32 kind;          /* enum isobar_tunnel */
	__u32 over_v6;
	__u32 shim;          /* bytes between the two IP headers */
	__u32 payload;       /* bytes behind the outer one */
	int sum;             /* of the packet; below 0: no checksum */
};

static __always_inline __be32 *tunnel_chunk(void)
{
	struct isobar_cpu *cpu = isobar_only(isobar_cpu);

	return cpu ? cpu->chunk : NULL;
}

static __always_inline __u32 tunnel_shim_length(__u32 kind, int sum)
{
	if (kind == ISOBAR_TUNNEL_GUE)
		return sizeof(struct tunnel_gue);
	if (kind == ISOBAR_TUNNEL_GRE)
		return sum < 0 ? TUNNEL_GRE_SHORT : sizeof(struct tunnel_gre);
	return 0;
}

/* Of the packet, as an IP header says it. */
static __always_inline __u8 tunnel_inner(const struct isobar_packet *packet)
{
	return packet_is_ipv6(packet) ? IPPROTO_IPV6 : IPPROTO_IPIP;
}

static __always_inline __u8 tunnel_protocol(const struct isobar_packet *packet, __u32 kind)
{
	if (kind == ISOBAR_TUNNEL_GUE)
		return IPPROTO_UDP;
	return kind == ISOBAR_TUNNEL_GRE ? IPPROTO_GRE : tunnel_inner(packet);
}

/* Of the flow, from the dynamic range (RFC 6335): routers and the receive queues of the real
 * server tell flows apart by it. */
static __always_inline __be16 tunnel_source_port(const struct isobar_tuple *tuple)
{
	__u32 hash = address_fold(address_halves(&tuple->source)) ^
		     ((__u32)tuple->source_port << 16 | tuple->destination_port);

	return bpf_htons(0xc000 | (hash * 0x9e3779b1u) >> 18);
}

/* Of IPv6 in IPv4 IPVS lets routers cut up the outer packet: its sender cannot be told. */
static __always_inline void tunnel_outer_v4(struct tunnel_outer *outer,
					    const struct isobar_packet *packet,
					    const struct isobar_server *server,
					    const struct tunnel_shape *shape, __be16 id)
{
	struct tunnel_inherited inherited = {
		.source = address_v4(&server->tunnel_source),
		.length = shape->payload + sizeof(outer->v4),
		.tos = packet->tos,
		.ttl = packet->ttl - 1,
		.protocol = tunnel_protocol(packet, shape->kind),
	};

	if (packet_is_ipv6(packet)) {
		inherited.id = bpf_get_prandom_u32();
	} else {
		inherited.id = tunnel_id(packet, id);
		inherited.fragment = packet->dont_fragment ? bpf_htons(0x4000) : 0;
		inherited.source = tunnel_source_v4(packet, server);
	}
	outer->ether_type = bpf_htons(ETH_P_IP);
	tunnel_fill_ip(&outer->v4, server, &inherited);
}

/* As IPVS: flow label 0. */
static __always_inline void tunnel_outer_v6(struct tunnel_outer *outer,
					    const struct isobar_packet *packet,
					    const struct isobar_server *server,
					    const struct tunnel_shape *shape)
{
	const struct isobar_address *source = &server->tunnel_source;

	if (packet_is_ipv6(packet) && !(source->word[0] | source->word[1] | source->word[3]))
		source = &packet->tuple.destination;
	outer->ether_type = bpf_htons(ETH_P_IPV6);
	*(__be32 *)&outer->v6 = bpf_htonl(6u << 28 | (__u32)tunnel_tos(packet->tos) << 20);
	outer->v6.payload_len = bpf_htons(shape->payload);
	outer->v6.nexthdr = tunnel_protocol(packet, shape->kind);
	outer->v6.hop_limit = packet->ttl - 1;
	__builtin_memcpy(&outer->v6.saddr, source, sizeof(*source));
	__builtin_memcpy(&outer->v6.daddr, &server->address, sizeof(server->address));
}

static __always_inline __u64 tunnel_outer_pseudo(const struct tunnel_outer *outer,
						 const struct tunnel_shape *shape)
{
	const __be32 *word = (const void *)&outer->v6.saddr; /* and daddr */
	__u64 sum = bpf_htons(IPPROTO_UDP) + bpf_htons(shape->payload);

	if (!shape->over_v6)
		return sum + outer->v4.saddr + outer->v4.daddr;
	for (int i = 0; i < 8; i++)
		sum += word[i];
	return sum;
}

/* RFC 6935 lets a tunnel over IPv6 go without, as IPVS does if it is not told otherwise. */
static __always_inline void tunnel_fill_gue(struct tunnel_gue *gue,
					    const struct isobar_packet *packet,
					    const struct isobar_server *server,
					    const struct tunnel_shape *shape, __u64 pseudo)
{
	const __be32 *word = (const void *)gue;

	gue->udp.source = tunnel_source_port(&packet->tuple);
	gue->udp.dest = server->tunnel_port;
	gue->udp.len = bpf_htons(shape->payload);
	gue->protocol = tunnel_inner(packet);
	if (shape->sum < 0)
		return;
	gue->udp.check = ~checksum_fold(pseudo + (__u32)shape->sum + word[0] + word[1] + word[2]);
	if (gue->udp.check == 0)
		gue->udp.check = 0xffff;
}

static __always_inline void tunnel_fill_gre(struct tunnel_gre *gre,
					    const struct isobar_packet *packet,
					    const struct tunnel_shape *shape)
{
	gre->protocol = packet->ether_type;
	if (shape->sum < 0)
		return;
	gre->flags_version = TUNNEL_GRE_CHECKSUM;
	gre->check = ~checksum_fold((__u64)(__u32)shape->sum + gre->flags_version + gre->protocol);
}

/* Stores what stands between the IP headers. Constant lengths: the verifier knows them. */
static __always_inline int tunnel_store_shim(ISOBAR_CTX *ctx, const union tunnel_shim *shim,
					     const struct tunnel_shape *shape)
{
	__u32 at = ISOBAR_L3 + (shape->over_v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr));

	if (shape->kind == ISOBAR_TUNNEL_GUE)
		return ctx_store(ctx, at, shim, sizeof(shim->gue));
	if (shape->shim == sizeof(shim->gre))
		return ctx_store(ctx, at, shim, sizeof(shim->gre));
	return shape->shim ? ctx_store(ctx, at, shim, TUNNEL_GRE_SHORT) : 0;
}

static __always_inline int tunnel_store(ISOBAR_CTX *ctx, const struct isobar_packet *packet,
					const struct isobar_server *server,
					const struct tunnel_shape *shape, __be16 id)
{
	struct tunnel_headers *headers = (void *)tunnel_chunk(); /* nothing is summed up any more */
	const __u32 at = offsetof(struct ethhdr, h_proto);
	struct tunnel_outer *outer;

	if (!headers)
		return -1;
	__builtin_memset(headers, 0, sizeof(*headers));
	outer = &headers->outer;
	if (shape->over_v6)
		tunnel_outer_v6(outer, packet, server, shape);
	else
		tunnel_outer_v4(outer, packet, server, shape, id);
	if (shape->kind == ISOBAR_TUNNEL_GUE)
		tunnel_fill_gue(&headers->shim.gue, packet, server, shape,
				tunnel_outer_pseudo(outer, shape));
	else if (shape->kind == ISOBAR_TUNNEL_GRE)
		tunnel_fill_gre(&headers->shim.gre, packet, shape);
	if (shape->over_v6 ? ctx_store(ctx, at, &outer->ether_type, 2 + sizeof(outer->v6))
			   : ctx_store(ctx, at, &outer->ether_type, 2 + sizeof(outer->v4)))
		return -1;
	return tunnel_store_shim(ctx, &headers->shim, shape);
}

/* An address to speak from: in a tunnel of the other family, only user space can have found one. */
static __always_inline int tunnel_has_source(const struct isobar_packet *packet,
					     const struct isobar_server *server, __u32 over_v6)
{
	const __be32 *word = server->tunnel_source.word;

	return packet_is_ipv6(packet) == over_v6 || (word[0] | word[1] | word[3]);
}

/* `sum`: of the packet; below 0: the outer headers get no checksum. Global: the verifier looks at
 * it once, for the sake of the common tunnel. */
__noinline int tunnel_wrap_any(ISOBAR_CTX *ctx, const struct isobar_packet *packet,
			       const struct isobar_server *server, int sum)
{
	struct tunnel_shape shape = { .sum = sum };
	__u32 overhead;
	__be16 id = 0;

	if (!packet || !server)
		return -1;
	shape.kind = *(volatile const __u8 *)&server->tunnel;
	shape.over_v6 = !address_is_v4(&server->address);
	if (!tunnel_has_source(packet, server, shape.over_v6))
		return TUNNEL_NO_SOURCE;
	shape.shim = tunnel_shim_length(shape.kind, shape.sum);
	shape.payload = shape.shim + packet->length;
	overhead = shape.shim + (shape.over_v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr));
	if (packet->length + overhead > 0xffff ||
	    ctx_load(ctx, ISOBAR_L3 + offsetof(struct iphdr, id), &id, sizeof(id)))
		return -1;
	if (ctx_push(ctx, overhead, shape.over_v6 ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP),
		     tunnel_protocol(packet, shape.kind), packet->tuple.protocol))
		return -1;
	return tunnel_store(ctx, packet, server, &shape, id);
}

/* A super-packet goes without: one checksum cannot hold for all that it will be cut into, and the
 * kernel does not let BPF ask for one each. */
static __always_inline int tunnel_sum_wanted(ISOBAR_CTX *ctx, const struct isobar_packet *packet,
					     const struct isobar_server *server)
{
	if (server->tunnel_checksum == ISOBAR_TUNNEL_NOCSUM || ctx_gso_size(ctx))
		return -1;
	return tunnel_sum(ctx, packet, ISOBAR_L3, ISOBAR_L3 + packet->length);
}

static __always_inline int tunnel_wrap(ISOBAR_CTX *ctx, const struct isobar_packet *packet,
				       const struct isobar_server *server)
{
	return tunnel_is_plain(server) && !packet_is_ipv6(packet)
		       ? tunnel_wrap_plain(ctx, packet, server)
		       : tunnel_wrap_any(ctx, packet, server,
					 tunnel_sum_wanted(ctx, packet, server));
}
