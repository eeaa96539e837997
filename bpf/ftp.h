/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * FTP's control connections by VS/NAT, tc only (net/netfilter/ipvs/ip_vs_ftp.c, ip_vs_app.c).
 *
 * The client's PORT and the server's answer to PASV tell where the next data connection will be:
 * that is recorded (ftp_data.h). The answer names the server; the client is told the virtual
 * address instead. The text may become longer or shorter by that; from then on both ends count the
 * server's bytes differently:
 *
 *   server's    --- before ---[ 192,168,10,100,4,1 ]--- behind --->
 *   client's    --- before ---[ 10,0,0,2,4,1 ]--- behind --->
 *
 * Sequence numbers of the server, and what the client acknowledges, are put right in each packet.
 * An answer that is sent again is changed again in the same way.
 *
 * Not followed, and counted as such, is what leads elsewhere than to this client and this server
 * (IPVS opens the way anywhere), or to a port below 1024.
 */
#pragma once

#include "ftp_data.h"
#include "ftp_text.h"

/* A client's commands are short. */
#define FTP_COMMAND 512

static __always_inline struct ftp_segment *ftp_segment(void)
{
	return isobar_only(isobar_segment);
}

/* The same number, which is 1 to `most`, a power of two: for Linux 6.1, which learns nothing from
 * comparisons with 0. */
static __always_inline __u32 ftp_bounded(__u32 length, __u32 most)
{
	length--;
	asm volatile("" : "+r"(length)); /* or clang takes that for nothing to do */
	return (length & (most - 1)) + 1;
}

/* The first bytes of the payload, `most` or all. How many; 0: none. */
static __always_inline int ftp_load(ISOBAR_CTX *ctx, struct ftp_segment *segment, __u32 most)
{
	__u32 length = segment->length;

	if (length > most)
		length = most;
	if (length == 0)
		return 0;
	length = ftp_bounded(length, 2048);
	return bpf_skb_load_bytes(ctx, segment->offset, segment->byte, length) ? 0 : length;
}

/* The TCP header, and where the payload is. */
static __always_inline int ftp_open(ISOBAR_CTX *ctx, const struct isobar_packet *packet,
				    struct ftp_segment *segment, __u32 mtu)
{
	__u32 l4 = packet->l4 & ISOBAR_L4_MASK;

	if (bpf_skb_load_bytes(ctx, l4, &segment->tcp, sizeof(segment->tcp)))
		return -1;
	segment->offset = l4 + segment->tcp.doff * 4;
	segment->length = packet->length + ISOBAR_L3 - segment->offset; /* parse_transport() */
	segment->gso = ctx_gso_size(ctx);
	segment->room = mtu ? (__s32)(mtu - packet->length) : FTP_SEGMENT;
	return 0;
}

/* ---- what is announced ------------------------------------------------------------- */

/* Is the record the same data connection already? Another one's must make room. */
static __always_inline int ftp_knows(const struct isobar_settings *settings, __u32 record,
				     const struct isobar_conn *control, __u32 now)
{
	struct isobar_conn *conn = conn_at(record);
	__u32 life;

	if (!conn || conn->server != control->server) {
		conn_retire(record);
		return 0;
	}
	life = conn->life;
	if (life & ISOBAR_LIFE_LIVE)
		__sync_val_compare_and_swap(&conn->life, life,
					    (life & ~ISOBAR_LIFE_STATE) | ISOBAR_STATE_LISTEN);
	conn->expires = now + settings->timeout[ISOBAR_STATE_LISTEN];
	return 1;
}

/* The tuple of the data connection's packets from the client; of a passive one (all bits, or none)
 * without the client's port. No branches: the verifier would go on from each. */
static __always_inline void ftp_plan(struct ftp_segment *segment, const struct isobar_conn *conn,
				     __u32 passive)
{
	__u32 below = bpf_htons(bpf_ntohs(conn->virtual_port) - 1);
	__u32 port = bpf_htons(segment->line.port);

	segment->tuple.source = conn->client;
	segment->tuple.destination = conn->virtual_address;
	segment->tuple.source_port = port & ~passive;
	segment->tuple.destination_port = (port & passive) | (below & ~passive);
	segment->tuple.protocol = IPPROTO_TCP;
}

#define FTP_PASSIVE (ISOBAR_CONN_EXPECTED | ISOBAR_CONN_SAME_PORT)

