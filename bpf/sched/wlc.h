/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Weighted least connections (net/netfilter/ipvs/ip_vs_wlc.c): the first server with the
 * smallest load / weight, compared by cross products.
 */
#pragma once

#include "rank.h"

static __always_inline __u32 wlc_choose(const struct isobar_set *set,
					const struct isobar_tuple *tuple)
{
	return rank_choose(set, ISOBAR_SCHEDULER_wlc);
}
