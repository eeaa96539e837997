/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * VS/NAT: one end of a packet gets another address and port, in the headers and in both
 * checksums. The time to live goes down by one, as on any router.
 */
#pragma once

#include "packet.h"

enum nat_end { NAT_SOURCE, NAT_DESTINATION };

struct nat_change {
	__be32 old_address;
	__be32 new_address;
	__be16 old_port;
	__be16 new_port;
};

static __always_inline int nat_rewrite_ip(ISOBAR_CTX *ctx, enum nat_end end,
					  const struct nat_change *change)
{
	struct iphdr *ip = ctx_data(ctx) + ISOBAR_L3;
	__be16 old_ttl, new_ttl;

	if ((void *)(ip + 1) > ctx_data_end(ctx))
		return -1;
	/* With the protocol beside it a 16-bit field. Written as one: to store a byte of it and
	 * read it back whole would make the CPU wait. */
	old_ttl = *(__be16 *)&ip->ttl;
	new_ttl = old_ttl - bpf_htons(0x0100);
	*(__be16 *)&ip->ttl = new_ttl;
	if (end == NAT_SOURCE)
		ip->saddr = change->new_address;
	else
		ip->daddr = change->new_address;
	ip->check = checksum_replace(ip->check, change->old_address, change->new_address, old_ttl,
				     new_ttl);
	return 0;
}

/* What every router does; other methods than NAT do no more to the packet. */
static __always_inline int nat_count_hop(ISOBAR_CTX *ctx)
{
	struct iphdr *ip = ctx_data(ctx) + ISOBAR_L3;
	__be16 old_ttl;

	if ((void *)(ip + 1) > ctx_data_end(ctx))
		return -1;
	old_ttl = *(__be16 *)&ip->ttl;
	*(__be16 *)&ip->ttl = old_ttl - bpf_htons(0x0100);
	ip->check = checksum_replace(ip->check, 0, 0, old_ttl, old_ttl - bpf_htons(0x0100));
	return 0;
}

static __always_inline int nat_rewrite_port(ISOBAR_CTX *ctx, __u32 l4, enum nat_end end,
					    __be16 new_port)
{
	/* TCP and UDP both begin with source and destination port */
	__be16 *port = ctx_data(ctx) + (l4 & 0x7f);

	if ((void *)(port + 2) > ctx_data_end(ctx))
		return -1;
	port[end == NAT_DESTINATION] = new_port;
	return 0;
}

/* The checksum helper of tc ends the validity of packet pointers: each step checks anew. */
static __always_inline int nat_rewrite(ISOBAR_CTX *ctx, const struct isobar_packet *packet,
				       enum nat_end end, const struct nat_change *change)
{
	int is_udp = packet->tuple.protocol == IPPROTO_UDP;
	__u32 l4 = packet->l4 & 0x7f;
	__u32 checksum =
		l4 + (is_udp ? offsetof(struct udphdr, check) : offsetof(struct tcphdr, check));

	if (nat_rewrite_ip(ctx, end, change))
		return -1;
	if (change->old_port != change->new_port &&
	    nat_rewrite_port(ctx, l4, end, change->new_port))
		return -1;
	return ctx_change_checksum(ctx, checksum, change->old_address, change->new_address,
				   change->old_port, change->new_port, is_udp);
}
