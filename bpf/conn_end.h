/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The end of a connection. Expiry needs no timer: the first packet of every jiffy looks at some
 * of the lines, so that a busy table is looked through once a second; what has run out of time
 * but was not swept yet is retired by whoever finds it. User space may lend a hand (tool.bpf.c).
 */
#pragma once

#include "conn.h"
#include "defence.h"
#include "overload.h"
#include "rank.h"

/* A template that still controls connections when its time is over gets so much more. */
#define TEMPLATE_PROLONG_S 60

/* Lines swept at once at most: after a pause the rest waits for the next jiffies. */
#define CONN_SWEEP_MOST 1024

static __always_inline void server_count(struct isobar_server *server, __u32 life, int change)
{
	if (life & ISOBAR_LIFE_INACTIVE)
		__sync_fetch_and_add(&server->inactive, change);
	else
		__sync_fetch_and_add(&server->active, change);
}

/* A connection or template leaves the books of its server. */
static __always_inline void server_discount(struct isobar_server *server, __u32 index, __u32 life)
{
	isobar_place place;

	if (life & ISOBAR_LIFE_TEMPLATE) {
		__sync_fetch_and_add(&server->persistent, -1);
		return;
	}
	server_count(server, life, -1);
	if (server->upper_threshold)
		server_weigh(server);
	place = rank_place(index);
	if (place)
		rank_mark_at(place, RANK_FELL); /* no call: the stack is full here */
}

/* One connection less under the template. */
static __always_inline void template_release(__u32 template)
{
	__u32 record = template - 1;
	struct isobar_conn *conn = conn_at(record);

	if (conn)
		__sync_fetch_and_add(&conn->controlled, -1);
}

/* Does it control anybody, as templates and FTP's control connections do? Then it lives on. */
static __always_inline int template_prolonged(const struct isobar_settings *settings,
					      struct isobar_conn *conn)
{
	if (__sync_fetch_and_add(&conn->controlled, 0) == 0)
		return 0;
	conn->expires = isobar_now() + TEMPLATE_PROLONG_S * settings->hz;
	return 1;
}

static __always_inline int conn_may_control(const struct isobar_conn *conn, __u32 life)
{
	return (life & ISOBAR_LIFE_TEMPLATE) || (conn->flags & ISOBAR_CONN_FTP);
}

/* What else is known of the connection (ftp.h), or of the template (call.h). */
static __always_inline void ftp_forget(const struct isobar_conn *conn, __u32 record)
{
	struct isobar_address call = conn->client;

	if (conn->flags & ISOBAR_CONN_CALL)
		bpf_map_delete_elem(&isobar_calls, &call);
	else if (conn->flags & ISOBAR_CONN_FTP)
		bpf_map_delete_elem(&isobar_ftp, &record);
	else
		__sync_fetch_and_add(&isobar_sweep.expected, -1);
}

/* The record is anybody's again. An exchange, because it orders memory: who sees the tag
 * gone sees `life` gone too. */
static __always_inline void conn_release(struct isobar_conn *conn, __u32 record)
{
	struct isobar_conn_line *line = conn_line_at(record / ISOBAR_LINE);
	__u32 way = record % ISOBAR_LINE;

	*(volatile __u32 *)&conn->life = 0;
	if (line && way < ISOBAR_WAYS)
		__sync_lock_test_and_set(&line->tags.tag[way], 0);
}

static __always_inline void conn_release_signpost(const struct isobar_conn *conn)
{
	__u32 signpost = conn->partner;
	struct isobar_conn *there = conn_at(signpost);

	if (there)
		conn_release(there, signpost);
}

/* First line of the generation that the record is in. */
static __always_inline __u32 conn_first_of(__u32 record)
{
	return bits_highest(record / (ISOBAR_SEGMENT_ROOM * ISOBAR_LINE)) * ISOBAR_SEGMENT_ROOM;
}

/* One more or less, the record, is away from the hash's first line. */
static __always_inline void conn_count_away(const struct isobar_settings *settings, __u32 record,
					    __u64 hash, int change)
{
	struct isobar_conn_line *line =
		conn_line_at(conn_line_from(settings, conn_first_of(record), hash, 0));

	if (line)
		__sync_fetch_and_add(&line->tags.away, change);
}

/* The hash by which the connection or template got its lines. */
static __always_inline __u64 conn_own_hash(const struct isobar_settings *settings,
					   const struct isobar_conn *conn, __u32 life)
{
	if (life & ISOBAR_LIFE_TEMPLATE)
		return template_hash(settings, &conn->client, &conn->virtual_address,
				     conn->virtual_port, conn->protocol);
	return conn_hash(settings, address_halves(&conn->client), conn->client_port,
			 conn->protocol);
}

/* Takes a connection, or a template that controls none, out of the table. 1: done, 0: somebody
 * else was first, or it is not to go. */
