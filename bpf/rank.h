/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The server with the least load (lc, wlc, sed, nq). A small set is looked through. For a large
 * one the best is kept in a tree, drawn in abi/ranks.h: whoever changes what a server has marks
 * its groups as dirty; whoever wants the best first looks at the dirty groups again.
 *
 *  - Mark: change the count, then set the bits, the deepest first.
 *  - Repair: clear the bits, the top one first, then look at the counts. So a change that the look
 *    missed has its mark still to come.
 *  - One CPU repairs a set at a time. Others meanwhile take the winner as it stands: IPVS's
 *    CPUs do not see each other's choices either.
 *  - Once a jiffy a group is looked at unasked, one after the other, so that nothing that should
 *    go wrong is wrong for long.
 *
 * As long as loads only grow, none of this is needed. What the winner had when it was found is the
 * *floor*: nobody has less, and nobody before it in the list has as little. So the first from there
 * on that still has as much is the winner now, and most often it is one of the next. A load that
 * falls sets RANK_LOWERED, and the tree is looked at again.
 */
#pragma once

#include "bits.h"
#include "set.h"

/* A scheduler returns this for a set with ranks: rank_winner() is to be asked, by the caller, for
 * want of stack. It returns the same if the set has no ranks, or they are of no use now. */
#define SET_RANKED 0xfffffffeu

/* Of `dirty`: the bits of the 16. */
#define RANK_CHILDREN 0xffffu
/* Bit of `dirty` of the top node: a load has fallen since the floor was found. */
#define RANK_LOWERED 0x20000u
/* From the floor's position on so many servers are looked at. */
#define RANK_NEXT 4

/* What a change did to a server's load. */
enum rank_change { RANK_GREW, RANK_FELL };

struct rank_search {
	struct isobar_set set;
	__u32 scheduler;
	__u32 position;      /* the best so far; ISOBAR_RANK_NONE: nobody */
	__u32 server;
	__u32 weight;
	__u64 load;
};

/* ---- comparing -------------------------------------------------------------- */

/* What the scheduler compares: the load that is to be least for its weight. */
static __always_inline __u64 rank_load(__u32 scheduler, const struct isobar_server *server)
{
	__u64 active = server->active;

	if (scheduler == ISOBAR_SCHEDULER_nq && active == 0)
		return 0; /* before all that have one, whatever they weigh */
	if (scheduler == ISOBAR_SCHEDULER_sed || scheduler == ISOBAR_SCHEDULER_nq)
		return active + 1;
	return server_load(server);
}

/* Nobody yet: any load / weight is less than 1 / 0. Told in a way that the verifier does not see
 * through: what it knows of these numbers it would follow through each comparison. */
static __always_inline void rank_begin(struct rank_search *search)
{
	__u32 zero = search->set.count >> 31;

	search->position = ISOBAR_RANK_NONE | zero;
	search->server = SET_NOBODY;
	search->weight = zero;
	search->load = zero + 1;
}

/* Is the member at the position better than the best so far? Then it is that. */
static __always_inline void rank_compare(struct rank_search *search, __u32 position)
{
	struct isobar_member *member = set_member(&search->set, position);
	struct isobar_server *server;
	__u32 index, weight;
	__u64 load;

	if (!member || member->weight == 0)
		return;
	index = member->server;
	server = bpf_map_lookup_elem(&isobar_servers, &index);
	if (!server || (member->limited && server->overloaded))
		return;
	weight = search->scheduler == ISOBAR_SCHEDULER_lc ? 1 : member->weight;
	load = rank_load(search->scheduler, server);
	if (search->load * weight <= load * search->weight)
		return;
	search->position = position;
	search->server = index;
	search->weight = weight;
	search->load = load;
}

/* ---- the tree ----------------------------------------------------------------- */

/* The group of the position is to be looked at, and all nodes above it. Whose bit is set already
 * has those above set, or will; but that a load fell, the top one has to know. */
