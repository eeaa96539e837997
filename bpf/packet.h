/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the data plane needs to know of a packet, read once. A field is filled only after
 * the bytes it came from were checked to exist; later stages trust it.
 */
#pragma once

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>

#include "checksum.h"
#include "tuple.h"

/* A stage returns this when the packet goes on to the next one. */
#define ISOBAR_GO_ON ISOBAR_VERDICTS

/* Bits of isobar_packet.fragment; none: a whole datagram. */
enum fragment_bit {
	FRAGMENT_MORE = 1,   /* others follow */
	FRAGMENT_LATER = 2,  /* not the first: it has no transport header */
};

enum tcp_event { TCP_SYN, TCP_FIN, TCP_ACK, TCP_RST, TCP_NOTHING };

struct isobar_packet {
	struct isobar_tuple tuple;
	__u32 length;        /* from the IP header on, in bytes */
	__u32 wire_length;   /* the same of each packet on the wire: differs for GSO */
	__u16 l4;            /* offset of the transport header */
	__be16 ether_type;   /* which of IPv4 and IPv6 */
	__u8 ttl;            /* or hop limit */
	__u8 tos;            /* or traffic class */
	__u8 fragment;       /* enum fragment_bit */
	__u8 dont_fragment;  /* always, in IPv6 */
	__u8 tcp_event; /* enum tcp_event, by IPVS's precedence rst > syn > fin > ack; sctp_event */
	__u8 ignored; /* FTP's command in it is not followed */
	__u16 fragment_at; /* where in its datagram it begins, in bytes */
	__be32 fragment_id;
};

/* Offset of the IP header: the data plane is attached to Ethernet-like interfaces only. */
#define ISOBAR_L3 ETH_HLEN
/* Where a transport header may be: tells the verifier. In IPv4 at most at 14 + 60. */
#define ISOBAR_L4_MASK 0x1ff

static __always_inline int packet_is_ipv6(const struct isobar_packet *packet)
{
	return packet->ether_type == bpf_htons(ETH_P_IPV6);
}

/* ipv6.h */
int parse_ipv6(ISOBAR_CTX *ctx, struct isobar_packet *packet, __u32 l3);

/* Sum over the IP header with its checksum field: 0xffff if that is right. */
static __always_inline int parse_header_sum(ISOBAR_CTX *ctx, __u32 words)
{
	void *end = ctx_data_end(ctx);
	__be32 *word = ctx_data(ctx) + ISOBAR_L3;
	__u64 sum = 0;

	if (words == sizeof(struct iphdr) / 4) {
		if ((void *)(word + 5) > end)
			return 0;
		sum = (__u64)word[0] + word[1] + word[2] + word[3] + word[4];
		return checksum_fold(sum) == 0xffff;
	}
	for (int i = 0; i < 15; i++) {
		if (i >= words)
			break;
		/* else clang compares against end - 4, which the verifier forbids */
		asm volatile("" : "+r"(word));
		if ((void *)(word + 1) > end)
			return 0;
		sum += *word++;
	}
	return checksum_fold(sum) == 0xffff;
}

/* Without branches, which the verifier would follow to the end. `offset`: in 8 bytes. */
static __always_inline void parse_fragment(struct isobar_packet *packet, __u32 offset, __u32 more,
					   __be32 id)
{
	__u32 later = (offset + 0x1fff) >> 13;

	packet->fragment = more | later << 1;
	packet->fragment_at = offset * 8;
	packet->fragment_id = id;
}

static __always_inline void parse_ipv4(struct isobar_packet *packet, const struct iphdr *ip,
				       __u32 header)
{
	address_put_v4(&packet->tuple.source, ip->saddr);
	address_put_v4(&packet->tuple.destination, ip->daddr);
	packet->tuple.protocol = ip->protocol;
	packet->l4 = ISOBAR_L3 + header;
	packet->length = bpf_ntohs(ip->tot_len);
	packet->ttl = ip->ttl;
	packet->tos = ip->tos;
	packet->dont_fragment = (ip->frag_off & bpf_htons(0x4000)) != 0;
}

/* A plain packet, what most are: a whole datagram of IPv4 without options, or of IPv6 without
 * extension headers. Its fields are read by functions that are inlined, for a call costs 10 ns on a
 * CPU whose returns are guarded. */

/* Ethernet type, version and length of the header: of IPv4 without options. With the type of
 * service, which follows, they are a word. */
