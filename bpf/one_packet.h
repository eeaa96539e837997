/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One-packet scheduling (-o): every datagram is scheduled anew, no connection stays, and so nobody
 * knows a NATed server's reply (net/netfilter/ipvs/ip_vs_core.c, IP_VS_CONN_F_ONE_PACKET).
 *
 * The way of a packet needs a record all the same. Each CPU has one of its own behind the lines of
 * a segment. No packet finds it, nothing expires it.
 *
 * A packet whose server is chosen already goes there, and is counted no more. That is so if XDP
 * could not finish it and tc has it next, and for the later fragments of a datagram.
 */
#pragma once

#include "conn.h"
#include "packet.h"

static __always_inline __u32 one_packet_record(const struct isobar_settings *settings)
{
	__u32 first = conn_table(settings) & ISOBAR_TABLE_FIRST;

	return ((first | (settings->segment_mask + 1)) + bpf_get_smp_processor_id()) * ISOBAR_LINE;
}

static __always_inline struct isobar_conn *one_packet_conn(const struct isobar_settings *settings)
{
	return conn_at(one_packet_record(settings));
}

/* Other than 0: no such server. */
static __always_inline int one_packet_choose(const struct isobar_settings *settings,
					     const struct isobar_tuple *tuple, __u32 server_index,
					     __u32 now)
{
	struct isobar_server *server = bpf_map_lookup_elem(&isobar_servers, &server_index);
	struct isobar_conn *conn = one_packet_conn(settings);

	if (!server || !conn)
		return -1;
	conn_describe(conn, tuple, server_index, server);
	conn->expires = now;
	conn->flags = ISOBAR_CONN_CHOSEN;
	return 0;
}

/* The packet's record, if its server is chosen; it was so in this jiffy or the last. Global: the
 * verifier looks at it once. CONN_NONE: it is not. */
__noinline __u32 one_packet_chosen(const struct isobar_tuple *tuple, __u32 now)
{
	const struct isobar_settings *settings = &isobar_settings;
	const struct isobar_conn *conn;
	__u32 record;

	if (!tuple)
		return CONN_NONE;
	record = one_packet_record(settings);
	conn = conn_at(record);
	if (!conn || !(conn->flags & ISOBAR_CONN_CHOSEN) || now - conn->expires > 1 ||
	    conn->protocol != tuple->protocol || conn->client_port != tuple->source_port ||
	    conn->virtual_port != tuple->destination_port ||
	    !address_equal(&conn->client, &tuple->source) ||
	    !address_equal(&conn->virtual_address, &tuple->destination))
		return CONN_NONE;
	return record;
}

/* It goes there. The next packet, alike as it may be, is another one. */
static __always_inline void one_packet_sent(struct isobar_conn *conn)
{
	if (!(conn->flags & ISOBAR_CONN_CHOSEN))
		return;
	if (conn->flags & ISOBAR_CONN_BY_HASH)
		event_count(ISOBAR_EVENT_BY_HASH);
	conn->flags = 0;
}
