/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which packets a trace wants. What a packet becomes is known only afterwards: a reply by NAT gets
 * its virtual address, a request its server. So each condition may hold now, or perhaps later, or
 * never; only the last is refused at once. Functions are global: the verifier looks at each once.
 */
#pragma once

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include "trace.h"
#include "filter.h"
#include "tuple.h"

/* Where the furthest header may begin; what is said behind is not looked at. */
#define TRACE_FURTHEST 0x7f

#define TRACE_ICMP6 58

/* Whom a packet is from and for, as far as it can be told; protocol 0: it cannot. */
static __always_inline void trace_parse_ip(const __u8 *bytes, __u32 captured, __u32 at,
					   struct isobar_tuple *tuple, __u32 *l4)
{
	const struct ipv6hdr *ip6;
	const struct iphdr *ip;
	__u32 later = 0;

	*l4 = 0;
	tuple->protocol = 0;
	tuple->source_port = tuple->destination_port = 0;
	if (at > TRACE_FURTHEST)
		return;
	ip = (const void *)bytes + (at & TRACE_FURTHEST);
	if (at + sizeof(*ip) > captured)
		return;
	if (ip->version == 4) {
		tuple->source = address_from_v4(ip->saddr);
		tuple->destination = address_from_v4(ip->daddr);
		tuple->protocol = ip->protocol;
		later = ip->frag_off & bpf_htons(0x1fff);
		at += ip->ihl * 4;
	} else {
		ip6 = (const void *)ip;
		if (ip6->version != 6 || at + sizeof(*ip6) > captured)
			return;
		__builtin_memcpy(&tuple->source, &ip6->saddr, sizeof(tuple->source));
		__builtin_memcpy(&tuple->destination, &ip6->daddr, sizeof(tuple->destination));
		tuple->protocol = ip6->nexthdr;
		at += sizeof(*ip6);
	}
	if (later || at > TRACE_FURTHEST)
		return;
	*l4 = at & TRACE_FURTHEST;
	if (tuple->protocol != IPPROTO_TCP && tuple->protocol != IPPROTO_UDP &&
	    tuple->protocol != IPPROTO_SCTP)
		return;
	if (*l4 + 4 > captured)
		return;
	__builtin_memcpy(&tuple->source_port, bytes + *l4, 2);
	__builtin_memcpy(&tuple->destination_port, bytes + *l4 + 2, 2);
}

/* The packet's own ends, and those of what it quotes, if it is an ICMP error. */
struct trace_ends {
	struct isobar_tuple own;
	struct isobar_tuple quoted;
};

__noinline int trace_parse(const struct isobar_trace_packet *packet, struct trace_ends *ends)
{
	__u32 captured, l4, none;
	const __u8 *bytes;
	__be16 type;

	if (!packet || !ends)
		return 0;
	bytes = packet->byte;
	captured = packet->captured;
	ends->own.protocol = ends->quoted.protocol = 0;
	__builtin_memcpy(&type, bytes + 12, sizeof(type));
	if (captured < ETH_HLEN || (type != bpf_htons(ETH_P_IP) && type != bpf_htons(ETH_P_IPV6)))
		return 0;
	trace_parse_ip(bytes, captured, ETH_HLEN, &ends->own, &l4);
	if (l4 && (ends->own.protocol == IPPROTO_ICMP || ends->own.protocol == TRACE_ICMP6))
		trace_parse_ip(bytes, captured, l4 + 8, &ends->quoted, &none);
	return ends->own.protocol != 0;
}

static __always_inline int trace_in_network(const struct isobar_address *address)
{
	const struct isobar_address *mask = &trace_filter.client_mask;
	const struct isobar_address *client = &trace_filter.client;
	__u32 differ = 0;

	for (int i = 0; i < 4; i++)
		differ |= (address->word[i] ^ client->word[i]) & mask->word[i];
	return differ == 0;
}

static __always_inline int trace_is_end(const struct isobar_trace_end *end, __u8 protocol,
					const struct isobar_address *address, __be16 port)
{
	return address_equal(&end->address, address) && (!end->port || end->port == port) &&
	       (!end->protocol || end->protocol == protocol);
}

static __always_inline int trace_has_end(const struct isobar_trace_end *end,
					 const struct isobar_tuple *tuple)
{
	return trace_is_end(end, tuple->protocol, &tuple->source, tuple->source_port) ||
	       trace_is_end(end, tuple->protocol, &tuple->destination, tuple->destination_port);
}

