/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The connection table: records in one array, and an index from packet tuples (of both
 * directions) to records in another. Every CPU writes without a lock:
 *
 *  - A record is owned by whoever changed `life` from 0 to CLAIMED; it is visible to
 *    others from the moment `life` gets LIVE and its index slots are set.
 *  - An index slot is taken by compare-and-swap of an empty one.
 *  - Whoever changes `life` from LIVE to CLAIMED retires the record, alone.
 *  - A reader may meet a record that is being retired and reused. It compares the whole
 *    tuple, so it never takes another connection for its own; and it writes nothing but
 *    `expires`, and `life` by compare-and-swap.
 *
 * Expiry needs no timer: the first packet of every jiffy looks at a slice of the records,
 * so that a busy table is looked through once a second; what has run out of time but was
 * not swept yet is retired by whoever finds it. User space may lend a hand (tool.bpf.c).
 */
#pragma once

#include "maps.h"
#include "tuple.h"

#define CONN_WAYS 8
/* Ways of a bucket from here on are used when the other bucket has no room either. */
#define CONN_SPARE 5
/* How many records a new connection looks at before it calls the table full. */
#define CONN_ALLOC_TRIES 64
#define CONN_SWEEP_MOST 16384

struct conn_found {
	struct isobar_conn *conn;
	struct isobar_server *server;
	__u32 record;
	__u32 direction;
};

static __always_inline __u64 conn_hash(const struct isobar_settings *settings,
				       const struct isobar_tuple *tuple)
{
	__u64 addresses = (__u64)tuple->source.word[3] << 32 | tuple->destination.word[3];
	__u64 rest = (__u64)tuple->source_port << 32 | (__u64)tuple->destination_port << 8 |
		     tuple->protocol;
	__u64 hash = (addresses ^ settings->hash_seed) * 0x9e3779b97f4a7c15ull;

	hash ^= hash >> 32;
	hash = (hash ^ rest) * 0xd6e8feb86659fd93ull;
	hash ^= hash >> 32;
	hash *= 0xd6e8feb86659fd93ull;
	/* The product's low bits, which number the bucket, know little of the source port:
	 * without this neighbouring ports meet in few buckets and find them full. */
	return hash ^ hash >> 32;
}

/* Never 0, so that a slot in use is never 0. */
static __always_inline __u32 conn_tag(__u64 hash)
{
	return (__u32)(hash >> 32) | 1;
}

static __always_inline __u32 conn_bucket(__u64 hash, __u32 choice, __u32 mask)
{
	__u32 first = (__u32)hash;

	return (choice ? first ^ (conn_tag(hash) * 0x5bd1e995u) : first) & mask;
}

static __always_inline struct isobar_server *conn_server(const struct isobar_conn *conn)
{
	__u32 index = conn->server;

	return bpf_map_lookup_elem(&isobar_servers, &index);
}

/* The port that the real server sees: its own, or the client's choice if it has none. */
static __always_inline __be16 conn_server_port(const struct isobar_conn *conn,
					       const struct isobar_server *server)
{
	return server->port ? server->port : conn->virtual_port;
}

/* Tuple of the packets that come from the real server. */
static __always_inline struct isobar_tuple conn_reply_tuple(const struct isobar_conn *conn,
							    const struct isobar_server *server)
{
	return (struct isobar_tuple){
		.source = server->address,
		.destination = conn->client,
		.source_port = conn_server_port(conn, server),
		.destination_port = conn->client_port,
		.protocol = conn->protocol,
	};
}

static __always_inline struct isobar_tuple conn_client_tuple(const struct isobar_conn *conn)
{
	return (struct isobar_tuple){
		.source = conn->client,
		.destination = conn->virtual_address,
		.source_port = conn->client_port,
		.destination_port = conn->virtual_port,
		.protocol = conn->protocol,
	};
}

static __always_inline int conn_matches(const struct isobar_conn *conn,
					const struct isobar_server *server, __u32 direction,
					const struct isobar_tuple *tuple)
{
	if (!(conn->life & ISOBAR_LIFE_LIVE) || conn->protocol != tuple->protocol)
		return 0;
	if (direction == ISOBAR_FROM_CLIENT)
		return conn->client_port == tuple->source_port &&
		       conn->virtual_port == tuple->destination_port &&
		       address_equal(&conn->client, &tuple->source) &&
		       address_equal(&conn->virtual_address, &tuple->destination);
	return conn->client_port == tuple->destination_port &&
	       conn_server_port(conn, server) == tuple->source_port &&
	       address_equal(&conn->client, &tuple->destination) &&
	       address_equal(&server->address, &tuple->source);
}