#define PLAIN4 bpf_htonl(ETH_P_IP << 16 | 0x4500)
#define PLAIN4_MASK bpf_htonl(0xffffff00)

/* The same of IPv6, before the traffic class. */
#define PLAIN6 bpf_htonl((__u32)ETH_P_IPV6 << 16 | 0x6000)
#define PLAIN6_MASK bpf_htonl(0xfffff000)

static __always_inline __be32 plain_kind(const struct ethhdr *eth)
{
	return *(const __be32 *)((const void *)eth + offsetof(struct ethhdr, h_proto));
}

static __always_inline struct iphdr *plain4_at(ISOBAR_CTX *ctx)
{
	struct iphdr *ip = ctx_data(ctx) + ISOBAR_L3;

	return (void *)(ip + 1) > ctx_data_end(ctx) ? NULL : ip;
}

/* The header, if the packet is such a one; or NULL. */
static __always_inline struct iphdr *plain4(ISOBAR_CTX *ctx)
{
	struct ethhdr *eth = ctx_data(ctx);
	struct iphdr *ip = plain4_at(ctx);

	/* one branch for the verifier to follow */
	if (!ip || ((plain_kind(eth) ^ PLAIN4) & PLAIN4_MASK) | (eth->h_dest[0] & 1) |
			   (ip->frag_off & bpf_htons(0x3fff)))
		return NULL;
	return ip;
}

/* `packet` is all 0. */
static __always_inline void parse_plain4(struct isobar_packet *packet, const struct iphdr *ip)
{
	packet->ether_type = bpf_htons(ETH_P_IP);
	parse_ipv4(packet, ip, sizeof(*ip));
}

static __always_inline struct ipv6hdr *plain6_at(ISOBAR_CTX *ctx)
{
	struct ipv6hdr *ip = ctx_data(ctx) + ISOBAR_L3;

	return (void *)(ip + 1) > ctx_data_end(ctx) ? NULL : ip;
}

/* Addresses of IPv4, mapped, and what else is not for the wire (RFC 4291, 2.5.5) begin with 8 bytes
 * of 0: ipv6.h knows about them. What follows the header is for the caller to ask. */
static __always_inline struct ipv6hdr *plain6(ISOBAR_CTX *ctx)
{
	struct ethhdr *eth = ctx_data(ctx);
	struct ipv6hdr *ip = plain6_at(ctx);

	if (!ip || ((plain_kind(eth) ^ PLAIN6) & PLAIN6_MASK) | (eth->h_dest[0] & 1))
		return NULL;
	return address_halves((void *)&ip->saddr).first && address_halves((void *)&ip->daddr).first
		       ? ip
		       : NULL;
}

static __always_inline void parse_plain6(struct isobar_packet *packet, const struct ipv6hdr *ip)
{
	packet->ether_type = bpf_htons(ETH_P_IPV6);
	address_put(&packet->tuple.source, address_halves((const void *)&ip->saddr));
	address_put(&packet->tuple.destination, address_halves((const void *)&ip->daddr));
	packet->tuple.protocol = ip->nexthdr;
	packet->l4 = ISOBAR_L3 + sizeof(*ip);
	packet->length = sizeof(*ip) + bpf_ntohs(ip->payload_len);
	packet->ttl = ip->hop_limit;
	packet->tos = ip->priority << 4 | ip->flow_lbl[0] >> 4;
	packet->dont_fragment = 1;
}

/* The network header: addresses, protocol, length. Global: the verifier then knows nothing of
 * the packet's fields, and goes on from here once for both families instead of for each. */
__noinline int parse_network(ISOBAR_CTX *ctx, struct isobar_packet *packet)
{
	struct ethhdr *eth;
	struct iphdr *ip;

	if (!packet || !ctx_reach(ctx, ISOBAR_L3 + sizeof(*ip)))
		return ISOBAR_NOT_OURS;
	eth = ctx_data(ctx);
	ip = (void *)(eth + 1);
	if ((void *)(ip + 1) > ctx_data_end(ctx))
		return ISOBAR_NOT_OURS;
	/* group addresses, other protocols: the stack knows better */
	if (eth->h_dest[0] & 1)
		return ISOBAR_NOT_OURS;
	packet->ether_type = eth->h_proto;
	if (eth->h_proto != bpf_htons(ETH_P_IP))
		return eth->h_proto == bpf_htons(ETH_P_IPV6) ? parse_ipv6(ctx, packet, ISOBAR_L3)
							     : ISOBAR_NOT_OURS;
	if (ip->version != 4)
		return ISOBAR_NOT_OURS;

	parse_ipv4(packet, ip, ip->ihl * 4);
	parse_fragment(packet, bpf_ntohs(ip->frag_off) & 0x1fff, bpf_ntohs(ip->frag_off) >> 13 & 1,
		       ip->id);
	return ISOBAR_GO_ON;
}

