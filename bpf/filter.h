/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Is an address one of ours? Two bit tests let the packets pass that have nothing to do
 * with any service. False positives only cost time. src/dataplane/filter.cpp sets the
 * bits by the same hash.
 */
#pragma once

#include "maps.h"
#include "packet.h"

static __always_inline __u32 filter_bit(const struct isobar_address *address)
{
	__u32 sum = address->word[3] ^ (address->word[2] << 1) ^ (address->word[1] << 2) ^
		    (address->word[0] << 3);

	return (sum * 0x9e3779b1u) >> 16; /* Fibonacci hashing to 16 bits */
}

static __always_inline int filter_has(const struct isobar_filter *filter,
				      const struct isobar_address *address)
{
	__u32 bit = filter_bit(address) & (ISOBAR_FILTER_BITS - 1);

	return (filter->word[bit / 64] >> (bit % 64)) & 1;
}
