/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is known of a packet on its way, and the steps that the long way (balance.h) and the short
 * one (known.h) have in common.
 */
#pragma once

#include "begin.h"
#include "conn.h"
#include "filter.h"
#include "nat.h"
#include "packet.h"
#include "sctp.h"
#include "tunnel.h"

/* The short way's only: the long one is to look at the packet. */
#define ISOBAR_LONG_WAY (ISOBAR_GO_ON + 1)

struct balance {
	const struct isobar_settings *settings;
	struct filter_kinds kinds;
	__u32 now;
	struct isobar_packet packet;
	struct conn_found found;
	struct nat_change change;
};

/* IPVS drops what is meant for a removed server, without a word: it may come back. */
static __always_inline int server_is_gone(const struct balance *b)
{
	return b->found.direction == ISOBAR_FROM_CLIENT &&
	       !(b->found.server->flags & ISOBAR_SERVER_AVAILABLE);
}

/* A connection that the packet may not use any more makes room for a new one. */
static __always_inline int connection_is_over(const struct balance *b)
{
	if (isobar_reached(b->found.conn->expires, b->now))
		return 1;
	if (server_is_gone(b) && b->settings->switches[ISOBAR_EXPIRE_NODEST_CONN])
		return 1;
	return b->found.direction == ISOBAR_FROM_CLIENT && packet_begins(&b->packet) &&
	       conn_gives_way(b->found.record);
}

/* What VS/NAT makes of the packet; by every method a client's goes to the new address. */
static __always_inline void plan_change(struct balance *b)
{
	const struct isobar_conn *conn = b->found.conn;
	const struct isobar_tuple *tuple = &b->packet.tuple;

	if (b->found.direction == ISOBAR_FROM_CLIENT) {
		b->change.old_port = tuple->destination_port;
		address_put(&b->change.new_address, address_halves(&b->found.server->address));
		b->change.new_port = conn_server_port(conn, b->found.server);
	} else {
		b->change.old_port = tuple->source_port;
		address_put(&b->change.new_address, address_halves(&conn->virtual_address));
		b->change.new_port = conn->virtual_port;
	}
}

/* pmtu_disc 0: in a tunnel, what may not be cut up is cut up all the same; but IPv6 never is.
 * Without branches, which the verifier would follow to the end. */
static __always_inline void ignore_dont_fragment(struct balance *b)
{
	__u32 keeps = b->settings->switches[ISOBAR_PMTU_DISC] |
		      (b->found.conn->method ^ ISOBAR_METHOD_TUN) |
		      (b->packet.ether_type ^ bpf_htons(ETH_P_IP));

	asm volatile("" : "+r"(keeps));
	b->packet.dont_fragment &= (keeps | -keeps) >> 31;
}

/* Why a packet could not be rewritten. */
static __always_inline enum isobar_verdict rewriting_failed(int failure)
{
	return failure == TUNNEL_NO_SOURCE ? ISOBAR_NO_ROUTE_QUIET : ISOBAR_INTERNAL;
}
