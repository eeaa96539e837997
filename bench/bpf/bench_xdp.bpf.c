/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * BPF_PROG_TEST_RUN gives every iteration the packet as the one before left it: a program
 * that rewrites would measure its own output. These entry programs put head, tail and
 * bytes back first, then tail-call the program under test, or one that does nothing.
 */
#include "restore.h"

static __always_inline int restore(struct xdp_md *ctx)
{
	struct bench_control *c = &bench_control;

	if (!c->armed) {
		c->data = (__u64)(long)ctx->data;
		c->armed = 1;
	} else {
		long off, over;

        /* a pointer stored in a map reads back as a plain number */
		*(volatile __u64 *)&c->here = (__u64)(long)ctx->data;
		off = (long)(c->data - *(volatile __u64 *)&c->here);
		if (off && bpf_xdp_adjust_head(ctx, (int)off))
			return -1;
		over = (long)ctx->data_end - (long)ctx->data - bench_frame_length(c);
		if (over && bpf_xdp_adjust_tail(ctx, (int)-over))
			return -1;
	}
	return restore_frame((void *)(long)ctx->data, (void *)(long)ctx->data_end);
}

SEC("xdp")
int bench_empty(struct xdp_md *ctx)
{
	if (!restore(ctx))
		bpf_tail_call_static(ctx, &bench_targets, BENCH_EMPTY);
	return XDP_ABORTED;
}

SEC("xdp")
int bench_tested(struct xdp_md *ctx)
{
	if (!restore(ctx))
		bpf_tail_call_static(ctx, &bench_targets, BENCH_TESTED);
	return XDP_ABORTED;
}

SEC("xdp")
int bench_nothing(struct xdp_md *ctx)
{
	return XDP_DROP;
}

char _license[] SEC("license") = "Dual BSD/GPL";
