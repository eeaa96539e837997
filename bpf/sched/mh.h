/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Maglev hashing (net/netfilter/ipvs/ip_vs_mh.c): the server is looked up by the client's
 * address, with mh-port by its port, too, in a table that changes little when servers come
 * and go. If it is quiesced, nobody takes the connection; with mh-fallback hashing goes on.
 */
#pragma once

#include "lookup.h"

struct mh_search {
	struct isobar_set set;
	__u32 client;
	__u32 slot;
	__u32 server;
};

static __always_inline __u32 mh_slot(__u32 value)
{
	return isobar_siphash(value, ISOBAR_MAGLEV_KEY) % ISOBAR_MAGLEV_SLOTS;
}

static long mh_step(__u32 i, struct mh_search *search)
{
	__u32 offset = (search->slot + i) % ISOBAR_MAGLEV_SLOTS;

	search->server = lookup_server(&search->set, mh_slot(search->client + offset));
	return search->server != SET_NOBODY;
}

static __always_inline __u32 mh_choose(const struct isobar_set *set,
				       const struct isobar_tuple *tuple)
{
	struct mh_search search = { .set = *set, .client = lookup_client(set, tuple) };

	/* without the weight, a service with all servers quiesced would search for each SYN */
	if (set->head->slots != ISOBAR_MAGLEV_SLOTS || set->head->max_weight == 0)
		return SET_NOBODY;
	search.slot = mh_slot(search.client);
	search.server = lookup_server(set, search.slot);
	if (search.server == SET_NOBODY && set->head->flags & ISOBAR_HASH_FALLBACK)
		bpf_loop(ISOBAR_MAGLEV_SLOTS, mh_step, &search, 0);
	return search.server;
}
