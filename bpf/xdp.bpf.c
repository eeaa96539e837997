/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The accelerator: runs in the driver, before the kernel makes an skb of the frame.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "ctx_xdp.h"

#include "balance.h"
#include "send_xdp.h"

SEC("xdp")
int isobar_xdp(struct xdp_md *ctx)
{
	return conclude(balance(ctx));
}

char _license[] SEC("license") = "Dual BSD/GPL";
