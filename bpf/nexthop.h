/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where a packet goes next, by the kernel's routes and neighbours. Answers are kept per
 * CPU for an eighth of a second: so long may a changed route or MAC address go unnoticed.
 *
 * As with IPVS, rules by source (ip-rule(8)) count where the source is the virtual address, on the
 * way to the client, and not on the way to a real server (do_output_route4 in
 * net/netfilter/ipvs/ip_vs_xmit.c): `source` is then NULL.
 */
#pragma once

#include "maps.h"
#include "packet.h"

#define NEXTHOP_SLOTS 1024
#define NEXTHOP_AF_INET 2
#define NEXTHOP_AF_INET6 10

enum nexthop_answer {
	NEXTHOP_FOUND,
	NEXTHOP_NONE,        /* no route; or the destination is this host */
	NEXTHOP_FORBIDDEN,   /* a route that says blackhole, unreachable, prohibit */
	NEXTHOP_FORWARDING_OFF,
};

/* All zeros: it makes no difference. */
static __always_inline struct address_halves nexthop_source(const struct isobar_address *source)
{
	struct address_halves any = {};

	return source ? address_halves(source) : any;
}

/* Where an answer is remembered: that about a real server at the server's number, so that up to
 * NEXTHOP_SLOTS of them do not push each other out; any other by hash, which this is. */
static __always_inline __u32 nexthop_place(const struct isobar_address *source,
					   const struct isobar_address *destination)
{
	return ((address_fold(nexthop_source(source)) ^ address_fold(address_halves(destination))) *
		0x9e3779b1u) >>
	       22;
}

/* `place`: a server's number, or nexthop_place(). Each interface has its own order of them. */
static __always_inline struct isobar_nexthop *nexthop_slot(ISOBAR_CTX *ctx, __u32 place)
{
	__u32 slot = (place ^ ctx_ifindex(ctx) * 0x9e3779b1u >> 22) % NEXTHOP_SLOTS;

	return bpf_map_lookup_elem(&isobar_nexthops, &slot);
}

/* The destination's family is that of the question: a packet that goes into a tunnel of the
 * other one has no source there yet. */
static __always_inline void nexthop_question(ISOBAR_CTX *ctx, struct bpf_fib_lookup *fib,
					     const struct isobar_address *source,
					     const struct isobar_address *destination, __u32 tos)
{
	fib->ifindex = ctx_ifindex(ctx);
	if (address_is_v4(destination)) {
		fib->family = NEXTHOP_AF_INET;
		fib->tos = tos;
		fib->ipv4_src = source && address_is_v4(source) ? address_v4(source) : 0;
		fib->ipv4_dst = address_v4(destination);
		return;
	}
	fib->family = NEXTHOP_AF_INET6;
	fib->flowinfo = bpf_htonl(tos << 20);
	if (source && !address_is_v4(source))
		__builtin_memcpy(fib->ipv6_src, source, sizeof(*source));
	__builtin_memcpy(fib->ipv6_dst, destination, sizeof(*destination));
}

/* Not inlined: it is the rare way, and the parameter block takes much stack. */
__noinline int nexthop_ask(ISOBAR_CTX *ctx, __u32 place, const struct isobar_address *source,
			   const struct isobar_address *destination, __u32 tos)
{
	const struct isobar_settings *settings = &isobar_settings;
	struct bpf_fib_lookup fib = { .tot_len =
					      1 }; /* asks for the route's MTU, refuses nothing */
	struct isobar_nexthop *hop;
	struct isobar_port *port;
	long answer;

	if (!destination)
		return NEXTHOP_NONE;
	hop = nexthop_slot(ctx, place);
	if (!hop)
		return NEXTHOP_NONE;
	nexthop_question(ctx, &fib, source, destination, tos);
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
	hop->destination = *destination;
	if (source)
		hop->source = *source;
	else
		__builtin_memset(&hop->source, 0, sizeof(hop->source));
	hop->arrived_on = ctx_ifindex(ctx);
	hop->ifindex = fib.ifindex;
	/* may be of IPv6 for a destination of IPv4 (RFC 5549) */
	if (fib.family == NEXTHOP_AF_INET)
		hop->gateway = address_from_v4(fib.ipv4_dst);
	else
		__builtin_memcpy(&hop->gateway, fib.ipv6_dst, sizeof(hop->gateway));
	__builtin_memcpy(hop->macs.target, fib.dmac, 6);
	__builtin_memcpy(hop->macs.own, fib.smac, 6);
	hop->resolved = answer == BPF_FIB_LKUP_RET_SUCCESS;
	hop->mtu = hop->resolved ? fib.mtu_result : 0;
	hop->xdp = port && (port->flags & ISOBAR_PORT_XDP);
	hop->expires = isobar_now() + settings->hz / 8;
	if (hop->resolved)
		return NEXTHOP_FOUND;
	/* The kernel tells the MTU only together with the neighbour; or if asked for more. */
	fib.tot_len = 0xffff;
	nexthop_question(ctx, &fib, source, destination, tos);
	if (bpf_fib_lookup(ctx, &fib, sizeof(fib), 0) == BPF_FIB_LKUP_RET_FRAG_NEEDED)
		hop->mtu = fib.mtu_result;
	return NEXTHOP_FOUND;
}

/* Was this answered lately, and was it a neighbour? */
static __always_inline int nexthop_holds(ISOBAR_CTX *ctx, const struct isobar_settings *settings,
					 const struct isobar_nexthop *hop,
					 const struct isobar_address *source,
					 const struct isobar_address *destination, __u32 now)
{
	return hop &&
	       halves_equal(address_halves(&hop->destination), address_halves(destination)) &&
	       halves_equal(address_halves(&hop->source), nexthop_source(source)) &&
	       hop->arrived_on == ctx_ifindex(ctx) && hop->resolved &&
	       hop->expires - now - 1 < settings->hz / 8;
}

static __always_inline enum nexthop_answer
find_nexthop(ISOBAR_CTX *ctx, const struct isobar_settings *settings,
	     const struct isobar_packet *packet, __u32 place, const struct isobar_address *source,
	     const struct isobar_address *destination, __u32 now, struct isobar_nexthop **result)
{
	*result = nexthop_slot(ctx, place);
	if (nexthop_holds(ctx, settings, *result, source, destination, now))
		return NEXTHOP_FOUND;
	return nexthop_ask(ctx, place, source, destination, packet->tos);
}

/* The way back to a client. */
static __always_inline enum nexthop_answer
find_nexthop_back(ISOBAR_CTX *ctx, const struct isobar_settings *settings,
		  const struct isobar_packet *packet, const struct isobar_address *source,
		  const struct isobar_address *destination, __u32 now,
		  struct isobar_nexthop **result)
{
	return find_nexthop(ctx, settings, packet, nexthop_place(source, destination), source,
			    destination, now, result);
}
