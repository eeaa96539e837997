/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Least connections (net/netfilter/ipvs/ip_vs_lc.c): the first server with the smallest
 * load that is neither quiesced nor overloaded.
 */
#pragma once

#include "set.h"

struct lc_search {
	struct isobar_set set;
	__u64 load;
	__u32 server;
};

static __always_inline long lc_step(__u32 i, struct lc_search *search)
{
	struct isobar_member *member = set_member(&search->set, i);
	__u64 load;

	if (!member)
		return 1;
	if (!member_usable(member))
		return 0;
	load = set_load(member);
	if (search->server == SET_NOBODY || load < search->load) {
		search->server = member->server;
		search->load = load;
	}
	return 0;
}

static __always_inline __u32 lc_choose(const struct isobar_set *set,
				       const struct isobar_tuple *tuple)
{
	struct lc_search search = { .set = *set, .server = SET_NOBODY };

	set_for_each(set, lc_step, &search);
	return search.server;
}
