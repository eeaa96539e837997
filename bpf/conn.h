/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The connection table. The client's address and port, which packets of either direction
 * carry, choose a line of 15 records; the place of a tag is the place of its record. So a packet
 * costs two cache lines on one page: the tags and the record itself.
 *
 *   hash(client) -> line [ record | record | ... | tag tag ... away ]   isobar_conns
 *
 * A connection that finds its line full goes to a second line, which the client chooses too;
 * is that full as well, it *strays*: to lines that its whole tuple chooses, with a signpost
 * where its replies will look. The first line counts those that are away: as long as there
 * are none, nobody looks anywhere else.
 *
 * When the table has grown, connections that are older stay in the lines that they had. Lines of
 * the newest generation are marked for them (conn_grow.h): where there is no mark, nobody looks.
 *
 * Every CPU writes without a lock:
 *  - A record is owned by whoever changed its tag from 0; others see it from the moment that
 *    `life` gets LIVE.
 *  - Whoever changes `life` from LIVE to CLAIMED retires the record, alone; `life` becomes 0
 *    before the tag does.
 *  - A reader may meet a record that is being retired and reused. It compares the whole
 *    tuple, so it never takes another connection for its own; and it writes nothing but
 *    `expires`, and `life` by compare-and-swap.
 *
 * Here: the layout, and finding. Beginning: conn_make.h; end and expiry: conn_end.h. Templates
 * of persistent services are in the same table: template.h.
 */
#pragma once

#include "bits.h"
#include "filter.h"
#include "maps.h"
#include "tuple.h"

#define CONN_NONE 0xffffffffu

struct conn_found {
	struct isobar_conn *conn;
	struct isobar_server *server;
	__u32 record;
	__u32 direction;
};

/* ---- where a connection is ---------------------------------------------------- */

static __always_inline __u64 conn_mix(__u64 hash)
{
	hash ^= hash >> 32;
	hash *= 0xd6e8feb86659fd93ull;
	return hash ^ hash >> 32;
}

static __always_inline __u64 conn_hash(const struct isobar_settings *settings,
				       struct address_halves address, __be16 port, __u8 protocol)
{
	__u64 hash = settings->hash_seed;

	hash ^= address.first * 0xa0761d6478bd642full;
	hash ^= address.last ^ ((__u32)port << 16 | protocol);
	return conn_mix(hash * 0x9e3779b97f4a7c15ull);
}

/* The packet's end that is the client's, if the packet is of that direction. No branches: the
 * verifier would follow both to the end of the program. */
static __always_inline __u64 conn_client_hash(const struct isobar_settings *settings,
					      const struct isobar_tuple *tuple, __u32 direction)
{
	struct address_halves client = address_halves(&tuple->source);
	struct address_halves other = address_halves(&tuple->destination);
	__u32 port = tuple->source_port;
	__u64 reply = -(__u64)direction; /* all bits or none */

	if (!__builtin_constant_p(direction))
		asm volatile("" : "+r"(reply)); /* or clang makes branches of it */
	client.first ^= (client.first ^ other.first) & reply;
	client.last ^= (client.last ^ other.last) & reply;
	port ^= (port ^ tuple->destination_port) & reply;
	return conn_hash(settings, client, port, tuple->protocol);
}

/* Of both ends: where the connection goes that has strayed, and its signpost. */
static __always_inline __u64 conn_stray_hash(const struct isobar_settings *settings,
					     const struct isobar_tuple *tuple)
{
	__u64 source = conn_hash(settings, address_halves(&tuple->source), tuple->source_port,
				 tuple->protocol);

	return conn_mix(source + conn_hash(settings, address_halves(&tuple->destination),
					   tuple->destination_port, tuple->protocol) *
					 0xe7037ed1a0b428dbull);
}

/* A template has no replies: all of its key chooses the line, so that one client may have
 * templates of many services. */
