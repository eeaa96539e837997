/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Thresholds of a real server: with as many connections as the upper one it is overloaded and
 * gets no new clients, until there are fewer than the lower one, or, if none is given, than
 * three quarters of the upper one (ip_vs_bind_dest, ip_vs_unbind_dest). Clients that a template
 * leads to it still come.
 */
#pragma once

#include "maps.h"

static __always_inline int server_is_overloaded(__u32 index)
{
	struct isobar_server *server = bpf_map_lookup_elem(&isobar_servers, &index);

	return server && server->overloaded;
}

static __always_inline __u32 server_overload_wanted(const struct isobar_server *server,
						    __u32 overloaded)
{
	__u64 total = (__u64)server->active + server->inactive;
	__u64 upper = server->upper_threshold;

	if (upper != 0 && total >= upper)
		return 1;
	if (server->lower_threshold ? total < server->lower_threshold : total * 4 < upper * 3)
		return 0;
	return upper != 0 && overloaded;
}

/* To be called when a connection was counted or discounted. Other CPUs do the same meanwhile:
 * whoever changed the mark looks at the counts again, so that the last look always follows the
 * last change. The atomic operations order the two. */
static __always_inline void server_weigh(struct isobar_server *server)
{
	for (int i = 0; i < 4; i++) {
		__u32 overloaded = __sync_fetch_and_add(&server->overloaded, 0);
		__u32 wanted = server_overload_wanted(server, overloaded);

		if (wanted == overloaded)
			return;
		__sync_lock_test_and_set(&server->overloaded, wanted);
	}
}
