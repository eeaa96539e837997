/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The IPv6 header and what may stand between it and the transport header (RFC 8200, section 4).
 */
#pragma once

#include "packet.h"

/* So many extension headers are read, and not beyond this offset; longer chains are refused. */
#define IPV6_EXTENSIONS 8
#define IPV6_FURTHEST (ISOBAR_L4_MASK - 127)

/* <linux/in6.h> has other things that BPF has not. */
enum {
	IPV6_HOP_BY_HOP = 0,
	IPV6_ROUTING = 43,
	IPV6_FRAGMENT = 44,
	IPV6_ICMP = 58,
	IPV6_DESTINATION = 60,
	/* Reserved by IANA: stands for a chain that cannot be read to its end. */
	IPV6_UNREADABLE = 255,
};

struct ipv6_extension {
	__u8 next;
	__u8 length;         /* in 8 bytes, without the first 8 */
	union {
		__be16 fragment; /* offset in 8 bytes << 3 | more fragments */
		struct {
			__u8 routing_type;
			__u8 segments_left;
		};
	};
	__be32 id;           /* of a fragment; every extension has 8 bytes at least */
};

static __always_inline int ipv6_is_extension(__u8 protocol)
{
	return protocol == IPV6_HOP_BY_HOP || protocol == IPV6_ROUTING ||
	       protocol == IPV6_FRAGMENT || protocol == IPV6_DESTINATION;
}

/* Reads the chain, which begins with a header of the packet's protocol at its l4: afterwards
 * these two are those of the transport header. */
static __always_inline int ipv6_skip_extensions(ISOBAR_CTX *ctx, struct isobar_packet *packet)
{
	struct ipv6_extension head;
	__u32 offset = packet->l4;
	__u8 next = packet->tuple.protocol;

	for (int i = 0; i < IPV6_EXTENSIONS && ipv6_is_extension(next); i++) {
		if (offset > IPV6_FURTHEST || ctx_load(ctx, offset, &head, sizeof(head)))
			break;
		if (next == IPV6_ROUTING && head.segments_left)
			return ISOBAR_NOT_OURS; /* on its way to somebody else */
		if (next == IPV6_FRAGMENT) {
			/* A fragment header on a whole datagram is just skipped (RFC 6946). */
			parse_fragment(packet, bpf_ntohs(head.fragment) >> 3,
				       bpf_ntohs(head.fragment) & 1, head.id);
			head.length = 0;
		}
		offset += 8 + head.length * 8;
		next = head.next;
		if (packet->fragment)
			break;
	}
	if (offset > IPV6_FURTHEST || (ipv6_is_extension(next) && !packet->fragment))
		next = IPV6_UNREADABLE;
	packet->l4 = offset;
	packet->tuple.protocol = next;
	return ISOBAR_GO_ON;
}

static __always_inline int ipv6_can_send(const struct isobar_address *address)
{
	return (address->word[0] & bpf_htonl(0xff000000)) != bpf_htonl(0xff000000) &&
	       (address->word[0] | address->word[1] | address->word[2] | address->word[3]);
}

/* The network header at that offset, as parse_network reads that of IPv4. Global: the verifier
 * looks at it once. */
__noinline int parse_ipv6(ISOBAR_CTX *ctx, struct isobar_packet *packet, __u32 l3)
{
	struct address_halves source, destination;
	struct ipv6hdr *ip;

	l3 &= ISOBAR_L4_MASK;
	if (!packet || !ctx_reach(ctx, l3 + sizeof(*ip)))
		return ISOBAR_NOT_OURS;
	ip = ctx_data(ctx) + l3;
	asm volatile("" : "+r"(ip)); /* or clang takes ctx_reach's comparison for this one */
	if ((void *)(ip + 1) > ctx_data_end(ctx) || ip->version != 6)
		return ISOBAR_NOT_OURS;
	__builtin_memcpy(&source, &ip->saddr, sizeof(source));
	__builtin_memcpy(&destination, &ip->daddr, sizeof(destination));
	address_put(&packet->tuple.source, source);
	address_put(&packet->tuple.destination, destination);
	/* Such addresses are not for the wire (RFC 4291, 2.5.5.2); to us they are of IPv4. */
	if (address_is_v4(&packet->tuple.source) || address_is_v4(&packet->tuple.destination) ||
	    !ipv6_can_send(&packet->tuple.source) || !ipv6_can_send(&packet->tuple.destination))
		return ISOBAR_NOT_OURS;
	packet->tuple.protocol = ip->nexthdr;
	packet->l4 = l3 + sizeof(*ip);
	packet->length = sizeof(*ip) + bpf_ntohs(ip->payload_len);
	packet->ttl = ip->hop_limit;
	packet->tos = ip->priority << 4 | ip->flow_lbl[0] >> 4;
	packet->fragment = 0;
	packet->dont_fragment = 1;
	return ipv6_is_extension(ip->nexthdr) ? ipv6_skip_extensions(ctx, packet) : ISOBAR_GO_ON;
}
