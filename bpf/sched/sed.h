/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Shortest expected delay (net/netfilter/ipvs/ip_vs_sed.c): the first server with the smallest
 * (active connections + 1) / weight, compared by cross products.
 */
#pragma once

#include "rank.h"

static __always_inline __u32 sed_choose(const struct isobar_set *set,
					const struct isobar_tuple *tuple)
{
	return rank_choose(set, ISOBAR_SCHEDULER_sed);
}
