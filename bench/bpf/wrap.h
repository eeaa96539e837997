/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What isobar-bench and its BPF wrappers agree on: the packet that every iteration starts
 * with, and how it becomes one of many flows. IPv4 or IPv6 without options, TCP or UDP.
 */
#pragma once

#include <linux/types.h>

/* Bytes of the frame, all of them put back. */
#define BENCH_FRAME_V4 64
#define BENCH_FRAME_V6 80

/* Slots of the program array. */
#define BENCH_EMPTY 0
#define BENCH_TESTED 1

/* Flow f of a client: address client + f / 2^14, port client_port + f % 2^14. An address of IPv6
 * counts in its last 32 bits. */
#define BENCH_PORT_BITS 14

struct bench_control {
	__u64 data;        /* where the frame began when the run started */
	__u64 here;        /* scratch: turns a packet pointer into a number */
	__u64 count;       /* packets so far; the flow follows from it */
	__u32 armed;       /* 0: the next packet records `data` */
	__u32 flow_mask;   /* number of flows - 1 */
	__u32 flow_stride; /* odd: in which order they are visited */
	__u32 reply;       /* the client is the destination */
	__u32 is_udp;
	__u32 is_v6;
    /* host order */
	__u32 client;
	__u32 client_port;
    /* Replies come from the server that has the flow: server + (shift - f) % servers.
	 * Round robin goes from the newest server to the oldest. */
	__u32 server;
	__u32 server_mask;
	__u32 server_shift;
    /* Sums over header and segment with the changing fields and the checksum as 0. */
	__u32 ip_sum;
	__u32 l4_sum;
	__u8 frame[BENCH_FRAME_V6];
};

static inline __u32 bench_frame_length(const struct bench_control *control)
{
	return control->is_v6 ? BENCH_FRAME_V6 : BENCH_FRAME_V4;
}
