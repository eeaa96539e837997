/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Weighted round robin, interleaved (net/netfilter/ipvs/ip_vs_wrr.c): rounds with a
 * current weight that goes down from the largest by the greatest common divisor; each
 * takes the servers that weigh at least that much. The cursor's credit is that weight. Rounds
 * that would pass empty, because the heaviest servers are overloaded, are skipped.
 */
#pragma once

#include "set.h"

struct wrr_search {
	struct isobar_set set;
	__u32 next;
	__u32 position;
	__s32 weight;
	__s32 most;         /* heaviest usable server among those that were too light */
	__u32 server;
};

static long wrr_step(__u32 i, struct wrr_search *search)
{
	const struct isobar_set_head *head = search->set.head;
	__u32 count = search->set.count;
	__u32 position = search->next + i;
	struct isobar_member *member;

	if (position == count || position == 2 * count || position == 3 * count) {
		/* the next round begins; from the third on all servers were seen */
		__s32 most = i > count ? search->most : head->max_weight;

		most -= head->gcd - 1;
		search->weight -= head->gcd;
		if (search->weight <= 0 || search->weight > most)
			search->weight = most;
	}
	if (position >= count)
		position -= count;
	if (position >= count)
		position -= count;
	if (position >= count)
		position -= count;
	member = set_member(&search->set, position);
	if (!member)
		return 1;
	if (!member_usable(member))
		return 0;
	if ((__s32)member->weight < search->weight) {
		if ((__s32)member->weight > search->most)
			search->most = member->weight;
		return 0;
	}
	search->position = position;
	search->server = member->server;
	return 1;
}

static __always_inline __u32 wrr_choose(const struct isobar_set *set,
					const struct isobar_tuple *tuple)
{
	if (set->head->max_weight == 0)
		return SET_NOBODY;
	for (int i = 0; i < SET_RETRIES; i++) {
		__u64 cursor = set->head->state;
		struct wrr_search search = { .set = *set, .server = SET_NOBODY };
		__u64 next;

		search.next = cursor_next(cursor);
		search.weight = cursor_credit(cursor);
		/* at most to the end of this round, once through the heaviest one, and, as all of
		 * that one may be overloaded, once through the heaviest of the others */
		bpf_loop(3 * set->count, wrr_step, &search, 0);
		if (search.server == SET_NOBODY)
			return SET_NOBODY;
		next = cursor_make(search.position, search.weight);
		if (__sync_val_compare_and_swap(&set->head->state, cursor, next) == cursor ||
		    i == SET_RETRIES - 1)
			return search.server;
	}
	return SET_NOBODY;
}