/* Is the slot's record the tuple's connection? */
static __always_inline int conn_check(__u64 slot, const struct isobar_tuple *tuple,
				      struct conn_found *found)
{
	found->record = (__u32)slot >> 1;
	found->direction = slot & 1;
	found->conn = bpf_map_lookup_elem(&isobar_conns, &found->record);
	if (!found->conn)
		return 0;
	found->server = conn_server(found->conn);
	return found->server && conn_matches(found->conn, found->server, found->direction, tuple);
}

/* The bucket's first slot with the hash's tag; 0: none. */
static __always_inline __u64 conn_tagged_slot(const struct isobar_settings *settings, __u64 hash,
					      __u32 choice)
{
	__u32 number = conn_bucket(hash, choice, settings->index_mask);
	struct isobar_bucket *bucket = bpf_map_lookup_elem(&isobar_index, &number);
	__u32 tag = conn_tag(hash);

	if (!bucket)
		return 0;
	for (int way = 0; way < CONN_WAYS; way++)
		if ((__u32)(bucket->slot[way] >> 32) == tag)
			return bucket->slot[way];
	return 0;
}

/* Looks at every slot with the tag. Needed only when two tuples of a bucket share their
 * tag, once in 10^8 lookups. The slot, or 0. */
__noinline __u64 conn_find_among(const struct isobar_tuple *tuple)
{
	const struct isobar_settings *settings = isobar_only(isobar_settings);
	struct conn_found found;
	__u64 hash;

	if (!settings || !tuple)
		return 0;
	hash = conn_hash(settings, tuple);
	for (int choice = 0; choice < 2; choice++) {
		__u32 number = conn_bucket(hash, choice, settings->index_mask);
		struct isobar_bucket *bucket = bpf_map_lookup_elem(&isobar_index, &number);

		for (int way = 0; bucket && way < CONN_WAYS; way++) {
			__u64 slot = bucket->slot[way];

			if ((__u32)(slot >> 32) == conn_tag(hash) &&
			    conn_check(slot, tuple, &found))
				return slot;
		}
	}
	return 0;
}

static __always_inline int conn_find(const struct isobar_settings *settings,
				     const struct isobar_tuple *tuple, struct conn_found *found)
{
	__u64 hash = conn_hash(settings, tuple);
	__u64 slot = conn_tagged_slot(settings, hash, 0);

	if (slot == 0)
		slot = conn_tagged_slot(settings, hash, 1);
	if (slot == 0)
		return 0;
	if (conn_check(slot, tuple, found))
		return 1;
	slot = conn_find_among(tuple);
	return slot && conn_check(slot, tuple, found);
}

/* ---- index slots ---------------------------------------------------------- */

/* What is not on the way of every packet stands in global functions: the verifier looks
 * at each once, instead of once for every way that leads to it. They return 0 if done. */
static __always_inline int conn_put_in(const struct isobar_settings *settings, __u64 hash,
				       __u64 slot, __u32 choice, int from, int to)
{
	__u32 number = conn_bucket(hash, choice, settings->index_mask);
	struct isobar_bucket *bucket = bpf_map_lookup_elem(&isobar_index, &number);

	if (!bucket)
		return -1;
	for (int way = from; way < to; way++)
		if (bucket->slot[way] == 0 &&
		    __sync_val_compare_and_swap(&bucket->slot[way], 0, slot) == 0)
			return 0;
	return -1;
}

/* The first bucket as long as it has room to spare, then the second; the last ways of both
 * are a reserve: so it takes a table that is nearly full until two full buckets meet. */
static __always_inline int conn_put_slot(const struct isobar_settings *settings,
					 const struct isobar_tuple *tuple, __u32 record,
					 __u32 direction)
{
	__u64 hash = conn_hash(settings, tuple);
	__u64 slot = (__u64)conn_tag(hash) << 32 | record << 1 | direction;

	if (conn_put_in(settings, hash, slot, 0, 0, CONN_SPARE) == 0 ||
	    conn_put_in(settings, hash, slot, 1, 0, CONN_SPARE) == 0 ||
	    conn_put_in(settings, hash, slot, 0, CONN_SPARE, CONN_WAYS) == 0)
		return 0;
	return conn_put_in(settings, hash, slot, 1, CONN_SPARE, CONN_WAYS);
}

/* Both directions in one call. */
__noinline int conn_index_put(const struct isobar_tuple *client, const struct isobar_tuple *reply,
			      __u32 record)
{
	const struct isobar_settings *settings = isobar_only(isobar_settings);

	if (!settings || !client || !reply)
		return -1;
	if (conn_put_slot(settings, client, record, ISOBAR_FROM_CLIENT))
		return -1;
	return conn_put_slot(settings, reply, record, ISOBAR_FROM_SERVER);
}