static __always_inline __u32 ftp_is_passive(const struct ftp_segment *segment)
{
	return bits_equal(segment->kind, FTP_227) | bits_equal(segment->kind, FTP_229);
}

/* Puts the data connection that segment->line tells of into segment->tuple. 1: there is a record
 * for it already. A function of its own, so that ftp_expect()'s stack is not under the search's. */
__noinline int ftp_is_expected(__u32 control)
{
	const struct isobar_settings *settings = &isobar_settings;
	struct isobar_conn *conn = conn_at(control);
	struct ftp_segment *segment = ftp_segment();
	__u32 record;

	if (!conn || !segment)
		return 0;
	ftp_plan(segment, conn, -ftp_is_passive(segment));
	record = conn_find_among(&segment->tuple, ISOBAR_FROM_CLIENT);
	return record != CONN_NONE && ftp_knows(settings, record, conn, isobar_now());
}

/* Makes way for the data connection of segment->tuple. Other than 0: it has no room. */
__noinline int ftp_expect(__u32 control)
{
	const struct isobar_settings *settings = &isobar_settings;
	struct isobar_conn *conn = conn_at(control);
	struct isobar_sweep *sweep = &isobar_sweep;
	struct ftp_segment *segment = ftp_segment();
	__u32 flags, record, passive;

	if (!conn || !segment)
		return -1;
	passive = ftp_is_passive(segment);
	flags = FTP_PASSIVE * passive | ISOBAR_CONN_PORT_BELOW * (passive ^ 1) |
		(conn->flags & ISOBAR_CONN_HERE);
	if (!ftp_hold(conn))
		return -1;
	/* before it is there: it may end at once, and that takes one off */
	__sync_fetch_and_add(&sweep->expected, passive);
	record = ftp_record(settings, &segment->tuple, control + 1, conn->server, flags,
			    isobar_now());
	if (record != CONN_NONE)
		return 0;
	__sync_fetch_and_add(&sweep->expected, -passive);
	template_release(control + 1);
	return -1;
}

/* ---- what is said --------------------------------------------------------------- */

/* What a client or server says may announce a data connection: ftp_announce() sees to it. */
#define FTP_ANNOUNCED (ISOBAR_VERDICTS + 1)

/* What the client says. Its bytes stay as they are. */
static __always_inline int ftp_hear_client(struct isobar_ftp *ftp, struct ftp_segment *segment,
					   const struct isobar_conn *conn, __u32 length)
{
	__u32 begin = bpf_ntohl(segment->tcp.seq);
	__u32 family = address_is_v4(&conn->client) ? 1 : 2;
	int verdict = ISOBAR_GO_ON;

	/* sent again, or some is missing: as IPVS, it begins with a line */
	if (ftp->next != begin)
		ftp_restart(&ftp->command);
	ftp->next = begin + segment->length;
	if (!ftp_read_on(&ftp->command, segment, length)) {
		if (length < segment->length)
			ftp_restart(&ftp->command);
		return ISOBAR_GO_ON;
	}
	if (segment->kind == FTP_PORT_COMMAND || segment->kind == FTP_EPRT) {
		ftp->awaits = FTP_NOTHING;
		verdict = FTP_ANNOUNCED;
	} else if (!ftp->command.family || ftp->command.family == family) {
		ftp->awaits = segment->kind;
	}
	segment->line = ftp->command;
	segment->again = 0;
	ftp_restart(&ftp->command);
	return verdict;
}

/* Is something of the latest change in this segment? */
static __always_inline int ftp_touches(const struct isobar_ftp *ftp,
				       const struct ftp_segment *segment)
{
	__s32 offset = ftp->at - bpf_ntohl(segment->tcp.seq);

	return ftp->new_length && offset < (__s32)segment->length &&
	       offset + (__s32)ftp->old_length > 0;
}

/* What the server says: of interest if the client has asked, or if it is the answer once more. */
static __always_inline int ftp_hear_server(struct isobar_ftp *ftp, struct ftp_segment *segment,
					   __u32 length)
{
	__u32 phase;

	ftp_restart(&segment->line);
	if (!ftp_read_on(&segment->line, segment, length)) {
		phase = segment->line.phase;
		/* cut off: what is sent on cannot be changed any more */
		return phase >= FTP_GAP && phase <= FTP_PARTS ? ISOBAR_FTP_IGNORED : ISOBAR_GO_ON;
	}
	segment->again =
		ftp_touches(ftp, segment) && segment->from + bpf_ntohl(segment->tcp.seq) == ftp->at;
	if (segment->again)
		return FTP_ANNOUNCED;
	if (segment->kind != (ftp->awaits == FTP_PASV ? FTP_227 : FTP_229))
		return ISOBAR_GO_ON;
	if (!segment->gso) /* else it may come again */
		ftp->awaits = FTP_NOTHING;
	return FTP_ANNOUNCED;
}

