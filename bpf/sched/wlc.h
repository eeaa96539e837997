/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Weighted least connections (net/netfilter/ipvs/ip_vs_wlc.c): the first server with the
 * smallest load / weight, compared by cross products.
 */
#pragma once

#include "set.h"

struct wlc_search {
	struct isobar_set set;
	__u64 load;
	__u32 weight;
	__u32 server;
};

static __always_inline long wlc_step(__u32 i, struct wlc_search *search)
{
	struct isobar_member *member = set_member(&search->set, i);
	__u64 load;

	if (!member)
		return 1;
	if (!member_usable(member))
		return 0;
	load = set_load(member);
	if (search->server == SET_NOBODY || search->load * member->weight > load * search->weight) {
		search->server = member->server;
		search->load = load;
		search->weight = member->weight;
	}
	return 0;
}

static __always_inline __u32 wlc_choose(const struct isobar_set *set,
					const struct isobar_tuple *tuple)
{
	struct wlc_search search = { .set = *set, .server = SET_NOBODY };

	set_for_each(set, wlc_step, &search);
	return search.server;
}
