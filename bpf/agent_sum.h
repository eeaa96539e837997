/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The checksum of a tunnel, if it has one. What the packet inside adds up to is not read where its
 * own checksum tells (tunnel_sum.h): that is looked at by the stack.
 */
#pragma once

#include "agent_packet.h"
#include "ipv6.h"
#include "packet.h"
#include "tunnel_sum.h"

static __always_inline __be32 *tunnel_chunk(void)
{
	__u32 first = 0;
	struct agent_chunk *chunk = bpf_map_lookup_elem(&agent_chunk, &first);

	return chunk ? chunk->word : NULL;
}

/* The inner packet at `l3`, of which there are `length` bytes. What cannot be read has no protocol:
 * all of it is summed up then. */
static __always_inline int sum_parse(struct __sk_buff *skb, __u32 l3, __u32 length, int v6,
				     struct isobar_packet *packet)
{
	struct iphdr ip;

	if (v6) {
		packet->ether_type = bpf_htons(ETH_P_IPV6);
		if (parse_ipv6(skb, packet, l3) != ISOBAR_GO_ON)
			return -1;
	} else {
		packet->ether_type = bpf_htons(ETH_P_IP);
		if (!agent_read(skb, l3, &ip, sizeof(ip)))
			return -1;
		parse_ipv4(packet, &ip, ip.ihl * 4);
		packet->l4 += l3 - ISOBAR_L3;
		packet->fragment = (ip.frag_off & bpf_htons(0x3fff)) != 0;
	}
	return packet->length == length ? 0 : -1;
}

/* `outer`: what all before the inner packet adds up to, its checksum included. Global: the verifier
 * looks at it once. */
__noinline int sum_is_right(struct __sk_buff *skb, __u32 l3, __u32 length, __u32 v6, __u32 outer)
{
	struct isobar_packet packet = {};
	int inner;

	/* of a super-packet, the receive offload has seen that it was right */
	if (skb->gso_size)
		return 1;
	if (sum_parse(skb, l3, length, v6, &packet)) {
		packet.tuple.protocol = IPV6_UNREADABLE;
		packet.l4 = l3;
	}
	inner = tunnel_sum(skb, &packet, l3, l3 + length);
	return inner >= 0 && checksum_fold((__u64)outer + (__u32)inner) == 0xffff;
}
