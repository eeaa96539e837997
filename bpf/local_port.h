/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Fullnat speaks to the real server from an address and port of its own, so that the answers come
 * back to this host wherever the server's routes lead:
 *
 *   client:port -> virtual:port        becomes     local:port -> server:port
 *
 * A local port is a record of the connection table, in the line where the server's replies look
 * for their connection: the server has the local port for a client. It leads to the connection, and
 * that to it. So to take a port is to put such a record there; and what must be unique is the
 * whole tuple: each server has all ports of each address.
 *
 * Two CPUs may want one port at the same time. Each puts its record there first, for all to see,
 * and then looks for another one: one of them at least sees the other's, and takes its own away.
 */
#pragma once

#include "conn_end.h"

/* So many ports are looked at for a new connection, from anywhere on. Of a small range these are
 * all; of a large one, one port in 20 that is free is found 99 times of 100. */
#define LOCAL_PORT_TRIES 128

/* Where a new connection has found room (conn_make.h). */
struct conn_place {
	__u32 record;
	__u32 signpost;
	__u32 life; /* ISOBAR_LIFE_AWAY, ISOBAR_LIFE_STRAYED, ISOBAR_LIFE_FULLNAT, if so */
	__u32 flags;         /* enum isobar_conn_flag: how its server is told the client */
};

/* The search, and in it the reply's tuple as far as it is known. */
struct local_port_search {
	__u32 first; /* element of isobar_sets */
	__u32 count; /* addresses */
	__u32 random;
	__u32 server;
	__be16 virtual_port;
	__u16 flags;  /* as the connection's: they say which port of the server it is */
	__u32 protocol;
	__u32 record; /* the result */
};

/* Is that other record for the same? Global: the verifier looks at it once. */
__noinline int local_port_is_same(__u32 own_record, __u32 other_record)
{
	struct isobar_conn *own = conn_at(own_record);
	struct isobar_conn *other = conn_at(other_record);
	struct isobar_server *server, *other_server;

	if (!own || !other || !(other->life & ISOBAR_LIFE_LOCAL))
		return 0;
	server = conn_server(own);
	other_server = conn_server(other);
	return server && other_server && own->client_port == other->client_port &&
	       own->protocol == other->protocol && address_same(&own->client, &other->client) &&
	       conn_server_port(own, server) == conn_server_port(other, other_server) &&
	       address_same(&server->address, &other_server->address);
}

/* Is there another record for the same in this line? */
static __always_inline int local_port_has_rival(__u32 own, __u32 number, __u32 tag)
{
	struct isobar_conn_line *line = conn_line_at(number);
	__u32 ways, record;

	if (!line)
		return 0;
	ways = conn_tagged(line, tag);
	for (int i = 0; i < ISOBAR_WAYS && ways; i++) {
		record = number * ISOBAR_LINE + bits_lowest(ways);
		if (record != own && local_port_is_same(own, record))
			return 1;
		ways = bits_rest(ways);
	}
	return 0;
}

/* The same in a generation's line for this port. Global: the verifier looks at it once. */
__noinline int local_port_is_taken_in(__u32 own, __u32 first)
{
	const struct isobar_settings *settings = &isobar_settings;
	struct isobar_conn *conn = conn_at(own);
	__u64 hash;

	if (!conn)
		return 1;
	hash = conn_own_hash(settings, conn, ISOBAR_LIFE_LOCAL);
	return local_port_has_rival(own, conn_line_from(settings, first, hash, 0), conn_tag(hash));
}

static __always_inline int local_port_is_taken(const struct isobar_settings *settings, __u32 own)
{
	__u64 table = conn_table(settings);
	__u32 first = table & ISOBAR_TABLE_FIRST, older = table & ISOBAR_TABLE_OLDER;

	for (int i = 0; i < ISOBAR_GENERATIONS && first; i++) {
		if (local_port_is_taken_in(own, first))
			return 1;
		first = conn_next_older(&older);
	}
	return 0;
}

/* Puts the record there that makes the port taken. CONN_NONE: it is, already; or the line is
 * full, which is as good. */
static __always_inline __u32 local_port_take(const struct isobar_settings *settings,
					     const struct local_port_search *search,
					     struct address_halves address, __be16 port)
{
	__u64 hash = conn_hash(settings, address, port, search->protocol);
	__u32 number = conn_line_number(settings, hash, 0);
	struct isobar_conn_line *line = conn_line_at(number);
	struct address_halves none = {};
	__u32 free, way, record;
	struct isobar_conn *own;

	if (!line)
		return CONN_NONE;
	free = conn_tagged(line, 0);
	if (!free)
		return CONN_NONE;
	way = conn_first_way(hash);
	if (!(free >> way & 1))
		way = bits_lowest(free);
	record = number * ISOBAR_LINE + way;
	own = conn_in(line, way);
	if (way >= ISOBAR_WAYS ||
	    __sync_val_compare_and_swap(&line->tags.tag[way], 0, conn_tag(hash)) != 0)
		return CONN_NONE;
	address_put(&own->client, address);
	address_put(&own->virtual_address, none); /* no packet is for it: never a client's */
	own->client_port = port;
	own->virtual_port = search->virtual_port;
	own->protocol = search->protocol;
	own->method = ISOBAR_METHOD_LOCAL;
	own->server = search->server;
	own->flags = search->flags;
	own->partner = CONN_NONE;
	__sync_lock_test_and_set(&own->life, ISOBAR_LIFE_LOCAL);
	if (!local_port_is_taken(settings, record))
		return record;
	conn_release(own, record);
	return CONN_NONE;
}

