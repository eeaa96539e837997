/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * No room for a connection: it goes on without a record. Its server follows from a hash of the
 * client's address and port (of a persistent service: of the client alone), so it is the same for
 * each of its packets as long as the set of servers is. That is possible where replies go another
 * way, VS/DR and VS/TUN; NAT and fullnat know a reply by its record only, and refuse (TABLE_FULL).
 *
 * From the first such connection until there were none for OVERFLOW_SECONDS, a packet that would
 * otherwise have no connection may be of one; so what does not begin with a SYN, and the clients of
 * persistent services, get their server by hash even if there is room again. The record that the
 * way of a packet needs is the one of one_packet.h.
 */
#pragma once

#include "one_packet.h"
#include "set.h"
#include "template.h"

#define OVERFLOW_SECONDS 300

static __always_inline int overflow_is_on(const struct isobar_settings *settings, __u32 now)
{
	__u32 until = settings->by_hash_until;

	return until && !isobar_reached(until, now);
}

struct overflow_search {
	struct isobar_set set;
	__u64 hash;
	__u32 server;        /* the result */
};

/* Replies by other methods are known by their record. */
static __always_inline int overflow_can(const struct isobar_server *server)
{
	return (server->method & (ISOBAR_METHOD_DR | ISOBAR_METHOD_TUN)) != 0;
}

/* Can it do without a record? */
static __always_inline int overflow_fits(const struct isobar_member *member)
{
	__u32 index = member->server;
	struct isobar_server *server = bpf_map_lookup_elem(&isobar_servers, &index);

	return member->weight != 0 && server && overflow_can(server);
}

/* A member by chance, so to say: as likely as its weight, the same for the same hash. */
static long overflow_draw(__u32 i, struct overflow_search *search)
{
	__u64 hash = conn_mix(search->hash + i);
	__u32 position = (__u64)(__u32)hash * search->set.count >> 32;
	struct isobar_member *member = set_member(&search->set, position);

	if (!member)
		return 1;
	if ((hash >> 32) * search->set.head->max_weight >> 32 >= member->weight ||
	    !overflow_fits(member))
		return 0;
	search->server = member->server;
	return 1;
}

/* If 64 draws give none, hardly any member fits: then it is the first that does. */
static long overflow_first(__u32 position, struct overflow_search *search)
{
	struct isobar_member *member = set_member(&search->set, position);

	if (!member)
		return 1;
	if (!overflow_fits(member))
		return 0;
	search->server = member->server;
	return 1;
}

__noinline __u32 overflow_pick(__u32 element, __u64 hash)
{
	struct overflow_search search = { .hash = hash, .server = SET_NOBODY };

	if (!element || set_open(element, &search.set) || search.set.count == 0)
		return SET_NOBODY;
	bpf_loop(64, overflow_draw, &search, 0);
	if (search.server == SET_NOBODY)
		bpf_loop(search.set.count, overflow_first, &search, 0);
	return search.server;
}

/* The client's template leads, if it has one; else the hash. SET_NOBODY: no server can do without a
 * record. */
__noinline __u32 overflow_server(const struct isobar_tuple *tuple, __u32 number, __u32 now)
{
	const struct isobar_settings *settings = &isobar_settings;
	struct isobar_service *service = bpf_map_lookup_elem(&isobar_services, &number);
	struct isobar_address client ADDRESS_ALIGNED;
	__u32 template, server, set;

	if (!service || !tuple)
		return SET_NOBODY;
	set = *(volatile __u32 *)&service->set;
	if (!service->persistence)
		return overflow_pick(set, conn_hash(settings, address_halves(&tuple->source),
						    tuple->source_port, tuple->protocol));
	template = template_find(tuple, number, now);
	if (template != TEMPLATE_NONE) {
		server = template_server(template);
		template_release(template);
		return server;
	}
	client = address_masked(&tuple->source, service->prefix);
	return overflow_pick(set, conn_hash(settings, address_halves(&client), 0, 0));
}

/* Chooses the packet's server, as one_packet_choose. The record that it has then; CONN_NONE: it
 * cannot go without one of the table. */
__noinline __u32 overflow_choose(const struct isobar_tuple *tuple, __u32 number, __u32 now)
{
	struct isobar_settings *settings = &isobar_settings;
	struct isobar_server *server;
	struct isobar_conn *conn;
	__u32 index, until;

	if (!tuple)
		return CONN_NONE;
	index = overflow_server(tuple, number, now);
	server = bpf_map_lookup_elem(&isobar_servers, &index);
	if (!server || !overflow_can(server) || one_packet_choose(settings, tuple, index, now))
		return CONN_NONE;
	conn = one_packet_conn(settings);
	if (!conn)
		return CONN_NONE;
	conn->flags |= ISOBAR_CONN_BY_HASH;
	until = now + OVERFLOW_SECONDS * settings->hz;
	if (until - settings->by_hash_until > settings->hz) /* once a second is enough */
		settings->by_hash_until = until | 1;
	return one_packet_record(settings);
}
