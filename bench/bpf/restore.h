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

#define IP_SUM 24
#define IP_SOURCE 26
#define IP_DESTINATION 30
#define SOURCE_PORT 34
#define DESTINATION_PORT 36
#define UDP_SUM 40
#define TCP_SUM 50

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

static __always_inline int restore_frame(void *data, void *end)
{
	struct bench_control *c = &bench_control;
	__u32 flow = ((__u32)c->count * c->flow_stride) & c->flow_mask;
	__be32 client = bpf_htonl(c->client + (flow >> BENCH_PORT_BITS));
	__be16 port = bpf_htons(c->client_port + (flow & ((1 << BENCH_PORT_BITS) - 1)));
	__u32 ip_sum = c->ip_sum + sum_of(client);
	__u32 l4_sum = c->l4_sum + sum_of(client) + port;
	__u64 *to = data;
	const __u64 *from = (const __u64 *)c->frame;

	if (data + BENCH_FRAME > end)
		return -1;
#pragma unroll
	for (int i = 0; i < BENCH_FRAME / 8; i++)
		to[i] = from[i];
	if (c->reply) {
		__be32 server = bpf_htonl(c->server + ((c->server_shift - flow) & c->server_mask));

		*(__be32 *)(data + IP_SOURCE) = server;
		*(__be32 *)(data + IP_DESTINATION) = client;
		*(__be16 *)(data + DESTINATION_PORT) = port;
		ip_sum += sum_of(server);
		l4_sum += sum_of(server);
	} else {
		*(__be32 *)(data + IP_SOURCE) = client;
		*(__be16 *)(data + SOURCE_PORT) = port;
	}
	*(__u16 *)(data + IP_SUM) = sum_folded(ip_sum);
	if (c->is_udp)
		*(__u16 *)(data + UDP_SUM) = sum_folded(l4_sum);
	else
		*(__u16 *)(data + TCP_SUM) = sum_folded(l4_sum);
	c->count++;
	return 0;
}
