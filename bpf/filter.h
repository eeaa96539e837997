/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is an address to us: a service's, a real server's, both, neither? Two bit tests let
 * the packets pass that have nothing to do with any service. False positives only cost time.
 * src/dataplane/address_filter.cpp sets the bits by the same hash.
 */
#pragma once

#include "maps.h"
#include "tuple.h"

static __always_inline __u32 filter_slot(const struct isobar_address *address)
{
	/* Fibonacci hashing to 16 bits */
	return (address_fold(address_halves(address)) * 0x9e3779b1u) >> 16;
}

/* ISOBAR_FILTER_* of both addresses of a packet. */
struct filter_kinds {
	__u16 source;
	__u16 destination;
};

static __always_inline __u32 filter_look(const struct isobar_filter *filter,
					 const struct isobar_address *address)
{
	__u32 slot = filter_slot(address) & (ISOBAR_FILTER_ADDRESSES - 1);

	return (filter->word[slot / 32] >> (slot % 32 * 2)) & 3;
}

static __always_inline struct filter_kinds filter_kinds(const struct isobar_tuple *tuple)
{
	const struct isobar_filter *filter = &isobar_filter;

	return (struct filter_kinds){
		.source = filter_look(filter, &tuple->source),
		.destination = filter_look(filter, &tuple->destination),
	};
}
