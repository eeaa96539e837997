/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What isobar trace sees: a pair of programs around a program of the data plane (fentry, fexit),
 * there only while somebody looks. They change nothing, neither in the packet nor in the maps:
 *
 *   [ trace_*_in: the packet as it came, the counters ] -> isobar_tc or isobar_xdp
 *        -> [ trace_*_out: which counter has moved is the verdict; the packet as it went ]
 *
 * Between the two the CPU has no other packet, so what they know in common is in memory of the CPU.
 * What cannot be wanted is told by the first bytes (trace_filter.h): it costs a look.
 */
#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "trace.h"

#include "filter.h"
#include "trace_kernel.h"

struct isobar_trace_filter trace_filter; /* written by user space */
__u64 trace_lost; /* packets that found no room in the ring */

#include "trace_filter.h"

struct trace_cpu {
	__u64 count[ISOBAR_VERDICTS]; /* when the packet came */
	__u32 open;                   /* it may be wanted */
	struct isobar_trace_event event;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct trace_cpu);
} trace_cpu SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
} trace_events SEC(".maps");

static __always_inline void take(struct isobar_trace_packet *packet, const void *data,
				 __u32 reachable, __u32 length)
{
	packet->length = length;
	if (reachable > ISOBAR_TRACE_BYTES)
		reachable = ISOBAR_TRACE_BYTES;
	if (!reachable || bpf_probe_read_kernel(packet->byte, reachable, data))
		reachable = 0;
	packet->captured = reachable;
}

static __always_inline void take_skb(struct isobar_trace_packet *packet, struct sk_buff *skb)
{
	take(packet, skb->data, skb->len - skb->data_len, skb->len);
}

static __always_inline void take_xdp(struct isobar_trace_packet *packet, struct xdp_buff *xdp)
{
	take(packet, xdp->data, xdp->data_end - xdp->data, xdp->data_end - xdp->data);
}

/* The number is a copy: Linux 6.1 forgets what it knows of a variable that a helper is shown. */
static __always_inline __u64 *count_of(__u32 verdict)
{
	return bpf_map_lookup_elem(&isobar_verdicts, &verdict);
}

static __always_inline void come_in(struct trace_cpu *cpu, __u32 ifindex, __u32 hook)
{
	__u64 *count;

	cpu->open = trace_may_match(&cpu->event.before);
	if (!cpu->open)
		return;
	cpu->event.at = bpf_ktime_get_ns();
	cpu->event.ifindex = ifindex;
	cpu->event.hook = hook;
	for (__u32 i = 0; i < ISOBAR_VERDICTS; i++) {
		count = count_of(i);
		cpu->count[i] = count ? *count : 0;
	}
}

/* ISOBAR_VERDICTS: the data plane has not looked at it. */
static __always_inline __u32 verdict_of(const struct trace_cpu *cpu)
{
	__u64 *count;

	for (__u32 i = 0; i < ISOBAR_VERDICTS; i++) {
		count = count_of(i);
		if (count && *count != cpu->count[i])
			return i;
	}
	return ISOBAR_VERDICTS;
}

/* Where to, as the program has told the kernel, which acts on it a moment later. */
static __always_inline void find_way(struct isobar_trace_event *event)
{
	struct bpf_redirect_info *way = trace_redirect_info();

	event->out_ifindex = 0;
	__builtin_memset(&event->gateway, 0, sizeof(event->gateway));
	if (!way)
		return;
	event->out_ifindex = way->tgt_index;
	if (event->hook == ISOBAR_TRACE_XDP || event->out_ifindex == TRACE_LOOPBACK)
		return;
	if (way->nh.nh_family == TRACE_AF_INET)
		event->gateway = address_from_v4(way->nh.ipv4_nh);
	else if (way->nh.nh_family == TRACE_AF_INET6)
		bpf_probe_read_kernel(&event->gateway, sizeof(event->gateway), &way->nh.ipv6_nh);
}

static __always_inline void go_out(struct trace_cpu *cpu, int sent)
{
	struct isobar_trace_event *event = &cpu->event;

	event->verdict = verdict_of(cpu);
	if (event->verdict == ISOBAR_VERDICTS || !(trace_filter.verdicts & 1ull << event->verdict))
		return;
	if (sent) {
		find_way(event);
	} else {
		event->out_ifindex = 0;
		__builtin_memset(&event->gateway, 0, sizeof(event->gateway));
	}
	if (!trace_matches(event))
		return;
	if (bpf_ringbuf_output(&trace_events, event, sizeof(*event), 0))
		__sync_fetch_and_add(&trace_lost, 1);
}

SEC("fentry/isobar_tc")
int BPF_PROG(trace_tc_in, struct sk_buff *skb)
{
	struct trace_cpu *cpu = isobar_only(trace_cpu);
	__u32 ingress;

	if (!cpu)
		return 0;
	ingress = BPF_CORE_READ_BITFIELD(skb, tc_at_ingress);
	cpu->open = 0;
	/* on its way through, and seen at ingress; or for another host (tc.bpf.c) */
	if (ingress ? BPF_CORE_READ_BITFIELD(skb, pkt_type) != TRACE_PACKET_HOST : skb->skb_iif)
		return 0;
	take_skb(&cpu->event.before, skb);
	come_in(cpu, skb->dev->ifindex, ingress ? ISOBAR_TRACE_INGRESS : ISOBAR_TRACE_EGRESS);
	return 0;
}

SEC("fexit/isobar_tc")
int BPF_PROG(trace_tc_out, struct sk_buff *skb, int action)
{
	struct trace_cpu *cpu = isobar_only(trace_cpu);

	if (!cpu || !cpu->open)
		return 0;
	take_skb(&cpu->event.after, skb);
	go_out(cpu, action == TRACE_TC_REDIRECT);
	return 0;
}

SEC("fentry/isobar_xdp")
int BPF_PROG(trace_xdp_in, struct xdp_buff *xdp)
{
	struct trace_cpu *cpu = isobar_only(trace_cpu);

	if (!cpu)
		return 0;
	take_xdp(&cpu->event.before, xdp);
	come_in(cpu, xdp->rxq->dev->ifindex, ISOBAR_TRACE_XDP);
	return 0;
}

SEC("fexit/isobar_xdp")
int BPF_PROG(trace_xdp_out, struct xdp_buff *xdp, int action)
{
	struct trace_cpu *cpu = isobar_only(trace_cpu);

	if (!cpu || !cpu->open)
		return 0;
	take_xdp(&cpu->event.after, xdp);
	go_out(cpu, action == XDP_REDIRECT);
	return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";
