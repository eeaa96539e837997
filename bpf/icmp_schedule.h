/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * schedule_icmp: an ICMP error about a packet of a service that has no connection begins one, so
 * that it reaches a server (net/netfilter/ipvs/ip_vs_core.c, ip_vs_in_icmp): with dh, sh and mh,
 * and by a client's template, the one whose packet it is about.
 *
 * The packet that is quoted takes the way of others up to its record; then the error comes in once
 * more, and finds that.
 */
#pragma once

#include "icmp_tunnel.h"

/* `packet`, the error, becomes the client's packet that its quotation, turned round, is like: 8
 * bytes of it are known, ports without flags. Global: it is rare. */
__noinline int icmp_quoted_packet(ISOBAR_CTX *ctx, struct isobar_packet *packet)
{
	const struct isobar_settings *settings = &isobar_settings;
	struct isobar_error *error = icmp_error();
	enum isobar_verdict verdict;

	/* the stack's own could not come in once more */
	if (!error || !packet || !settings->switches[ISOBAR_SCHEDULE_ICMP] || ctx_is_from_here(ctx))
		return ISOBAR_NOT_OURS;
	verdict = parse_network(ctx, packet); /* who looked for a tunnel has changed it */
	if (verdict != ISOBAR_GO_ON)
		return verdict;
	if (icmp_parse(ctx, packet, error) ||
	    !(filter_kinds(&error->quoted).destination & ISOBAR_FILTER_VIRTUAL))
		return ISOBAR_NOT_OURS;
	verdict = check_network(ctx, packet);
	packet->tuple = error->quoted;
	packet->tcp_event = packet->tuple.protocol == IPPROTO_SCTP ? SCTP_INIT : TCP_SYN;
	return verdict;
}

/* As with IPVS, a connection is not active until its client itself is heard. Global: it is rare. */
__noinline int icmp_begun(__u32 record)
{
	struct isobar_conn *conn = conn_at(record);
	struct isobar_server *server;
	__u32 life, new_life;

	if (!conn)
		return 0;
	server = conn_server(conn);
	life = conn->life;
	new_life = life | ISOBAR_LIFE_INACTIVE;
	if (!server || life == new_life || (life & ISOBAR_LIFE_STATE) != ISOBAR_STATE_NONE ||
	    __sync_val_compare_and_swap(&conn->life, life, new_life) != life)
		return 0;
	server_count(server, life, -1);
	server_count(server, new_life, 1);
	rank_mark(conn->server, RANK_FELL);
	return 1;
}

static __always_inline enum isobar_verdict icmp_schedule(ISOBAR_CTX *ctx, struct balance *b)
{
	enum isobar_verdict verdict = icmp_quoted_packet(ctx, &b->packet);

	if (verdict != ISOBAR_GO_ON)
		return verdict;
	verdict = schedule(ctx, b->settings, &b->packet, b->now, &b->found);
	if (verdict == ISOBAR_NO_SERVER || verdict == ISOBAR_LOCAL_PORTS)
		return verdict + 1; /* no errors about errors (RFC 1122, 3.2.2) */
	if (verdict != ISOBAR_GO_ON)
		return verdict;
	if (b->found.conn->flags & ISOBAR_CONN_CHOSEN) /* it has no record */
		return ISOBAR_NO_CONNECTION;
	icmp_begun(b->found.record);
	if (bpf_redirect(ctx_ifindex(ctx), BPF_F_INGRESS) != TC_ACT_REDIRECT)
		return ISOBAR_INTERNAL;
	return ISOBAR_ICMP_SCHEDULED;
}
