/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ICMP (RFC 792; RFC 4443: icmp6.h), tc only: errors that we send about packets we refuse, and
 * errors of others about packets that we rewrote, which are mapped to their connection.
 */
#pragma once

#include "balance.h"
#include "fullnat_icmp.h"
#include "icmp6.h"

/* As net.ipv4.icmp_msgs_per_sec. */
#define ICMP_PER_SECOND 1000

/* <linux/icmp.h> pulls in the C library, which BPF has not. */
enum {
	ICMP_DEST_UNREACH = 3,
	ICMP_SOURCE_QUENCH = 4,
	ICMP_TIME_EXCEEDED = 11,
	ICMP_PARAMETERPROB = 12,
	/* codes */
	ICMP_EXC_TTL = 0,
	ICMP_HOST_UNREACH = 1,
	ICMP_PORT_UNREACH = 3,
	ICMP_FRAG_NEEDED = 4,
};

struct icmphdr {
	__u8 type;
	__u8 code;
	__sum16 checksum;
	__be32 rest;
};

static __always_inline int icmp_may_send(const struct isobar_settings *settings, __u32 now)
{
	struct isobar_cpu *cpu = isobar_only(isobar_cpu);

	if (!cpu)
		return 0;
	if (now - cpu->icmp_second >= settings->hz) {
		cpu->icmp_second = now;
		cpu->icmp_tokens = ICMP_PER_SECOND;
	}
	if (cpu->icmp_tokens == 0)
		return 0;
	cpu->icmp_tokens--;
	return 1;
}

static __always_inline struct isobar_error *icmp_error(void)
{
	struct isobar_cpu *cpu = isobar_only(isobar_cpu);

	return cpu ? &cpu->error : NULL;
}

static __always_inline __be16 icmp_type_code(enum isobar_verdict verdict)
{
	switch (verdict) {
	case ISOBAR_NO_SERVER:
	case ISOBAR_LOCAL_PORTS:
	case ISOBAR_REPLY_UNKNOWN:
		return bpf_htons(ICMP_DEST_UNREACH << 8 | ICMP_PORT_UNREACH);
	case ISOBAR_TTL_EXPIRED:
		return bpf_htons(ICMP_TIME_EXCEEDED << 8 | ICMP_EXC_TTL);
	case ISOBAR_TOO_BIG:
		return bpf_htons(ICMP_DEST_UNREACH << 8 | ICMP_FRAG_NEEDED);
	default:
		return bpf_htons(ICMP_DEST_UNREACH << 8 | ICMP_HOST_UNREACH);
	}
}

struct icmp_refusal {
	struct iphdr ip;
	__be16 type_code;
	__sum16 check;
	__be16 unused;
	__be16 mtu;
};

/* The first 8 bytes of the refused packet's transport header. */
struct icmp_quote {
	__be16 half[4];
};

/* Cuts the packet down to what an error quotes of it: IP header and 8 bytes behind it.
 * A packet whose transport checksum the device is to fill in cannot be cut before that
 * field (the kernel refuses), and the device will still fill it in: the sum then is what
 * the quoted bytes will add up to. */
__noinline int icmp_cut(ISOBAR_CTX *ctx, const struct isobar_packet *packet,
			struct isobar_error *error)
{
	struct icmp_quote quote;
	__u32 l4, checksum;
	__be16 seed;

	if (!packet || !error)
		return -1;
	l4 = packet->l4 & ISOBAR_L4_MASK;
	checksum = nat_checksum_offset(packet);
	if (bpf_skb_load_bytes(ctx, l4, &quote, sizeof(quote)) ||
	    bpf_skb_load_bytes(ctx, checksum, &seed, sizeof(seed)))
		return -1;
	error->length = l4 + sizeof(quote);
	if (bpf_skb_change_tail(ctx, l4 + sizeof(__be32), 0) == 0) {
		error->sum = (__u32)quote.half[0] + quote.half[1] + quote.half[2] + quote.half[3];
	} else {
		error->sum = (__u16)~seed;
		if (packet->tuple.protocol != IPPROTO_UDP)
			error->length = checksum + sizeof(seed);
	}
	if (bpf_skb_change_tail(ctx, error->length, 0))
		return -1;
	return bpf_skb_store_bytes(ctx, l4, &quote, sizeof(quote), 0);
}

