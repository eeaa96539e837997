/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Shortest expected delay (net/netfilter/ipvs/ip_vs_sed.c): the first server with the smallest
 * (active connections + 1) / weight, compared by cross products.
 */
#pragma once

#include "set.h"

struct sed_search {
	struct isobar_set set;
	__u64 load;
	__u32 weight;
	__u32 server;
};

static __always_inline long sed_step(__u32 i, struct sed_search *search)
{
	struct isobar_member *member = set_member(&search->set, i);
	__u64 load;

	if (!member)
		return 1;
	if (!member_usable(member))
		return 0;
	load = (__u64)set_active(member) + 1;
	if (search->server == SET_NOBODY || search->load * member->weight > load * search->weight) {
		search->server = member->server;
		search->load = load;
		search->weight = member->weight;
	}
	return 0;
}

static __always_inline __u32 sed_choose(const struct isobar_set *set,
					const struct isobar_tuple *tuple)
{
	struct sed_search search = { .set = *set, .server = SET_NOBODY };

	bpf_loop(set->count, sed_step, &search, 0);
	return search.server;
}
