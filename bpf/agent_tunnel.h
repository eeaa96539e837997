/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Taking a packet out of its tunnel: IP in IP (RFC 2003, 2473), GUE (as IPVS sends it: version
 * 0, no options) and GRE (RFC 2784, no key, no sequence). Only a whole packet from outer to
 * inner header, for one of our VIPs, that ends at one of our addresses, is touched; the stack
 * may know what to make of any other.
 */
#pragma once

#include "agent_packet.h"
#include "agent_sum.h"
#include "checksum.h"

#define ECN_MASK 3
#define ECN_CE 3

#define GRE_CHECKSUM bpf_htons(0x8000)

struct agent_gre {
	__be16 flags; /* and version */
	__be16 protocol;
};

struct agent_gue {
	__u8 head; /* version, control bit, length of the options */
	__u8 protocol;
	__be16 flags;
};

/* A place in the packet: what starts at `offset`, and how much of it there is. */
struct agent_part {
	__u32 offset;
	__u32 length;
	__u8 protocol; /* an IP protocol number */
	__u8 ecn;      /* of the outer header */
	__u8 v6;       /* the outer header is IPv6 */
	__u8 summed;   /* there is a checksum over what the outer header carries, */
	__u16 sum;     /* and what that adds up to, so far: first the two outer addresses */
};

static __always_inline int outer_v4(struct __sk_buff *skb, struct agent_part *part)
{
	union {
		struct iphdr ip;
		__be32 words[5];
	} header;
	const struct iphdr *ip = &header.ip;
	const __u32 there = skb->len - AGENT_L3;
	__u32 length;

	if (!agent_read(skb, AGENT_L3, &header, sizeof(header)))
		return 0;
	length = bpf_ntohs(ip->tot_len);
	if (ip->version != 4 || ip->ihl != 5 || ip->frag_off & bpf_htons(0x3fff) ||
	    length < sizeof(*ip) || length > there ||
	    checksum_fold(bpf_csum_diff(NULL, 0, header.words, sizeof(header), 0)) != 0xffff ||
	    !(agent_address_is(agent_v4(ip->daddr)) & ISOBAR_AGENT_OWN))
		return 0;
	part->offset = AGENT_L3 + sizeof(*ip);
	part->length = length - sizeof(*ip);
	part->protocol = ip->protocol;
	part->ecn = ip->tos & ECN_MASK;
	part->v6 = 0;
	part->sum = checksum_fold((__u64)ip->saddr + ip->daddr);
	return 1;
}

static __always_inline int outer_v6(struct __sk_buff *skb, struct agent_part *part)
{
	const __u32 there = skb->len - AGENT_L3;
	struct ipv6hdr ip;

	if (!agent_read(skb, AGENT_L3, &ip, sizeof(ip)))
		return 0;
	part->length = bpf_ntohs(ip.payload_len);
	if (ip.version != 6 || part->length > there - sizeof(ip) ||
	    !(agent_address_is(agent_v6(&ip.daddr)) & ISOBAR_AGENT_OWN))
		return 0;
	part->offset = AGENT_L3 + sizeof(ip);
	part->protocol = ip.nexthdr;
	part->ecn = ip.flow_lbl[0] >> 4 & ECN_MASK;
	part->v6 = 1;
	part->sum = checksum_fold(bpf_csum_diff(NULL, 0, (void *)&ip.saddr, 32, 0));
	return 1;
}

static __always_inline int advance(struct agent_part *part, __u32 length)
{
	if (part->length < length)
		return 0;
	part->offset += length;
	part->length -= length;
	return 1;
}

static __always_inline int leave_gue(struct __sk_buff *skb, struct agent_part *part,
				     const struct isobar_agent_settings *settings)
{
	struct agent_gue gue;
	struct udphdr udp;
	__u32 length;
	__u16 pseudo;

	if (!agent_read(skb, part->offset, &udp, sizeof(udp)) || udp.dest != settings->gue_port)
		return 0;
	length = bpf_ntohs(udp.len);
	if (length > part->length)
		return 0;
	part->length = length;
	/* A sender on this host, as in another namespace, leaves the sum to the device: there is
	 * that of the pseudo header only, and nobody looks at it further on. */
	pseudo = checksum_fold((__u64)part->sum + bpf_htons(IPPROTO_UDP) + udp.len);
	part->summed = udp.check != 0 && udp.check != pseudo;
	part->sum = checksum_fold((__u64)pseudo + udp.source + udp.dest + udp.len + udp.check);
	if (!advance(part, sizeof(udp)) || !agent_read(skb, part->offset, &gue, sizeof(gue)) ||
	    !advance(part, sizeof(gue)) || gue.head || gue.flags)
		return 0;
	part->protocol = gue.protocol;
	part->sum = checksum_fold((__u64)part->sum + bpf_htons(gue.protocol));
	return 1;
}