/* Conditions, a bit each. */
enum trace_condition {
	TRACE_CLIENT = 1,
	TRACE_SERVICE = 2,
	TRACE_SERVER = 4,
	TRACE_PROTOCOL = 8,
	TRACE_PORT = 16,
};

/* What is asked for. */
static __always_inline __u32 trace_conditions(void)
{
	return (trace_filter.has_client ? TRACE_CLIENT : 0) |
	       (trace_filter.services ? TRACE_SERVICE : 0) |
	       (trace_filter.has_server ? TRACE_SERVER : 0) |
	       (trace_filter.protocol ? TRACE_PROTOCOL : 0) | (trace_filter.port ? TRACE_PORT : 0);
}

struct trace_service_search {
	struct isobar_tuple tuple;
	__u32 found;
};

static long trace_look_at_service(__u32 i, struct trace_service_search *search)
{
	if (i >= trace_filter.services || i >= ISOBAR_TRACE_ENDS)
		return 1;
	search->found = trace_has_end(&trace_filter.service[i], &search->tuple);
	return search->found;
}

/* Those that hold of the tuple. */
__noinline __u32 trace_holds(const struct isobar_tuple *tuple)
{
	struct trace_service_search search = {};
	__u32 holds = 0;

	if (!tuple || !tuple->protocol)
		return 0;
	if (trace_filter.has_client &&
	    (trace_in_network(&tuple->source) || trace_in_network(&tuple->destination)))
		holds |= TRACE_CLIENT;
	if (trace_filter.has_server && trace_has_end(&trace_filter.server, tuple))
		holds |= TRACE_SERVER;
	if (trace_filter.protocol == tuple->protocol)
		holds |= TRACE_PROTOCOL;
	if (trace_filter.port == tuple->source_port || trace_filter.port == tuple->destination_port)
		holds |= TRACE_PORT;
	if (!trace_filter.services)
		return holds;
	search.tuple = *tuple;
	bpf_loop(ISOBAR_TRACE_ENDS, trace_look_at_service, &search, 0);
	return holds | (search.found ? TRACE_SERVICE : 0);
}

/* What may hold later, of a packet between these addresses: replies are from real servers. */
static __always_inline __u32 trace_later(struct filter_kinds kinds)
{
	if (!(kinds.source & ISOBAR_FILTER_REAL))
		return TRACE_SERVER;
	return TRACE_SERVICE | TRACE_PORT | TRACE_SERVER |
	       (trace_filter.fullnat ? TRACE_CLIENT : 0);
}

/* When it has come: 0 if it cannot be wanted. */
static __always_inline int trace_may_match(const struct isobar_trace_packet *packet)
{
	int strangers = trace_filter.verdicts & 1ull << ISOBAR_NOT_OURS;
	__u32 wanted = trace_conditions();
	struct trace_ends ends = {};
	struct filter_kinds kinds;

	if (!trace_parse(packet, &ends))
		return strangers && !wanted;
	kinds = filter_kinds(&ends.own);
	if (!strangers && !ends.quoted.protocol && !isobar_settings.marks &&
	    !(kinds.source | kinds.destination))
		return 0;
	return !(wanted &
		 ~(trace_holds(&ends.own) | trace_holds(&ends.quoted) | trace_later(kinds)));
}

/* By direct routing only the way tells the server; the port is the virtual one then. */
static __always_inline __u32 trace_way_holds(const struct isobar_trace_event *event,
					     const struct isobar_tuple *after)
{
	__u64 to = 0, server = 0;

	if (!trace_filter.has_server || !event->out_ifindex)
		return 0;
	if (trace_filter.server.port && trace_filter.server.port != after->destination_port)
		return 0;
	if (address_equal(&event->gateway, &trace_filter.server.address))
		return TRACE_SERVER;
	__builtin_memcpy(&to, event->after.byte, ETH_ALEN);
	__builtin_memcpy(&server, trace_filter.server_mac, ETH_ALEN);
	return event->hook == ISOBAR_TRACE_XDP && server && to == server ? TRACE_SERVER : 0;
}

/* When it has gone. */
static __always_inline int trace_matches(const struct isobar_trace_event *event)
{
	__u32 wanted = trace_conditions(), holds;
	struct trace_ends ends = {};

	if (!wanted)
		return 1;
	trace_parse(&event->before, &ends);
	holds = trace_holds(&ends.own) | trace_holds(&ends.quoted);
	trace_parse(&event->after, &ends);
	holds |= trace_way_holds(event, &ends.own);
	holds |= trace_holds(&ends.own) | trace_holds(&ends.quoted);
	return !(wanted & ~holds);
}
