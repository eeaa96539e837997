/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The first packet of a connection: which service is it for, and which of its real
 * servers takes it (net/netfilter/ipvs/ip_vs_core.c, ip_vs_schedule).
 */
#pragma once

#include "begin.h"
#include "conn_make.h"
#include "ftp_data.h"
#include "mark.h"
#include "one_packet.h"
#include "overflow.h"
#include "sched_all.h" /* made by the build: every file of sched/ */
#include "sctp.h"
#include "set.h"
#include "template.h"
#include "track.h"

/* The service for the packet's mark, for its port, for FTP, or for all ports, in IPVS's order. Its
 * index, and 1; 0: none. */
static __always_inline __u32 find_service(ISOBAR_CTX *ctx, const struct isobar_settings *settings,
					  const struct isobar_tuple *tuple)
{
	struct isobar_service_key key = {
		.address = tuple->destination,
		.port = tuple->destination_port,
		.protocol = tuple->protocol,
	};
	__u32 *index, marked;

	if (settings->marks || (settings->probes && mark_is_probe(ctx))) {
		marked = find_marked(ctx, tuple);
		if (marked)
			return marked;
	}
	index = bpf_map_lookup_elem(&isobar_keys, &key);
	if (!index && settings->ftp_services && ftp_may_be_data(tuple)) {
		marked = find_ftp(tuple);
		if (marked)
			return marked - 1;
	}
	if (!index && settings->all_ports) {
		key.port = 0;
		index = bpf_map_lookup_elem(&isobar_keys, &key);
	}
	return index ? *index + 1 : 0;
}

/* Global, so that the verifier looks at the schedulers once. The tuple is that of the packet,
 * which some schedulers hash. */
__noinline __u32 choose_server(__u32 element, const struct isobar_tuple *tuple)
{
	struct isobar_set set = {};

	if (!element || !tuple || set_open(element, &set))
		return SET_NOBODY;
	switch (set.head->scheduler) {
#define X(number, name, Name) \
	case number:          \
		return name##_choose(&set, tuple);
		ISOBAR_SCHEDULER_LIST(X)
#undef X
	}
	return SET_NOBODY;
}

/* A record for the packet with the chosen server: a connection, or one for this packet alone,
 * which its template does not control for longer than this. Other than 0: enum conn_failure. */
static __always_inline int record_choice(ISOBAR_CTX *ctx, const struct isobar_settings *settings,
					 const struct isobar_service *service,
					 const struct isobar_tuple *tuple, __u32 server,
					 __u32 template, __u32 now, struct conn_found *found)
{
	/* of a mark's packets, those of UDP only */
	if (!service->one_packet || tuple->protocol != IPPROTO_UDP)
		return conn_make(settings, tuple, server, template,
				 ctx_is_from_here(ctx) ? ISOBAR_CONN_HERE : 0, now, found);
	if (one_packet_choose(settings, tuple, server, now))
		return CONN_TABLE_FULL;
	if (template != TEMPLATE_NONE)
		template_release(template);
	found->record = one_packet_record(settings);
	return 0;
}

/* Given by the hook: tc (call.h). */
__u32 call_template(ISOBAR_CTX *ctx, const struct isobar_packet *packet, __u32 number, __u32 now);
__u32 call_template_make(const struct isobar_tuple *tuple, __u32 number, __u32 server, __u32 now);

/* A new connection for the packet; found->conn is there if it has a record in the table, else
 * found->record is that of one_packet.h. Or the verdict that there is none. */