__noinline int conn_index_remove(const struct isobar_tuple *tuple, __u32 record, __u32 direction)
{
	const struct isobar_settings *settings = isobar_only(isobar_settings);
	__u64 hash, slot;

	if (!settings || !tuple)
		return -1;
	hash = conn_hash(settings, tuple);
	slot = (__u64)conn_tag(hash) << 32 | record << 1 | direction;

	for (int choice = 0; choice < 2; choice++) {
		__u32 number = conn_bucket(hash, choice, settings->index_mask);
		struct isobar_bucket *bucket = bpf_map_lookup_elem(&isobar_index, &number);

		if (!bucket)
			return -1;
		for (int way = 0; way < CONN_WAYS; way++)
			if (bucket->slot[way] == slot) {
				__sync_val_compare_and_swap(&bucket->slot[way], slot, 0);
				return 0;
			}
	}
	return -1;
}

/* ---- the end of a connection ---------------------------------------------- */

static __always_inline void server_count(struct isobar_server *server, __u32 life, int change)
{
	if (life & ISOBAR_LIFE_INACTIVE)
		__sync_fetch_and_add(&server->inactive, change);
	else
		__sync_fetch_and_add(&server->active, change);
}

/* Takes a connection out of the table. 1: done, 0: somebody else was first. */
__noinline int conn_retire(__u32 record)
{
	struct isobar_conn *conn = bpf_map_lookup_elem(&isobar_conns, &record);
	struct isobar_server *server;
	struct isobar_tuple tuple;
	__u32 life;

	if (!conn)
		return 0;
	life = conn->life;
	if (!(life & ISOBAR_LIFE_LIVE))
		return 0;
	if (__sync_val_compare_and_swap(&conn->life, life, ISOBAR_LIFE_CLAIMED) != life)
		return 0;
	tuple = conn_client_tuple(conn);
	conn_index_remove(&tuple, record, ISOBAR_FROM_CLIENT);
	server = conn_server(conn);
	if (server) {
		tuple = conn_reply_tuple(conn, server);
		conn_index_remove(&tuple, record, ISOBAR_FROM_SERVER);
		server_count(server, life, -1);
	}
	*(volatile __u32 *)&conn->life = 0;
	return 1;
}

/* ---- sweeping ------------------------------------------------------------- */

struct conn_sweep {
	__u32 mask;
	__u32 from;
	__u32 now;
	__u32 retired;
};

static long conn_sweep_one(__u32 i, struct conn_sweep *sweep)
{
	__u32 record = (sweep->from + i) & sweep->mask;
	struct isobar_conn *conn = bpf_map_lookup_elem(&isobar_conns, &record);

	if (!conn)
		return 1;
	if ((conn->life & ISOBAR_LIFE_LIVE) && isobar_reached(conn->expires, sweep->now))
		sweep->retired += conn_retire(record);
	return 0;
}

__noinline int conn_sweep_slice(__u32 from, __u32 count, __u32 now)
{
	const struct isobar_settings *settings = isobar_only(isobar_settings);
	struct conn_sweep sweep = { .from = from, .now = now };

	if (!settings)
		return 0;
	sweep.mask = settings->conn_mask;
	bpf_loop(count, conn_sweep_one, &sweep, 0);
	return sweep.retired;
}

/* The first packet of a jiffy sweeps the slices that are due. */
static __always_inline void conn_sweep_due(const struct isobar_settings *settings, __u32 now)
{
	struct isobar_sweep *sweep = isobar_only(isobar_sweep);
	__u32 tick, count, from;

	if (!sweep)
		return;
	tick = sweep->tick;
	if (tick == now || __sync_val_compare_and_swap(&sweep->tick, tick, now) != tick)
		return;
	count = now - tick; /* slices that are due: after a pause many, up to the whole table */
	if (count > settings->hz)
		count = settings->hz;
	count *= settings->sweep_batch;
	if (count > CONN_SWEEP_MOST)
		count = CONN_SWEEP_MOST;
	from = __sync_fetch_and_add(&sweep->hand, count);
	conn_sweep_slice(from, count, now);
}

/* ---- the beginning of a connection ------------------------------------------ */

struct conn_search {
	__u32 mask;
	__u32 from;
	__u32 now;
	__u32 record;        /* result */
	__u32 found;
	__u32 victim;        /* closing connection that can be given up if all is full */
	__u32 has_victim;
};

