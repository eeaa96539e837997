/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * tc: the client's address is told, and the stream behind a header of the PROXY protocol is moved
 * (client_told.h).
 */
#pragma once

#include "client_told.h"

/* Another word in the TCP header, or in its options at an even place. */
static __always_inline int told_put_word(ISOBAR_CTX *ctx, __u32 l4, __u32 at, __be32 old,
					 __be32 word)
{
	if (old == word)
		return 0;
	return bpf_skb_store_bytes(ctx, at, &word, sizeof(word), 0) ||
	       bpf_l4_csum_replace(ctx, l4 + offsetof(struct tcphdr, check), old, word,
				   sizeof(word));
}

/* What matters of the segment at `l4`, and the record of its connection's local port; NULL: there
 * is not both. */
static __always_inline struct isobar_conn *
told_open(ISOBAR_CTX *ctx, __u32 l4, const struct isobar_conn *conn, struct told_segment *segment)
{
	struct isobar_conn *local = conn_at(conn->partner);

	return local && !bpf_skb_load_bytes(ctx, l4 + 4, segment, 10) ? local : NULL;
}

/* ---- telling -------------------------------------------------------------------- */

static __always_inline int told_write_toa(ISOBAR_CTX *ctx, const struct isobar_conn *conn, __u32 at)
{
	struct told_toa4 toa4 = { TOLD_TOA, sizeof(toa4), conn->client_port,
				  address_v4(&conn->client) };
	struct told_toa6 toa6 = { TOLD_TOA, sizeof(toa6), conn->client_port, conn->client };

	return address_is_v4(&conn->client)
		       ? bpf_skb_store_bytes(ctx, at, &toa4, sizeof(toa4), BPF_F_RECOMPUTE_CSUM)
		       : bpf_skb_store_bytes(ctx, at, &toa6, sizeof(toa6), BPF_F_RECOMPUTE_CSUM);
}

static __always_inline int told_write_proxy(ISOBAR_CTX *ctx, const struct isobar_conn *conn,
					    __u32 at)
{
	struct told_proxy proxy = {
		.signature = { 13, 10, 13, 10, 0, 13, 10, 'Q', 'U', 'I', 'T', 10 },
		.version_command = 0x21, /* 2, PROXY */
	};

	if (address_is_v4(&conn->client)) {
		proxy.family = 0x11; /* TCP over IPv4 */
		proxy.length = bpf_htons(sizeof(proxy.v4));
		proxy.v4.source = address_v4(&conn->client);
		proxy.v4.destination = address_v4(&conn->virtual_address);
		proxy.v4.source_port = conn->client_port;
		proxy.v4.destination_port = conn->virtual_port;
		return bpf_skb_store_bytes(ctx, at, &proxy, TOLD_PROXY4, BPF_F_RECOMPUTE_CSUM);
	}
	proxy.family = 0x21;
	proxy.length = bpf_htons(sizeof(proxy.v6));
	proxy.v6.source = conn->client;
	proxy.v6.destination = conn->virtual_address;
	proxy.v6.source_port = conn->client_port;
	proxy.v6.destination_port = conn->virtual_port;
	return bpf_skb_store_bytes(ctx, at, &proxy, TOLD_PROXY6, BPF_F_RECOMPUTE_CSUM);
}

static __always_inline __u32 told_size(const struct isobar_conn *conn)
{
	if (conn->flags & ISOBAR_CONN_PROXY)
		return told_shift(conn);
	return address_is_v4(&conn->client) ? sizeof(struct told_toa4) : sizeof(struct told_toa6);
}

static __always_inline int told_put_ip_length(ISOBAR_CTX *ctx, const struct isobar_packet *packet,
					      __u32 length)
{
	struct iphdr *ip = ctx_data(ctx) + ISOBAR_L3;
	__be16 half = bpf_htons(length), old;

	if (packet_is_ipv6(packet)) {
		half = bpf_htons(length - sizeof(struct ipv6hdr));
		return ctx_store(ctx, ISOBAR_L3 + offsetof(struct ipv6hdr, payload_len), &half,
				 sizeof(half));
	}
	if ((void *)(ip + 1) > ctx_data_end(ctx))
		return -1;
	old = ip->tot_len;
	ip->tot_len = half;
	ip->check = checksum_replace(ip->check, 0, 0, old, half);
	return 0;
}

/* The checksum of the whole segment, anew; `old_length`: as it was. If the device is to fill it in,
 * its field has the sum of the pseudo header, and that changes by the length only: the helper
 * knows. */
