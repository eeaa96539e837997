/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The short way: a plain packet (packet.h), TCP or UDP, of a connection that is in its place, to
 * where the way is known. So are nearly all packets. What it does is what the long way (balance.h)
 * does with such a packet, and made of the same steps.
 *
 * It is quick because nothing here goes to a function by its address: clang then keeps all that is
 * known of the packet in registers. So whatever needs more than a look leaves before anything
 * was counted or changed, and the long way begins afresh: the first packet of a jiffy, too, and
 * that which closes a period of rates. Functions of their own, or the long way had no stack left.
 */
#pragma once

#include "conn_end.h"
#include "filter.h"
#include "fullnat.h"
#include "ipv6.h"
#include "nat.h"
#include "nexthop.h"
#include "packet.h"
#include "steps.h"
#include "track.h"
#include "tunnel.h"

/* Given by the hook (send_tc.h, send_xdp.h). */
static enum isobar_verdict send_out(ISOBAR_CTX *ctx, const struct isobar_nexthop *hop,
				    enum isobar_verdict verdict);

/* Of this jiffy: it sweeps some of the table. */
static __always_inline int known_is_first(__u32 now)
{
	return isobar_sweep.tick != now;
}

/* A SYN or SYN-ACK: there may be no connection yet, and response.h takes the time. Told before
 * anything else is done in vain. */
static __always_inline int known_begins(ISOBAR_CTX *ctx, const struct isobar_packet *packet)
{
	struct tcphdr *tcp = ctx_data(ctx) + packet->l4;

	if (packet->tuple.protocol != IPPROTO_TCP)
		return 0;
	return (void *)(tcp + 1) > ctx_data_end(ctx) || tcp->syn;
}

/* Is it worth while? The least that tells; ISOBAR_GO_ON if it is. */
static __always_inline enum isobar_verdict
known_look(ISOBAR_CTX *ctx, const struct isobar_packet *packet, struct filter_kinds *kinds)
{
	if (packet->tuple.protocol != IPPROTO_TCP && packet->tuple.protocol != IPPROTO_UDP)
		return ISOBAR_LONG_WAY;
	if (known_begins(ctx, packet))
		return ISOBAR_LONG_WAY;
	*kinds = filter_kinds(&packet->tuple);
	return kinds->source | kinds->destination ? ISOBAR_GO_ON : ISOBAR_NOT_OURS;
}

/* Of no connection, and beginning none: nobody's, if there is no service either. One look tells so
 * where services are found by their address and port alone; all else the long way knows. */
static __always_inline enum isobar_verdict known_stranger(const struct balance *b, __u32 direction)
{
	const struct isobar_settings *settings = b->settings;
	const struct isobar_tuple *tuple = &b->packet.tuple;
	struct isobar_service_key key = {
		.address = tuple->destination,
		.port = tuple->destination_port,
		.protocol = tuple->protocol,
	};

	/* not for the wire, whatever they would find: ipv6.h */
	if (packet_is_ipv6(&b->packet) &&
	    (!ipv6_can_send(&tuple->source) || !ipv6_can_send(&tuple->destination)))
		return ISOBAR_LONG_WAY;
	if (tuple->protocol != IPPROTO_TCP || (b->kinds.source & ISOBAR_FILTER_REAL) ||
	    direction != ISOBAR_FROM_CLIENT)
		return ISOBAR_LONG_WAY;
	if (settings->marks | settings->host_marks | settings->all_ports | settings->ftp_services)
		return ISOBAR_LONG_WAY;
	return bpf_map_lookup_elem(&isobar_keys, &key) ? ISOBAR_LONG_WAY : ISOBAR_NO_SERVICE;
}

/* Of connections whose packets are looked into. */
#define KNOWN_NOT (ISOBAR_CONN_FTP | ISOBAR_CONN_TOA | ISOBAR_CONN_PROXY)

/* Is the server there, and another host? */
static __always_inline int known_server(const struct isobar_server *server)
{
	return (server->flags & (ISOBAR_SERVER_AVAILABLE | ISOBAR_SERVER_LOCAL)) ==
	       ISOBAR_SERVER_AVAILABLE;
}

