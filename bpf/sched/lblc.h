/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Locality-based least connections (net/netfilter/ipvs/ip_vs_lblc.c): all connections to a
 * destination address go to one server, so that caches need not hold everything. If that has more
 * of them than its weight, and another less than half, the destination goes over to the least
 * loaded.
 */
#pragma once

#include "destination.h"

static __always_inline __u32 lblc_choose(const struct isobar_set *set,
					 const struct isobar_tuple *tuple)
{
	return SET_REMEMBERED;
}