static __always_inline void rank_mark_at(isobar_place place, enum rank_change change)
{
	__u32 number = place >> 32;
	__u32 child = (__u32)place / ISOBAR_RANK_FAN;

	for (int level = 0; level < ISOBAR_RANK_LEVELS; level++) {
		struct isobar_rank *node = bpf_map_lookup_elem(&isobar_ranks, &number);
		__u32 bit = 1u << (child % ISOBAR_RANK_FAN);

		if (!node)
			return;
		if (change == RANK_FELL && !node->parent)
			bit |= RANK_LOWERED;
		if ((*(volatile __u32 *)&node->dirty & bit) != bit)
			__sync_fetch_and_or(&node->dirty, bit);
		else if (change == RANK_GREW)
			return;
		number = node->parent;
		child = node->child;
		if (!number)
			return;
	}
}

/* Global, for the packets' way: the verifier looks at it once. */
__noinline int rank_mark_ways(isobar_place place, enum rank_change change)
{
	rank_mark_at(place, change);
	return 0;
}

/* Where the server has to be marked when a count of it was changed, by an atomic operation;
 * 0: nowhere. */
static __always_inline isobar_place rank_place(__u32 server)
{
	isobar_place *place = bpf_map_lookup_elem(&isobar_places, &server);

	return place ? *(volatile isobar_place *)place : 0;
}

static __always_inline void rank_mark(__u32 server, enum rank_change change)
{
	isobar_place place = rank_place(server);

	if (place)
		rank_mark_ways(place, change);
}

/* The best of the 16 members from `first` on. Global, as the next: the verifier looks at each
 * once. */
__noinline int rank_best_of_group(struct rank_search *search, __u32 first)
{
	if (!search)
		return -1;
	rank_begin(search);
	for (__u32 i = 0; i < ISOBAR_RANK_FAN; i++)
		if (first + i < search->set.count)
			rank_compare(search, first + i);
	return 0;
}

/* Of all below the node. */
__noinline int rank_best_of(struct rank_search *search, const struct isobar_rank *node)
{
	if (!search || !node)
		return -1;
	rank_begin(search);
	for (__u32 i = 0; i < ISOBAR_RANK_FAN; i++)
		if (node->best[i] != ISOBAR_RANK_NONE)
			rank_compare(search, node->best[i]);
	return 0;
}

/* Takes a dirty bit of the node away. The top one's is taken by who makes itself busy thereby. */
static __always_inline int rank_take(struct isobar_rank *node, __u32 *child)
{
	__u32 dirty = *(volatile __u32 *)&node->dirty;
	__u32 rest;

	*child = bits_lowest(dirty) % ISOBAR_RANK_FAN;
	rest = dirty & ~(RANK_LOWERED | 1u << *child);
	if (!node->parent)
		return __sync_val_compare_and_swap(&node->dirty, dirty, rest | ISOBAR_RANK_BUSY) ==
		       dirty;
	__sync_fetch_and_and(&node->dirty, ~(1u << *child));
	return 1;
}

/* ---- the floor -------------------------------------------------------------- */

/* It is kept where other schedulers have their cursor: its position, and the load that the server
 * there had. lblc and lblcr have something else there. */
static __always_inline int rank_has_floor(__u32 scheduler)
{
	return scheduler - ISOBAR_SCHEDULER_lc <= ISOBAR_SCHEDULER_nq - ISOBAR_SCHEDULER_lc;
}

/* The winner is found, by who is busy: its load is the floor, if nothing else is to be looked at.
 */
static __always_inline void rank_set_floor(struct isobar_set_head *head,
					   const struct rank_search *search,
					   const struct isobar_rank *top)
{
	__u32 position = search->position;

	if (!rank_has_floor(search->scheduler))
		return;
	if (*(volatile __u32 *)&top->dirty != ISOBAR_RANK_BUSY || position == ISOBAR_RANK_NONE ||
	    search->load >> 32)
		position = ISOBAR_SET_START;
	*(volatile __u64 *)&head->state = cursor_make(position, search->load);
}