static __always_inline int told_put_checksum(ISOBAR_CTX *ctx, const struct isobar_packet *packet,
					     __u32 old_length, __u32 length)
{
	__u32 l4 = packet->l4 & ISOBAR_L4_MASK, at = l4 + offsetof(struct tcphdr, check);
	struct isobar_cpu *cpu = isobar_only(isobar_cpu);
	__sum16 old, fresh;
	__s64 sum;

	if (!cpu || length < sizeof(struct tcphdr) || length > sizeof(cpu->segment) ||
	    bpf_l4_csum_replace(ctx, at, bpf_htons(old_length), bpf_htons(length),
				BPF_F_PSEUDO_HDR | sizeof(__be16)) ||
	    bpf_skb_load_bytes(ctx, at, &old, sizeof(old)))
		return -1;
	asm volatile("" : "+r"(length)); /* the bounds must come last for Linux 6.1 */
	length = ((length - 1) & (sizeof(cpu->segment) - 1)) + 1;
	if (bpf_skb_load_bytes(ctx, l4, cpu->segment, length))
		return -1;
	*(__sum16 *)(cpu->segment + offsetof(struct tcphdr, check)) = 0;
	sum = bpf_csum_diff(NULL, 0, (void *)cpu->segment, length, 0);
	if (sum < 0)
		return -1;
	sum += bpf_htons(length) + bpf_htons(IPPROTO_TCP);
	if (packet_is_ipv6(packet))
		for (int i = 0; i < 4; i++)
			sum += (__u64)packet->tuple.source.word[i] +
			       packet->tuple.destination.word[i];
	else
		sum += (__u64)address_v4(&packet->tuple.source) +
		       address_v4(&packet->tuple.destination);
	fresh = ~checksum_fold(sum);
	/* ~x is what x makes the sum less by: old goes, fresh comes */
	return bpf_l4_csum_replace(ctx, at, (__u16)~old, (__u16)~fresh, sizeof(fresh));
}

/* Behind the header comes what is to be told, and nothing else. */
__noinline int told_append(ISOBAR_CTX *ctx, const struct isobar_packet *packet, __u32 record,
			   __u32 header)
{
	struct isobar_conn *conn = conn_at(record);
	__u8 offset_flags[2];
	__u32 l4, size;
	int failed;

	if (!packet || !conn)
		return -1;
	l4 = packet->l4 & ISOBAR_L4_MASK;
	size = told_size(conn);
	if (bpf_skb_change_tail(ctx, l4 + header + size, 0) ||
	    bpf_skb_load_bytes(ctx, l4 + 12, offset_flags, sizeof(offset_flags)))
		return -1;
	if (conn->flags & ISOBAR_CONN_PROXY) {
		failed = told_write_proxy(ctx, conn, l4 + header);
	} else {
		failed = told_write_toa(ctx, conn, l4 + header);
		offset_flags[0] += size / 4 << 4;
	}
	if (packet->length + ISOBAR_L3 - l4 > header) /* with the data that were behind it */
		offset_flags[1] &= ~TOLD_FIN;
	return failed ||
	       bpf_skb_store_bytes(ctx, l4 + 12, offset_flags, sizeof(offset_flags),
				   BPF_F_RECOMPUTE_CSUM) ||
	       told_put_ip_length(ctx, packet, l4 - ISOBAR_L3 + header + size) ||
	       told_put_checksum(ctx, packet, packet->length + ISOBAR_L3 - l4, header + size);
}

/* A segment where the client's stream begins. 1: it has become the one that tells. */
static __always_inline int told_tell(ISOBAR_CTX *ctx, const struct isobar_packet *packet,
				     struct isobar_conn *conn, __u32 record, __u32 header)
{
	__u32 data = packet->length + ISOBAR_L3 - (packet->l4 & ISOBAR_L4_MASK) - header;

	if (!(conn->flags & ISOBAR_CONN_PROXY) && header + told_size(conn) > TOLD_HEADER_MOST) {
		conn->flags &= ~ISOBAR_CONN_TOA; /* its options leave no room */
		return 0;
	}
	if (data && (conn->flags & ISOBAR_CONN_TELLING)) {
		conn->flags &= ~ISOBAR_CONN_TELLING;
		return 0;
	}
	conn->flags |= ISOBAR_CONN_TELLING;
	/* What cannot come in again, its sender sends again. */
	if (data && !ctx_is_from_here(ctx))
		bpf_clone_redirect(ctx, ctx->ifindex, BPF_F_INGRESS);
	return told_append(ctx, packet, record, header) ? -1 : 1;
}