static __always_inline __u64 template_hash(const struct isobar_settings *settings,
					   const struct isobar_address *client,
					   const struct isobar_address *virtual_address,
					   __be16 virtual_port, __u8 protocol)
{
	__u64 hash = conn_hash(settings, address_halves(client), 0, protocol);

	return conn_mix(hash + conn_hash(settings, address_halves(virtual_address), virtual_port,
					 protocol) *
				       0xe7037ed1a0b428dbull);
}

/* Never 0, so that a tag in use is never 0. */
static __always_inline __u32 conn_tag(__u64 hash)
{
	return (__u32)hash | 1;
}

/* What the table is now. It is read once for what must not be of two generations. */
static __always_inline __u64 conn_table(const struct isobar_settings *settings)
{
	return *(volatile __u64 *)&settings->table;
}

/* The line in the generation that has this first one. */
static __always_inline __u32 conn_line_from(const struct isobar_settings *settings, __u32 first,
					    __u64 hash, __u32 choice)
{
	__u32 chosen = (choice ? conn_tag(hash) * 0x9e3779b97f4a7c15ull : hash) >> 32;

	return first | (chosen & ((first - ISOBAR_SEGMENT_ROOM) | settings->segment_mask));
}

/* The line in the newest generation. */
static __always_inline __u32 conn_line_number(const struct isobar_settings *settings, __u64 hash,
					      __u32 choice)
{
	return conn_line_from(settings, conn_table(settings) & ISOBAR_TABLE_FIRST, hash, choice);
}

/* First line of the newest of these generations, which are one less then; 0: there was none. */
static __always_inline __u32 conn_next_older(__u32 *older)
{
	__u32 generation = bits_highest(*older);

	*older ^= generation;
	return generation * ISOBAR_SEGMENT_ROOM;
}

/* The way that is tried first, both to find and to place: most often the tag is there, and
 * its record is on the way to the CPU together with the line of tags. */
static __always_inline __u32 conn_first_way(__u64 hash)
{
	return ((hash >> 16) & 0xffff) * ISOBAR_WAYS >> 16;
}

/* ---- finding ------------------------------------------------------------------ */

static __always_inline struct isobar_conn_line *conn_line_at(__u32 number)
{
	__u32 segment = number / ISOBAR_SEGMENT_ROOM, index = number % ISOBAR_SEGMENT_ROOM;
	void *lines = bpf_map_lookup_elem(&isobar_conns, &segment);

	return lines ? bpf_map_lookup_elem(lines, &index) : NULL;
}

/* `way` may be the number of a record of this line. */
static __always_inline struct isobar_conn *conn_in(struct isobar_conn_line *line, __u32 way)
{
	/* Linux 6.1 wants to see the bound last, and clang moves it if it may */
	asm volatile("%0 &= %1" : "+r"(way) : "i"(ISOBAR_LINE - 1));
	return (struct isobar_conn *)line + way;
}

static __always_inline struct isobar_conn *conn_at(__u32 record)
{
	struct isobar_conn_line *line = conn_line_at(record / ISOBAR_LINE);

	return line ? conn_in(line, record) : NULL;
}

static __always_inline struct isobar_server *conn_server(const struct isobar_conn *conn)
{
	__u32 index = conn->server;

	return bpf_map_lookup_elem(&isobar_servers, &index);
}

/* The port that the real server sees: its own, or the client's choice if it has none. Of FTP's data
 * connections, and those that only FTP's template leads there: as the flags say. */
static __always_inline __be16 server_port(const struct isobar_server *server, __u32 flags,
					  __be16 virtual_port)
{
	__u32 below = flags / ISOBAR_CONN_PORT_BELOW & 1;

	if (!server->port || (flags & ISOBAR_CONN_SAME_PORT))
		return virtual_port;
	return below ? bpf_htons(bpf_ntohs(server->port) - 1) : server->port;
}

static __always_inline __be16 conn_server_port(const struct isobar_conn *conn,
					       const struct isobar_server *server)
{
	return server_port(server, conn->flags, conn->virtual_port);
}

/* Do its packets get other addresses, so that the replies come back here? */
static __always_inline int conn_is_rewritten(const struct isobar_conn *conn)
{
	return !(conn->method & (ISOBAR_METHOD_DR | ISOBAR_METHOD_TUN));
}