static __always_inline __u64 rank_weight(__u32 scheduler, const struct isobar_member *member)
{
	return scheduler == ISOBAR_SCHEDULER_lc ? 1 : member->weight;
}

/* The load of the member's server. Other than 0: it may not be chosen. */
static __always_inline int rank_load_of(__u32 scheduler, const struct isobar_member *member,
					__u64 *load)
{
	struct isobar_server *server;
	__u32 index = member->server;

	server = bpf_map_lookup_elem(&isobar_servers, &index);
	if (!server || member->weight == 0 || (member->limited && server->overloaded))
		return -1;
	*load = rank_load(scheduler, server);
	return 0;
}

/* Once a jiffy a group gets dirty that nobody marked. */
static __always_inline void rank_look_unasked(const struct isobar_set *set, struct isobar_rank *top)
{
	__u32 now = isobar_now();
	struct isobar_member *member;

	if (top->looked == now)
		return;
	top->looked = now;
	member = set_member(set, top->hand);
	top->hand = member && top->hand < set->count ? top->hand + ISOBAR_RANK_FAN : 0;
	if (member)
		rank_mark(member->server, RANK_FELL);
}

/* The winner, if it follows from the floor; else SET_NOBODY. Global: for want of stack. */
__noinline __u32 rank_next(__u32 element)
{
	__u32 number = isobar_rank_top(element), scheduler, position;
	struct isobar_rank *top = bpf_map_lookup_elem(&isobar_ranks, &number);
	struct isobar_member *member;
	struct isobar_set set = {};
	__u64 floor, load, weight;

	if (!top || set_open(element, &set) || set.count <= ISOBAR_RANK_LEAST)
		return SET_NOBODY;
	rank_look_unasked(&set, top);
	floor = *(volatile __u64 *)&set.head->state;
	scheduler = set.head->scheduler;
	position = cursor_position(floor);
	if (!rank_has_floor(scheduler) || position >= set.count ||
	    *(volatile __u32 *)&top->dirty & (RANK_LOWERED | ISOBAR_RANK_BUSY))
		return SET_NOBODY;
	member = set_member(&set, position);
	if (!member)
		return SET_NOBODY;
	weight = rank_weight(scheduler, member);
	for (__u32 i = 0; i < RANK_NEXT; i++) {
		if (i > 0)
			member = set_member(&set, position + i);
		if (!member || position + i >= set.count)
			return SET_NOBODY;
		if (rank_load_of(scheduler, member, &load) ||
		    load * weight != cursor_credit(floor) * rank_weight(scheduler, member))
			continue;
		if (load >> 32) /* it would not fit */
			return SET_NOBODY;
		/* not if another CPU has found a new floor meanwhile */
		if (i > 0)
			__sync_val_compare_and_swap(&set.head->state, floor,
						    cursor_make(position + i, load));
		top->winner = position + i;
		return member->server;
	}
	return SET_NOBODY;
}

struct rank_repair {
	struct isobar_set set;
	__u32 scheduler;
	__u32 top;           /* number of the node */
	__u32 last;          /* round of the loop */
};

static __always_inline __u32 rank_release(struct isobar_rank *top)
{
	return __sync_fetch_and_and(&top->dirty, ~ISOBAR_RANK_BUSY);
}

/* Looks at one dirty group again, and at the nodes above it. A node of which other groups are dirty
 * is put off until they are clean, or this is the last round. */