/* ISOBAR_GO_ON: of a connection that is there, which the packet may use. */
static __always_inline enum isobar_verdict known_connection(ISOBAR_CTX *ctx, struct balance *b,
							    __u32 direction)
{
	int elsewhere;

	b->settings = &isobar_settings;
	if (check_network(ctx, &b->packet) != ISOBAR_GO_ON ||
	    parse_transport(ctx, &b->packet) != ISOBAR_GO_ON)
		return ISOBAR_LONG_WAY;
	b->now = isobar_now();
	if (known_is_first(b->now))
		return ISOBAR_LONG_WAY;
	if (!conn_find_near(b->settings, &b->packet.tuple, direction, &b->found, &elsewhere))
		return elsewhere ? ISOBAR_LONG_WAY : known_stranger(b, direction);
	if (!conn_follow(&b->found) || (b->found.conn->flags & KNOWN_NOT) ||
	    isobar_reached(b->found.conn->expires, b->now))
		return ISOBAR_LONG_WAY;
	if (direction == ISOBAR_FROM_CLIENT && !known_server(b->found.server))
		return ISOBAR_LONG_WAY;
	return ISOBAR_GO_ON;
}

/* The way on, if it is known, and the packet can take it as it is; or NULL. */
static __always_inline struct isobar_nexthop *
known_nexthop(ISOBAR_CTX *ctx, const struct balance *b, __u32 direction)
{
	int from_client = direction == ISOBAR_FROM_CLIENT;
	const struct isobar_address *source = from_client ? NULL : &b->change.new_address;
	const struct isobar_address *destination =
		from_client ? &b->change.new_address : &b->found.conn->client;
	__u32 place = from_client ? b->found.conn->server : nexthop_place(source, destination);
	struct isobar_nexthop *hop = nexthop_slot(ctx, place);
	__u32 length = b->packet.wire_length;

	if (!nexthop_holds(ctx, b->settings, hop, source, destination, b->now) || !hop->xdp ||
	    b->packet.ttl <= 1)
		return NULL;
	if (b->found.conn->method == ISOBAR_METHOD_TUN) {
		if (!tunnel_is_plain(b->found.server) && b->found.server->tunnel_checksum)
			return NULL;
		length += tunnel_overhead(b->found.server);
	}
	return hop->mtu && length > hop->mtu ? NULL : hop;
}

/* Of all that is known of the packet a copy goes to functions: the packet itself stays in
 * registers. */
static __always_inline int known_wrap(ISOBAR_CTX *ctx, struct balance *b)
{
	struct isobar_packet packet;

	ignore_dont_fragment(b);
	if (tunnel_is_plain(b->found.server) && !packet_is_ipv6(&b->packet))
		return tunnel_wrap_plain(ctx, &b->packet, b->found.server);
	packet = b->packet;
	return tunnel_wrap_any(ctx, &packet, b->found.server, -1);
}

static __always_inline int known_rewrite_far_end(ISOBAR_CTX *ctx, const struct balance *b)
{
	struct isobar_packet packet = b->packet;

	return fullnat_rewrite(ctx, &packet, b->found.record, b->found.direction);
}

static __always_inline int known_rewrite(ISOBAR_CTX *ctx, struct balance *b)
{
	enum nat_end end = b->found.direction == ISOBAR_FROM_CLIENT ? NAT_DESTINATION : NAT_SOURCE;
	__u8 method = b->found.conn->method;

	if (method == ISOBAR_METHOD_DR)
		return nat_count_hop(ctx, &b->packet);
	if (method == ISOBAR_METHOD_TUN)
		return nat_count_hop(ctx, &b->packet) ? -1 : known_wrap(ctx, b);
	if (method == ISOBAR_METHOD_FULLNAT && known_rewrite_far_end(ctx, b))
		return -1;
	return packet_is_ipv6(&b->packet) ? nat_change6(ctx, &b->packet, &b->change, end)
					  : nat_rewrite4(ctx, &b->packet, end, &b->change);
}