static __always_inline int conn_matches(const struct isobar_conn *conn,
					const struct isobar_server *server, __u32 direction,
					const struct isobar_tuple *tuple)
{
	if (!(conn->life & (ISOBAR_LIFE_LIVE | ISOBAR_LIFE_LOCAL)) ||
	    conn->protocol != tuple->protocol)
		return 0;
	/* A value of its own: the branch is not to tell the verifier what `direction` is, or it
	 * would go on twice from here. */
	if (!__builtin_constant_p(direction))
		asm volatile("%0 &= 1" : "+r"(direction));
	if (direction == ISOBAR_FROM_CLIENT)
		return conn->client_port == tuple->source_port &&
		       conn->virtual_port == tuple->destination_port &&
		       address_same(&conn->client, &tuple->source) &&
		       address_same(&conn->virtual_address, &tuple->destination);
	/* NAT, or a local port of fullnat, which is the server's client; by other methods the
	 * server answers its client itself, from the virtual address */
	return !(conn->method & ~ISOBAR_METHOD_LOCAL) &&
	       conn->client_port == tuple->destination_port &&
	       conn_server_port(conn, server) == tuple->source_port &&
	       address_same(&conn->client, &tuple->destination) &&
	       address_same(&server->address, &tuple->source);
}

/* What a record says of the packet that it was made for, and where that goes. */
static __always_inline void conn_describe(struct isobar_conn *conn,
					  const struct isobar_tuple *tuple, __u32 server_index,
					  const struct isobar_server *server)
{
	address_put(&conn->client, address_halves(&tuple->source));
	address_put(&conn->virtual_address, address_halves(&tuple->destination));
	conn->client_port = tuple->source_port;
	conn->virtual_port = tuple->destination_port;
	conn->protocol = tuple->protocol;
	conn->method = server->method;
	conn->server = server_index;
}

static __always_inline int conn_get_in(struct isobar_conn_line *line, __u32 record, __u32 direction,
				       struct conn_found *found)
{
	found->record = record;
	found->direction = direction;
	found->conn = conn_in(line, record);
	found->server = conn_server(found->conn);
	return found->server != NULL;
}

static __always_inline int conn_get(__u32 record, __u32 direction, struct conn_found *found)
{
	struct isobar_conn_line *line = conn_line_at(record / ISOBAR_LINE);

	return line && conn_get_in(line, record, direction, found);
}

/* Is the record, of this line, the tuple's connection? */
static __always_inline int conn_check_in(struct isobar_conn_line *line, __u32 record,
					 const struct isobar_tuple *tuple, __u32 direction,
					 struct conn_found *found)
{
	return conn_get_in(line, record, direction, found) &&
	       conn_matches(found->conn, found->server, direction, tuple);
}

static __always_inline int conn_check(__u32 record, const struct isobar_tuple *tuple,
				      __u32 direction, struct conn_found *found)
{
	return conn_get(record, direction, found) &&
	       conn_matches(found->conn, found->server, direction, tuple);
}

static __always_inline struct isobar_conn_line *conn_line(const struct isobar_settings *settings,
							  __u64 hash, __u32 choice)
{
	return conn_line_at(conn_line_number(settings, hash, choice));
}

/* The ways with the tag, two at a time: a half of the word that is not 0 has its highest bit set,
 * or gets it by the sum. */
static __always_inline __u32 conn_tagged(const struct isobar_conn_line *line, __u32 tag)
{
	const __u64 low = 0x7fffffff7fffffffull, ones = 0x0000000100000001ull;
	const __u64 both = (__u64)tag << 32 | tag;
	__u64 others = 0, pair;

	for (int i = 0; i < ISOBAR_LINE / 2; i++) {
		__builtin_memcpy(&pair, (const __u64 *)&line->tags + i, sizeof(pair));
		pair ^= both;
		others |= (((pair & low) + low | pair) >> 31 & ones) << 2 * i;
	}
	return ~(others | others >> 31) & ((1u << ISOBAR_WAYS) - 1);
}

