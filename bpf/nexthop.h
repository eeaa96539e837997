/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where a packet goes next, by the kernel's routes and neighbours. Answers are kept per
 * CPU for an eighth of a second: so long may a changed route or MAC address go unnoticed.
 *
 * As with IPVS, rules by source (ip-rule(8)) count where the source is the virtual address, on the
 * way to the client, and not on the way to a real server (do_output_route4 in
 * net/netfilter/ipvs/ip_vs_xmit.c): `source` is then 0.
 */
#pragma once

#include "maps.h"
#include "packet.h"

#define NEXTHOP_SLOTS 1024
#define NEXTHOP_AF_INET 2

enum nexthop_answer {
	NEXTHOP_FOUND,
	NEXTHOP_NONE,        /* no route; or the destination is this host */
	NEXTHOP_FORBIDDEN,   /* a route that says blackhole, unreachable, prohibit */
	NEXTHOP_FORWARDING_OFF,
};

static __always_inline struct isobar_nexthop *nexthop_slot(__be32 source, __be32 destination,
							   __u32 ifindex)
{
	__u32 slot = ((source ^ destination ^ ifindex) * 0x9e3779b1u) >> 22;

	return bpf_map_lookup_elem(&isobar_nexthops, &slot);
}

/* Not inlined: it is the rare way, and the parameter block takes much stack. */
__noinline int nexthop_ask(ISOBAR_CTX *ctx, __be32 source, __be32 destination, __u32 tos, __u32 now)
{
	struct isobar_nexthop *hop = nexthop_slot(source, destination, ctx_ifindex(ctx));
	const struct isobar_settings *settings = isobar_only(isobar_settings);
	struct bpf_fib_lookup fib = {
		.family = NEXTHOP_AF_INET,
		.tos = tos,
		.tot_len = 1, /* asks for the route's MTU, refuses nothing */
		.ipv4_src = source,
		.ipv4_dst = destination,
		.ifindex = ctx_ifindex(ctx),
	};
	struct isobar_port *port;
	long answer;

	if (!hop || !settings)
		return NEXTHOP_NONE;
	answer = bpf_fib_lookup(ctx, &fib, sizeof(fib), 0);
	switch (answer) {
	case BPF_FIB_LKUP_RET_SUCCESS:
	case BPF_FIB_LKUP_RET_NO_NEIGH:
		break;
	case BPF_FIB_LKUP_RET_FWD_DISABLED:
		return NEXTHOP_FORWARDING_OFF;
	case BPF_FIB_LKUP_RET_BLACKHOLE:
	case BPF_FIB_LKUP_RET_UNREACHABLE:
	case BPF_FIB_LKUP_RET_PROHIBIT:
		return NEXTHOP_FORBIDDEN;
	default:
		return NEXTHOP_NONE;
	}
	port = bpf_map_lookup_elem(&isobar_ports, &fib.ifindex);
	hop->destination = destination;
	hop->source = source;
	hop->arrived_on = ctx_ifindex(ctx);
	hop->ifindex = fib.ifindex;
	hop->gateway = fib.ipv4_dst;
	__builtin_memcpy(hop->macs.target, fib.dmac, 6);
	__builtin_memcpy(hop->macs.own, fib.smac, 6);
	hop->resolved = answer == BPF_FIB_LKUP_RET_SUCCESS;
	hop->mtu = hop->resolved ? fib.mtu_result : 0;
	hop->xdp = port && (port->flags & ISOBAR_PORT_XDP);
	hop->expires = now + settings->hz / 8;
	if (hop->resolved)
		return NEXTHOP_FOUND;
	/* The kernel tells the MTU only together with the neighbour; or if asked for more. */
	fib.tot_len = 0xffff;
	fib.tos = tos;
	fib.ipv4_src = source;
	fib.ipv4_dst = destination;
	fib.ifindex = ctx_ifindex(ctx);
	if (bpf_fib_lookup(ctx, &fib, sizeof(fib), 0) == BPF_FIB_LKUP_RET_FRAG_NEEDED)
		hop->mtu = fib.mtu_result;
	return NEXTHOP_FOUND;
}

static __always_inline enum nexthop_answer find_nexthop(ISOBAR_CTX *ctx,
							const struct isobar_settings *settings,
							const struct isobar_packet *packet,
							__be32 source, __be32 destination,
							__u32 now, struct isobar_nexthop **result)
{
	struct isobar_nexthop *hop = nexthop_slot(source, destination, ctx_ifindex(ctx));

	if (!hop)
		return NEXTHOP_NONE;
	*result = hop;
	if (hop->destination == destination && hop->source == source &&
	    hop->arrived_on == ctx_ifindex(ctx) && hop->resolved &&
	    hop->expires - now - 1 < settings->hz / 8)
		return NEXTHOP_FOUND;
	return nexthop_ask(ctx, source, destination, packet->tos, now);
}
