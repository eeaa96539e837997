/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Power of two choices (net/netfilter/ipvs/ip_vs_twos.c): two servers are drawn by weight; the
 * one with the smaller load / weight takes the connection, the first one if they are equal.
 */
#pragma once

#include "set.h"

struct twos_search {
	struct isobar_set set;
	__u64 total;         /* of the weights seen so far */
	__u64 draw[2];       /* the server whose weight makes the total reach it is drawn */
	__u32 position[2];   /* of those drawn */
};

static long twos_sum(__u32 i, struct twos_search *search)
{
	struct isobar_member *member = set_member(&search->set, i);

	if (!member)
		return 1;
	if (member_usable(member))
		search->total += member->weight;
	return 0;
}

static long twos_step(__u32 i, struct twos_search *search)
{
	struct isobar_member *member = set_member(&search->set, i);

	if (!member)
		return 1;
	if (!member_usable(member))
		return 0;
	search->total += member->weight;
	for (int n = 0; n < 2; n++)
		if (search->position[n] == SET_NOBODY && search->draw[n] <= search->total)
			search->position[n] = i;
	return search->position[0] != SET_NOBODY && search->position[1] != SET_NOBODY;
}

/* 0 to `most`, both included. */
static __always_inline __u64 twos_random(__u64 most)
{
	return ((__u64)bpf_get_prandom_u32() << 32 | bpf_get_prandom_u32()) % (most + 1);
}

static __always_inline __u32 twos_choose(const struct isobar_set *set,
					 const struct isobar_tuple *tuple)
{
	struct twos_search search = { .set = *set, .position = { SET_NOBODY, SET_NOBODY } };
	struct isobar_member *first, *second;

	bpf_loop(set->count, twos_sum, &search, 0);
	if (search.total == 0)
		return SET_NOBODY;
	search.draw[0] = twos_random(search.total);
	search.draw[1] = twos_random(search.total);
	search.total = 0;
	bpf_loop(set->count, twos_step, &search, 0);
	first = set_member(set, search.position[0]);
	second = set_member(set, search.position[1]);
	if (!first || !second)
		return SET_NOBODY;
	return set_load(first) * second->weight > set_load(second) * first->weight ? second->server
										   : first->server;
}
