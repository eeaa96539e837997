/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Round robin (net/netfilter/ipvs/ip_vs_rr.c): the next server after the one used last
 * that is neither quiesced nor overloaded.
 */
#pragma once

#include "set.h"

struct rr_search {
	struct isobar_set set;
	__u32 next;
	__u32 position;
	__u32 server;
};

static long rr_step(__u32 i, struct rr_search *search)
{
	__u32 position = search->next + i;
	struct isobar_member *member;

	if (position >= search->set.count)
		position -= search->set.count;
	member = set_member(&search->set, position);
	if (!member)
		return 1;
	if (!member_usable(member))
		return 0;
	search->position = position;
	search->server = member->server;
	return 1;
}

static __always_inline __u32 rr_choose(const struct isobar_set *set,
				       const struct isobar_tuple *tuple)
{
	for (int i = 0; i < SET_RETRIES; i++) {
		__u64 cursor = set->head->state;
		struct rr_search search = { .set = *set, .server = SET_NOBODY };
		__u64 next;

		search.next = cursor_next(cursor);
		bpf_loop(set->count, rr_step, &search, 0);
		if (search.server == SET_NOBODY)
			return SET_NOBODY;
		next = cursor_make(search.position, cursor_credit(cursor));
		if (__sync_val_compare_and_swap(&set->head->state, cursor, next) == cursor ||
		    i == SET_RETRIES - 1)
			return search.server;
	}
	return SET_NOBODY;
}
