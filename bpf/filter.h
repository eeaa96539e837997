/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is an address to us: a service's, a real server's, both, neither? Two bit tests let
 * the packets pass that have nothing to do with any service. False positives only cost time.
 * src/dataplane/tables.cpp sets the bits by the same hash.
 */
#pragma once

#include "maps.h"

static __always_inline __u32 filter_slot(const struct isobar_address *address)
{
	__u32 sum = address->word[3] ^ (address->word[2] << 1) ^ (address->word[1] << 2) ^
		    (address->word[0] << 3);

	return (sum * 0x9e3779b1u) >> 16; /* Fibonacci hashing to 16 bits */
}

/* ISOBAR_FILTER_* of the address. */
static __always_inline __u32 filter_kind(const struct isobar_address *address)
{
	const struct isobar_filter *filter = isobar_only(isobar_filter);
	__u32 slot = filter_slot(address) & (ISOBAR_FILTER_ADDRESSES - 1);

	if (!filter)
		return 0;
	return (filter->word[slot / 32] >> (slot % 32 * 2)) & 3;
}
