/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Never queue (net/netfilter/ipvs/ip_vs_nq.c): the first server without an active connection;
 * if there is none, as sed.
 */
#pragma once

#include "rank.h"

static __always_inline __u32 nq_choose(const struct isobar_set *set,
				       const struct isobar_tuple *tuple)
{
	return rank_choose(set, ISOBAR_SCHEDULER_nq);
}
