/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The beginning of a connection: a record for it, near or far, and what it says.
 */
#pragma once

#include "local_port.h"

static __always_inline int conn_take(struct isobar_conn_line *line, __u32 way, __u32 tag)
{
	return line->tags.tag[way] == 0 &&
	       __sync_val_compare_and_swap(&line->tags.tag[way], 0, tag) == 0;
}

/* A free record in the line, now ours; or CONN_NONE. */
static __always_inline __u32 conn_claim_in(const struct isobar_settings *settings, __u64 hash,
					   __u32 choice)
{
	__u32 first = conn_first_way(hash);
	__u32 number = conn_line_number(settings, hash, choice);
	struct isobar_conn_line *line = conn_line_at(number);

	if (!line)
		return CONN_NONE;
	if (conn_take(line, first, conn_tag(hash)))
		return number * ISOBAR_LINE + first;
	for (__u32 way = 0; way < ISOBAR_WAYS; way++)
		if (conn_take(line, way, conn_tag(hash)))
			return number * ISOBAR_LINE + way;
	return CONN_NONE;
}

static __always_inline __u32 conn_claim(const struct isobar_settings *settings, __u64 hash)
{
	__u32 record = conn_claim_in(settings, hash, 0);

	return record != CONN_NONE ? record : conn_claim_in(settings, hash, 1);
}

/* Ends a connection in the hash's first line whose time is over. 1: there is room. */
static __always_inline int conn_make_room(const struct isobar_settings *settings, __u64 hash,
					  __u32 now)
{
	__u32 number = conn_line_number(settings, hash, 0);
	struct isobar_conn_line *line = conn_line_at(number);

	if (!line)
		return 0;
	for (__u32 way = 0; way < ISOBAR_WAYS; way++) {
		struct isobar_conn *conn = &line->record[way];

		if (conn_is_over(conn, now) && conn_retire(number * ISOBAR_LINE + way))
			return 1;
	}
	return 0;
}

struct conn_choice {
	__u32 line;
	__u32 now;
	__u32 record;
	__u32 half_open;
	__u64 best;
};

/* Closed connections before half-open ones, and of each those that end first: of the half-open ones
 * that is the oldest, so that an honest client has a round-trip's time to answer; of those of one
 * jiffy any. */
static long conn_choose_one(__u32 way, struct conn_choice *choice)
{
	__u32 record = choice->line * ISOBAR_LINE + way;
	struct isobar_conn *conn = conn_at(record);
	__u32 life, state, half_open;
	__u64 rank;

	if (!conn)
		return 1;
	life = conn->life;
	state = life & ISOBAR_LIFE_STATE;
	half_open = state_is_half_open(state);
	if (!(life & ISOBAR_LIFE_LIVE) || (life & ISOBAR_LIFE_TEMPLATE) ||
	    (!half_open && !state_is_closed(state)))
		return 0;
	rank = (__u64)half_open << 48 | (__u64)(__u32)(conn->expires - choice->now) << 16 |
	       (bpf_get_prandom_u32() & 0xffff);
	if (rank >= choice->best)
		return 0;
	choice->best = rank;
	choice->record = record;
	choice->half_open = half_open;
	return 0;
}

/* The connection in the line that is to give way to a new one: never one that is established.
 * CONN_NONE: there is none. */
__noinline __u32 conn_choose_for_room(__u32 line, __u32 now)
{
	struct conn_choice choice = {
		.line = line,
		.now = now,
		.record = CONN_NONE,
		.best = ~0ull,
	};

	bpf_loop(ISOBAR_WAYS, conn_choose_one, &choice, 0);
	if (choice.record != CONN_NONE)
		event_count(choice.half_open ? ISOBAR_EVENT_HALF_OPEN_GAVE_WAY
					     : ISOBAR_EVENT_CLOSED_GAVE_WAY);
	return choice.record;
}

/* So many half-open connections a line may have while a flood of them comes: a fifth of it. */
#define CONN_MOST_HALF_OPEN 3

static long conn_choose_half_open(__u32 way, struct conn_choice *choice)
{
	struct isobar_conn *conn = conn_at(choice->line * ISOBAR_LINE + way);

	if (!conn || !life_is_half_open(conn->life))
		return 0;
	choice->half_open++;
	if ((__u32)(conn->expires - choice->now) >= choice->best)
		return 0;
	choice->best = (__u32)(conn->expires - choice->now);
	choice->record = choice->line * ISOBAR_LINE + way;
	return 0;
}