/* A client's segment becomes what its server expects. */
__noinline int told_from_client(ISOBAR_CTX *ctx, const struct isobar_packet *packet, __u32 record)
{
	struct isobar_conn *conn = conn_at(record), *local;
	struct told_segment segment;
	__u32 l4, sequence;
	int told;

	if (!packet || !conn)
		return -1;
	l4 = packet->l4 & ISOBAR_L4_MASK;
	local = told_open(ctx, l4, conn, &segment);
	if (!local)
		return -1;
	sequence = bpf_ntohl(segment.sequence);
	if (segment.flags & TOLD_SYN) {
		if (!(conn->flags & ISOBAR_CONN_TOLD))
			local->expires = sequence + 1;
		return 0;
	}
	if (sequence == local->expires && !(conn->flags & ISOBAR_CONN_TOLD) && !packet->fragment &&
	    !(segment.flags & TOLD_RST)) {
		told = told_tell(ctx, packet, conn, record, (segment.offset >> 4) * 4);
		if (told)
			return told < 0 ? -1 : 0;
	}
	return told_put_word(ctx, l4, l4 + 4, segment.sequence,
			     bpf_htonl(sequence + told_shift(conn)));
}

/* ---- hearing -------------------------------------------------------------------- */

struct told_options {
	struct __sk_buff *skb;
	__u32 l4;
	__u32 at; /* the next option */
	__u32 end;
	__u32 stream;
	__u32 shift;
	__u32 told;
	__u32 edges; /* of selective acknowledgements at `at` that are still to come */
};

/* The next option, or the next edge of what was received out of order (RFC 2018). */
static long told_option(__u32 i, struct told_options *options)
{
	__u8 option[2] = {};
	__be32 edge;

	if (options->edges) {
		if (bpf_skb_load_bytes(options->skb, options->at, &edge, sizeof(edge)) ||
		    told_put_word(options->skb, options->l4, options->at, edge,
				  bpf_htonl(told_place(bpf_ntohl(edge), options->stream,
						       options->shift, options->told))))
			return 1;
		options->edges--;
		options->at += sizeof(edge);
		return 0;
	}
	if (options->at >= options->end ||
	    bpf_skb_load_bytes(options->skb, options->at, option, sizeof(option)) || option[0] == 0)
		return 1;
	if (option[0] == 1) {
		options->at++;
		return 0;
	}
	if (option[1] < sizeof(option) || options->at + option[1] > options->end)
		return 1;
	if (option[0] == 5 && !((options->at - options->l4) & 1)) {
		options->edges = (option[1] - sizeof(option)) / sizeof(edge);
		options->at += sizeof(option);
	} else {
		options->at += option[1];
	}
	return 0;
}

/* A server's segment becomes what its client expects. */
__noinline int told_from_server(ISOBAR_CTX *ctx, const struct isobar_packet *packet, __u32 record)
{
	struct isobar_conn *conn = conn_at(record), *local;
	struct told_options options = { .skb = ctx };
	struct told_segment segment;
	__u32 l4, acknowledged;

	if (!packet || !conn)
		return -1;
	l4 = packet->l4 & ISOBAR_L4_MASK;
	local = told_open(ctx, l4, conn, &segment);
	if (!local)
		return -1;
	if ((segment.flags & TOLD_SYN) || !(segment.flags & TOLD_ACK))
		return 0;
	if (conn->flags & ISOBAR_CONN_TOA) { /* it has ended the handshake */
		conn->flags &= ~ISOBAR_CONN_TOA;
		return 0;
	}
	options.shift = told_shift(conn);
	options.stream = local->expires;
	acknowledged = bpf_ntohl(segment.acknowledged);
	if (!(conn->flags & ISOBAR_CONN_TOLD) &&
	    (__s32)(acknowledged - options.stream - options.shift) >= 0)
		conn->flags |= ISOBAR_CONN_TOLD;
	options.told = conn->flags & ISOBAR_CONN_TOLD;
	options.l4 = l4;
	options.at = l4 + sizeof(struct tcphdr);
	options.end = l4 + (segment.offset >> 4) * 4;
	if (told_put_word(ctx, l4, l4 + 8, segment.acknowledged,
			  bpf_htonl(told_place(acknowledged, options.stream, options.shift,
					       options.told))))
		return -1;
	bpf_loop(TOLD_HEADER_MOST - sizeof(struct tcphdr), told_option, &options, 0);
	return 0;
}