static __always_inline enum isobar_verdict
schedule_anew(ISOBAR_CTX *ctx, const struct isobar_settings *settings,
	      const struct isobar_packet *packet, struct isobar_service *service, __u32 number,
	      __u32 now, struct conn_found *found)
{
	__u32 template = TEMPLATE_NONE;
	__u32 set, server;
	int failed;

	if (!ISOBAR_HOOK_COMPLETE && service->engine)
		return ISOBAR_TO_TC;
	if (settings->drop_rate && defence_drops())
		return ISOBAR_LOAD_SHED;
	/* as IPVS: source port 20 is FTP's data connection, never a new client (RFC 959) */
	if (packet->tuple.source_port == bpf_htons(FTP_DATA_PORT))
		return ISOBAR_NO_CONNECTION;
	if (service->one_packet || settings->by_hash_until) {
		found->record = one_packet_chosen(&packet->tuple, now);
		if (found->record != CONN_NONE)
			return ISOBAR_GO_ON;
	}
	if (service->persistence)
		template = ISOBAR_HOOK_COMPLETE ? call_template(ctx, packet, number, now)
						: template_find(&packet->tuple, number, now);
	if (template == CALL_NONE)
		return ISOBAR_NO_CALL_ID;
	set = *(volatile __u32 *)&service->set; /* one and the same below */
	server = SET_NOBODY;
	if (template != TEMPLATE_NONE)
		server = template_server(template);
	else if (overflow_is_on(settings, now) && (service->persistence || !packet_begins(packet)))
		server = overflow_server(&packet->tuple, number, now);
	if (server == SET_NOBODY)
		server = choose_server(set, &packet->tuple);
	if (server == SET_REMEMBERED)
		server = destination_schedule(set, &packet->tuple);
	if (server == SET_RANKED)
		server = rank_winner(set);
	if (server == SET_RANKED)
		server = rank_look_for(set);
	if (server == SET_NOBODY)
		return ISOBAR_NO_SERVER;
	if (service->persistence && template == TEMPLATE_NONE) {
		template = ISOBAR_HOOK_COMPLETE
				   ? call_template_make(&packet->tuple, number, server, now)
				   : template_make(&packet->tuple, number, server, now);
		if (template == TEMPLATE_NONE)
			return ISOBAR_TEMPLATE_FULL;
	}
	failed =
		record_choice(ctx, settings, service, &packet->tuple, server, template, now, found);
	if (failed) {
		if (template != TEMPLATE_NONE)
			template_release(template);
		return failed == CONN_NO_PORT ? ISOBAR_LOCAL_PORTS : ISOBAR_TABLE_FULL;
	}
	track_connection(settings, server, now);
	return ISOBAR_GO_ON;
}

/* The connection of a packet that has none yet: a new one, or one that has no record; or the
 * verdict that there is none. */
static __always_inline enum isobar_verdict schedule(ISOBAR_CTX *ctx,
						    const struct isobar_settings *settings,
						    const struct isobar_packet *packet, __u32 now,
						    struct conn_found *found)
{
	enum isobar_verdict verdict = ISOBAR_NO_CONNECTION;
	struct isobar_service *service;
	__u32 number;

	/* a mark may be there at tc only */
	if (!ISOBAR_HOOK_COMPLETE && settings->host_marks)
		return ISOBAR_TO_TC;
	if (ftp_announced(packet, now, found))
		return ISOBAR_GO_ON;
	number = find_service(ctx, settings, &packet->tuple);
	if (!number)
		return ISOBAR_NO_SERVICE;
	number--;
	service = bpf_map_lookup_elem(&isobar_services, &number);
	if (!service)
		return ISOBAR_NO_SERVICE;
	found->conn = NULL;
	if (packet_may_begin(settings, packet)) {
		verdict = schedule_anew(ctx, settings, packet, service, number, now, found);
		if (verdict == ISOBAR_GO_ON && found->conn)
			return ISOBAR_GO_ON;
		if (verdict != ISOBAR_GO_ON && verdict != ISOBAR_TABLE_FULL &&
		    verdict != ISOBAR_TEMPLATE_FULL)
			return verdict;
	} else if (!overflow_is_on(settings, now)) {
		return ISOBAR_NO_CONNECTION;
	}
	if (verdict != ISOBAR_GO_ON) {
		found->record = overflow_choose(&packet->tuple, number, now);
		if (found->record == CONN_NONE)
			return verdict;
	}
	return conn_get(found->record, ISOBAR_FROM_CLIENT, found) ? ISOBAR_GO_ON : ISOBAR_INTERNAL;
}
