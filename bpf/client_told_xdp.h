/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * XDP: packets of a stream that has its header of the PROXY protocol (client_told.h), both ways.
 * Those with selective acknowledgements are tc's, and all before.
 */
#pragma once

#include "client_told.h"

/* No options, or what nearly all packets have: two of no meaning and timestamps (RFC 7323, appendix
 * A). */
static __always_inline int told_options_are_plain(ISOBAR_CTX *ctx, const struct tcphdr *tcp)
{
	const __be32 *option = (void *)(tcp + 1);

	if (tcp->doff == 5)
		return 1;
	return tcp->doff == 8 && (void *)(option + 1) <= ctx_data_end(ctx) &&
	       *option == bpf_htonl(0x0101080a);
}

/* Other than 0: nothing was changed, tc must do it. */
__noinline int told_move(ISOBAR_CTX *ctx, const struct isobar_packet *packet, __u32 record,
			 __u32 direction)
{
	struct isobar_conn *conn = conn_at(record);
	__be32 old;
	struct tcphdr *tcp;

	if (!packet || !conn || !(conn->flags & ISOBAR_CONN_TOLD) || packet->fragment)
		return -1;
	tcp = ctx_data(ctx) + (packet->l4 & ISOBAR_L4_MASK);
	if ((void *)(tcp + 1) > ctx_data_end(ctx) || tcp->syn)
		return -1;
	if (direction == ISOBAR_FROM_CLIENT) {
		old = tcp->seq;
		tcp->seq = bpf_htonl(bpf_ntohl(old) + told_shift(conn));
		tcp->check = checksum_replace(tcp->check, old, tcp->seq, 0, 0);
		return 0;
	}
	if (!tcp->ack || !told_options_are_plain(ctx, tcp))
		return -1;
	old = tcp->ack_seq;
	tcp->ack_seq = bpf_htonl(told_place(bpf_ntohl(old), 0, told_shift(conn), 1));
	tcp->check = checksum_replace(tcp->check, old, tcp->ack_seq, 0, 0);
	return 0;
}