/* Does the network header make sense? Asked only for packets that concern us. */
static __always_inline enum isobar_verdict check_network(ISOBAR_CTX *ctx,
							 struct isobar_packet *packet)
{
	__u32 header = packet->l4 - ISOBAR_L3;

	if (header < sizeof(struct iphdr))
		return ISOBAR_MALFORMED;
	if (ctx_gso_size(ctx))
		packet->length = ctx_length(ctx) - ISOBAR_L3; /* may exceed the 16-bit field */
	else if (packet->length < header || ctx_length(ctx) < ISOBAR_L3 + packet->length)
		return ISOBAR_MALFORMED;
	if (header > sizeof(struct iphdr) && !ctx_reach(ctx, packet->l4))
		return ISOBAR_MALFORMED;
	if (!packet_is_ipv6(packet) && !parse_header_sum(ctx, header / 4))
		return ISOBAR_BAD_CHECKSUM;
	return ISOBAR_GO_ON;
}

/* By flags: FIN, SYN, RST, and ACK for the fourth bit. Without branches, each of which the verifier
 * would follow to the end. */
#define TCP_EVENT(flags)                     \
	(__u64)((flags) & 4   ? TCP_RST      \
		: (flags) & 2 ? TCP_SYN      \
		: (flags) & 1 ? TCP_FIN      \
		: (flags) & 8 ? TCP_ACK      \
			      : TCP_NOTHING) \
		<< (flags) * 4
#define TCP_EVENTS(flags)                                                     \
	(TCP_EVENT(flags) | TCP_EVENT((flags) + 1) | TCP_EVENT((flags) + 2) | \
	 TCP_EVENT((flags) + 3))

static __always_inline __u8 tcp_event_of(const struct tcphdr *tcp)
{
	const __u64 events = TCP_EVENTS(0) | TCP_EVENTS(4) | TCP_EVENTS(8) | TCP_EVENTS(12);
	__u32 flags = ((const __u8 *)tcp)[13];

	return events >> (((flags & 7) | (flags >> 1 & 8)) * 4) & 7;
}

/* The transport header: ports, TCP flags. Not for later fragments. */
static __always_inline enum isobar_verdict parse_transport(ISOBAR_CTX *ctx,
							   struct isobar_packet *packet)
{
	__u32 l4 = packet->l4 & ISOBAR_L4_MASK;
	__u32 size = packet->tuple.protocol == IPPROTO_TCP ? sizeof(struct tcphdr)
							   : sizeof(struct udphdr);
	void *header;

	if (packet->length + ISOBAR_L3 < l4 + size || !ctx_pull(ctx, l4 + size))
		return ISOBAR_MALFORMED;
	header = ctx_data(ctx) + l4;
	if (packet->tuple.protocol == IPPROTO_TCP) {
		struct tcphdr *tcp = header;

		if ((void *)(tcp + 1) > ctx_data_end(ctx))
			return ISOBAR_MALFORMED;
		if (tcp->doff < sizeof(*tcp) / 4 || packet->length + ISOBAR_L3 < l4 + tcp->doff * 4)
			return ISOBAR_MALFORMED;
		packet->tuple.source_port = tcp->source;
		packet->tuple.destination_port = tcp->dest;
		packet->tcp_event = tcp_event_of(tcp);
		size = tcp->doff * 4;
	} else {
		struct udphdr *udp = header;

		if ((void *)(udp + 1) > ctx_data_end(ctx))
			return ISOBAR_MALFORMED;
		if (!ctx_gso_size(ctx) &&
		    (bpf_ntohs(udp->len) < sizeof(*udp) ||
		     (!packet->fragment && packet->length + ISOBAR_L3 < l4 + bpf_ntohs(udp->len))))
			return ISOBAR_MALFORMED;
		packet->tuple.source_port = udp->source;
		packet->tuple.destination_port = udp->dest;
	}
	packet->wire_length = packet->length;
	if (ctx_gso_size(ctx))
		packet->wire_length = l4 - ISOBAR_L3 + size + ctx_gso_size(ctx);
	return ISOBAR_GO_ON;
}