/* Turns the packet, already cut, into the ICMP error about it, from its destination to its
 * source. */
__noinline int icmp_write(ISOBAR_CTX *ctx, const struct isobar_packet *packet,
			  const struct isobar_error *error, __u32 verdict, __u32 mtu)
{
	struct icmp_refusal refusal = {};
	__u64 header;

	if (!packet || !error || bpf_skb_adjust_room(ctx, sizeof(refusal), BPF_ADJ_ROOM_MAC, 0))
		return -1;
	refusal.ip.version = 4;
	refusal.ip.ihl = sizeof(refusal.ip) / 4;
	refusal.ip.tos = 0xc0; /* internetwork control, as the kernel's own errors */
	refusal.ip.tot_len = bpf_htons(sizeof(refusal) + error->length - ISOBAR_L3);
	refusal.ip.ttl = 64;
	refusal.ip.protocol = IPPROTO_ICMP;
	refusal.ip.saddr = address_v4(&packet->tuple.destination);
	refusal.ip.daddr = address_v4(&packet->tuple.source);
	header = (__u64)0x4500 + 0xc0; /* first half word, host order */
	header = bpf_htons(header);
	header += refusal.ip.tot_len;
	header += bpf_htons(64 << 8 | IPPROTO_ICMP);
	header += refusal.ip.saddr;
	header += refusal.ip.daddr;
	refusal.ip.check = ~checksum_fold(header);
	refusal.type_code = icmp_type_code(verdict);
	refusal.mtu = bpf_htons(mtu);
	/* the quoted IP header is right, so it adds up to nothing */
	refusal.check = ~checksum_fold((__u64)error->sum + refusal.type_code + refusal.mtu);
	return bpf_skb_store_bytes(ctx, ISOBAR_L3, &refusal, sizeof(refusal), 0);
}

static __always_inline int icmp_refuse(ISOBAR_CTX *ctx, const struct isobar_packet *packet,
				       __u32 verdict, __u32 mtu)
{
	struct isobar_error *error = icmp_error();

	if (!error || icmp_cut(ctx, packet, error))
		return -1;
	return packet_is_ipv6(packet) ? icmp6_write(ctx, packet, error, verdict, mtu)
				      : icmp_write(ctx, packet, error, verdict, mtu);
}

/* A client that is on this host has no next hop. */
static __always_inline int icmp_finds_client(enum nexthop_answer answer, int here)
{
	return answer == NEXTHOP_FOUND || (answer == NEXTHOP_NONE && here);
}

/* Sends the error about the packet to its source. The quiet form of a refusal follows it in
 * the list. */
static __always_inline enum isobar_verdict icmp_tell(ISOBAR_CTX *ctx, struct balance *b,
						     enum isobar_verdict verdict, __u32 mtu)
{
	struct isobar_nexthop *hop = NULL;
	enum nexthop_answer answer;

	answer = find_nexthop_back(ctx, b->settings, &b->packet, &b->packet.tuple.destination,
				   &b->packet.tuple.source, b->now, &hop);
	if (!icmp_finds_client(answer, ctx_is_from_here(ctx)) ||
	    !icmp_may_send(b->settings, b->now) || icmp_refuse(ctx, &b->packet, verdict, mtu))
		return verdict + 1;
	return send_out(ctx, answer == NEXTHOP_FOUND ? hop : NULL, verdict);
}

/* As it is told: below the least one of IPv6 its senders do not go. */
static __always_inline __u32 icmp_mtu(const struct isobar_packet *packet, __u32 mtu)
{
	return packet_is_ipv6(packet) && mtu < IPV6_LEAST_MTU ? IPV6_LEAST_MTU : mtu;
}

static __always_inline __u32 refusal_mtu(ISOBAR_CTX *ctx, struct balance *b)
{
	struct isobar_nexthop *hop = NULL;
	__u32 mtu = route(ctx, b, &hop) == NEXTHOP_FOUND && hop ? hop->mtu - overhead(b) : 0;

	return icmp_mtu(&b->packet, mtu);
}