__noinline int conn_retire(__u32 record)
{
	const struct isobar_settings *settings = &isobar_settings;
	struct isobar_conn *conn = conn_at(record);
	struct isobar_server *server;
	__u32 life;

	if (!conn)
		return 0;
	life = conn->life;
	if (!(life & ISOBAR_LIFE_KEPT))
		return 0;
	if (conn_may_control(conn, life) && template_prolonged(settings, conn))
		return 0;
	if (__sync_val_compare_and_swap(&conn->life, life, ISOBAR_LIFE_CLAIMED) != life)
		return 0;
	/* again: somebody may have come under it meanwhile */
	if (conn_may_control(conn, life) && template_prolonged(settings, conn)) {
		__sync_lock_test_and_set(&conn->life, life);
		return 0;
	}
	server = conn_server(conn);
	if (server)
		server_discount(server, conn->server, life);
	if (conn->control)
		template_release(conn->control);
	if (conn->flags & (ISOBAR_CONN_FTP | ISOBAR_CONN_EXPECTED | ISOBAR_CONN_CALL))
		ftp_forget(conn, record);
	if (life & (ISOBAR_LIFE_STRAYED | ISOBAR_LIFE_FULLNAT))
		conn_release_signpost(conn);
	if (life & ISOBAR_LIFE_AWAY)
		conn_count_away(settings, record, conn_own_hash(settings, conn, life), -1);
	conn_release(conn, record);
	return 1;
}

/* ---- sweeping ------------------------------------------------------------- */

static __always_inline int conn_is_over(const struct isobar_conn *conn, __u32 now)
{
	return (conn->life & ISOBAR_LIFE_KEPT) && isobar_reached(conn->expires, now);
}

struct conn_sweep {
	__u32 from;
	__u32 now;
	__u32 retired;
	__u32 used;
	__u32 half_open;
};

/* By position lines follow each other without the gaps that their numbers have. */
static __always_inline __u32 conn_number_at(const struct isobar_settings *settings, __u32 position)
{
	__u32 segment_lines = settings->segment_mask + 1;

	return position / segment_lines * ISOBAR_SEGMENT_ROOM + (position & settings->segment_mask);
}

/* Of the round that the sweep goes. */
static __always_inline __u32 conn_sweep_number(const struct isobar_settings *settings, __u32 turn)
{
	return conn_number_at(settings, settings->first_position + turn % settings->lines);
}

static long conn_sweep_line(__u32 i, struct conn_sweep *sweep)
{
	const struct isobar_settings *settings = &isobar_settings;
	struct isobar_conn_line *line;
	__u32 number;

	number = conn_sweep_number(settings, sweep->from + i);
	line = conn_line_at(number);
	if (!line) /* of a generation that is gone */
		return 0;
	for (int way = 0; way < ISOBAR_WAYS; way++) {
		if (line->tags.tag[way] == 0)
			continue;
		sweep->used++;
		sweep->half_open += life_is_half_open(line->record[way].life);
		if (conn_is_over(&line->record[way], sweep->now))
			sweep->retired += conn_retire(number * ISOBAR_LINE + way);
	}
	return 0;
}

/* drop_entry: one record of the lines that are looked at in this second. */
static long conn_thin_one(__u32 i, struct conn_sweep *sweep)
{
	const struct isobar_settings *settings = &isobar_settings;
	struct isobar_conn *conn;
	__u32 record;

	record = conn_sweep_number(settings, sweep->from + i / ISOBAR_WAYS * DEFENCE_LINES) *
			 ISOBAR_LINE +
		 i % ISOBAR_WAYS;
	conn = conn_at(record);
	if (!conn)
		return 0;
	if (defence_gives_up(conn) && conn_retire(record))
		event_count(ISOBAR_EVENT_DROP_ENTRY);
	return 0;
}

__noinline int conn_thin_lines(__u32 from, __u32 count, __u32 now)
{
	const struct isobar_settings *settings = &isobar_settings;
	struct conn_sweep sweep = { .now = now };
	__u32 skip;

	if (settings->lines == 0 || settings->hz == 0)
		return 0;
	skip = -(from + now / settings->hz) % DEFENCE_LINES;
	if (skip >= count)
		return 0;
	sweep.from = from + skip;
	bpf_loop(((count - skip - 1) / DEFENCE_LINES + 1) * ISOBAR_WAYS, conn_thin_one, &sweep, 0);
	return 1;
}

__noinline int conn_sweep_lines(__u32 from, __u32 count, __u32 now)
{
	const struct isobar_settings *settings = &isobar_settings;
	struct conn_sweep sweep = { .from = from, .now = now };

	if (settings->lines == 0)
		return 0;
	bpf_loop(count, conn_sweep_line, &sweep, 0);
	if (settings->defences & ISOBAR_DEFENCE_DROP_ENTRY)
		conn_thin_lines(from, count, now);
	defence_learn(count, sweep.used, sweep.half_open);
	return sweep.retired;
}

/* The first packet of a jiffy sweeps the lines that are due. */
static __always_inline void conn_sweep_due(const struct isobar_settings *settings, __u32 now)
{
	struct isobar_sweep *sweep = &isobar_sweep;
	__u32 tick, count, from;

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
	conn_sweep_lines(from, count, now);
}