static long rank_repair_one(__u32 i, struct rank_repair *repair)
{
	struct rank_search search = { .set = repair->set, .scheduler = repair->scheduler };
	__u32 number = repair->top, child = 0, more = 0, put_off = 0;
	struct isobar_rank *top = bpf_map_lookup_elem(&isobar_ranks, &number);
	struct isobar_rank *node = top;

	if (!node || node->dirty == 0 || node->dirty & ISOBAR_RANK_BUSY)
		return 1;
	for (int level = 0; level < ISOBAR_RANK_LEVELS; level++) {
		if (!rank_take(node, &child))
			return 0;
		if (!node->below)
			break;
		number = node->below + child;
		node = bpf_map_lookup_elem(&isobar_ranks, &number);
		if (!node) {
			rank_release(top);
			return 1;
		}
	}
	rank_best_of_group(&search, node->first + child * ISOBAR_RANK_FAN);
	for (int level = 0; level < ISOBAR_RANK_LEVELS; level++) {
		if (!put_off)
			node->best[child % ISOBAR_RANK_FAN] = search.position;
		if (more) /* others below are dirty yet */
			__sync_fetch_and_or(&node->dirty, 1u << (child % ISOBAR_RANK_FAN));
		more = *(volatile __u32 *)&node->dirty & RANK_CHILDREN;
		put_off |= more && i < repair->last;
		if (!put_off)
			rank_best_of(&search, node);
		child = node->child;
		number = node->parent;
		if (!number)
			break;
		node = bpf_map_lookup_elem(&isobar_ranks, &number);
		if (!node) {
			rank_release(top);
			return 1;
		}
	}
	if (!put_off)
		top->winner = search.position;
	rank_set_floor(repair->set.head, &search, top);
	return rank_release(top) == ISOBAR_RANK_BUSY;
}

/* The winner, all dirty groups looked at. Global: the verifier looks at it once. */
__noinline __u32 rank_repaired(__u32 element)
{
	struct rank_repair repair = {};
	struct isobar_member *member;
	struct isobar_rank *top;
	__u32 unsure;

	if (set_open(element, &repair.set))
		return SET_NOBODY;
	if (repair.set.count <= ISOBAR_RANK_LEAST)
		return SET_RANKED;
	repair.scheduler = repair.set.head->scheduler;
	repair.top = isobar_rank_top(element);
	repair.last = repair.set.count / ISOBAR_RANK_FAN;
	top = bpf_map_lookup_elem(&isobar_ranks, &repair.top);
	if (!top)
		return SET_NOBODY;
	if (top->dirty)
		bpf_loop(repair.last + 1, rank_repair_one, &repair, 0);
	/* not repaired: another CPU is at it */
	unsure = *(volatile __u32 *)&top->dirty;
	member = set_member(&repair.set, *(volatile __u32 *)&top->winner);
	if (member && member_usable(member))
		return member->server;
	return member || unsure ? SET_RANKED : SET_NOBODY;
}

/* The best server of a set with ranks. */
static __always_inline __u32 rank_winner(__u32 element)
{
	__u32 server = rank_next(element);

	return server != SET_NOBODY ? server : rank_repaired(element);
}

static long rank_look(__u32 i, struct rank_search *search)
{
	rank_compare(search, i);
	return 0;
}

/* The same by looking at all of them. */
__noinline __u32 rank_look_for(__u32 element)
{
	struct rank_search search = {};

	if (set_open(element, &search.set))
		return SET_NOBODY;
	search.scheduler = search.set.head->scheduler;
	rank_begin(&search);
	bpf_loop(search.set.count, rank_look, &search, 0);
	return search.server;
}

/* For the schedulers that want the least load. */
static __always_inline __u32 rank_choose(const struct isobar_set *set, __u32 scheduler)
{
	struct rank_search search = {
		.set = *set,
		.scheduler = scheduler,
	};
	__u32 count = set->count;

	if (count > ISOBAR_RANK_LEAST)
		return SET_RANKED;
	rank_begin(&search);
	asm volatile(
		""
		: "+r"(count)); /* or clang drops the loop's bound, and the verifier never ends */
	for (__u32 i = 0; i < ISOBAR_RANK_LEAST; i++) {
		if (i >= count)
			break;
		rank_compare(&search, i);
	}
	return search.server;
}