static __always_inline int conn_claim(struct isobar_conn *conn)
{
	return conn->life == 0 &&
	       __sync_val_compare_and_swap(&conn->life, 0, ISOBAR_LIFE_CLAIMED) == 0;
}

/* Records that are in use stand in long rows: the search jumps about. */
static long conn_search_one(__u32 i, struct conn_search *search)
{
	__u32 record = (search->from + i * 0x9e3779b1u) & search->mask;
	struct isobar_conn *conn = bpf_map_lookup_elem(&isobar_conns, &record);
	__u32 state;

	if (!conn)
		return 1;
	if ((conn->life & ISOBAR_LIFE_LIVE) && isobar_reached(conn->expires, search->now))
		conn_retire(record);
	if (conn_claim(conn)) {
		search->record = record;
		search->found = 1;
		return 1;
	}
	state = conn->life & ISOBAR_LIFE_STATE;
	if (!search->has_victim &&
	    (state == ISOBAR_STATE_TIME_WAIT || state == ISOBAR_STATE_CLOSE)) {
		search->victim = record;
		search->has_victim = 1;
	}
	return 0;
}

/* No free record at hand: looks further, and gives up a connection that is closed anyway
 * if need be. The record claimed, or -1. */
__noinline __s64 conn_search_on(__u32 from, __u32 now)
{
	const struct isobar_settings *settings = isobar_only(isobar_settings);
	struct conn_search search = { .from = from, .now = now };
	struct isobar_conn *conn;

	if (!settings)
		return -1;
	search.mask = settings->conn_mask;
	bpf_loop(CONN_ALLOC_TRIES, conn_search_one, &search, 0);
	if (search.found)
		return search.record;
	if (!search.has_victim || !conn_retire(search.victim))
		return -1;
	conn = bpf_map_lookup_elem(&isobar_conns, &search.victim);
	return conn && conn_claim(conn) ? search.victim : -1;
}

/* A record that is ours alone, or NULL: the table is full. */
static __always_inline struct isobar_conn *conn_allocate(const struct isobar_settings *settings,
							 __u32 now, __u32 *record)
{
	struct isobar_cpu *cpu = isobar_only(isobar_cpu);
	struct isobar_conn *conn;
	__s64 claimed;
	__u32 from;

	if (!cpu)
		return NULL;
	if (cpu->alloc_hand == 0) /* CPUs start apart, not to compete for the same records */
		cpu->alloc_hand = bpf_get_smp_processor_id() * 0x9e3779b1u | 1;
	from = cpu->alloc_hand++ & settings->conn_mask;
	conn = bpf_map_lookup_elem(&isobar_conns, &from);
	*record = from;
	if (conn && conn_claim(conn))
		return conn;
	claimed = conn_search_on(from, now);
	if (claimed < 0) {
		cpu->alloc_hand += CONN_ALLOC_TRIES;
		return NULL;
	}
	*record = claimed;
	cpu->alloc_hand = *record + 1;
	return bpf_map_lookup_elem(&isobar_conns, record);
}

/* Puts a new connection into the table; its server counts it from now on. */
static __always_inline int conn_make(const struct isobar_settings *settings,
				     const struct isobar_tuple *tuple, __u32 server_index,
				     __u32 now, struct conn_found *found)
{
	struct isobar_tuple reply;
	struct isobar_conn *conn;
	__u32 state, life;

	found->server = bpf_map_lookup_elem(&isobar_servers, &server_index);
	if (!found->server)
		return -1;
	conn = conn_allocate(settings, now, &found->record);
	if (!conn)
		return -1;
	state = tuple->protocol == IPPROTO_TCP ? ISOBAR_STATE_NONE : ISOBAR_STATE_UDP;
	life = ISOBAR_LIFE_LIVE | state;
	/* TCP starts as active, all else is never active (ip_vs_conn_new, ip_vs_bind_dest) */
	if (tuple->protocol != IPPROTO_TCP)
		life |= ISOBAR_LIFE_INACTIVE;
	conn->client = tuple->source;
	conn->virtual_address = tuple->destination;
	conn->client_port = tuple->source_port;
	conn->virtual_port = tuple->destination_port;
	conn->protocol = tuple->protocol;
	conn->server = server_index;
	conn->expires = now + 3 * settings->hz; /* until its first state is set */
	server_count(found->server, life, 1);
	*(volatile __u32 *)&conn->life = life;
	found->conn = conn;
	found->direction = ISOBAR_FROM_CLIENT;

	reply = conn_reply_tuple(conn, found->server);
	if (conn_index_put(tuple, &reply, found->record)) {
		conn_retire(found->record);
		return -1;
	}
	return 0;
}
