/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where a large set keeps the best of its servers, so that a scheduler that wants the least load
 * need not look at all of them (docs/decisions/005-choosing-in-constant-time.md). A node knows the
 * best of 16 groups of 16 members, or of 16 nodes; the top one the best of all.
 *
 *                       node, best[0..15]               the top
 *                       /               \
 *        node, best[0..15]              node, best[0..15] ...
 *         |      |      |                |      |
 *       0..15  16..31  ..    members   256..271 ..
 *
 * A set's nodes are those of isobar_ranks whose number times 16 falls into its block of
 * isobar_sets, the top one first. It needs less than one for every 16 elements: so no block has
 * to be found for them.
 */
#pragma once

#include <linux/types.h>

#define ISOBAR_RANK_FAN 16
#define ISOBAR_RANK_LEVELS 3 /* of nodes: for 65,536 members */
/* Sets of more members than that have nodes. */
#define ISOBAR_RANK_LEAST 16
#define ISOBAR_RANK_NONE 0xffffu /* no position: nobody there may get a connection */
/* Bit of `dirty` of the top node: a CPU is at work on the set's nodes. */
#define ISOBAR_RANK_BUSY 0x10000u

struct isobar_rank {
	__u32 dirty;  /* a bit for each of the 16 whose best may be another by now */
	__u32 parent; /* number of the node above; 0: this is the top one */
	__u32 child;  /* which of the parent's 16 this is */
	__u32 below;  /* number of the first node below; 0: there are groups of members */
	__u32 first;  /* position of the first member below */
	/* of the top node only: */
	__u32 winner; /* position of the best of all */
	__u32 looked; /* jiffies when a group was last looked at unasked, */
	__u32 hand;   /* and which one is next */
	__u16 best[ISOBAR_RANK_FAN]; /* positions */
};

/* The top node of the set whose head is that element. */
static inline __attribute__((always_inline, unused)) __u32 isobar_rank_top(__u32 set)
{
	return (set + ISOBAR_RANK_FAN - 1) / ISOBAR_RANK_FAN;
}
