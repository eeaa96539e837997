/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Never queue (net/netfilter/ipvs/ip_vs_nq.c): the first server without an active connection;
 * if there is none, as sed.
 */
#pragma once

#include "sched/sed.h"

static long nq_step(__u32 i, struct sed_search *search)
{
	struct isobar_member *member = set_member(&search->set, i);

	if (!member)
		return 1;
	if (member_usable(member) && set_active(member) == 0) {
		search->server = member->server;
		return 1;
	}
	return sed_step(i, search);
}

static __always_inline __u32 nq_choose(const struct isobar_set *set,
				       const struct isobar_tuple *tuple)
{
	struct sed_search search = { .set = *set, .server = SET_NOBODY };

	bpf_loop(set->count, nq_step, &search, 0);
	return search.server;
}
