/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The first packet of a connection: which service is it for, and which of its real
 * servers takes it (net/netfilter/ipvs/ip_vs_core.c, ip_vs_schedule).
 */
#pragma once

#include "conn_make.h"
#include "ftp_data.h"
#include "mark.h"
#include "one_packet.h"
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

	if (settings->marks) {
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
	int failed;

	/* of a mark's packets, those of UDP only */
	if (!service->one_packet || tuple->protocol != IPPROTO_UDP)
		return conn_make(settings, tuple, server, template,
				 ctx_is_from_here(ctx) ? ISOBAR_CONN_HERE : 0, now, found);
	failed = one_packet_choose(settings, tuple, server, now) ||
				 !one_packet_chosen(settings, tuple, now, found)
			 ? CONN_TABLE_FULL
			 : 0;
	if (!failed && template != TEMPLATE_NONE)
		template_release(template);
	return failed;
}

/* A new connection for the packet, recorded; or the verdict that there is none. */
static __always_inline enum isobar_verdict schedule(ISOBAR_CTX *ctx,
						    const struct isobar_settings *settings,
						    const struct isobar_packet *packet, __u32 now,
						    struct conn_found *found)
{
	__u32 template = TEMPLATE_NONE;
	struct isobar_service *service;
	__u32 number, set, server;
	int failed;

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
	if (packet->tuple.protocol == IPPROTO_TCP && packet->tcp_event != TCP_SYN)
		return ISOBAR_NO_CONNECTION;
	if (packet->tuple.protocol == IPPROTO_SCTP && packet->tcp_event != SCTP_INIT)
		return ISOBAR_NO_CONNECTION;
	/* as IPVS: source port 20 is FTP's data connection, never a new client (RFC 959) */
	if (packet->tuple.source_port == bpf_htons(FTP_DATA_PORT))
		return ISOBAR_NO_CONNECTION;
	if (service->one_packet && one_packet_chosen(settings, &packet->tuple, now, found))
		return ISOBAR_GO_ON;
	if (service->persistence)
		template = template_find(&packet->tuple, number, now);
	set = *(volatile __u32 *)&service->set; /* one and the same below */
	if (template != TEMPLATE_NONE)
		server = template_server(template);
	else
		server = choose_server(set, &packet->tuple);
	if (server == SET_LEARN)
		server = destination_schedule(set, &packet->tuple);
	if (server == SET_RANKED)
		server = rank_winner(set);
	if (server == SET_RANKED)
		server = rank_look_for(set);
	if (server == SET_NOBODY)
		return ISOBAR_NO_SERVER;
	if (service->persistence && template == TEMPLATE_NONE) {
		template = template_make(&packet->tuple, number, server, now);
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
