/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Source hashing (net/netfilter/ipvs/ip_vs_sh.c): the server is looked up by the client's
 * address, with sh-port by its port, too. If it is quiesced, nobody takes the connection; with
 * sh-fallback the next one does, from a slot that the hash leads to once more.
 */
#pragma once

#include "lookup.h"

struct sh_search {
	struct isobar_set set;
	__u32 slot;
	__u32 server;
};

static long sh_step(__u32 i, struct sh_search *search)
{
	search->server = lookup_server(&search->set, (search->slot + i) % ISOBAR_HASH_SLOTS);
	return search->server != SET_NOBODY;
}

static __always_inline __u32 sh_choose(const struct isobar_set *set,
				       const struct isobar_tuple *tuple)
{
	__u32 slot = isobar_hash_slot(lookup_client(set, tuple));
	struct sh_search search = { .set = *set, .slot = 2 * slot };

	if (set->head->slots != ISOBAR_HASH_SLOTS)
		return SET_NOBODY;
	search.server = lookup_server(set, slot);
	if (search.server == SET_NOBODY && set->head->flags & ISOBAR_HASH_FALLBACK)
		bpf_loop(ISOBAR_HASH_SLOTS, sh_step, &search, 0);
	return search.server;
}
