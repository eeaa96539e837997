/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Persistence: a template tells which server the next connection of a client goes to
 * (net/netfilter/ipvs/ip_vs_core.c, ip_vs_sched_persist). Its key is the client's address as far
 * as the service's mask goes, and the virtual address with the service's port; port 0, all
 * ports, has one template for whatever the client does.
 *
 * A template is a record of the connection table, at a line (or its second line) that its whole
 * key chooses. It is looked at when a connection begins, never later. A connection remembers the
 * template that it was made under; the template counts them and does not end before them:
 *  - Who is about to use a template first adds itself to `controlled`, then makes sure that it is
 *    still the template it was.
 *  - Who is about to end one (conn_retire) first takes its `life`, then makes sure that nobody
 *    was added meanwhile, or else gives the life back.
 * One of the two sees the other. So `control` always leads to the same, living template.
 *
 * A template whose server is gone is made void: it is found no more, but stays as long as it
 * controls connections.
 */
#pragma once

#include "conn_make.h"

#define TEMPLATE_NONE 0u /* a template is named by its record and 1, as in isobar_conn.control */
#define CALL_NONE (~0u) /* there can be none */

/* FTP's data connections have ports of their own: its template is for all of them. */
static __always_inline __be16 template_port(const struct isobar_service *service)
{
	__u32 port = service->key.port;

	return port & (bits_equal(port, bpf_htons(FTP_PORT)) - 1);
}

/* Whom a template is for: the client's network, or the call, by a key that has it in it (call.h):
 * no bit of that is masked. */
static __always_inline struct isobar_address template_client(const struct isobar_tuple *tuple,
							     const struct isobar_service *service)
{
	return address_masked(&tuple->source, service->prefix | service->engine << 7);
}

static __always_inline int template_matches(const struct isobar_conn *conn,
					    const struct isobar_service *service,
					    const struct isobar_address *client)
{
	return (conn->life & ISOBAR_LIFE_LIVE) && (conn->life & ISOBAR_LIFE_TEMPLATE) &&
	       conn->protocol == (__u8)~service->key.protocol &&
	       conn->virtual_port == template_port(service) &&
	       address_equal(&conn->client, client) &&
	       address_equal(&conn->virtual_address, &service->key.address);
}

/* Adds the caller to those that the record controls, if it is the template. */
static __always_inline int template_hold(struct isobar_conn *conn,
					 const struct isobar_service *service,
					 const struct isobar_address *client, __u32 now)
{
	__u32 others;

	if (!template_matches(conn, service, client))
		return 0;
	others = __sync_fetch_and_add(&conn->controlled, 1);
	if (template_matches(conn, service, client) &&
	    (others != 0 || !isobar_reached(conn->expires, now)))
		return 1;
	__sync_fetch_and_add(&conn->controlled, -1);
	return 0;
}

/* ip_vs_check_template() */
static __always_inline int template_leads_nowhere(const struct isobar_settings *settings,
						  const struct isobar_conn *conn)
{
	struct isobar_server *server = conn_server(conn);

	if (!server || !(server->flags & ISOBAR_SERVER_AVAILABLE))
		return 1;
	return settings->switches[ISOBAR_EXPIRE_QUIESCENT_TEMPLATE] && server->weight == 0;
}

static __always_inline void template_make_void(struct isobar_conn *conn)
{
	__u32 life = conn->life;

	if (life & ISOBAR_LIFE_LIVE)
		__sync_val_compare_and_swap(&conn->life, life,
					    (life & ~ISOBAR_LIFE_LIVE) | ISOBAR_LIFE_VOID);
}

struct template_search {
	struct isobar_address client;
	struct conn_walk walk;
	__u32 service;
	__u32 now;
	__u32 template; /* the result */
};

/* Holds and renews the record, if it is the template. 0: it is not, or leads nowhere. */
static __always_inline int template_use(const struct isobar_settings *settings,
					const struct isobar_service *service,
					const struct template_search *search,
					struct isobar_conn *conn)
{
	if (!template_hold(conn, service, &search->client, search->now))
		return 0;
	if (!template_leads_nowhere(settings, conn)) {
		conn->expires = search->now + service->persistence;
		return 1;
	}
	template_make_void(conn);
	__sync_fetch_and_add(&conn->controlled, -1);
	return 0;
}

