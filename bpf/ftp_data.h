/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * FTP's data connections by VS/NAT, which their control connection (ftp.h) announces
 * (net/netfilter/ipvs/ip_vs_ftp.c). They are records like others, made beforehand, in state LISTEN:
 *
 *   active:  server:20 (the port below the service's) --> client:PORT, whole at once
 *   passive: client:? --> VIP:PORT, the server's own port; the client's is 0 until its SYN comes
 *
 * They stand under their control connection, which lives as long as they do, as those of a
 * persistent service do under their template (template.h).
 */
#pragma once

#include "packet.h"
#include "template.h"

/* One more stands under the control connection. 0: it has just ended. */
static __always_inline int ftp_hold(struct isobar_conn *control)
{
	__sync_fetch_and_add(&control->controlled, 1);
	if ((control->life & ISOBAR_LIFE_LIVE) && (control->flags & ISOBAR_CONN_FTP))
		return 1;
	__sync_fetch_and_add(&control->controlled, -1);
	return 0;
}

/* A record in one of its client's two lines; data connections do not stray. The caller has added it
 * to the control connection. CONN_NONE: there is no room. */
static __always_inline __u32 ftp_record(const struct isobar_settings *settings,
					const struct isobar_tuple *tuple, __u32 control,
					__u32 server_index, __u32 flags, __u32 now)
{
	/* not active until its SYN comes, as with IPVS */
	__u32 life = ISOBAR_STATE_LISTEN | ISOBAR_LIFE_LIVE | ISOBAR_LIFE_INACTIVE;
	__u64 hash = conn_client_hash(settings, tuple, ISOBAR_FROM_CLIENT);
	__u32 record = template_claim(settings, hash, now, &life);
	struct isobar_server *server = bpf_map_lookup_elem(&isobar_servers, &server_index);
	struct isobar_conn *conn = conn_at(record);

	if (!server || !conn)
		return CONN_NONE;
	conn_describe(conn, tuple, server_index, server);
	conn->control = control;
	conn->flags = flags;
	conn->expires = now + settings->timeout[ISOBAR_STATE_LISTEN];
	server_count(server, life, 1);
	if (server->upper_threshold)
		server_weigh(server);
	rank_mark(server_index, RANK_GREW);
	__sync_lock_test_and_set(&conn->life, life);
	return record;
}

/* The client of a passive data connection comes: the record that was made for it ends, for another
 * with the client's port. That one; CONN_NONE: it was not expected. */
__noinline __u32 ftp_meet(const struct isobar_tuple *tuple, __u32 now)
{
	const struct isobar_settings *settings = &isobar_settings;
	struct ftp_segment *segment = isobar_only(isobar_segment);
	struct isobar_conn *conn, *control;
	__u32 record, control_record;

	if (!segment || !tuple)
		return CONN_NONE;
	segment->tuple = *tuple;
	segment->tuple.source_port = 0;
	record = conn_find_among(&segment->tuple, ISOBAR_FROM_CLIENT);
	conn = conn_at(record);
	if (!conn || !(conn->flags & ISOBAR_CONN_EXPECTED) || isobar_reached(conn->expires, now))
		return CONN_NONE;
	control_record = conn->control - 1;
	control = conn_at(control_record);
	if (!control || !ftp_hold(control))
		return CONN_NONE;
	/* of two that come at once one is the expected */
	if (conn_retire(record)) {
		record = ftp_record(settings, tuple, control_record + 1, control->server,
				    ISOBAR_CONN_SAME_PORT | (control->flags & ISOBAR_CONN_HERE),
				    now);
		if (record != CONN_NONE)
			return record;
	}
	template_release(control_record + 1);
	return CONN_NONE;
}

static __always_inline int ftp_announced(const struct isobar_packet *packet, __u32 now,
					 struct conn_found *found)
{
	__u32 record;

	if (!isobar_sweep.expected || packet->tcp_event != TCP_SYN)
		return 0;
	record = ftp_meet(&packet->tuple, now);
	return record != CONN_NONE && conn_get(record, ISOBAR_FROM_CLIENT, found);
}

/* As IPVS: what has no service of its own may be FTP's data, if there is FTP; by DR and TUN nobody
 * announces it. */
static __always_inline int ftp_may_be_data(const struct isobar_tuple *tuple)
{
	return tuple->protocol == IPPROTO_TCP &&
	       (tuple->destination_port == bpf_htons(FTP_DATA_PORT) ||
		bpf_ntohs(tuple->destination_port) >= 1024);
}

#define FTP_NO_SERVICE 1u

/* The service on FTP's port, and 2; or FTP_NO_SERVICE, if only who stays with a server could find
 * it by another port; 0: there is none. */
__noinline __u32 find_ftp(const struct isobar_tuple *tuple)
{
	struct isobar_service_key key = {};
	struct isobar_service *service;
	__u32 *index, number;

	if (!tuple)
		return 0;
	key.address = tuple->destination;
	key.port = bpf_htons(FTP_PORT);
	key.protocol = tuple->protocol;
	index = bpf_map_lookup_elem(&isobar_keys, &key);
	if (!index)
		return 0;
	number = *index;
	service = bpf_map_lookup_elem(&isobar_services, &number);
	return service && service->persistence ? number + 2 : FTP_NO_SERVICE;
}