/* Reads what is in the packet. FTP_ANNOUNCED: segment->line tells of a data connection. */
__noinline int ftp_hear(ISOBAR_CTX *ctx, const struct isobar_packet *packet, __u32 record,
			__u32 direction, __u32 mtu)
{
	static const struct isobar_ftp none;
	struct isobar_conn *conn = conn_at(record);
	struct ftp_segment *segment = ftp_segment();
	struct isobar_ftp *ftp;
	__u32 length;

	if (!packet || !conn || !segment)
		return ISOBAR_INTERNAL;
	if (direction == ISOBAR_FROM_CLIENT && packet->tcp_event == TCP_SYN)
		bpf_map_delete_elem(&isobar_ftp, &record); /* of the connection before this one */
	if (ftp_open(ctx, packet, segment, mtu))
		return ISOBAR_MALFORMED;
	if (!segment->length || packet->fragment ||
	    (conn->life & ISOBAR_LIFE_STATE) != ISOBAR_STATE_ESTABLISHED)
		return ISOBAR_GO_ON;
	if (direction == ISOBAR_FROM_CLIENT)
		bpf_map_update_elem(&isobar_ftp, &record, &none, BPF_NOEXIST);
	ftp = bpf_map_lookup_elem(&isobar_ftp, &record);
	if (!ftp)
		return direction == ISOBAR_FROM_CLIENT ? ISOBAR_FTP_IGNORED : ISOBAR_GO_ON;
	if (direction == ISOBAR_FROM_SERVER && !ftp->awaits && !ftp_touches(ftp, segment))
		return ISOBAR_GO_ON;
	length =
		ftp_load(ctx, segment, direction == ISOBAR_FROM_CLIENT ? FTP_COMMAND : FTP_SEGMENT);
	if (!length)
		return ISOBAR_INTERNAL;
	return direction == ISOBAR_FROM_CLIENT ? ftp_hear_client(ftp, segment, conn, length)
					       : ftp_hear_server(ftp, segment, length);
}

/* Does segment->line name the client, or, if it is the server's, the server? Many a server says
 * what its clients call it, the virtual address. And a port that may be opened? */
__noinline int ftp_allowed(__u32 record)
{
	struct isobar_conn *conn = conn_at(record);
	struct ftp_segment *segment = ftp_segment();
	struct isobar_server *server;

	if (!conn || !segment || segment->line.port < 1024 || segment->line.port > 65535)
		return 0;
	if (segment->kind == FTP_PORT_COMMAND || segment->kind == FTP_EPRT)
		return ftp_names(&segment->line, &conn->client);
	/* 229 leaves the address out, mostly: the client takes that of the control connection */
	if (segment->kind == FTP_229 && !segment->line.family)
		return 1;
	server = conn_server(conn);
	return server && (ftp_names(&segment->line, &server->address) ||
			  ftp_names(&segment->line, &conn->virtual_address));
}

/* The text that says to the client what the server has said, into ftp->text. Its length. */
static __always_inline int ftp_write(struct isobar_ftp *ftp, struct ftp_segment *segment,
				     const struct isobar_conn *conn)
{
	static const char list[] = "%u,%u,%u,%u,%u,%u";
	static const char parts[] = "|||%u|";
	__u32 address = bpf_ntohl(address_v4(&conn->virtual_address));
	__u64 *argument = segment->argument;
	__u32 port = segment->line.port;

	if (segment->kind == FTP_229) {
		argument[0] = port;
		return bpf_snprintf(ftp->text, sizeof(ftp->text), parts, argument, 8) - 1;
	}
	argument[0] = address >> 24;
	argument[1] = address >> 16 & 0xff;
	argument[2] = address >> 8 & 0xff;
	argument[3] = address & 0xff;
	argument[4] = port >> 8;
	argument[5] = port & 0xff;
	return bpf_snprintf(ftp->text, sizeof(ftp->text), list, argument, 48) - 1;
}

/* A packet that grows or shrinks leaves as one packet (ftp_resize). Is it too big for that, or to
 * be summed up? */