static long template_search_one(__u32 i, struct template_search *search)
{
	const struct isobar_settings *settings = &isobar_settings;
	__u32 index = search->service, record;
	struct isobar_service *service = bpf_map_lookup_elem(&isobar_services, &index);
	struct isobar_conn *conn;

	if (!service)
		return 1;
	record = conn_walk_on(&search->walk);
	if (record == CONN_NONE)
		return search->walk.first == 0;
	conn = conn_at(record);
	if (!conn || !template_use(settings, service, search, conn))
		return 0;
	search->template = record + 1;
	return 1;
}

/* The client's template, which the caller now holds. */
__noinline __u32 template_find(const struct isobar_tuple *tuple, __u32 service_index, __u32 now)
{
	const struct isobar_settings *settings = &isobar_settings;
	struct isobar_service *service = bpf_map_lookup_elem(&isobar_services, &service_index);
	struct template_search search = {
		.service = service_index,
		.now = now,
		.template = TEMPLATE_NONE,
	};
	struct isobar_conn_line *line;

	if (!service || !tuple)
		return TEMPLATE_NONE;
	search.client = template_client(tuple, service);
	search.walk = conn_walk_begin(
		settings, template_hash(settings, &search.client, &service->key.address,
					template_port(service), ~service->key.protocol));
	line = conn_line(settings, search.walk.hash, 0);
	if (!line)
		return TEMPLATE_NONE;
	search.walk.near = !conn_are_away(conn_table(settings), line);
	bpf_loop(CONN_WALK_MOST, template_search_one, &search, 0);
	return search.template;
}

/* A record for a template: in its first line, if need be where another's time is over, or in
 * its second, or in place of a connection that is closed or half-open. */
static __always_inline __u32 template_claim(const struct isobar_settings *settings, __u64 hash,
					    __u32 now, __u32 *life)
{
	__u32 record = conn_claim_in(settings, hash, 0);

	if (record == CONN_NONE && conn_make_room(settings, hash, now))
		record = conn_claim_in(settings, hash, 0);
	if (record != CONN_NONE)
		return record;
	record = conn_claim_in(settings, hash, 1);
	if (record != CONN_NONE) {
		conn_count_away(settings, record, hash, 1);
		*life |= ISOBAR_LIFE_AWAY;
		return record;
	}
	return conn_take_over(settings, hash, 0, now);
}

/* A new template, held by the caller; TEMPLATE_NONE: there is no room. */
__noinline __u32 template_make(const struct isobar_tuple *tuple, __u32 service_index,
			       __u32 server_index, __u32 now)
{
	const struct isobar_settings *settings = &isobar_settings;
	struct isobar_service *service = bpf_map_lookup_elem(&isobar_services, &service_index);
	struct isobar_server *server = bpf_map_lookup_elem(&isobar_servers, &server_index);
	__u32 life = ISOBAR_STATE_NONE | ISOBAR_LIFE_LIVE | ISOBAR_LIFE_TEMPLATE;
	struct isobar_address client ADDRESS_ALIGNED;
	struct isobar_conn *conn;
	__u32 record;

	if (!service || !server || !tuple)
		return TEMPLATE_NONE;
	client = template_client(tuple, service);
	record = template_claim(settings,
				template_hash(settings, &client, &service->key.address,
					      template_port(service), ~service->key.protocol),
				now, &life);
	if (record == CONN_NONE)
		return TEMPLATE_NONE;
	conn = conn_at(record);
	if (!conn)
		return TEMPLATE_NONE;
	conn->client = client;
	conn->virtual_address = service->key.address;
	conn->client_port = 0;
	conn->virtual_port = template_port(service);
	conn->protocol = ~service->key.protocol;
	conn->server = server_index;
	conn->flags = service->key.port != template_port(service) ? ISOBAR_CONN_SAME_PORT : 0;
	conn->flags |= service->engine * ISOBAR_CONN_CALL;
	conn->control = TEMPLATE_NONE;
	conn->expires = now + service->persistence;
	__sync_fetch_and_add(&server->persistent, 1);
	__sync_fetch_and_add(&conn->controlled, 1);
	__sync_lock_test_and_set(&conn->life, life);
	return record + 1;
}

/* The server of a template that the caller holds. */
static __always_inline __u32 template_server(__u32 template)
{
	__u32 record = template - 1;
	struct isobar_conn *conn = conn_at(record);

	return conn ? conn->server : SET_NOBODY;
}
