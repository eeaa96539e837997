/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which packets begin a connection, and which connections they may take the place of
 * (net/netfilter/ipvs/ip_vs_core.c, is_new_conn; ip_vs_proto_tcp.c, tcp_conn_schedule).
 */
#pragma once

#include "conn_end.h"
#include "packet.h"
#include "sctp.h"

/* A SYN, an INIT. */
static __always_inline int packet_begins(const struct isobar_packet *packet)
{
	if (packet->tuple.protocol == IPPROTO_TCP)
		return packet->tcp_event == TCP_SYN;
	return packet->tuple.protocol == IPPROTO_SCTP && packet->tcp_event == SCTP_INIT;
}

/* May there be a connection from this packet on? With sloppy_tcp and sloppy_sctp also from the
 * middle of one, as after a failover. */
static __always_inline int packet_may_begin(const struct isobar_settings *settings,
					    const struct isobar_packet *packet)
{
	__u8 protocol = packet->tuple.protocol;

	if (protocol == IPPROTO_UDP || packet_begins(packet))
		return 1;
	if (protocol == IPPROTO_TCP)
		return settings->switches[ISOBAR_SLOPPY_TCP] && packet->tcp_event != TCP_RST &&
		       !(packet->fragment & FRAGMENT_LATER);
	return settings->switches[ISOBAR_SLOPPY_SCTP] && packet->tcp_event != SCTP_ABORT;
}

/* A packet that begins one has found this connection: is that over? Global: it is rare. */
__noinline int conn_gives_way(__u32 record)
{
	const struct isobar_settings *settings = &isobar_settings;
	struct isobar_conn *conn = conn_at(record);
	struct isobar_server *server;
	__u32 state, mode;

	if (!conn)
		return 0;
	server = conn_server(conn);
	if (server && server->weight == 0 && settings->switches[ISOBAR_EXPIRE_NODEST_CONN])
		return 1;
	mode = settings->switches[ISOBAR_CONN_REUSE_MODE];
	if (!mode || conn->control) /* its template would lead it to the same server */
		return 0;
	state = conn->life & ISOBAR_LIFE_STATE;
	if (conn->protocol == IPPROTO_SCTP)
		return state == ISOBAR_STATE_SCTP_CLOSED;
	return state_is_closed(state) ||
	       ((mode & 2) && state == ISOBAR_STATE_FIN_WAIT && conn->method != ISOBAR_METHOD_NAT);
}
