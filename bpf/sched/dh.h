/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Destination hashing (net/netfilter/ipvs/ip_vs_dh.c): the server is looked up by the virtual
 * address. If it is quiesced, nobody takes the connection.
 */
#pragma once

#include "lookup.h"

static __always_inline __u32 dh_choose(const struct isobar_set *set,
				       const struct isobar_tuple *tuple)
{
	if (set->head->slots != ISOBAR_HASH_SLOTS)
		return SET_NOBODY;
	return lookup_server(set, isobar_hash_slot(lookup_address(&tuple->destination)));
}
