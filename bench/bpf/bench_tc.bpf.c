/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * As bench_xdp.bpf.c, for tc. Here a program under test may change bytes, but not the
 * length: that would not be put back, and ends the run.
 */
#include <linux/pkt_cls.h>

#include "restore.h"

static __always_inline int restore(struct __sk_buff *skb)
{
	if (skb->len != bench_frame_length(&bench_control))
		return -1;
	return restore_frame((void *)(long)skb->data, (void *)(long)skb->data_end);
}

SEC("tc")
int bench_empty(struct __sk_buff *skb)
{
	if (!restore(skb))
		bpf_tail_call_static(skb, &bench_targets, BENCH_EMPTY);
	return TC_ACT_STOLEN;
}

SEC("tc")
int bench_tested(struct __sk_buff *skb)
{
	if (!restore(skb))
		bpf_tail_call_static(skb, &bench_targets, BENCH_TESTED);
	return TC_ACT_STOLEN;
}

SEC("tc")
int bench_nothing(struct __sk_buff *skb)
{
	return TC_ACT_SHOT;
}

char _license[] SEC("license") = "Dual BSD/GPL";
