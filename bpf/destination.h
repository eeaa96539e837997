/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What lblc and lblcr remember: which server, or servers, the connections to a destination address
 * go to (net/netfilter/ipvs/ip_vs_lblc.c, ip_vs_lblcr.c). A destination may leave them only when
 * they are overloaded and another server is nearly idle; then the least loaded of all is learned.
 *
 * Each service has a cache of its own, by number: when the service gets another scheduler, or is
 * made anew, it gets a new number, and what the old one knew is found no more. All caches share
 * isobar_caches. No timer: what nobody has used for the time of expiration counts as
 * forgotten, and a line that is full gives up what was used longest ago.
 *
 * Who changes a destination makes itself `busy`; who finds it so does without, as IPVS does without
 * memory. Who only reads does not wait: it looks at `cache` before and after, for that is 0 while
 * the entry becomes another's.
 */
#pragma once

#include "conn.h"
#include "rank.h"

/* A scheduler returns this if the destination's server is to be taken: destination_schedule() is to
 * be asked, by the caller, for want of stack. */
#define SET_REMEMBERED 0xfffffffdu
/* None is known, or no good one: the least loaded of all is to be taken, and learned. */
#define SET_LEARN 0xfffffffcu

/* ---- finding ------------------------------------------------------------------ */

/* destination_find() returns the number of an entry. With this bit it is the destination's own,
 * else the one that is to be given up for it. */
#define DESTINATION_OWN 0x80000000u

struct destination_search {
	struct isobar_address address ADDRESS_ALIGNED;
	__u32 cache;
	__u32 first; /* number of the line's first entry */
	__u32 now;
	__u32 found;
	__u32 age; /* of the oldest so far */
};

static __always_inline int destination_is(const struct isobar_destination *entry, __u32 cache,
					  const struct isobar_address *address)
{
	return *(volatile __u32 *)&entry->cache == cache && address_same(&entry->address, address);
}

static long destination_look(__u32 i, struct destination_search *search)
{
	__u32 number = search->first + i;
	struct isobar_destination *entry = bpf_map_lookup_elem(&isobar_caches, &number);
	__u32 age;

	if (!entry)
		return 1;
	if (destination_is(entry, search->cache, &search->address)) {
		search->found = number | DESTINATION_OWN;
		return 1;
	}
	age = entry->cache ? search->now - entry->used : ~0u;
	if (age > search->age) {
		search->age = age;
		search->found = number;
	}
	return 0;
}

__noinline __u32 destination_find(__u32 cache, const struct isobar_tuple *tuple, __u32 now)
{
	const struct isobar_settings *settings = &isobar_settings;
	struct destination_search search = { .cache = cache, .now = now };
	__u64 hash;

	if (!tuple)
		return 0;
	address_put(&search.address, address_halves(&tuple->destination));
	hash = conn_mix(conn_hash(settings, address_halves(&tuple->destination), 0, 0) + cache);
	search.first = (hash >> 32) % (ISOBAR_DESTINATIONS / ISOBAR_DESTINATION_WAYS);
	search.first *= ISOBAR_DESTINATION_WAYS;
	search.found = search.first;
	bpf_loop(ISOBAR_DESTINATION_WAYS, destination_look, &search, 0);
	return search.found;
}

static __always_inline struct isobar_destination *destination_get(__u32 found)
{
	__u32 number = found & ~DESTINATION_OWN;

	return bpf_map_lookup_elem(&isobar_caches, &number);
}

static __always_inline __u32 destination_cache(const struct isobar_set *set)
{
	return cursor_credit(set->head->state);
}

/* How long it is remembered, in jiffies. */
static __always_inline __u64 destination_expiration(const struct isobar_settings *settings,
						    __u32 scheduler)
{
	__u64 seconds = scheduler == ISOBAR_SCHEDULER_lblcr ? settings->lblcr_expiration
							    : settings->lblc_expiration;

	return seconds * settings->hz;
}

/* ---- its servers -------------------------------------------------------------- */

#define DESTINATION_NOBODY 0xffffffffu