/* ---- errors of others ------------------------------------------------------ */

static __always_inline int icmp_is_error(__u8 type)
{
	return type == ICMP_DEST_UNREACH || type == ICMP_SOURCE_QUENCH ||
	       type == ICMP_TIME_EXCEEDED || type == ICMP_PARAMETERPROB;
}

/* Reads the quoted packet's header. */
__noinline int icmp4_parse(ISOBAR_CTX *ctx, struct isobar_error *error)
{
	struct icmphdr *icmp;
	struct iphdr *inner;

	if (!error || !ctx_reach(ctx, error->inner + sizeof(*inner) + 8))
		return -1;
	icmp = ctx_data(ctx) + (error->icmp & ISOBAR_L4_MASK);
	inner = (void *)(icmp + 1);
	if ((void *)(inner + 1) > ctx_data_end(ctx))
		return -1;
	if (!icmp_is_error(icmp->type) || inner->version != 4 || inner->ihl < 5 ||
	    (inner->frag_off & bpf_htons(0x1fff)))
		return -1;
	error->quoted.source = address_from_v4(inner->daddr);
	error->quoted.destination = address_from_v4(inner->saddr);
	error->quoted.protocol = inner->protocol;
	error->inner_l4 = error->inner + inner->ihl * 4;
	return 0;
}

/* Reads the quoted packet. */
static __always_inline int icmp_parse(ISOBAR_CTX *ctx, const struct isobar_packet *packet,
				      struct isobar_error *error)
{
	__be16 *ports;

	error->icmp = packet->l4 & ISOBAR_L4_MASK;
	error->inner = error->icmp + sizeof(struct icmphdr);
	if (packet_is_ipv6(packet) ? icmp6_parse(ctx, error) : icmp4_parse(ctx, error))
		return -1;
	if (error->quoted.protocol != IPPROTO_TCP && error->quoted.protocol != IPPROTO_UDP &&
	    error->quoted.protocol != IPPROTO_SCTP)
		return -1;
	if (!ctx_reach(ctx, error->inner_l4 + 8))
		return -1;
	ports = ctx_data(ctx) + (error->inner_l4 & ISOBAR_L4_MASK);
	if ((void *)(ports + 2) > ctx_data_end(ctx))
		return -1;
	error->quoted.source_port = ports[1];
	error->quoted.destination_port = ports[0];
	return 0;
}

/* The quoted packet gets back the address and port that its sender gave it. The IP
 * header's checksum makes up for the address; the ICMP checksum must take the port. */
static __always_inline int icmp_rewrite_quote(ISOBAR_CTX *ctx, const struct isobar_error *error,
					      int source_end)
{
	struct icmphdr *icmp = ctx_data(ctx) + (error->icmp & ISOBAR_L4_MASK);
	struct iphdr *inner = (void *)(icmp + 1);
	__be32 old_address = address_v4(&error->old_address);
	__be32 new_address = address_v4(&error->new_address);

	if ((void *)(inner + 1) > ctx_data_end(ctx))
		return -1;
	if (source_end)
		inner->saddr = new_address;
	else
		inner->daddr = new_address;
	inner->check = checksum_replace(inner->check, old_address, new_address, 0, 0);
	icmp->checksum = checksum_replace(icmp->checksum, 0, 0, error->old_port, error->new_port);
	return 0;
}

/* The error as whom it goes to expects it: one end of it, and the other of what it quotes, get
 * another address. */
__noinline int icmp_rewrite(ISOBAR_CTX *ctx, const struct isobar_packet *packet,
			    const struct isobar_error *error, __u32 end)
{
	int source_end = end == NAT_DESTINATION; /* of the quoted packet */
	__be16 *ports;

	if (!packet || !error)
		return -1;
	if (packet_is_ipv6(packet)) {
		if (icmp6_rewrite(ctx, packet, error, end))
			return -1;
	} else if (icmp_rewrite_quote(ctx, error, source_end) ||
		   nat_rewrite_ip(ctx, end, address_v4(nat_old_address(packet, end)),
				  address_v4(&error->new_address))) {
		return -1;
	}
	ports = ctx_data(ctx) + (error->inner_l4 & ISOBAR_L4_MASK);
	if ((void *)(ports + 2) > ctx_data_end(ctx))
		return -1;
	ports[!source_end] = error->new_port;
	return 0;
}

