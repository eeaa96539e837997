/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What user space asks of the data plane outside the packet path: sweep some lines of the
 * connection table now, and tell the clocks. Runs by BPF_PROG_TEST_RUN.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "conn_end.h"

SEC("syscall")
int isobar_sweep_now(struct isobar_sweep_call *call)
{
	__u64 jiffies = bpf_jiffies64();

	call->jiffies = jiffies;
	call->ktime_ns = bpf_ktime_get_ns();
	if (call->count)
		call->retired = conn_sweep_lines(call->from, call->count, (__u32)jiffies);
	return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";
