/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Weighted overflow (net/netfilter/ipvs/ip_vs_ovf.c): the first server of the largest weight
 * takes all until it has more active connections than that; then the one of the next weight.
 */
#pragma once

#include "sched/fo.h"

static long ovf_step(__u32 i, struct fo_search *search)
{
	struct isobar_member *member = set_member(&search->set, i);

	if (!member)
		return 1;
	return set_active(member) > member->weight ? 0 : fo_step(i, search);
}

static __always_inline __u32 ovf_choose(const struct isobar_set *set,
					const struct isobar_tuple *tuple)
{
	struct fo_search search = { .set = *set, .server = SET_NOBODY };

	bpf_loop(set->count, ovf_step, &search, 0);
	return search.server;
}
