/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the real server's programs share: questions about addresses, counting, headers.
 * Headers are copied from the packet, so that it does not matter how it lies in memory.
 */
#pragma once

#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#define AGENT_L3 ETH_HLEN

static __always_inline const struct isobar_agent_settings *agent_get_settings(void)
{
	__u32 first = 0;

	return bpf_map_lookup_elem(&agent_settings, &first);
}

static __always_inline void agent_count(__u32 event)
{
	__u64 *count = bpf_map_lookup_elem(&agent_events, &event);

	if (count)
		++*count;
}

static __always_inline struct isobar_address agent_v4(__be32 address)
{
	struct isobar_address mapped = { .word = { 0, 0, bpf_htonl(0xffff), address } };

	return mapped;
}

static __always_inline struct isobar_address agent_v6(const struct in6_addr *address)
{
	struct isobar_address copy;

	__builtin_memcpy(&copy, address, sizeof(copy));
	return copy;
}

/* ISOBAR_AGENT_OWN and ISOBAR_AGENT_VIP; none: somebody else's. */
static __always_inline __u32 agent_address_is(struct isobar_address address)
{
	const __u32 *bits = bpf_map_lookup_elem(&agent_addresses, &address);

	return bits ? *bits : 0;
}

/* False: the packet ends before. */
static __always_inline int agent_read(struct __sk_buff *skb, __u32 offset, void *to, __u32 length)
{
	return bpf_skb_load_bytes(skb, offset, to, length) == 0;
}