/* Another one is coming into the line: the oldest half-open ones give way. Two at a time, so that a
 * line that has too many loses them. */
__noinline int conn_limit_half_open(__u32 line, __u32 now)
{
	for (int i = 0; i < 2; i++) {
		struct conn_choice choice = {
			.line = line,
			.now = now,
			.best = ~0ull,
		};

		bpf_loop(ISOBAR_WAYS, conn_choose_half_open, &choice, 0);
		if (choice.half_open < CONN_MOST_HALF_OPEN || !conn_retire(choice.record))
			return 0;
		event_count(ISOBAR_EVENT_HALF_OPEN_GAVE_WAY);
	}
	return 0;
}

/* A record in the hash's line, first or second, that was another's; or CONN_NONE. */
static __always_inline __u32 conn_take_over(const struct isobar_settings *settings, __u64 hash,
					    __u32 choice, __u32 now)
{
	__u32 record = conn_choose_for_room(conn_line_number(settings, hash, choice), now);

	if (record == CONN_NONE || !conn_retire(record))
		return CONN_NONE;
	return conn_claim_in(settings, hash, choice);
}

/* Tuple of the packets that come from the real server. */
static __always_inline struct isobar_tuple
conn_reply_tuple(const struct isobar_tuple *tuple, const struct isobar_server *server, __u32 flags)
{
	return (struct isobar_tuple){
		.source = server->address,
		.destination = tuple->source,
		.source_port = server_port(server, flags, tuple->destination_port),
		.destination_port = tuple->source_port,
		.protocol = tuple->protocol,
	};
}

/* A record where the tuple leads, and a signpost where its reply's does. */
static __always_inline int conn_claim_astray(const struct isobar_settings *settings,
					     const struct isobar_tuple *tuple,
					     const struct isobar_server *server, __u32 flags,
					     struct conn_place *place)
{
	struct isobar_tuple reply = conn_reply_tuple(tuple, server, flags);
	struct isobar_conn *conn;
	/* Linux 6.1 takes no key that stands in `place`: it is the caller's memory. */
	__u32 record = conn_claim(settings, conn_stray_hash(settings, tuple));
	__u32 signpost;

	if (record == CONN_NONE)
		return -1;
	signpost = conn_claim(settings, conn_stray_hash(settings, &reply));
	if (signpost == CONN_NONE) {
		conn = conn_at(record);
		if (conn)
			conn_release(conn, record);
		return -1;
	}
	conn = conn_at(signpost);
	if (!conn)
		return -1;
	conn->partner = record;
	__sync_lock_test_and_set(&conn->life, ISOBAR_LIFE_SIGNPOST);
	place->record = record;
	place->signpost = signpost;
	place->life = ISOBAR_LIFE_AWAY | ISOBAR_LIFE_STRAYED;
	return 0;
}

/* The client's first line is full: 0 if a place was found all the same. */
__noinline int conn_find_place(const struct isobar_tuple *tuple, __u32 server_index, __u32 flags,
			       __u32 now, struct conn_place *place)
{
	const struct isobar_settings *settings = &isobar_settings;
	struct isobar_server *server = bpf_map_lookup_elem(&isobar_servers, &server_index);
	__u64 hash;

	if (!server || !tuple || !place)
		return -1;
	hash = conn_client_hash(settings, tuple, ISOBAR_FROM_CLIENT);
	place->life = 0;
	place->record =
		conn_make_room(settings, hash, now) ? conn_claim_in(settings, hash, 0) : CONN_NONE;
	if (place->record != CONN_NONE)
		return 0;
	place->life = ISOBAR_LIFE_AWAY;
	place->record = conn_claim_in(settings, hash, 1);
	if (place->record != CONN_NONE ||
	    conn_claim_astray(settings, tuple, server, flags, place) == 0) {
		conn_count_away(settings, place->record, hash, 1);
		return 0;
	}
	place->life = 0;
	place->record = conn_take_over(settings, hash, 0, now);
	if (place->record != CONN_NONE)
		return 0;
	place->life = ISOBAR_LIFE_AWAY;
	place->record = conn_take_over(settings, hash, 1, now);
	if (place->record == CONN_NONE)
		return -1;
	conn_count_away(settings, place->record, hash, 1);
	return 0;
}

