/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * VS/NAT: one end of a packet gets another address and port, in the headers and in both
 * checksums. The time to live goes down by one, as on any router.
 */
#pragma once

#include "packet.h"

enum nat_end { NAT_SOURCE, NAT_DESTINATION };

struct nat_change {
	struct isobar_address new_address;
	__be16 old_port;
	__be16 new_port;
} ADDRESS_ALIGNED;

static __always_inline const struct isobar_address *
nat_old_address(const struct isobar_packet *packet, enum nat_end end)
{
	return end == NAT_SOURCE ? &packet->tuple.source : &packet->tuple.destination;
}

static __always_inline int nat_rewrite_ip(ISOBAR_CTX *ctx, enum nat_end end, __be32 old_address,
					  __be32 new_address)
{
	struct iphdr *ip = ctx_data(ctx) + ISOBAR_L3;
	const __be16 hop = bpf_htons(0x0100);

	if ((void *)(ip + 1) > ctx_data_end(ctx))
		return -1;
	/* With the protocol beside it a 16-bit field. Written as one: to store a byte of it and
	 * read it back whole would make the CPU wait. */
	*(__be16 *)&ip->ttl -= hop;
	if (end == NAT_SOURCE)
		ip->saddr = new_address;
	else
		ip->daddr = new_address;
	/* by what the field has lost: the same sum as by its old and new value */
	ip->check = checksum_replace(ip->check, old_address, new_address, hop, 0);
	return 0;
}

static __always_inline int nat_count_hop6(ISOBAR_CTX *ctx, const struct isobar_packet *packet)
{
	__u8 hop_limit = packet->ttl - 1;

	return ctx_store(ctx, ISOBAR_L3 + offsetof(struct ipv6hdr, hop_limit), &hop_limit,
			 sizeof(hop_limit));
}

/* What every router does; other methods than NAT do no more to the packet. */
static __always_inline int nat_count_hop4(ISOBAR_CTX *ctx)
{
	struct iphdr *ip = ctx_data(ctx) + ISOBAR_L3;
	__u32 check;

	if ((void *)(ip + 1) > ctx_data_end(ctx))
		return -1;
	*(__be16 *)&ip->ttl -= bpf_htons(0x0100);
	/* as the kernel's ip_decrease_ttl(), its carry without a branch */
	check = (__u32)ip->check + bpf_htons(0x0100);
	ip->check = check + ((check + 1) >> 16);
	return 0;
}

static __always_inline int nat_count_hop(ISOBAR_CTX *ctx, const struct isobar_packet *packet)
{
	return packet_is_ipv6(packet) ? nat_count_hop6(ctx, packet) : nat_count_hop4(ctx);
}

static __always_inline int nat_rewrite_port(ISOBAR_CTX *ctx, __u32 l4, enum nat_end end,
					    __be16 new_port)
{
	/* TCP and UDP both begin with source and destination port */
	__be16 *port = ctx_data(ctx) + (l4 & ISOBAR_L4_MASK) + 2 * (end == NAT_DESTINATION);

	/* else clang compares another pointer than it stores by, which the verifier forbids */
	asm volatile("" : "+r"(port));
	if ((void *)(port + 1) > ctx_data_end(ctx))
		return -1;
	*port = new_port;
	return 0;
}

static __always_inline __u32 nat_checksum_offset(const struct isobar_packet *packet)
{
	return (packet->l4 & ISOBAR_L4_MASK) + (packet->tuple.protocol == IPPROTO_UDP
							? offsetof(struct udphdr, check)
							: offsetof(struct tcphdr, check));
}

static __always_inline int nat_put_address6(ISOBAR_CTX *ctx, const struct isobar_packet *packet,
					    const struct nat_change *change, __u32 end)
{
	__u32 address = ISOBAR_L3 + (end == NAT_SOURCE ? offsetof(struct ipv6hdr, saddr)
						       : offsetof(struct ipv6hdr, daddr));

	return nat_count_hop6(ctx, packet) || ctx_store_address(ctx, address, &change->new_address);
}

/* Global, as the next, so that the way of an IPv4 packet is not longer for the verifier. */
__noinline int nat_rewrite_address6(ISOBAR_CTX *ctx, const struct isobar_packet *packet,
				    const struct nat_change *change, __u32 end)
{
	return !packet || !change || nat_put_address6(ctx, packet, change, end) ? -1 : 0;
}

/* Of what has no checksum over addresses and ports: later fragments, SCTP. */
static __always_inline int nat_rewrite_address(ISOBAR_CTX *ctx, const struct isobar_packet *packet,
					       enum nat_end end, const struct nat_change *change)
{
	if (packet_is_ipv6(packet))
		return nat_rewrite_address6(ctx, packet, change, end);
	return nat_rewrite_ip(ctx, end, address_v4(nat_old_address(packet, end)),
			      address_v4(&change->new_address));
}

static __always_inline int nat_change6(ISOBAR_CTX *ctx, const struct isobar_packet *packet,
				       const struct nat_change *change, __u32 end)
{
	if (nat_put_address6(ctx, packet, change, end))
		return -1;
	if (change->old_port != change->new_port &&
	    nat_rewrite_port(ctx, packet->l4, end, change->new_port))
		return -1;
	return ctx_change_checksum6(ctx, nat_checksum_offset(packet), nat_old_address(packet, end),
				    &change->new_address, change->old_port, change->new_port,
				    packet->tuple.protocol == IPPROTO_UDP);
}

__noinline int nat_rewrite6(ISOBAR_CTX *ctx, const struct isobar_packet *packet,
			    const struct nat_change *change, __u32 end)
{
	return !packet || !change ? -1 : nat_change6(ctx, packet, change, end);
}

/* The checksum helper of tc ends the validity of packet pointers: each step checks anew. */
static __always_inline int nat_rewrite4(ISOBAR_CTX *ctx, const struct isobar_packet *packet,
					enum nat_end end, const struct nat_change *change)
{
	__be32 old_address = address_v4(nat_old_address(packet, end));
	__be32 new_address = address_v4(&change->new_address);

	if (nat_rewrite_ip(ctx, end, old_address, new_address))
		return -1;
	if (change->old_port != change->new_port &&
	    nat_rewrite_port(ctx, packet->l4, end, change->new_port))
		return -1;
	return ctx_change_checksum(ctx, nat_checksum_offset(packet), old_address, new_address,
				   change->old_port, change->new_port,
				   packet->tuple.protocol == IPPROTO_UDP);
}

static __always_inline int nat_rewrite(ISOBAR_CTX *ctx, const struct isobar_packet *packet,
				       enum nat_end end, const struct nat_change *change)
{
	return packet_is_ipv6(packet) ? nat_rewrite6(ctx, packet, change, end)
				      : nat_rewrite4(ctx, packet, end, change);
}
