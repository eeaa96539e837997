/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The few fields of the kernel's own structures that a trace reads. libbpf puts in where they are
 * in the kernel that runs (CO-RE).
 */
#pragma once

#include <linux/types.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#define TRACE_AF_INET 2
#define TRACE_AF_INET6 10
#define TRACE_LOOPBACK 1    /* ifindex of lo in every namespace */
#define TRACE_TC_REDIRECT 7 /* TC_ACT_REDIRECT */
#define TRACE_PACKET_HOST 0

#define TRACE_KERNEL __attribute__((preserve_access_index))

struct net_device {
	int ifindex;
} TRACE_KERNEL;

struct sk_buff {
	struct net_device *dev;
	unsigned int len;
	unsigned int data_len;
	__u8 pkt_type : 3;
	__u8 tc_at_ingress : 1;
	int skb_iif; /* where it came in; 0: it began here */
	unsigned char *data;
} TRACE_KERNEL;

struct xdp_rxq_info {
	struct net_device *dev;
} TRACE_KERNEL;

struct xdp_buff {
	void *data;
	void *data_end;
	struct xdp_rxq_info *rxq;
} TRACE_KERNEL;

struct bpf_nh_params {
	__u32 nh_family;
	__u32 ipv4_nh; /* in a union with the other */
	struct {
		__be32 word[4];
	} ipv6_nh;
} TRACE_KERNEL;

/* Where a packet is redirected to: told by the helpers, acted on after the program. */
struct bpf_redirect_info {
	__u64 tgt_index;
	struct bpf_nh_params nh;
} TRACE_KERNEL;

/* Since Linux 6.11 each task has one while packets are its business; before, each CPU. */
struct bpf_net_context {
	struct bpf_redirect_info ri;
} TRACE_KERNEL;

struct task_struct {
	struct bpf_net_context *bpf_net_context;
} TRACE_KERNEL;

extern struct bpf_redirect_info bpf_redirect_info __ksym __weak;

static __always_inline struct bpf_redirect_info *trace_redirect_info(void)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();

	if (!bpf_core_field_exists(task->bpf_net_context))
		return &bpf_redirect_info ? bpf_this_cpu_ptr(&bpf_redirect_info) : NULL;
	return task->bpf_net_context ? &task->bpf_net_context->ri : NULL;
}
