/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Schedulers that hash (dh, sh, mh): a table of slots behind the set's members, filled by user
 * space (src/scheduling/lookup_table.cpp), says which member a hash leads to.
 */
#pragma once

#include <bpf/bpf_endian.h>

#include "hash.h"
#include "set.h"

/* The server of the slot; SET_NOBODY if it is quiesced. */
static __always_inline __u32 lookup_server(const struct isobar_set *set, __u32 slot)
{
	__u32 element = set->first + set->count + slot / ISOBAR_SLOTS;
	union isobar_set_element *e = bpf_map_lookup_elem(&isobar_sets, &element);
	struct isobar_member *member;

	if (!e)
		return SET_NOBODY;
	member = set_member(set, e->slots.member[slot % ISOBAR_SLOTS]);
	return member && member_usable(member) ? member->server : SET_NOBODY;
}

/* An address as these schedulers take it: a number of 32 bits, in host order. */
static __always_inline __u32 lookup_address(const struct isobar_address *address)
{
	if (address_is_v4(address))
		return bpf_ntohl(address->word[3]);
	return bpf_ntohl(address->word[0] ^ address->word[1] ^ address->word[2] ^ address->word[3]);
}

/* What sh and mh hash: the client's address, and its port if the service wants that. */
static __always_inline __u32 lookup_client(const struct isobar_set *set,
					   const struct isobar_tuple *tuple)
{
	__u32 client = lookup_address(&tuple->source);

	return set->head->flags & ISOBAR_HASH_PORT ? client + bpf_ntohs(tuple->source_port)
						   : client;
}