/* The addresses take turns; of each, ports from anywhere on. */
static long local_port_try(__u32 i, struct local_port_search *search)
{
	const struct isobar_settings *settings = &isobar_settings;
	union isobar_set_element *element;
	__u32 number, first, size, step;

	if (search->count == 0)
		return 1;
	number = search->first + (search->random + i) % search->count;
	element = bpf_map_lookup_elem(&isobar_sets, &number);
	if (!element)
		return 1;
	first = element->local.first_port;
	size = element->local.last_port - first + 1;
	if (size == 0)
		return 1;
	/* in a row if there are few of them, so that all get their turn */
	step = size * search->count > LOCAL_PORT_TRIES ? (search->random >> 8 | 1) % size : 1;
	step += !step; /* else one port would be tried again and again */
	number = (search->random + (__u64)(i / search->count) * step) % size;
	search->record = local_port_take(settings, search, address_halves(&element->local.address),
					 bpf_htons(first + number));
	return search->record != CONN_NONE;
}

/* A local port for the connection; or CONN_NONE. */
static __always_inline __u32 local_port_find(const struct isobar_tuple *tuple, __u32 server_index,
					     const struct isobar_server *server, __u32 flags)
{
	struct local_port_search search = {
		.random = bpf_get_prandom_u32(),
		.server = server_index,
		.virtual_port = tuple->destination_port,
		.flags = flags,
		.protocol = tuple->protocol,
		.record = CONN_NONE,
	};
	__u32 service = server->service;
	struct isobar_service *of = bpf_map_lookup_elem(&isobar_services, &service);
	union isobar_set_element *head;
	__u32 set;

	/* SCTP has its addresses in the packets' own (RFC 9260, 5.1.2) */
	if (!of || (tuple->protocol != IPPROTO_TCP && tuple->protocol != IPPROTO_UDP))
		return CONN_NONE;
	set = of->set;
	head = bpf_map_lookup_elem(&isobar_sets, &set);
	if (!head)
		return CONN_NONE;
	search.count = head->head.locals;
	search.first =
		set + 1 + head->head.count + (head->head.slots + ISOBAR_SLOTS - 1) / ISOBAR_SLOTS;
	bpf_loop(LOCAL_PORT_TRIES, local_port_try, &search, 0);
	return search.record;
}

/* How the server is told who its client is: over TCP only. */
static __always_inline __u32 local_port_flags(const struct isobar_tuple *tuple,
					      const struct isobar_server *server)
{
	__u32 service = server->service;
	struct isobar_service *of = bpf_map_lookup_elem(&isobar_services, &service);

	if (!of || tuple->protocol != IPPROTO_TCP)
		return 0;
	if (of->tells_client == ISOBAR_CLIENT_TOA)
		return ISOBAR_CONN_TOA;
	return of->tells_client == ISOBAR_CLIENT_PROXY ? ISOBAR_CONN_PROXY : 0;
}

/* The connection does not come to be: its place is free again. */
static __always_inline void local_port_undo(const struct isobar_settings *settings,
					    const struct isobar_tuple *tuple,
					    struct isobar_conn *conn,
					    const struct conn_place *place)
{
	if (place->life & ISOBAR_LIFE_AWAY)
		conn_count_away(settings, place->record,
				conn_client_hash(settings, tuple, ISOBAR_FROM_CLIENT), -1);
	conn_release(conn, place->record);
}

/* Gives the new connection, whose record is at that place, a local port. Other than 0: there is
 * none, and the place is given up. A connection to this host needs none, it is one of NAT. */
__noinline int local_port_give(const struct isobar_tuple *tuple, __u32 server_index,
			       struct conn_place *place)
{
	const struct isobar_settings *settings = &isobar_settings;
	struct isobar_server *server = bpf_map_lookup_elem(&isobar_servers, &server_index);
	struct isobar_conn *conn, *local;
	__u32 record, port;

	if (!server || !tuple || !place)
		return -1;
	record = place->record;
	conn = conn_at(record);
	if (!conn)
		return -1;
	if (server->flags & ISOBAR_SERVER_LOCAL) {
		conn->method = ISOBAR_METHOD_NAT;
		return 0;
	}
	if (place->life & ISOBAR_LIFE_STRAYED) { /* its replies look elsewhere */
		conn->partner = place->signpost;
		conn_release_signpost(conn);
	}
	port = local_port_find(tuple, server_index, server, conn->flags);
	local = conn_at(port);
	if (!local) {
		local_port_undo(settings, tuple, conn, place);
		return -1;
	}
	local->partner = record;
	place->signpost = port;
	place->life |= ISOBAR_LIFE_FULLNAT;
	place->flags = local_port_flags(tuple, server);
	return 0;
}