static __always_inline int ftp_outgrows(const struct ftp_segment *segment, __s32 growth)
{
	__s32 length = segment->length;

	return length > FTP_SEGMENT || length + growth > FTP_SEGMENT ||
	       (growth && growth > segment->room);
}

/* Notes that the numbers of an answer are to become what the client can use. */
__noinline int ftp_change(__u32 record)
{
	struct isobar_conn *conn = conn_at(record);
	struct isobar_ftp *ftp = bpf_map_lookup_elem(&isobar_ftp, &record);
	struct ftp_segment *segment = ftp_segment();
	__s32 length, old_length;
	__u32 at;

	if (!conn || !ftp || !segment)
		return ISOBAR_INTERNAL;
	at = bpf_ntohl(segment->tcp.seq) + segment->from;
	old_length = segment->to - segment->from;
	if (segment->kind != FTP_227 && (segment->kind != FTP_229 || !segment->line.family))
		return ISOBAR_GO_ON; /* a client's, or without an address */
	if (ftp->new_length && (__s32)(at - ftp->at) < 0)
		return ISOBAR_GO_ON; /* an older one, and the client knows it already */
	length = ftp_write(ftp, segment, conn);
	if (length <= 0 || length >= FTP_TEXT)
		return ISOBAR_INTERNAL;
	if (ftp_outgrows(segment, length - old_length))
		return segment->gso ? ISOBAR_FTP_AGAIN : ISOBAR_FTP_IGNORED;
	if (!ftp->new_length || at != ftp->at)
		ftp->before = ftp->behind;
	ftp->at = at;
	ftp->old_length = old_length;
	ftp->new_length = length;
	ftp->behind = ftp->before + length - old_length;
	return ISOBAR_GO_ON;
}

/* Sees to the data connection that segment->line tells of, and to what the client is told of it. */
static __always_inline int ftp_announce(__u32 record)
{
	if (!ftp_allowed(record) || (!ftp_is_expected(record) && ftp_expect(record)))
		return ISOBAR_FTP_IGNORED;
	return ftp_change(record);
}

/* ---- what is changed ---------------------------------------------------------------- */

/* Checksums are kept as in ctx_change_checksum(): what is written is no news to the driver's sum,
 * for the checksum makes up for it. */
static __always_inline int ftp_write_word(ISOBAR_CTX *ctx, __u32 l4, __u32 offset, __be32 old_word,
					  __be32 new_word)
{
	if (old_word == new_word)
		return 0;
	if (bpf_skb_store_bytes(ctx, offset, &new_word, sizeof(new_word), 0))
		return -1;
	if (offset & 1) { /* its bytes count at the other place in their halves */
		old_word = old_word << 8 | old_word >> 24;
		new_word = new_word << 8 | new_word >> 24;
	}
	return bpf_l4_csum_replace(ctx, l4 + offsetof(struct tcphdr, check), old_word, new_word,
				   sizeof(new_word));
}

/* The server's number as the client knows it. */
static __always_inline __be32 ftp_to_client(const struct isobar_ftp *ftp, __be32 number)
{
	__u32 host = bpf_ntohl(number);
	__s32 ahead = host - ftp->at;

	return bpf_htonl(host + (ahead <= 0 ? ftp->before : ftp->behind));
}

/* And back. */
static __always_inline __be32 ftp_to_server(const struct isobar_ftp *ftp, __be32 number)
{
	__u32 host = bpf_ntohl(number);
	__s32 ahead = host - ftp->before - ftp->at;

	if (ahead <= 0)
		return bpf_htonl(host - ftp->before);
	if (ahead < (__s32)ftp->new_length) /* in the midst of the text: none of it */
		return bpf_htonl(ftp->at);
	return bpf_htonl(host - ftp->behind);
}

/* The blocks of selective acknowledgements (RFC 2018), an edge or an option a step. */
struct ftp_options {
	ISOBAR_CTX *ctx;
	struct isobar_ftp *ftp;
	__u32 l4;
	__u32 offset;
	__u32 end;
	__u32 edges; /* that are left of the option */
};

#define FTP_OPTION_SACK 5
#define TCP_OPTION_BYTES 40