/* The same, called: who finds a packet's connection has no registers left. */
static __noinline __u32 conn_tagged_apart(const struct isobar_conn_line *line, __u32 tag)
{
	return conn_tagged(line, tag);
}

/* What is not on the way of every packet stands in global functions: the verifier looks
 * at each once, instead of once for every way that leads to it. */

/* From record to record with the tag of the hash: in the first line, and if some are away from it
 * in the second, of each generation, the newest first. */
struct conn_walk {
	__u64 hash;
	__u32 first; /* line of the generation; 0: it is over */
	__u32 older; /* those that are left */
	__u32 choice; /* the line, */
	__u32 done; /* and its ways that were */
	__u32 near; /* other than 0: the very first line only */
	__u32 astray; /* other than 0: nobody counts who is in the second line */
	__u32 away; /* other than 0: some are away from a first line */
};

#define CONN_WALK_MOST ((2 * ISOBAR_WAYS + 2) * ISOBAR_GENERATIONS)

static __always_inline struct conn_walk conn_walk_begin(const struct isobar_settings *settings,
							__u64 hash)
{
	__u64 table = conn_table(settings);

	return (struct conn_walk){
		.hash = hash,
		.first = table & ISOBAR_TABLE_FIRST,
		.older = table & ISOBAR_TABLE_OLDER,
	};
}

/* CONN_NONE: there are no more in the line, and it is the next one's turn. */
__noinline __u32 conn_walk_on(struct conn_walk *walk)
{
	const struct isobar_settings *settings = &isobar_settings;
	struct isobar_conn_line *line;
	__u32 number, ways, away;

	if (!walk)
		return CONN_NONE;
	number = conn_line_from(settings, walk->first, walk->hash, walk->choice);
	line = conn_line_at(number);
	ways = line ? conn_tagged(line, conn_tag(walk->hash)) & ~walk->done : 0;
	if (ways) {
		walk->done |= ways & -ways;
		return number * ISOBAR_LINE + bits_lowest(ways);
	}
	walk->done = 0;
	away = walk->choice || !line ? 0 : walk->astray | (line->tags.away & ISOBAR_AWAY_COUNT);
	walk->away |= away;
	walk->choice = away != 0;
	if (walk->near)
		walk->first = 0;
	else if (!away)
		walk->first = conn_next_older(&walk->older);
	return CONN_NONE;
}

struct conn_search {
	struct isobar_tuple tuple;
	struct conn_walk walk;
	__u32 direction;
	__u32 record; /* the result */
};

static long conn_search_one(__u32 i, struct conn_search *search)
{
	__u32 record = conn_walk_on(&search->walk);
	struct conn_found found;
	struct isobar_conn *conn;

	if (record == CONN_NONE)
		return search->walk.first == 0;
	conn = conn_at(record);
	if (conn && (conn->life & ISOBAR_LIFE_SIGNPOST))
		record = conn->partner;
	if (!conn_check(record, &search->tuple, search->direction, &found))
		return 0;
	search->record = record;
	return 1;
}

/* Looks at every record with the tag. Needed when a client uses one port for several
 * connections, and when some are away from their line. */
__noinline __u32 conn_find_among(const struct isobar_tuple *tuple, __u32 direction)
{
	const struct isobar_settings *settings = &isobar_settings;
	struct conn_search search = { .direction = direction, .record = CONN_NONE };

	if (!tuple)
		return CONN_NONE;
	search.tuple = *tuple;
	search.walk = conn_walk_begin(settings, conn_client_hash(settings, tuple, direction));
	bpf_loop(CONN_WALK_MOST, conn_search_one, &search, 0);
	if (search.record != CONN_NONE || !search.walk.away)
		return search.record;
	search.walk = conn_walk_begin(settings, conn_stray_hash(settings, tuple));
	search.walk.astray = 1;
	bpf_loop(CONN_WALK_MOST, conn_search_one, &search, 0);
	return search.record;
}

/* May connections that belong in this line be elsewhere? */
static __always_inline __u32 conn_are_away(__u64 table, const struct isobar_conn_line *line)
{
	return (line->tags.away | ISOBAR_AWAY_ALWAYS) & (__u32)(table >> ISOBAR_TABLE_AWAY_SHIFT);
}

