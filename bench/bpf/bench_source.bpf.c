/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A live path (BPF_F_TEST_XDP_LIVE_FRAMES): what sends frames out by an interface, each another
 * flow, what passes them on to another interface, and what takes them in at the end. A frame comes
 * back to the source as it was left.
 */
#include "restore.h"

__u32 bench_interface;

SEC("xdp")
int bench_source(struct xdp_md *ctx)
{
	if (restore_frame((void *)(long)ctx->data, (void *)(long)ctx->data_end))
		return XDP_ABORTED;
	return bpf_redirect(bench_interface, 0);
}

SEC("xdp")
int bench_relay(struct xdp_md *ctx)
{
	return bpf_redirect(bench_interface, 0);
}

SEC("xdp")
int bench_sink(struct xdp_md *ctx)
{
	return XDP_DROP;
}

char _license[] SEC("license") = "Dual BSD/GPL";
