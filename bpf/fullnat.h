/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Fullnat: the end of a packet that VS/NAT leaves alone gets another address and port, too. On the
 * way to the server it is the source, from now on the connection's local port (local_port.h); on
 * the way back it is the destination, the client again. The other end is nat.h's.
 *
 * All of it stands in global functions, so that the way of other packets is not longer.
 */
#pragma once

#include "conn.h"
#include "nat.h"

/* What the far end becomes. Other than 0: the connection has just ended. */
static __always_inline int fullnat_far_end(__u32 record, __u32 direction,
					   struct isobar_address *address, __be16 *port)
{
	struct isobar_conn *conn = conn_at(record);
	__u32 local;

	if (conn && direction == ISOBAR_FROM_CLIENT) {
		local = conn->partner;
		conn = conn_at(local);
	}
	if (!conn)
		return -1;
	address_put(address, address_halves(&conn->client));
	*port = conn->client_port;
	return 0;
}

static __always_inline int fullnat_put_address(ISOBAR_CTX *ctx, const struct isobar_packet *packet,
					       enum nat_end end, const struct isobar_address *to)
{
	__be32 old_address = address_v4(nat_old_address(packet, end));
	struct iphdr *ip = ctx_data(ctx) + ISOBAR_L3;

	if (packet_is_ipv6(packet))
		return ctx_store(ctx,
				 ISOBAR_L3 + (end == NAT_SOURCE ? offsetof(struct ipv6hdr, saddr)
								: offsetof(struct ipv6hdr, daddr)),
				 to, sizeof(*to));
	if ((void *)(ip + 1) > ctx_data_end(ctx))
		return -1;
	if (end == NAT_SOURCE)
		ip->saddr = address_v4(to);
	else
		ip->daddr = address_v4(to);
	ip->check = checksum_replace(ip->check, old_address, address_v4(to), 0, 0);
	return 0;
}

static __always_inline int fullnat_put_port(ISOBAR_CTX *ctx, const struct isobar_packet *packet,
					    enum nat_end end, const struct nat_change *change)
{
	const struct isobar_address *old = nat_old_address(packet, end);
	__u32 checksum = nat_checksum_offset(packet);
	int is_udp = packet->tuple.protocol == IPPROTO_UDP;

	if (change->old_port != change->new_port &&
	    nat_rewrite_port(ctx, packet->l4, end, change->new_port))
		return -1;
	if (packet_is_ipv6(packet))
		return ctx_change_checksum6(ctx, checksum, old, &change->new_address,
					    change->old_port, change->new_port, is_udp);
	return ctx_change_checksum(ctx, checksum, address_v4(old), address_v4(&change->new_address),
				   change->old_port, change->new_port, is_udp);
}

/* The far end of a packet of the connection. Later fragments have addresses only. */
__noinline int fullnat_rewrite(ISOBAR_CTX *ctx, const struct isobar_packet *packet, __u32 record,
			       __u32 direction)
{
	enum nat_end end = direction == ISOBAR_FROM_CLIENT ? NAT_SOURCE : NAT_DESTINATION;
	struct nat_change change = {};

	if (!packet || fullnat_far_end(record, direction, &change.new_address, &change.new_port) ||
	    fullnat_put_address(ctx, packet, end, &change.new_address))
		return -1;
	if (packet->fragment & FRAGMENT_LATER)
		return 0;
	change.old_port =
		end == NAT_SOURCE ? packet->tuple.source_port : packet->tuple.destination_port;
	return fullnat_put_port(ctx, packet, end, &change);
}