struct destination_pick {
	struct isobar_destination *entry; /* on the stack, as Linux 6.1 wants it */
	__u32 scheduler;
	__u32 position; /* of the server picked so far, or DESTINATION_NOBODY */
	__u32 server;
	__u32 weight;
	__u64 load;
};

static __always_inline struct isobar_server *
destination_server(const struct isobar_destination *entry, __u32 position, __u32 *index)
{
	if (position >= ISOBAR_DESTINATION_SERVERS)
		return NULL;
	*index = entry->server[position];
	return bpf_map_lookup_elem(&isobar_servers, index);
}

static __always_inline void destination_take(struct destination_pick *pick, __u32 position,
					     __u32 index, __u32 weight, __u64 load)
{
	pick->position = position;
	pick->server = index;
	pick->weight = weight;
	pick->load = load;
}

/* The server with the least load / weight, the newest of those that are equal. lblc asks its only
 * one, and goes to it whatever its thresholds say. */
static long destination_least(__u32 i, struct destination_pick *pick)
{
	__u32 position = pick->entry->count - 1 - i, index = 0, weight;
	struct isobar_server *server = destination_server(pick->entry, position, &index);
	__u64 load;

	if (!server)
		return 1;
	weight = server->weight;
	if (weight == 0 || !(server->flags & ISOBAR_SERVER_AVAILABLE) ||
	    (server->overloaded && pick->scheduler == ISOBAR_SCHEDULER_lblcr))
		return 0;
	load = server_load(server);
	if (pick->position == DESTINATION_NOBODY || pick->load * weight > load * pick->weight)
		destination_take(pick, position, index, weight, load);
	return 0;
}

/* That with the most, be it available or not. */
static long destination_most(__u32 i, struct destination_pick *pick)
{
	__u32 position = pick->entry->count - 1 - i, index = 0, weight;
	struct isobar_server *server = destination_server(pick->entry, position, &index);
	__u64 load;

	if (!server)
		return 1;
	weight = server->weight;
	if (weight == 0)
		return 0;
	load = server_load(server);
	if (pick->position == DESTINATION_NOBODY || pick->load * weight < load * pick->weight)
		destination_take(pick, position, index, weight, load);
	return 0;
}

static long destination_close_gap(__u32 i, struct destination_pick *pick)
{
	__u32 position = pick->position + i;

	if (position >= ISOBAR_DESTINATION_SERVERS - 1)
		return 1;
	pick->entry->server[position] = pick->entry->server[position + 1];
	return 0;
}

/* lblcr: the server with the most load leaves the set. */
__noinline int destination_thin(__u32 number, __u32 now)
{
	struct destination_pick pick = { .position = DESTINATION_NOBODY };

	pick.entry = bpf_map_lookup_elem(&isobar_caches, &number);
	if (!pick.entry || __sync_lock_test_and_set(&pick.entry->busy, 1))
		return 0;
	bpf_loop(pick.entry->count, destination_most, &pick, 0);
	if (pick.entry->count > 1 && pick.position != DESTINATION_NOBODY) {
		bpf_loop(pick.entry->count - 1 - pick.position, destination_close_gap, &pick, 0);
		pick.entry->count--;
		pick.entry->changed = now;
	}
	__sync_lock_test_and_set(&pick.entry->busy, 0);
	return 0;
}

/* ---- choosing ------------------------------------------------------------------- */

struct destination_relief {
	struct isobar_set set;
	__u32 there;
};

static long destination_look_for_relief(__u32 i, struct destination_relief *relief)
{
	struct isobar_member *member = set_member(&relief->set, i);

	if (!member)
		return 1;
	relief->there = (__u64)set_active(member) * 2 < member->weight;
	return relief->there != 0;
}

/* Has it more active connections than its weight, while another has less than half of its own? */
__noinline int destination_is_overloaded(__u32 element, __u32 index)
{
	struct isobar_server *server = bpf_map_lookup_elem(&isobar_servers, &index);
	struct destination_relief relief = {};

	if (!server || set_open(element, &relief.set))
		return 0;
	if (server->active <= server->weight)
		return 0;
	bpf_loop(relief.set.count, destination_look_for_relief, &relief, 0);
	return relief.there;
}