/* In the client's first line, behind the first tag. If it is not there, `elsewhere` says whether it
 * may be behind another tag, or in another line. */
static __always_inline int conn_find_near(const struct isobar_settings *settings,
					  const struct isobar_tuple *tuple, __u32 direction,
					  struct conn_found *found, int *elsewhere)
{
	__u64 hash = conn_client_hash(settings, tuple, direction);
	__u64 table = conn_table(settings);
	__u32 number = conn_line_from(settings, table & ISOBAR_TABLE_FIRST, hash, 0);
	struct isobar_conn_line *line = conn_line_at(number);
	__u32 way = conn_first_way(hash), ways;

	*elsewhere = 0;
	if (!line)
		return 0;
	if (line->tags.tag[way] != conn_tag(hash)) {
		ways = conn_tagged_apart(line, conn_tag(hash));
		*elsewhere = conn_are_away(table, line); /* here: clang has registers yet */
		if (!ways)
			return 0;
		way = bits_lowest(ways);
	}
	if (conn_check_in(line, number * ISOBAR_LINE + way, tuple, direction, found))
		return 1;
	ways = conn_tagged_apart(line, conn_tag(hash));
	*elsewhere = (ways & ~(1u << way)) || conn_are_away(table, line);
	return 0;
}

static __always_inline int conn_find_directed(const struct isobar_settings *settings,
					      const struct isobar_tuple *tuple, __u32 direction,
					      struct conn_found *found)
{
	int elsewhere;
	__u32 record;

	if (conn_find_near(settings, tuple, direction, found, &elsewhere))
		return 1;
	if (!elsewhere)
		return 0;
	record = conn_find_among(tuple, direction);
	return record != CONN_NONE && conn_get(record, direction, found);
}

/* The direction that is tried first. A packet for a virtual address is nearly always a client's;
 * not if the filter took another address for one, and not if the client is this host and speaks
 * from a virtual address. */
static __always_inline __u32 conn_direction(struct filter_kinds kinds)
{
	return ~kinds.destination & ISOBAR_FILTER_VIRTUAL; /* ISOBAR_FROM_SERVER */
}

/* The fullnat connection that the local port is of; or CONN_NONE: it is just being retired. */
__noinline __u32 conn_of_local(__u32 record)
{
	struct isobar_conn *local = conn_at(record);
	struct isobar_conn *conn;
	__u32 partner;

	if (!local)
		return CONN_NONE;
	partner = local->partner;
	conn = conn_at(partner);
	if (!conn || conn->partner != record ||
	    (conn->life & (ISOBAR_LIFE_LIVE | ISOBAR_LIFE_FULLNAT)) !=
		    (ISOBAR_LIFE_LIVE | ISOBAR_LIFE_FULLNAT))
		return CONN_NONE;
	return partner;
}

/* From a local port to its connection. */
static __always_inline int conn_follow(struct conn_found *found)
{
	__u32 record;

	if (!(found->conn->life & ISOBAR_LIFE_LOCAL))
		return 1;
	record = conn_of_local(found->record);
	return record != CONN_NONE && conn_get(record, found->direction, found);
}

static __always_inline int conn_find(const struct isobar_settings *settings,
				     const struct isobar_tuple *tuple, struct filter_kinds kinds,
				     struct conn_found *found)
{
	__u32 record;

	if (!((kinds.source & ISOBAR_FILTER_REAL) | (kinds.destination & ISOBAR_FILTER_VIRTUAL)))
		return 0;
	if (conn_find_directed(settings, tuple, conn_direction(kinds), found))
		return conn_follow(found);
	if (!(kinds.source & ISOBAR_FILTER_REAL) || !(kinds.destination & ISOBAR_FILTER_VIRTUAL))
		return 0;
	record = conn_find_among(tuple, ISOBAR_FROM_SERVER);
	return record != CONN_NONE && conn_get(record, ISOBAR_FROM_SERVER, found) &&
	       conn_follow(found);
}
