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

/* Ethernet type, version and length of the header: of IPv4 without options. With the type of
 * service, which follows, they are a word. */
#define PARSE_PLAIN bpf_htonl(ETH_P_IP << 16 | 0x4500)
#define PARSE_PLAIN_MASK bpf_htonl(0xffffff00)

/* Reads a whole datagram of IPv4 without options, what most packets are. Other than 0: it is not
 * such a one, and nothing was filled in. Inlined, for the call of parse_network costs 10 ns on a
 * CPU whose returns are guarded. `packet` is all 0. */
static __always_inline int parse_plain(ISOBAR_CTX *ctx, struct isobar_packet *packet)
{
	struct ethhdr *eth = ctx_data(ctx);
	struct iphdr *ip = (void *)(eth + 1);
	__be32 kind;

	if ((void *)(ip + 1) > ctx_data_end(ctx))
		return -1;
	kind = *(__be32 *)((void *)eth + offsetof(struct ethhdr, h_proto));
	/* one branch for the verifier to follow */
	if (((kind ^ PARSE_PLAIN) & PARSE_PLAIN_MASK) | (eth->h_dest[0] & 1) |
	    (ip->frag_off & bpf_htons(0x3fff)))
		return -1;
	packet->ether_type = bpf_htons(ETH_P_IP);
	parse_ipv4(packet, ip, sizeof(*ip));
	return 0;
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

static __always_inline __u8 tcp_event_of(const struct tcphdr *tcp)
{
	if (tcp->rst)
		return TCP_RST;
	if (tcp->syn)
		return TCP_SYN;
	if (tcp->fin)
		return TCP_FIN;
	if (tcp->ack)
		return TCP_ACK;
	return TCP_NOTHING;
}

/* The transport header: ports, TCP flags. Not for later fragments. */
static __always_inline enum isobar_verdict parse_transport(ISOBAR_CTX *ctx,
							   struct isobar_packet *packet)
{
	__u32 l4 = packet->l4 & ISOBAR_L4_MASK;
	__u32 size = packet->tuple.protocol == IPPROTO_TCP ? sizeof(struct tcphdr)
							   : sizeof(struct udphdr);
	void *header;

	if (packet->length + ISOBAR_L3 < l4 + size || !ctx_reach(ctx, l4 + size))
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