/* The packet has been read into `b`. ISOBAR_LONG_WAY: it is not such a one. */
static __always_inline enum isobar_verdict known_way(ISOBAR_CTX *ctx, struct balance *b,
						     __u32 direction)
{
	enum isobar_verdict verdict = known_connection(ctx, b, direction);
	struct isobar_traffic *traffic;
	struct isobar_nexthop *hop;
	__u32 server;
	int failure;

	if (verdict != ISOBAR_GO_ON)
		return verdict;
	plan_change(b);
	hop = known_nexthop(ctx, b, direction);
	server = b->found.conn->server;
	traffic = bpf_map_lookup_elem(&isobar_traffic, &server);
	if (!hop || !traffic || track_is_over(b->settings, traffic->due, b->now))
		return ISOBAR_LONG_WAY;
	track_state(b->settings, &b->packet, &b->found, b->now);
	track_packet(traffic, b->found.direction, b->packet.length);
	failure = known_rewrite(ctx, b);
	if (failure)
		return rewriting_failed(failure);
	return send_out(ctx, hop,
			direction == ISOBAR_FROM_CLIENT ? ISOBAR_FORWARDED : ISOBAR_REPLIED);
}

static __always_inline enum isobar_verdict known_way4(ISOBAR_CTX *ctx, __u32 source,
						      __u32 direction)
{
	struct balance b = { .kinds.source = source };
	struct iphdr *ip = plain4_at(ctx);

	if (!ip)
		return ISOBAR_LONG_WAY;
	parse_plain4(&b.packet, ip);
	return known_way(ctx, &b, direction);
}

static __always_inline enum isobar_verdict known_way6(ISOBAR_CTX *ctx, __u32 source,
						      __u32 direction)
{
	struct balance b = { .kinds.source = source };
	struct ipv6hdr *ip = plain6_at(ctx);

	if (!ip)
		return ISOBAR_LONG_WAY;
	parse_plain6(&b.packet, ip);
	return known_way(ctx, &b, direction);
}

/* Four functions: each knows its family and direction, and asks no more for them. */
#define KNOWN_WAY(name, family, direction)                                             \
	static __noinline enum isobar_verdict name(ISOBAR_CTX *ctx, __u32 source_kind) \
	{                                                                              \
		return known_way##family(ctx, source_kind, direction);                 \
	}
KNOWN_WAY(known_request4, 4, ISOBAR_FROM_CLIENT)
KNOWN_WAY(known_request6, 6, ISOBAR_FROM_CLIENT)
KNOWN_WAY(known_reply4, 4, ISOBAR_FROM_SERVER)
KNOWN_WAY(known_reply6, 6, ISOBAR_FROM_SERVER)
#undef KNOWN_WAY

/* ISOBAR_LONG_WAY: the long one is to look at the packet. */
static __always_inline enum isobar_verdict balance_known(ISOBAR_CTX *ctx)
{
	struct iphdr *ip = plain4(ctx);
	struct isobar_packet packet = {};
	struct filter_kinds kinds = {};
	enum isobar_verdict verdict;
	struct ipv6hdr *ip6;

	if (ip) {
		parse_plain4(&packet, ip);
		verdict = known_look(ctx, &packet, &kinds);
		if (verdict != ISOBAR_GO_ON)
			return verdict;
		return conn_direction(kinds) == ISOBAR_FROM_CLIENT
			       ? known_request4(ctx, kinds.source)
			       : known_reply4(ctx, kinds.source);
	}
	ip6 = plain6(ctx);
	if (!ip6)
		return ISOBAR_LONG_WAY;
	parse_plain6(&packet, ip6);
	verdict = known_look(ctx, &packet, &kinds);
	if (verdict != ISOBAR_GO_ON)
		return verdict;
	return conn_direction(kinds) == ISOBAR_FROM_CLIENT ? known_request6(ctx, kinds.source)
							   : known_reply6(ctx, kinds.source);
}