/* The server sees a packet of its own quoted: by NAT that is one before the rewriting, else as
 * it is. */
static __always_inline int icmp_rewrite_for_server(ISOBAR_CTX *ctx, struct balance *b,
						   const struct isobar_error *error)
{
	if (b->found.conn->method == ISOBAR_METHOD_FULLNAT &&
	    fullnat_rewrite_error(ctx, &b->packet, b->found.record, ISOBAR_FROM_CLIENT))
		return -1;
	if (conn_is_rewritten(b->found.conn))
		return icmp_rewrite(ctx, &b->packet, error, NAT_DESTINATION);
	if (b->found.server->flags & ISOBAR_SERVER_LOCAL)
		return 0;
	if (nat_count_hop(ctx, &b->packet))
		return -1;
	if (b->found.conn->method == ISOBAR_METHOD_TUN)
		return tunnel_wrap(ctx, &b->packet, b->found.server);
	return 0;
}

/* An error about a reply, from outside: on to the real server, about its own packet. */
static __always_inline enum isobar_verdict icmp_to_server(ISOBAR_CTX *ctx, struct balance *b,
							  struct isobar_error *error)
{
	int local = b->found.server->flags & ISOBAR_SERVER_LOCAL;
	struct isobar_nexthop *hop = NULL;
	int failure;

	error->old_address = b->found.conn->virtual_address;
	error->new_address = b->found.server->address;
	error->old_port = b->found.conn->virtual_port;
	error->new_port = conn_server_port(b->found.conn, b->found.server);
	if (!local && (find_nexthop(ctx, b->settings, &b->packet, b->found.conn->server, NULL,
				    &error->new_address, b->now, &hop) != NEXTHOP_FOUND ||
		       !hop))
		return ISOBAR_NO_ROUTE_QUIET;
	track_traffic(b->settings, b->found.conn->server, ISOBAR_FROM_CLIENT, b->packet.length,
		      b->now);
	failure = icmp_rewrite_for_server(ctx, b, error);
	if (failure)
		return rewriting_failed(failure);
	return local ? ISOBAR_TO_SELF : send_out(ctx, hop, ISOBAR_ICMP_FORWARDED);
}

/* An error about a request, from a real server or a router inside: on to the client, in
 * the name of the virtual service. */
static __always_inline enum isobar_verdict icmp_to_client(ISOBAR_CTX *ctx, struct balance *b,
							  struct isobar_error *error)
{
	struct isobar_nexthop *hop = NULL;
	enum nexthop_answer answer;

	error->old_address = b->found.server->address;
	error->new_address = b->found.conn->virtual_address;
	error->old_port = conn_server_port(b->found.conn, b->found.server);
	error->new_port = b->found.conn->virtual_port;
	answer = find_nexthop_back(ctx, b->settings, &b->packet, &error->new_address,
				   &b->found.conn->client, b->now, &hop);
	if (!icmp_finds_client(answer, b->found.conn->flags & ISOBAR_CONN_HERE))
		return ISOBAR_NO_ROUTE_QUIET;
	track_traffic(b->settings, b->found.conn->server, ISOBAR_FROM_SERVER, b->packet.length,
		      b->now);
	if (b->found.conn->method == ISOBAR_METHOD_FULLNAT &&
	    fullnat_rewrite_error(ctx, &b->packet, b->found.record, ISOBAR_FROM_SERVER))
		return ISOBAR_INTERNAL;
	if (icmp_rewrite(ctx, &b->packet, error, NAT_SOURCE))
		return ISOBAR_INTERNAL;
	return send_out(ctx, answer == NEXTHOP_FOUND ? hop : NULL, ISOBAR_ICMP_REPLIED);
}
