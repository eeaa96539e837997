/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a packet changes in the books: the state and deadline of its connection, the
 * counters and rates of its server.
 */
#pragma once

#include "conn_end.h"
#include "maps.h"
#include "packet.h"
#include "response.h"
#include "sctp.h"
#include "state.h"

/* The deadline of a connection that many packets move on is written once in a while, not by
 * each of them: a cache line that is only read is cheap, on other CPUs above all. It may come
 * a sixteenth of a second early. */
static __always_inline void track_deadline(const struct isobar_settings *settings,
					   struct isobar_conn *conn, __u32 deadline)
{
	if (deadline - conn->expires > settings->hz / 16)
		conn->expires = deadline;
}

/* The server of the connection has answered: its template says so too, in listings
 * (ip_vs_control_assure_ct). */
__noinline int track_assure(__u32 template)
{
	__u32 record = template - 1;
	struct isobar_conn *conn = conn_at(record);
	__u32 life;

	if (!conn)
		return 0;
	life = conn->life;
	if ((life & ISOBAR_LIFE_TEMPLATE) && !(life & ISOBAR_LIFE_STATE))
		__sync_val_compare_and_swap(&conn->life, life, life | ISOBAR_STATE_ESTABLISHED);
	return 0;
}

static __always_inline void track_answer(struct isobar_conn *conn)
{
	if (!conn->control || (conn->flags & ISOBAR_CONN_ASSURED))
		return;
	conn->flags |= ISOBAR_CONN_ASSURED;
	track_assure(conn->control);
}

/* One branch: the verifier would follow each of three. */
static __always_inline int track_is_syn_ack(const struct isobar_packet *packet,
					    const struct conn_found *found)
{
	return ((packet->tuple.protocol ^ IPPROTO_TCP) | (packet->tcp_event ^ TCP_SYN) |
		(found->direction ^ ISOBAR_FROM_SERVER)) == 0;
}

/* IPVS's set_tcp_state(): new state, its timeout, and the active/inactive count. */
static __always_inline void track_state(const struct isobar_settings *settings,
					const struct isobar_packet *packet,
					const struct conn_found *found, __u32 now)
{
	struct isobar_conn *conn = found->conn;
	__u32 life = conn->life;
	__u32 state = life & ISOBAR_LIFE_STATE;
	__u32 next = state;

	__u32 seen = conn_is_rewritten(conn) ? found->direction : TCP_CLIENT_ONLY;

	if (packet->tuple.protocol == IPPROTO_TCP)
		next = tcp_next(state, seen, packet->tcp_event,
				settings->defences & ISOBAR_DEFENCE_SECURE_TCP);
	else if (packet->tuple.protocol == IPPROTO_SCTP)
		next = sctp_next(state, seen, packet->tcp_event) & ISOBAR_LIFE_STATE;
	else if (found->direction == ISOBAR_FROM_SERVER)
		track_answer(conn);
	if (next != state && (life & ISOBAR_LIFE_LIVE)) {
		__u32 new_life = (life & ~(ISOBAR_LIFE_STATE | ISOBAR_LIFE_INACTIVE)) | next;

		if (!state_is_active(next))
			new_life |= ISOBAR_LIFE_INACTIVE;
		/* lost the race: the other packet's state stands, as with IPVS's lock */
		if (__sync_val_compare_and_swap(&conn->life, life, new_life) == life &&
		    ((life ^ new_life) & ISOBAR_LIFE_INACTIVE)) {
			server_count(found->server, life, -1);
			server_count(found->server, new_life, 1);
			rank_mark(conn->server,
				  new_life & ISOBAR_LIFE_INACTIVE ? RANK_FELL : RANK_GREW);
		}
		if (next == ISOBAR_STATE_ESTABLISHED || next == ISOBAR_STATE_SCTP_ESTABLISHED)
			track_answer(conn);
	}
	track_deadline(settings, conn, now + settings->timeout[next & (ISOBAR_TIMEOUTS - 1)]);
	if (track_is_syn_ack(packet, found))
		response_came(found->record);
}

/* ---- rates ------------------------------------------------------------------ */

struct track_sum {
	__u32 server;
	__u64 item[ISOBAR_TRAFFIC_ITEMS];
};

static long track_sum_cpu(__u32 cpu, struct track_sum *sum)
{
	struct isobar_traffic *traffic =
		bpf_map_lookup_percpu_elem(&isobar_traffic, &sum->server, cpu);

	if (!traffic)
		return 1; /* no more CPUs */
	for (int i = 0; i < ISOBAR_TRAFFIC_ITEMS; i++)
		sum->item[i] += traffic->item[i];
	return 0;
}

