/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ICMP errors about packets of fullnat, tc only: the far end of the error and of the packet that
 * it quotes, as fullnat.h has it for other packets. An error for the server is from its client,
 * the local address, too: who else is between the two the server may have no route to.
 */
#pragma once

#include "fullnat.h"
#include "maps.h"

struct fullnat_quoted {
	struct isobar_address address;
	__be16 port;
} ADDRESS_ALIGNED;

/* The far end of what is quoted, which is turned round in `error`. */
static __always_inline struct fullnat_quoted fullnat_quoted(const struct isobar_error *error,
							    __u32 direction)
{
	if (direction == ISOBAR_FROM_CLIENT)
		return (struct fullnat_quoted){ error->quoted.source, error->quoted.source_port };
	return (struct fullnat_quoted){ error->quoted.destination, error->quoted.destination_port };
}

static __always_inline int fullnat_put_quoted4(ISOBAR_CTX *ctx, const struct isobar_error *error,
					       const struct fullnat_quoted *old,
					       const struct isobar_address *to, int source_end)
{
	struct iphdr *inner = ctx_data(ctx) + (error->inner & ISOBAR_L4_MASK);

	if ((void *)(inner + 1) > ctx_data_end(ctx))
		return -1;
	if (source_end)
		inner->saddr = address_v4(to);
	else
		inner->daddr = address_v4(to);
	inner->check =
		checksum_replace(inner->check, address_v4(&old->address), address_v4(to), 0, 0);
	return 0;
}

/* Both headers; written to directly, for the ICMP checksum makes up for them. */
static __always_inline int fullnat_put_error6(ISOBAR_CTX *ctx, const struct isobar_error *error,
					      const struct isobar_address *to, int source_end)
{
	struct ipv6hdr *ip = ctx_data(ctx) + ISOBAR_L3;

	if ((void *)(ip + 1) > ctx_data_end(ctx))
		return -1;
	__builtin_memcpy(source_end ? &ip->daddr : &ip->saddr, to, sizeof(*to));
	ip = ctx_data(ctx) + (error->inner & ISOBAR_L4_MASK);
	if ((void *)(ip + 1) > ctx_data_end(ctx))
		return -1;
	__builtin_memcpy(source_end ? &ip->saddr : &ip->daddr, to, sizeof(*to));
	return 0;
}

/* The quoted port, and the checksum, by what else it covers. */
static __always_inline int fullnat_put_quoted_port(ISOBAR_CTX *ctx,
						   const struct isobar_error *error, __be16 old,
						   __be16 to, int source_end, __u64 sum)
{
	__be16 *port = ctx_data(ctx) + (error->inner_l4 & ISOBAR_L4_MASK);
	__sum16 *checksum;

	if ((void *)(port + 2) > ctx_data_end(ctx))
		return -1;
	port[!source_end] = to;
	checksum = ctx_data(ctx) + (error->icmp & ISOBAR_L4_MASK) + 2;
	if ((void *)(checksum + 1) > ctx_data_end(ctx))
		return -1;
	sum += (__u64)(__u16) ~*checksum + (__u16)~old + to;
	*checksum = ~checksum_fold(sum);
	return 0;
}

/* `direction`: where the error comes from. */
__noinline int fullnat_rewrite_error(ISOBAR_CTX *ctx, const struct isobar_packet *packet,
				     __u32 record, __u32 direction)
{
	enum nat_end end = direction == ISOBAR_FROM_CLIENT ? NAT_SOURCE : NAT_DESTINATION;
	struct isobar_cpu *cpu = isobar_only(isobar_cpu);
	struct isobar_address to ADDRESS_ALIGNED;
	int source_end = end == NAT_DESTINATION; /* of what is quoted */
	struct fullnat_quoted old;
	__u64 sum = 0;
	__be16 port;

	if (!packet || !cpu || fullnat_far_end(record, direction, &to, &port))
		return -1;
	old = fullnat_quoted(&cpu->error, direction);
	if (packet_is_ipv6(packet)) {
		if (fullnat_put_error6(ctx, &cpu->error, &to, source_end))
			return -1;
		sum = checksum_change(nat_old_address(packet, end)->word, to.word, 4) +
		      checksum_change(old.address.word, to.word, 4);
	} else if (fullnat_put_address(ctx, packet, end, &to) ||
		   fullnat_put_quoted4(ctx, &cpu->error, &old, &to, source_end)) {
		return -1;
	}
	return fullnat_put_quoted_port(ctx, &cpu->error, old.port, port, source_end, sum);
}
