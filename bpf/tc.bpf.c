/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The complete data plane, on clsact of every interface: ingress for what arrives, egress
 * for what this host itself sends (local clients, ICMP errors of its stack).
 */
#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>

#include <bpf/bpf_helpers.h>

#include "ctx_tc.h"

#include "balance.h"
#include "send_tc.h"

/* One program for both sides, for the verifier's sake: the filter at egress has the class of that
 * name (dataplane/attach.cpp), and cls_bpf gives a program its filter's class. */
static __always_inline int tc_is_ours(const struct __sk_buff *skb)
{
	__u32 arrived_on = skb->ingress_ifindex, type = skb->pkt_type;

	/* Read before the branch: clang would choose the field's address, which is not allowed. */
	barrier_var(arrived_on);
	barrier_var(type);
	/* Tagged frames come again on their VLAN's own interface. */
	if (skb->vlan_present)
		return 0;
	/* What came in on an interface went through ingress there; what another one's egress sent
	 * on may still have the virtual address. */
	if (skb->tc_classid == TC_H_MIN_EGRESS)
		return arrived_on == 0 && skb->tc_index != SEND_SENT;
	/* Frames for other hosts come to promiscuous interfaces and bridges. */
	return type == PACKET_HOST;
}

SEC("tc")
int isobar_tc(struct __sk_buff *skb)
{
	if (!tc_is_ours(skb))
		return CTX_PASS;
	return conclude(balance(skb));
}

char _license[] SEC("license") = "Dual BSD/GPL";
