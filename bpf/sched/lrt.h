/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Least response time: the first server with the smallest time * (connections + 1) / weight. A
 * server that nobody has asked for a while comes before all others, once. Of a large set a few are
 * drawn, and the best of these takes the connection.
 */
#pragma once

#include "response.h"
#include "set.h"

/* So many are looked at. */
#define LRT_LOOK 16
/* Connections, times 256, beyond which it makes no difference; so the product fits 63 bits. */
#define LRT_MOST (1ull << 28)

struct lrt_search {
	struct isobar_set set;
	__u64 now;
	__u64 delay;         /* of the best so far */
	__u32 server;
	__u32 draw;          /* 1: any member, 0: one after the other */
	__u32 tcp;
};

/* The connection that is to come included. TCP's inactive ones hardly count; of other protocols
 * there are no others. */
static __always_inline __u64 lrt_connections(const struct isobar_server *server, __u32 tcp)
{
	__u64 count = server_load(server) + 256;

	if (!tcp)
		count = ((__u64)server->active + server->inactive + 1) << 8;
	return count > LRT_MOST ? LRT_MOST : count;
}

static __always_inline __u64 lrt_delay(const struct isobar_server *server, __u32 weight, __u32 tcp,
				       __u64 now)
{
	if (tcp && server->method == ISOBAR_METHOD_NAT && response_is_stale(&server->response, now))
		return 0;
	return (response_time(&server->response, now) * lrt_connections(server, tcp) << 13) /
	       weight;
}

static long lrt_step(__u32 i, struct lrt_search *search)
{
	__u32 position = search->draw ? bpf_get_prandom_u32() % search->set.count : i;
	struct isobar_member *member = set_member(&search->set, position);
	struct isobar_server *server;
	__u32 index;
	__u64 delay;

	if (!member)
		return 1;
	if (!member_usable(member))
		return 0;
	index = member->server;
	server = bpf_map_lookup_elem(&isobar_servers, &index);
	if (!server)
		return 0;
	delay = lrt_delay(server, member->weight, search->tcp, search->now);
	if (delay >= search->delay)
		return 0;
	search->delay = delay;
	search->server = index;
	return 0;
}

static __always_inline __u32 lrt_choose(const struct isobar_set *set,
					const struct isobar_tuple *tuple)
{
	struct lrt_search search = {
		.set = *set,
		.now = bpf_ktime_get_ns(),
		.delay = ~0ull,
		.server = SET_NOBODY,
		.draw = set->count > LRT_LOOK,
		.tcp = tuple->protocol == IPPROTO_TCP,
	};
	struct isobar_server *server;

	bpf_loop(search.draw ? LRT_LOOK : set->count, lrt_step, &search, 0);
	if (search.draw && search.server == SET_NOBODY) { /* those drawn are quiesced */
		search.draw = 0;
		bpf_loop(set->count, lrt_step, &search, 0);
	}
	server = bpf_map_lookup_elem(&isobar_servers, &search.server);
	if (server && search.tcp && server->method == ISOBAR_METHOD_NAT)
		response_ask(&server->response, tuple, search.now);
	return search.server;
}