/* The server of a known destination; SET_LEARN if there is none, or no good one. */
__noinline __u32 destination_choose(__u32 element, const struct isobar_tuple *tuple)
{
	const struct isobar_settings *settings = &isobar_settings;
	struct destination_pick pick = { .position = DESTINATION_NOBODY };
	__u32 found, cache, now = isobar_now();
	struct isobar_set set = {};
	__u64 expiration;

	if (!tuple || set_open(element, &set))
		return SET_NOBODY;
	cache = destination_cache(&set);
	found = destination_find(cache, tuple, now);
	if (!(found & DESTINATION_OWN))
		return SET_LEARN;
	pick.entry = destination_get(found);
	pick.scheduler = set.head->scheduler;
	expiration = destination_expiration(settings, pick.scheduler);
	if (!pick.entry || now - pick.entry->used >= expiration)
		return SET_LEARN;
	pick.entry->used = now;
	bpf_loop(pick.entry->count, destination_least, &pick, 0);
	if (pick.entry->count > 1 && now - pick.entry->changed > expiration)
		destination_thin(found & ~DESTINATION_OWN, now);
	if (pick.position == DESTINATION_NOBODY || pick.entry->cache != cache ||
	    destination_is_overloaded(element, pick.server))
		return SET_LEARN;
	return pick.server;
}

/* ---- learning ------------------------------------------------------------------- */

static long destination_look_for_server(__u32 i, struct destination_pick *pick)
{
	if (i >= ISOBAR_DESTINATION_SERVERS)
		return 1;
	if (pick->entry->server[i] != pick->server)
		return 0;
	pick->position = i;
	return 1;
}

/* lblc has the server in place of the old one, lblcr beside the others, as long as there is room.
 */
static __always_inline void destination_add(struct destination_pick *pick, __u32 now)
{
	__u32 count = pick->entry->count;

	if (pick->scheduler == ISOBAR_SCHEDULER_lblc)
		count = 0;
	bpf_loop(count, destination_look_for_server, pick, 0);
	if (pick->position != DESTINATION_NOBODY || count >= ISOBAR_DESTINATION_SERVERS)
		return;
	pick->entry->server[count] = pick->server;
	pick->entry->count = count + 1;
	pick->entry->changed = now;
}

__noinline int destination_learn(__u32 element, const struct isobar_tuple *tuple, __u32 server)
{
	const struct isobar_settings *settings = &isobar_settings;
	struct destination_pick pick = { .position = DESTINATION_NOBODY, .server = server };
	__u32 found, cache, now = isobar_now();
	struct isobar_set set = {};

	if (!tuple || set_open(element, &set))
		return 0;
	cache = destination_cache(&set);
	found = destination_find(cache, tuple, now);
	pick.entry = destination_get(found);
	pick.scheduler = set.head->scheduler;
	if (!pick.entry || __sync_lock_test_and_set(&pick.entry->busy, 1))
		return 0;
	if (!(found & DESTINATION_OWN)) {
		__sync_lock_test_and_set(&pick.entry->cache, 0);
		address_put(&pick.entry->address, address_halves(&tuple->destination));
		pick.entry->count = 0;
		pick.entry->used = now;
		destination_add(&pick, now);
		__sync_lock_test_and_set(&pick.entry->cache, cache);
	} else if (destination_is(pick.entry, cache, &tuple->destination)) {
		/* it still is: no other CPU was quicker, and gave it to somebody else */
		if (now - pick.entry->used >= destination_expiration(settings, pick.scheduler))
			pick.entry->count = 0;
		pick.entry->used = now;
		destination_add(&pick, now);
	}
	__sync_lock_test_and_set(&pick.entry->busy, 0);
	return 0;
}

__noinline __u32 destination_schedule(__u32 element, const struct isobar_tuple *tuple)
{
	__u32 server = destination_choose(element, tuple);

	if (server != SET_LEARN)
		return server;
	server = rank_winner(element);
	if (server == SET_RANKED)
		server = rank_look_for(element);
	if (server != SET_NOBODY)
		destination_learn(element, tuple, server);
	return server;
}