/* Scale of an item's rate: 2^10 for counts, 2^5 for bytes; halved by the 2 s period. */
static __always_inline __u32 track_scale(int item)
{
	return item < ISOBAR_IN_BYTES ? 9 : 4;
}

/* On the stack, as Linux 6.1 wants it of what a loop is handed. */
struct track_decay {
	struct isobar_estimate *estimate;
};

/* A period in which no packet came. */
static long track_empty_period(__u32 i, struct track_decay *decay)
{
	__u64 *rate = decay->estimate->rate;

	for (int item = 0; item < ISOBAR_TRAFFIC_ITEMS; item++)
		rate[item] += -(__s64)rate[item] >> 2;
	return 0;
}

/* Not as long as the deadline is at most one period ahead. */
static __always_inline int track_is_over(const struct isobar_settings *settings, __u32 due,
					 __u32 now)
{
	return due - now - 1 >= ISOBAR_ESTIMATE_PERIOD * settings->hz;
}

/* Closes the periods that are over, if no other CPU has: the first with what was counted, the
 * others (no packet came) with nothing. 32 empty periods take any rate to nothing. The end of the
 * current period. */
__noinline __u32 track_close_periods(__u32 server, __u32 now)
{
	const struct isobar_settings *settings = &isobar_settings;
	struct isobar_estimate *estimate = bpf_map_lookup_elem(&isobar_rates, &server);
	struct track_decay decay = { .estimate = estimate };
	struct track_sum sum = { .server = server };
	__u32 length, due, next, seen, empty;

	if (!estimate || settings->hz == 0)
		return 0;
	due = estimate->due;
	if (!track_is_over(settings, due, now))
		return due;
	length = ISOBAR_ESTIMATE_PERIOD * settings->hz;
	empty = (now - due) / length;
	next = due + (empty + 1) * length;
	seen = __sync_val_compare_and_swap(&estimate->due, due, next);
	if (seen != due)
		return seen;
	bpf_loop(1024, track_sum_cpu, &sum, 0);
	for (int i = 0; i < ISOBAR_TRAFFIC_ITEMS; i++) {
		__s64 rate = estimate->rate[i];
		__s64 counted = (sum.item[i] - estimate->last[i]) << track_scale(i);

		rate += (counted - rate) >> 2;
		estimate->rate[i] = empty > 32 ? 0 : rate;
		estimate->last[i] = sum.item[i];
	}
	if (empty > 0 && empty <= 32)
		bpf_loop(empty, track_empty_period, &decay, 0);
	return next;
}

/* This CPU's counters of the server, all periods before now closed. */
static __always_inline struct isobar_traffic *track_counters(const struct isobar_settings *settings,
							     __u32 server, __u32 now)
{
	struct isobar_traffic *traffic = bpf_map_lookup_elem(&isobar_traffic, &server);

	if (traffic && track_is_over(settings, traffic->due, now))
		traffic->due = track_close_periods(server, now);
	return traffic;
}

static __always_inline void track_connection(const struct isobar_settings *settings, __u32 server,
					     __u32 now)
{
	struct isobar_traffic *traffic = track_counters(settings, server, now);

	if (traffic)
		traffic->item[ISOBAR_CONNECTIONS]++;
}

static __always_inline void track_packet(struct isobar_traffic *traffic, __u32 direction,
					 __u32 bytes)
{
	if (!traffic)
		return;
	if (direction == ISOBAR_FROM_CLIENT) {
		traffic->item[ISOBAR_IN_PACKETS]++;
		traffic->item[ISOBAR_IN_BYTES] += bytes;
	} else {
		traffic->item[ISOBAR_OUT_PACKETS]++;
		traffic->item[ISOBAR_OUT_BYTES] += bytes;
	}
}

static __always_inline void track_traffic(const struct isobar_settings *settings, __u32 server,
					  __u32 direction, __u32 bytes, __u32 now)
{
	track_packet(track_counters(settings, server, now), direction, bytes);
}

/* A later fragment is no packet of its own, as IPVS counts: it sees them put together. */
__noinline int track_more_bytes(__u32 server, __u32 direction, __u32 bytes)
{
	struct isobar_traffic *traffic = bpf_map_lookup_elem(&isobar_traffic, &server);

	if (traffic && direction == ISOBAR_FROM_CLIENT)
		traffic->item[ISOBAR_IN_BYTES] += bytes;
	else if (traffic)
		traffic->item[ISOBAR_OUT_BYTES] += bytes;
	return 0;
}