static __always_inline int leave_gre(struct __sk_buff *skb, struct agent_part *part)
{
	__be16 check[2] = {}; /* and a field for what there never is */
	struct agent_gre gre;

	if (!agent_read(skb, part->offset, &gre, sizeof(gre)) || gre.flags & ~GRE_CHECKSUM ||
	    !advance(part, sizeof(gre)))
		return 0;
	part->summed = gre.flags != 0;
	if (part->summed &&
	    (!agent_read(skb, part->offset, check, sizeof(check)) || !advance(part, sizeof(check))))
		return 0;
	part->sum = checksum_fold((__u64)gre.flags + gre.protocol + check[0] + check[1]);
	switch (gre.protocol) {
	case bpf_htons(ETH_P_IP):
		part->protocol = IPPROTO_IPIP;
		return 1;
	case bpf_htons(ETH_P_IPV6):
		part->protocol = IPPROTO_IPV6;
		return 1;
	default:
		return 0;
	}
}

/* What lies between outer and inner IP header. */
static __always_inline int leave_shim(struct __sk_buff *skb, struct agent_part *part,
				      const struct isobar_agent_settings *settings)
{
	switch (part->protocol) {
	case IPPROTO_IPIP:
	case IPPROTO_IPV6:
		return settings->tunnels & ISOBAR_AGENT_IPIP;
	case IPPROTO_UDP:
		return settings->tunnels & ISOBAR_AGENT_GUE && leave_gue(skb, part, settings);
	case IPPROTO_GRE:
		return settings->tunnels & ISOBAR_AGENT_GRE && leave_gre(skb, part);
	default:
		return 0;
	}
}

/* Is the inner packet whole, and for a VIP? */
static __always_inline int inner_is_for_vip(struct __sk_buff *skb, const struct agent_part *part)
{
	if (part->protocol == IPPROTO_IPIP) {
		struct iphdr ip;

		if (part->length < sizeof(ip) || !agent_read(skb, part->offset, &ip, sizeof(ip)))
			return 0;
		return ip.version == 4 && ip.ihl >= 5 && bpf_ntohs(ip.tot_len) >= ip.ihl * 4 &&
		       bpf_ntohs(ip.tot_len) <= part->length &&
		       agent_address_is(agent_v4(ip.daddr)) & ISOBAR_AGENT_VIP;
	}
	if (part->protocol == IPPROTO_IPV6) {
		struct ipv6hdr ip;

		if (part->length < sizeof(ip) || !agent_read(skb, part->offset, &ip, sizeof(ip)))
			return 0;
		return ip.version == 6 && bpf_ntohs(ip.payload_len) <= part->length - sizeof(ip) &&
		       agent_address_is(agent_v6(&ip.daddr)) & ISOBAR_AGENT_VIP;
	}
	return 0;
}

/* Takes all before the inner header away. The packet is as before if the first step fails.
 * Linux 6.1 cannot change the protocol while it shrinks (BPF_F_ADJ_ROOM_DECAP_L3_IPV4 came
 * with 6.3): bpf_skb_change_proto does, and makes the header longer or shorter by 20 bytes. */
static __always_inline int strip(struct __sk_buff *skb, const struct agent_part *part)
{
	const int inner_v6 = part->protocol == IPPROTO_IPV6;
	const __be16 protocol = bpf_htons(inner_v6 ? ETH_P_IPV6 : ETH_P_IP);
	const __s32 difference = sizeof(struct ipv6hdr) - sizeof(struct iphdr);
	__s32 away = part->offset - AGENT_L3;

	if (inner_v6 == part->v6)
		return bpf_skb_adjust_room(skb, -away, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_FIXED_GSO)
			       ? TC_ACT_UNSPEC
			       : TC_ACT_OK;
	if (bpf_skb_change_proto(skb, protocol, 0))
		return TC_ACT_UNSPEC;
	away += inner_v6 ? difference : -difference;
	if ((away && bpf_skb_adjust_room(skb, -away, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_FIXED_GSO)) ||
	    bpf_skb_store_bytes(skb, __builtin_offsetof(struct ethhdr, h_proto), &protocol,
				sizeof(protocol), 0))
		return TC_ACT_SHOT;
	return TC_ACT_OK;
}

static __always_inline int leave_tunnel(struct __sk_buff *skb,
					const struct isobar_agent_settings *settings)
{
	struct agent_part part = {};
	int found;

	if (skb->protocol == bpf_htons(ETH_P_IP))
		found = outer_v4(skb, &part);
	else if (skb->protocol == bpf_htons(ETH_P_IPV6))
		found = outer_v6(skb, &part);
	else
		return TC_ACT_UNSPEC;
	if (!found || !leave_shim(skb, &part, settings) || !inner_is_for_vip(skb, &part))
		return TC_ACT_UNSPEC;
	if (part.summed &&
	    !sum_is_right(skb, part.offset, part.length, part.protocol == IPPROTO_IPV6, part.sum)) {
		agent_count(ISOBAR_AGENT_BAD_CHECKSUM);
		return TC_ACT_SHOT;
	}
	switch (strip(skb, &part)) {
	case TC_ACT_UNSPEC:
		return TC_ACT_UNSPEC;
	case TC_ACT_SHOT:
		agent_count(ISOBAR_AGENT_BROKEN);
		return TC_ACT_SHOT;
	}
	/* RFC 6040: a router saw congestion; who does not know the mark must feel a loss. */
	if (part.ecn == ECN_CE && !bpf_skb_ecn_set_ce(skb)) {
		agent_count(ISOBAR_AGENT_ECN_DROPPED);
		return TC_ACT_SHOT;
	}
	agent_count(ISOBAR_AGENT_DECAPSULATED);
	return TC_ACT_UNSPEC;
}