/* Global: the verifier looks at it once. */
__noinline int server_weigh_again(__u32 index)
{
	struct isobar_server *server = bpf_map_lookup_elem(&isobar_servers, &index);

	if (server)
		server_weigh(server);
	return 0;
}

/* TCP starts as active, all else is not (ip_vs_conn_new, ip_vs_bind_dest). */
static __always_inline __u32 conn_first_life(__u8 protocol)
{
	if (protocol == IPPROTO_TCP)
		return ISOBAR_STATE_NONE;
	return (protocol == IPPROTO_SCTP ? ISOBAR_STATE_SCTP_NONE : ISOBAR_STATE_UDP) |
	       ISOBAR_LIFE_INACTIVE;
}

enum conn_failure { CONN_TABLE_FULL = 1, CONN_NO_PORT };

/* 1 if the port is one of those. Four of them at a time: a half of the word that becomes 0 borrows
 * from its highest bit. */
static __always_inline __u32 conn_port_listed(const __be16 *ports, __be16 port)
{
	const __u64 ones = 0x0001000100010001ull;
	__u64 found = 0, word;

	for (int i = 0; i < ISOBAR_FTP_PORTS; i += sizeof(word) / sizeof(port)) {
		__builtin_memcpy(&word, ports + i, sizeof(word));
		word ^= port * ones;
		found |= (word - ones) & ~word & ones << 15;
	}
	return (found | -found) >> 63;
}

/* What of isobar_conn_flag follows from where it goes: whether it is FTP's control connection, and
 * whether it came by another port than its server's service has (template_port). */
static __always_inline __u32 conn_kind(const struct isobar_settings *settings,
				       const struct isobar_tuple *tuple,
				       const struct isobar_server *server)
{
	__u32 port = tuple->destination_port;
	__u32 other =
		1 ^ (bits_equal(server->virtual_port, port) | bits_equal(server->virtual_port, 0));
	__u32 ftp;

	if (server->method != ISOBAR_METHOD_NAT)
		return other * ISOBAR_CONN_SAME_PORT;
	ftp = conn_port_listed(settings->ftp_ports, port) &
	      bits_equal(tuple->protocol, IPPROTO_TCP) &
	      bits_equal(server->flags & ISOBAR_SERVER_LOCAL, 0);
	return ftp * ISOBAR_CONN_FTP | other * ISOBAR_CONN_SAME_PORT;
}

/* Puts a new connection into the table; its server counts it from now on. `control` is its
 * template, if it has one; the caller holds it. `flags`: enum isobar_conn_flag. Other than 0: why
 * there is none. */
static __always_inline int conn_make(const struct isobar_settings *settings,
				     const struct isobar_tuple *tuple, __u32 server_index,
				     __u32 control, __u32 flags, __u32 now,
				     struct conn_found *found)
{
	__u64 hash = conn_client_hash(settings, tuple, ISOBAR_FROM_CLIENT);
	struct conn_place place = {};
	struct isobar_conn *conn;
	__u32 life;

	if (settings->defences & ISOBAR_DEFENCE_HALF_OPEN)
		conn_limit_half_open(conn_line_number(settings, hash, 0), now);
	place.record = conn_claim_in(settings, hash, 0);
	found->server = bpf_map_lookup_elem(&isobar_servers, &server_index);
	if (!found->server)
		return CONN_TABLE_FULL;
	flags |= conn_kind(settings, tuple, found->server);
	if (place.record == CONN_NONE && conn_find_place(tuple, server_index, flags, now, &place))
		return CONN_TABLE_FULL;
	conn = conn_at(place.record);
	if (!conn)
		return CONN_TABLE_FULL;
	conn_describe(conn, tuple, server_index, found->server);
	conn->flags = flags;
	if (found->server->method == ISOBAR_METHOD_FULLNAT &&
	    local_port_give(tuple, server_index, &place))
		return CONN_NO_PORT;
	life = conn_first_life(tuple->protocol);
	life |= ISOBAR_LIFE_LIVE | place.life;
	conn->partner = place.signpost;
	conn->control = control;
	conn->flags |= place.flags;
	conn->expires = now + 3 * settings->hz; /* until its first state is set */
	server_count(found->server, life, 1);
	if (found->server->upper_threshold)
		server_weigh_again(server_index);
	rank_mark(server_index, RANK_GREW);
	__sync_lock_test_and_set(&conn->life, life);
	found->conn = conn;
	found->record = place.record;
	found->direction = ISOBAR_FROM_CLIENT;
	return 0;
}