static long ftp_option(__u32 i, struct ftp_options *options)
{
	__u32 offset = options->offset;
	__u8 head[2] = {};
	__be32 edge;

	if (offset + 2 > options->end)
		return 1;
	if (options->edges) {
		options->edges--;
		options->offset = offset + sizeof(edge);
		if (options->offset > options->end ||
		    bpf_skb_load_bytes(options->ctx, offset, &edge, sizeof(edge)))
			return 1;
		ftp_write_word(options->ctx, options->l4, offset, edge,
			       ftp_to_server(options->ftp, edge));
		return 0;
	}
	if (bpf_skb_load_bytes(options->ctx, offset, head, sizeof(head)))
		return 1;
	if (head[0] == 1) { /* no-operation */
		options->offset = offset + 1;
		return 0;
	}
	if (head[0] == 0 || head[1] < 2)
		return 1;
	options->offset = offset + head[1];
	if (head[0] == FTP_OPTION_SACK) {
		options->offset = offset + 2;
		options->edges = (head[1] - 2) / 4;
	}
	return 0;
}

/* Numbers of a packet of the client, which all are about the server's bytes. */
static __always_inline int ftp_renumber_client(ISOBAR_CTX *ctx, struct isobar_ftp *ftp,
					       const struct ftp_segment *segment, __u32 l4)
{
	struct ftp_options options = {
		.ctx = ctx,
		.ftp = ftp,
		.l4 = l4,
		.offset = l4 + sizeof(struct tcphdr),
		.end = segment->offset,
	};

	if (segment->tcp.ack &&
	    ftp_write_word(ctx, l4, l4 + offsetof(struct tcphdr, ack_seq), segment->tcp.ack_seq,
			   ftp_to_server(ftp, segment->tcp.ack_seq)))
		return ISOBAR_INTERNAL;
	bpf_loop(TCP_OPTION_BYTES, ftp_option, &options, 0);
	return ISOBAR_GO_ON;
}

/* Of the first `length` bytes of the segment, an even offset from the header. */
static __always_inline __u32 ftp_sum(struct ftp_segment *segment, __u32 length)
{
	__s64 sum = 0;

	segment->byte[length & 2047] = 0;
	segment->byte[(length + 1) & 2047] = 0;
	segment->byte[(length + 2) & 2047] = 0;
	for (__u32 from = 0; from < FTP_SEGMENT + FTP_TEXT; from += 512) {
		__u32 some = length > from ? (length - from + 3) & ~3u : 0;

		if (some > 512) /* as much as Linux 6.1 adds up at once */
			some = 512;
		if (some == 0)
			break;
		some = ftp_bounded(some, 512);
		sum = bpf_csum_diff(NULL, 0, (void *)segment->byte + from, some, sum);
	}
	return sum;
}

/* The packet gets another length: in its headers too. Grown first in any case, so that the driver's
 * sum of it is forgotten; a super-packet becomes a packet. */
static __always_inline int ftp_resize(ISOBAR_CTX *ctx, struct isobar_packet *packet, __s32 growth)
{
	__u32 l4 = packet->l4 & ISOBAR_L4_MASK;
	__u32 length = packet->length + growth;
	__be16 old_size = bpf_htons(packet->length + ISOBAR_L3 - l4);
	__be16 new_size = bpf_htons(length + ISOBAR_L3 - l4);
	__be16 old_total = bpf_htons(packet->length), new_total = bpf_htons(length);

	if (bpf_skb_change_tail(ctx, ctx->len + FTP_TEXT, 0) ||
	    bpf_skb_change_tail(ctx, ISOBAR_L3 + length, 0) ||
	    bpf_l4_csum_replace(ctx, l4 + offsetof(struct tcphdr, check), old_size, new_size,
				BPF_F_PSEUDO_HDR | sizeof(new_size)))
		return -1;
	packet->length = packet->wire_length = length;
	if (packet_is_ipv6(packet)) {
		new_total = bpf_htons(length - sizeof(struct ipv6hdr));
		return bpf_skb_store_bytes(ctx, ISOBAR_L3 + offsetof(struct ipv6hdr, payload_len),
					   &new_total, sizeof(new_total), 0);
	}
	return bpf_skb_store_bytes(ctx, ISOBAR_L3 + offsetof(struct iphdr, tot_len), &new_total,
				   sizeof(new_total), 0) ||
	       bpf_l3_csum_replace(ctx, ISOBAR_L3 + offsetof(struct iphdr, check), old_total,
				   new_total, sizeof(new_total));
}

