/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The ARP problem, solved without sysctls: the director alone answers for a VIP, and no
 * neighbour may learn from us where it is. ARP for IPv4, neighbour discovery for IPv6.
 */
#pragma once

#include "agent_packet.h"

#define ARP_REQUEST 1 /* <linux/if_arp.h> wants a C library */
/* Neighbour messages: RFC 4861. */
#define ND_SOLICITATION 135
#define ND_ADVERTISEMENT 136

struct agent_arp {
	__be16 hardware;
	__be16 protocol;
	__u8 hardware_length;
	__u8 protocol_length;
	__be16 operation;
	__u8 sender_mac[ETH_ALEN];
	__u8 sender[4];
	__u8 target_mac[ETH_ALEN];
	__u8 target[4];
};
_Static_assert(sizeof(struct agent_arp) == 28, "agent_arp");

struct agent_nd {
	__u8 type;
	__u8 code;
	__sum16 checksum;
	__be32 flags;
	struct in6_addr target;
};

static __always_inline __be32 arp_address(const __u8 *bytes)
{
	__be32 address;

	__builtin_memcpy(&address, bytes, sizeof(address));
	return address;
}

static __always_inline int read_arp(struct __sk_buff *skb, struct agent_arp *arp)
{
	return skb->protocol == bpf_htons(ETH_P_ARP) &&
	       agent_read(skb, AGENT_L3, arp, sizeof(*arp)) &&
	       arp->protocol == bpf_htons(ETH_P_IP) && arp->hardware_length == ETH_ALEN &&
	       arp->protocol_length == 4;
}

static __always_inline int read_nd(struct __sk_buff *skb, struct ipv6hdr *ip, struct agent_nd *nd)
{
	return skb->protocol == bpf_htons(ETH_P_IPV6) &&
	       agent_read(skb, AGENT_L3, ip, sizeof(*ip)) && ip->nexthdr == IPPROTO_ICMPV6 &&
	       agent_read(skb, AGENT_L3 + sizeof(*ip), nd, sizeof(*nd)) &&
	       (nd->type == ND_SOLICITATION || nd->type == ND_ADVERTISEMENT);
}

/* Does the frame ask who has a VIP? The director's own claim to it must not make our stack
 * defend the address either: such a claim is a request, too. */
static __always_inline int neighbour_asks_for_vip(struct __sk_buff *skb)
{
	struct isobar_address target;
	struct agent_arp arp;
	struct agent_nd nd;
	struct ipv6hdr ip;

	if (read_arp(skb, &arp) && arp.operation == bpf_htons(ARP_REQUEST))
		target = agent_v4(arp_address(arp.target));
	else if (read_nd(skb, &ip, &nd) && nd.type == ND_SOLICITATION)
		target = agent_v6(&nd.target);
	else
		return 0;
	if (!(agent_address_is(target) & ISOBAR_AGENT_VIP))
		return 0;
	agent_count(ISOBAR_AGENT_ARP_DROPPED);
	return 1;
}

/* A request in the name of a VIP leaves as an address probe, from 0.0.0.0 (RFC 5227): every
 * host answers it, nobody learns from it. An answer or a claim in its name does not leave. */
static __always_inline int arp_may_leave(struct __sk_buff *skb, const struct agent_arp *arp)
{
	const __be32 sender = arp_address(arp->sender);
	const __be32 nobody = 0;

	if (!(agent_address_is(agent_v4(sender)) & ISOBAR_AGENT_VIP))
		return 1;
	if (arp->operation != bpf_htons(ARP_REQUEST) || arp_address(arp->target) == sender ||
	    bpf_skb_store_bytes(skb, AGENT_L3 + __builtin_offsetof(struct agent_arp, sender),
				&nobody, sizeof(nobody), 0)) {
		agent_count(ISOBAR_AGENT_ARP_DROPPED);
		return 0;
	}
	agent_count(ISOBAR_AGENT_ARP_REPAIRED);
	return 1;
}

/* Puts the interface's link-local address in as the source of a solicitation. */
static __always_inline int solicit_as_link_local(struct __sk_buff *skb, const struct ipv6hdr *ip)
{
	const __u32 checksum =
		AGENT_L3 + sizeof(*ip) + __builtin_offsetof(struct agent_nd, checksum);
	const __u32 source = AGENT_L3 + __builtin_offsetof(struct ipv6hdr, saddr);
	const __u32 ifindex = skb->ifindex;
	const struct isobar_agent_link *link = bpf_map_lookup_elem(&agent_links, &ifindex);
	struct isobar_address old = agent_v6(&ip->saddr), new;
	__s64 change;

	if (!link || !link->link_local.word[0])
		return 0;
	new = link->link_local;
	change = bpf_csum_diff(old.word, sizeof(old), new.word, sizeof(new), 0);
	return change >= 0 && !bpf_skb_store_bytes(skb, source, &new, sizeof(new), 0) &&
	       !bpf_l4_csum_replace(skb, checksum, 0, change, BPF_F_PSEUDO_HDR);
}

static __always_inline int nd_may_leave(struct __sk_buff *skb, const struct ipv6hdr *ip,
					const struct agent_nd *nd)
{
	const int claims = agent_address_is(agent_v6(&nd->target)) & ISOBAR_AGENT_VIP;

	if (!claims && !(agent_address_is(agent_v6(&ip->saddr)) & ISOBAR_AGENT_VIP))
		return 1;
	if (claims || nd->type != ND_SOLICITATION || !solicit_as_link_local(skb, ip)) {
		agent_count(ISOBAR_AGENT_ARP_DROPPED);
		return 0;
	}
	agent_count(ISOBAR_AGENT_ARP_REPAIRED);
	return 1;
}

static __always_inline int neighbour_may_leave(struct __sk_buff *skb)
{
	struct agent_arp arp;
	struct agent_nd nd;
	struct ipv6hdr ip;

	if (read_arp(skb, &arp))
		return arp_may_leave(skb, &arp);
	if (read_nd(skb, &ip, &nd))
		return nd_may_leave(skb, &ip, &nd);
	return 1;
}
