/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * nat_icmp_send: a real server of VS/NAT sends what belongs to no connection, as after a failover
 * without them. It is told so, instead of the packet going on with an address that its client does
 * not know (net/netfilter/ipvs/ip_vs_core.c, ip_vs_out).
 */
#pragma once

#include "nexthop.h"
#include "steps.h"

static __always_inline struct isobar_server *real_server(const struct isobar_tuple *tuple,
							 __u8 protocol)
{
	struct isobar_service_key key = {
		.address = tuple->source,
		.port = tuple->source_port,
		.protocol = protocol,
	};
	__u32 *found = bpf_map_lookup_elem(&isobar_reals, &key);
	__u32 index;

	if (!found)
		return NULL;
	index = *found;
	return bpf_map_lookup_elem(&isobar_servers, &index);
}

/* It is a packet of a known server to somebody else than this host. Then `tuple` is made one that
 * an error about it can be sent by: the director speaks for itself, if it has an address there.
 * Global: it is rare. */
__noinline int reply_is_unknown(ISOBAR_CTX *ctx, struct isobar_tuple *tuple)
{
	struct isobar_server *server;
	const __be32 *own;

	if (!tuple)
		return 0;
	server = real_server(tuple, tuple->protocol);
	if (!server)
		server = real_server(tuple, 0);
	/* what the director itself has asked, as its checks of the servers */
	if (!server || nexthop_ask(ctx, nexthop_place(NULL, &tuple->destination), NULL,
				   &tuple->destination, 0) != NEXTHOP_FOUND)
		return 0;
	own = server->tunnel_source.word;
	if (own[0] | own[1] | own[3])
		tuple->destination = server->tunnel_source;
	return 1;
}

static __always_inline int packet_resets(const struct isobar_packet *packet)
{
	return packet->tuple.protocol == IPPROTO_TCP    ? packet->tcp_event == TCP_RST
	       : packet->tuple.protocol == IPPROTO_SCTP ? packet->tcp_event == SCTP_ABORT
							: 0;
}

/* ISOBAR_GO_ON: a packet without connection may begin one. */
static __always_inline enum isobar_verdict look_for_unknown_reply(ISOBAR_CTX *ctx,
								  struct balance *b)
{
	if (!(b->kinds.source & ISOBAR_FILTER_REAL) ||
	    !b->settings->switches[ISOBAR_NAT_ICMP_SEND] || packet_resets(&b->packet))
		return ISOBAR_GO_ON;
	if (!ISOBAR_HOOK_COMPLETE)
		return ISOBAR_TO_TC;
	if (!reply_is_unknown(ctx, &b->packet.tuple))
		return ISOBAR_GO_ON;
	b->found.conn = NULL;
	return ISOBAR_REPLY_UNKNOWN;
}
