/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Least connections (net/netfilter/ipvs/ip_vs_lc.c): the first server with the smallest
 * load that is neither quiesced nor overloaded.
 */
#pragma once

#include "rank.h"

static __always_inline __u32 lc_choose(const struct isobar_set *set,
				       const struct isobar_tuple *tuple)
{
	return rank_choose(set, ISOBAR_SCHEDULER_lc);
}
