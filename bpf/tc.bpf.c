/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The complete data plane, on clsact of every interface: ingress for what arrives, egress
 * for what this host itself sends (local clients, ICMP errors of its stack).
 */
#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

#include "ctx_tc.h"

#include "balance.h"
#include "send_tc.h"

static __always_inline int tc_act(enum isobar_action action)
{
	switch (action) {
	case ISOBAR_ACTION_REDIRECT:
		return TC_ACT_REDIRECT;
	case ISOBAR_ACTION_DROP:
		return TC_ACT_SHOT;
	default:
		return TC_ACT_UNSPEC; /* other filters, and then the stack, see it */
	}
}

SEC("tc")
int isobar_ingress(struct __sk_buff *skb)
{
	/* Frames for other hosts (promiscuous, bridges) and tagged ones, which come again on
	 * their VLAN's own interface, are not for us. */
	if (skb->pkt_type != PACKET_HOST || skb->vlan_present)
		return TC_ACT_UNSPEC;
	return tc_act(conclude(balance(skb)));
}

SEC("tc")
int isobar_egress(struct __sk_buff *skb)
{
	/* What came in on an interface went through ingress there. */
	if (skb->ingress_ifindex || skb->vlan_present)
		return TC_ACT_UNSPEC;
	return tc_act(conclude(balance(skb)));
}

char _license[] SEC("license") = "Dual BSD/GPL";
