/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The programs of a real server, on clsact of its interfaces. Ingress takes packets for a
 * VIP out of their tunnel and keeps ARP requests for a VIP from the stack; egress keeps the
 * VIP out of ARP messages and lowers the MSS that is offered from it. All else goes on as it
 * is: to other filters, and to the stack.
 *
 *   director --[ outer | GUE or GRE | IP client -> VIP | TCP ]--> ingress --[ IP ... ]--> stack
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/in.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#include "agent.h"
#include "checksum.h"
#include "ctx_tc.h"

#define AGENT_MAP(name, map_type, key_type, value_type, size, flags) \
	struct {                                                     \
		__uint(type, map_type);                              \
		__uint(max_entries, size);                           \
		__uint(map_flags, flags);                            \
		__type(key, key_type);                               \
		__type(value, value_type);                           \
	} name SEC(".maps")

struct agent_chunk {
	__be32 word[CHECKSUM_CHUNK / 4];
};

/* Not ISOBAR_MAP: maps.h would bring the director's maps along. */
AGENT_MAP(agent_settings, BPF_MAP_TYPE_ARRAY, __u32, struct isobar_agent_settings, 1, 0);
AGENT_MAP(agent_addresses, BPF_MAP_TYPE_HASH, struct isobar_address, __u32, 8192,
	  BPF_F_NO_PREALLOC);
AGENT_MAP(agent_links, BPF_MAP_TYPE_HASH, __u32, struct isobar_agent_link, 1024, BPF_F_NO_PREALLOC);
AGENT_MAP(agent_events, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, __u64, ISOBAR_AGENT_EVENT_COUNT, 0);

/* Part of a packet that is summed up. */
AGENT_MAP(agent_chunk, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct agent_chunk, 1, 0);

#include "agent_neighbour.h"
#include "agent_mss.h"
#include "agent_tunnel.h"

SEC("tc")
int agent_ingress(struct __sk_buff *skb)
{
	const struct isobar_agent_settings *settings = agent_get_settings();

	/* Tagged frames come again on their VLAN's own interface. */
	if (!settings || skb->vlan_present)
		return TC_ACT_UNSPEC;
	if (settings->filter_arp && neighbour_asks_for_vip(skb))
		return TC_ACT_SHOT;
	if (settings->tunnels && skb->pkt_type == PACKET_HOST)
		return leave_tunnel(skb, settings);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int agent_egress(struct __sk_buff *skb)
{
	const struct isobar_agent_settings *settings = agent_get_settings();

	if (!settings || skb->vlan_present)
		return TC_ACT_UNSPEC;
	if (settings->filter_arp && !neighbour_may_leave(skb))
		return TC_ACT_SHOT;
	clamp_mss(skb);
	return TC_ACT_UNSPEC;
}

char _license[] SEC("license") = "Dual BSD/GPL";
