/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Services by firewall mark, and named groups, whose marks are our own. A packet has its mark
 * from a tc filter before ours; or by a rule, which says what the host's packet filter, whose
 * PREROUTING comes after us, would do, or what belongs to a group. A check that goes the way of
 * clients has one that leads to one server, before all others.
 */
#pragma once

#include "maps.h"
#include "tuple.h"

struct mark_search {
	struct isobar_tuple tuple;
	__u32 first;         /* rule */
	__u32 mark;          /* the result */
};

static __always_inline int mark_in_network(const struct isobar_address *address,
					   const struct isobar_address *network, __u8 prefix)
{
	struct isobar_address masked = address_masked(address, prefix);

	return address_equal(&masked, network);
}

static long mark_step(__u32 i, struct mark_search *search)
{
	const struct isobar_tuple *tuple = &search->tuple;
	__u32 port = bpf_ntohs(tuple->destination_port);
	__u32 number = search->first + i;
	const struct isobar_rule *rule = bpf_map_lookup_elem(&isobar_rules, &number);

	if (!rule)
		return 1;
	if (port < rule->first_port || port > rule->last_port)
		return 0;
	if (rule->protocol && rule->protocol != tuple->protocol)
		return 0;
	if (!mark_in_network(&tuple->destination, &rule->destination, rule->destination_prefix) ||
	    !mark_in_network(&tuple->source, &rule->source, rule->source_prefix))
		return 0;
	search->mark = rule->mark;
	return 1;
}

/* The mark that the rules give the packet; 0: none. */
static __always_inline __u32 mark_by_rule(const struct isobar_settings *settings,
					  const struct isobar_tuple *tuple)
{
	__u32 rules = settings->rules;
	struct mark_search search = { .tuple = *tuple, .first = rules >> 16 };

	bpf_loop(rules & 0xffff, mark_step, &search, 0);
	return search.mark;
}

/* Has this host sent it as a check (control/probe_services.h)? */
static __always_inline int mark_is_probe(ISOBAR_CTX *ctx)
{
	return ctx_is_from_here(ctx) && ctx_mark(ctx) >= ISOBAR_FIRST_PROBE_MARK;
}

/* Index of the service for the packet's mark, and 1; 0: it has none. */
__noinline __u32 find_marked(ISOBAR_CTX *ctx, const struct isobar_tuple *tuple)
{
	const struct isobar_settings *settings = &isobar_settings;
	struct isobar_service_key key = {};
	__u32 mark = 0, *index;

	if (!tuple)
		return 0;
	if (!mark_is_probe(ctx))
		mark = mark_by_rule(settings, tuple);
	if (!mark)
		mark = ctx_mark(ctx);
	if (!mark)
		return 0;
	key.address.word[3] = bpf_htonl(mark);
	if (address_is_v4(&tuple->destination))
		key.address.word[2] = bpf_htonl(0xffff);
	index = bpf_map_lookup_elem(&isobar_keys, &key);
	return index ? *index + 1 : 0;
}
