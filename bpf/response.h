/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How fast a real server answers, for lrt: the time from a client's SYN to the server's SYN-ACK, of
 * one connection at a time, smoothed (docs/decisions/009-least-response-time.md). Replies are seen
 * by VS/NAT only.
 *
 * CPUs write without a lock; a sample lost to a race is followed by others.
 */
#pragma once

#include "conn.h"

#define RESPONSE_S 1000000000ull
/* What was measured counts no more when the server got no connection for so long: it is asked
 * again. */
#define RESPONSE_STALE (30 * RESPONSE_S)
/* A connection that is timed and not answered so long gives its place to another. */
#define RESPONSE_PATIENCE (3 * RESPONSE_S)
/* us: of a server that was not measured, and the longest that is told apart. */
#define RESPONSE_UNKNOWN 1000u
#define RESPONSE_LONGEST (1u << 22)

static __always_inline __u32 response_us(__u64 ns)
{
	__u64 us = ns / 1000;

	return us > RESPONSE_LONGEST ? RESPONSE_LONGEST : us;
}

/* Tells the connections of one server apart, well enough. Never 0. */
static __always_inline __u32 response_question(const struct isobar_address *client, __be16 port)
{
	return (address_fold(address_halves(client)) ^ port * 0x9e3779b1u) | 1;
}

/* Was the server not asked for long, or never? */
static __always_inline int response_is_stale(const struct isobar_response *response, __u64 now)
{
	return response->asked == 0 || now - response->asked > RESPONSE_STALE;
}

/* What is expected of the next connection. As long as nothing comes back, the server is at least as
 * slow as that. */
static __always_inline __u32 response_time(const struct isobar_response *response, __u64 now)
{
	__u64 since = *(volatile __u64 *)&response->since;
	__u32 time = response->time ?: RESPONSE_UNKNOWN;
	__u32 waited = since && now > since ? response_us(now - since) : 0;

	return waited > time ? waited : time;
}

/* The server gets the connection whose SYN this is. */
static __always_inline void response_ask(struct isobar_response *response,
					 const struct isobar_tuple *tuple, __u64 now)
{
	if (response_is_stale(response, now)) {
		response->time = 0;
		response->timed = 0;
	}
	response->asked = now;
	if (!response->timed || now - response->sent > RESPONSE_PATIENCE) {
		response->sent = now;
		response->timed = response_question(&tuple->source, tuple->source_port);
	}
	if (!response->since)
		response->since = now;
}

/* The first answer is the time; each further one moves it by a quarter, and no more than it
 * is itself: a lost packet costs a second. */
static __always_inline __u32 response_smoothed(__u32 time, __u32 answer)
{
	if (!time)
		return answer ?: 1;
	if (answer > 4 * time)
		answer = 4 * time;
	return (3 * time + answer) / 4 ?: 1;
}

/* The server of the connection has sent its SYN-ACK. */
__noinline int response_came(__u32 record)
{
	struct isobar_conn *conn = conn_at(record);
	struct isobar_response *response;
	struct isobar_server *server;
	__u64 now;

	if (!conn || conn->protocol != IPPROTO_TCP)
		return 0;
	server = conn_server(conn);
	if (!server || !server->response.since)
		return 0;
	response = &server->response;
	response->since = 0;
	now = bpf_ktime_get_ns();
	if (response->timed != response_question(&conn->client, conn->client_port) ||
	    now < response->sent)
		return 0;
	response->timed = 0;
	response->time = response_smoothed(response->time, response_us(now - response->sent));
	return 0;
}
