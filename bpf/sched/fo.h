/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Weighted failover (net/netfilter/ipvs/ip_vs_fo.c): the first server of the largest weight
 * takes all.
 */
#pragma once

#include "set.h"

struct fo_search {
	struct isobar_set set;
	__u32 weight;
	__u32 server;
};

static __always_inline long fo_step(__u32 i, struct fo_search *search)
{
	struct isobar_member *member = set_member(&search->set, i);

	if (!member)
		return 1;
	if (member->weight > search->weight && member_usable(member)) {
		search->server = member->server;
		search->weight = member->weight;
	}
	return 0;
}

static __always_inline __u32 fo_choose(const struct isobar_set *set,
				       const struct isobar_tuple *tuple)
{
	struct fo_search search = { .set = *set, .server = SET_NOBODY };

	bpf_loop(set->count, fo_step, &search, 0);
	return search.server;
}
