/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts the frame back as it was and makes it the next flow, with right checksums. The same
 * for both hooks: included by bench_xdp.bpf.c and bench_tc.bpf.c.
 */
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "wrap.h"

#define ETHERNET 14
#define UDP_SUM 6
#define TCP_SUM 16

/* Where a header has what becomes another flow. Of IPv6 addresses: their last words. */
struct bench_layout {
	__u32 source;
	__u32 destination;
	__u32 l4;
};

#define LAYOUT_V4 ((struct bench_layout){ ETHERNET + 12, ETHERNET + 16, ETHERNET + 20 })
#define LAYOUT_V6 ((struct bench_layout){ ETHERNET + 20, ETHERNET + 36, ETHERNET + 40 })
#define IP_SUM (ETHERNET + 10)

struct bench_control bench_control;

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u32);
} bench_targets SEC(".maps");

static __always_inline __u16 sum_folded(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

static __always_inline __u32 sum_of(__be32 word)
{
	return (word & 0xffff) + (word >> 16);
}

/* What they add to a sum. */
static __always_inline __u32 put_addresses(void *data, struct bench_layout at, __u32 flow)
{
	struct bench_control *c = &bench_control;
	__be32 client = bpf_htonl(c->client + (flow >> BENCH_PORT_BITS));
	__be32 server = bpf_htonl(c->server + ((c->server_shift - flow) & c->server_mask));

	if (!c->reply) {
		*(__be32 *)(data + at.source) = client;
		return sum_of(client);
	}
	*(__be32 *)(data + at.source) = server;
	*(__be32 *)(data + at.destination) = client;
	return sum_of(client) + sum_of(server);
}

static __always_inline void put_port(void *l4, __u32 flow, __u32 sum)
{
	struct bench_control *c = &bench_control;
	__be16 port = bpf_htons(c->client_port + (flow & ((1 << BENCH_PORT_BITS) - 1)));

	*(__be16 *)(l4 + (c->reply ? 2 : 0)) = port;
	*(__u16 *)(l4 + (c->is_udp ? UDP_SUM : TCP_SUM)) = sum_folded(c->l4_sum + sum + port);
}

static __always_inline int restore_frame(void *data, void *end)
{
	struct bench_control *c = &bench_control;
	__u32 flow = ((__u32)c->count * c->flow_stride) & c->flow_mask;
	const __u64 *from = (const __u64 *)c->frame;
	__u64 *to = data;
	__u32 sum;

	if (data + BENCH_FRAME_V4 > end)
		return -1;
#pragma unroll
	for (int i = 0; i < BENCH_FRAME_V4 / 8; i++)
		to[i] = from[i];
	if (c->is_v6) {
		if (data + BENCH_FRAME_V6 > end)
			return -1;
#pragma unroll
		for (int i = BENCH_FRAME_V4 / 8; i < BENCH_FRAME_V6 / 8; i++)
			to[i] = from[i];
		sum = put_addresses(data, LAYOUT_V6, flow);
		put_port(data + LAYOUT_V6.l4, flow, sum);
	} else {
		sum = put_addresses(data, LAYOUT_V4, flow);
		*(__u16 *)(data + IP_SUM) = sum_folded(c->ip_sum + sum);
		put_port(data + LAYOUT_V4.l4, flow, sum);
	}
	c->count++;
	return 0;
}
