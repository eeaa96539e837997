/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What clients send to a VIP comes with an outer header round it. So that this still fits
 * into the MTU, a SYN or SYN-ACK from a VIP offers a smaller MSS. The other direction needs
 * nothing: answers go without a tunnel.
 */
#pragma once

#include "agent_packet.h"

#define TCP_OPTIONS_MAX 40
#define OPTION_END 0
#define OPTION_NOP 1
#define OPTION_MSS 2
#define OPTION_MSS_LENGTH 4

struct agent_option {
	__u8 kind;
	__u8 length;
};

/* Lowers the MSS option at `offset`; `tcp` is where the TCP header starts. */
static __always_inline void lower_mss(struct __sk_buff *skb, __u32 tcp, __u32 offset, __u16 limit)
{
	const __u32 checksum = tcp + __builtin_offsetof(struct tcphdr, check);
	__be16 old, new = bpf_htons(limit);

	if (!agent_read(skb, offset, &old, sizeof(old)) || bpf_ntohs(old) <= limit ||
	    bpf_skb_store_bytes(skb, offset, &new, sizeof(new), 0))
		return;
	/* The checksum adds halves that start at even offsets. */
	if ((offset - tcp) & 1) {
		old = __builtin_bswap16(old);
		new = __builtin_bswap16(new);
	}
	bpf_l4_csum_replace(skb, checksum, old, new, sizeof(new));
	agent_count(ISOBAR_AGENT_MSS_CLAMPED);
}

static __noinline int clamp_options(struct __sk_buff *skb, __u32 tcp, __u32 length, __u32 limit)
{
	const __u32 end = tcp + length;
	__u32 offset = tcp + sizeof(struct tcphdr);
	struct agent_option option;

	for (int i = 0; i < TCP_OPTIONS_MAX; i++) {
		if (offset + OPTION_MSS_LENGTH > end ||
		    !agent_read(skb, offset, &option, sizeof(option)) || option.kind == OPTION_END)
			return 0;
		if (option.kind == OPTION_NOP) {
			offset++;
			continue;
		}
		if (option.length < sizeof(option))
			return 0; /* malformed */
		if (option.kind == OPTION_MSS && option.length == OPTION_MSS_LENGTH) {
			lower_mss(skb, tcp, offset + sizeof(option), limit);
			return 0;
		}
		offset += option.length;
	}
	return 0;
}

/* Offset of the TCP header and source of an IPv4 or IPv6 packet; 0: it is no TCP. */
static __always_inline __u32 find_tcp(struct __sk_buff *skb, struct isobar_address *source)
{
	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		struct iphdr ip;

		if (!agent_read(skb, AGENT_L3, &ip, sizeof(ip)) || ip.protocol != IPPROTO_TCP ||
		    ip.ihl < 5 || ip.frag_off & bpf_htons(0x1fff))
			return 0;
		*source = agent_v4(ip.saddr);
		return AGENT_L3 + ip.ihl * 4;
	}
	if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr ip;

		if (!agent_read(skb, AGENT_L3, &ip, sizeof(ip)) || ip.nexthdr != IPPROTO_TCP)
			return 0;
		*source = agent_v6(&ip.saddr);
		return AGENT_L3 + sizeof(ip);
	}
	return 0;
}

static __always_inline void clamp_mss(struct __sk_buff *skb)
{
	const __u32 ifindex = skb->ifindex;
	const struct isobar_agent_link *link;
	struct isobar_address source;
	struct tcphdr tcp;
	__u32 offset = find_tcp(skb, &source);
	__u16 limit;

	if (!offset || !agent_read(skb, offset, &tcp, sizeof(tcp)) || !tcp.syn || tcp.doff < 5 ||
	    !(agent_address_is(source) & ISOBAR_AGENT_VIP))
		return;
	link = bpf_map_lookup_elem(&agent_links, &ifindex);
	if (!link)
		return;
	limit = skb->protocol == bpf_htons(ETH_P_IP) ? link->mss4 : link->mss6;
	if (limit)
		clamp_options(skb, offset, tcp.doff * 4, limit);
}
