/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What user space asks of the data plane outside the packet path: sweep some lines of the
 * connection table now, help it to grow, and tell the clocks. Runs by BPF_PROG_TEST_RUN.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "conn_end.h"
#include "conn_grow.h"

SEC("syscall")
int isobar_tool(struct isobar_tool_call *call)
{
	__u64 jiffies = bpf_jiffies64();

	call->jiffies = jiffies;
	call->ktime_ns = bpf_ktime_get_ns();
	if (call->task == ISOBAR_SWEEP)
		call->found = conn_sweep_lines(call->from, call->count, (__u32)jiffies);
	else if (call->task == ISOBAR_SAMPLE)
		call->found = conn_sample(call->count);
	else if (call->task == ISOBAR_UNMARK)
		conn_unmark(call->from, call->count, call->mark);
	else if (call->task == ISOBAR_MARK)
		call->found = conn_mark(call->from, call->count, call->mark);
	return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";