/* The text, and behind it what has followed it. */
static __always_inline int ftp_put_text(ISOBAR_CTX *ctx, const struct isobar_ftp *ftp,
					struct ftp_segment *segment, __u32 offset)
{
	__u32 text = ftp->new_length, behind = offset + ftp->old_length;
	__u32 rest = segment->length - behind;

	if (bpf_skb_store_bytes(ctx, segment->offset + offset, ftp->text,
				ftp_bounded(text, FTP_TEXT), 0))
		return -1;
	if (text == ftp->old_length || rest == 0)
		return 0;
	asm volatile("" : "+r"(behind));
	return bpf_skb_store_bytes(ctx, segment->offset + offset + text,
				   segment->byte + (behind & 2047), ftp_bounded(rest, 2048), 0);
}

/* Puts the text in the place of the server's. */
__noinline int ftp_splice(ISOBAR_CTX *ctx, struct isobar_packet *packet, __u32 record)
{
	struct isobar_ftp *ftp = bpf_map_lookup_elem(&isobar_ftp, &record);
	struct ftp_segment *segment = ftp_segment();
	__u32 offset, old_sum, new_sum;
	__s32 growth;

	if (!ftp || !segment || !packet)
		return ISOBAR_INTERNAL;
	offset = ftp->at - bpf_ntohl(segment->tcp.seq);
	growth = ftp->new_length - ftp->old_length;
	if (ftp_outgrows(segment, growth) || offset > segment->length ||
	    offset + ftp->old_length > segment->length || packet->fragment)
		return ISOBAR_FTP_AGAIN;
	if (ftp_load(ctx, segment, FTP_SEGMENT) != segment->length)
		return ISOBAR_INTERNAL;
	old_sum = ftp_sum(segment, segment->length);
	if ((growth && ftp_resize(ctx, packet, growth)) || ftp_put_text(ctx, ftp, segment, offset))
		return ISOBAR_INTERNAL;
	segment->length += growth;
	if (ftp_load(ctx, segment, FTP_SEGMENT) != segment->length)
		return ISOBAR_INTERNAL;
	new_sum = ftp_sum(segment, segment->length);
	return bpf_l4_csum_replace(ctx,
				   (packet->l4 & ISOBAR_L4_MASK) + offsetof(struct tcphdr, check),
				   0, checksum_fold((__u64)(__u32)~old_sum + new_sum), 0)
		       ? ISOBAR_INTERNAL
		       : ISOBAR_GO_ON;
}

/* Puts right what the changes before and in this packet have moved. */
__noinline int ftp_renumber(ISOBAR_CTX *ctx, struct isobar_packet *packet, __u32 record,
			    __u32 direction)
{
	struct isobar_ftp *ftp = bpf_map_lookup_elem(&isobar_ftp, &record);
	struct ftp_segment *segment = ftp_segment();
	__u32 l4;

	if (!packet || !segment)
		return ISOBAR_INTERNAL;
	if (!ftp || !ftp->new_length)
		return ISOBAR_GO_ON;
	l4 = packet->l4 & ISOBAR_L4_MASK;
	if (direction == ISOBAR_FROM_CLIENT)
		return ftp_renumber_client(ctx, ftp, segment, l4);
	if (ftp_write_word(ctx, l4, l4 + offsetof(struct tcphdr, seq), segment->tcp.seq,
			   ftp_to_client(ftp, segment->tcp.seq)))
		return ISOBAR_INTERNAL;
	return ftp_touches(ftp, segment) ? ftp_splice(ctx, packet, record) : ISOBAR_GO_ON;
}

/* All that is to be done with a packet of a control connection before its addresses are changed.
 * ISOBAR_GO_ON, or FTP_IGNORED: it goes its way. `mtu`: of that way; 0: not known. Its frame is
 * small: the stack is nearly full below it. */
__noinline int ftp_pass(ISOBAR_CTX *ctx, struct isobar_packet *packet, __u32 record,
			__u32 direction, __u32 mtu)
{
	int verdict, changed;

	if (!packet || (packet->fragment & FRAGMENT_LATER))
		return ISOBAR_GO_ON;
	verdict = ftp_hear(ctx, packet, record, direction, mtu);
	if (verdict == FTP_ANNOUNCED)
		verdict = ftp_announce(record);
	if (verdict != ISOBAR_GO_ON && verdict != ISOBAR_FTP_IGNORED)
		return verdict;
	changed = ftp_renumber(ctx, packet, record, direction);
	return changed == ISOBAR_GO_ON ? verdict : changed;
}
