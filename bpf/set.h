/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A service's set of real servers, as its scheduler sees it: members in scheduling order
 * (newest first) and one 64-bit cursor that CPUs advance by compare-and-swap.
 */
#pragma once

#include "maps.h"
#include "overload.h"
#include "tuple.h"

/* A scheduler returns a server's index, or this. */
#define SET_NOBODY 0xffffffffu
/* How often a scheduler tries again when another CPU moved the cursor meanwhile. */
#define SET_RETRIES 4

struct isobar_set {
	struct isobar_set_head *head;
	__u32 first;        /* element of the first member */
	__u32 count;
};

/* The set whose head is that element; other than 0: there is none. */
static __always_inline int set_open(__u32 element, struct isobar_set *set)
{
	union isobar_set_element *e = bpf_map_lookup_elem(&isobar_sets, &element);

	if (!e)
		return -1;
	set->head = &e->head;
	set->first = element + 1;
	set->count = e->head.count;
	return 0;
}

static __always_inline struct isobar_member *set_member(const struct isobar_set *set,
							__u32 position)
{
	__u32 element = set->first + position;
	union isobar_set_element *e = bpf_map_lookup_elem(&isobar_sets, &element);

	return e ? &e->member : NULL;
}

/* May the member get a new connection? Every scheduler asks this. */
static __always_inline int member_usable(const struct isobar_member *member)
{
	return member->weight != 0 && !(member->limited && server_is_overloaded(member->server));
}

static __always_inline __u32 cursor_position(__u64 cursor)
{
	return (__u32)(cursor >> 32);
}

static __always_inline __u32 cursor_credit(__u64 cursor)
{
	return (__u32)cursor;
}

static __always_inline __u64 cursor_make(__u32 position, __u32 credit)
{
	return (__u64)position << 32 | credit;
}

/* Where a search that goes round the list begins: one behind the server used last. May be
 * the list's end, which is to be wrapped. (Searches count on from here by the index that
 * bpf_loop gives them: a position kept in their own state would be another constant in
 * every round for the verifier, and never end.) */
static __always_inline __u32 cursor_next(__u64 cursor)
{
	__u32 position = cursor_position(cursor);

	return position == ISOBAR_SET_START ? 0 : position + 1;
}

/* Active connections of the member's server. */
static __always_inline __u32 set_active(const struct isobar_member *member)
{
	__u32 index = member->server;
	struct isobar_server *server = bpf_map_lookup_elem(&isobar_servers, &index);

	return server ? server->active : 0xffffffffu;
}

/* IPVS's ip_vs_dest_conn_overhead(): an active connection weighs as 256 inactive ones. */
static __always_inline __u64 server_load(const struct isobar_server *server)
{
	return ((__u64)server->active << 8) + server->inactive;
}

static __always_inline __u64 set_load(const struct isobar_member *member)
{
	__u32 index = member->server;
	struct isobar_server *server = bpf_map_lookup_elem(&isobar_servers, &index);

	return server ? server_load(server) : ~0ull;
}
