/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * --pe sip, tc only: a client of a persistent service is a call. Its template's key is made of the
 * client's address, as far as the mask goes, and the Call-ID of the datagram (RFC 3261, 20.8;
 * net/netfilter/ipvs/ip_vs_pe_sip.c). What is in it is read as nf_conntrack_sip.c reads it.
 *
 * A hash of 128 bits stands in the template in the client's place; what it was made of is noted
 * down in isobar_calls, to be listed.
 */
#pragma once

#include "template.h"

#define CALL_LOOKED_INTO FTP_SEGMENT /* bytes of a datagram */

enum call_phase {
	CALL_LINE,       /* in a line, behind its beginning */
	CALL_CR,         /* behind a CR: an LF may follow */
	CALL_BEGINNING,  /* of a line */
	CALL_NAME,       /* in what may become "Call-ID" */
	CALL_SHORT_NAME, /* behind "i" */
	CALL_COLON,      /* blanks, then a colon */
	CALL_BLANKS,     /* behind it */
	CALL_ID,
	CALL_FOUND,
};

/* A header may go on in the next line, if that begins with a blank. */
enum call_fold { CALL_UNFOLDED, CALL_FOLD_CR, CALL_FOLD_LINE, CALL_FOLD_BLANKS };

static __always_inline int call_is_blank(__u8 c)
{
	return c == ' ' || c == '\t';
}

static __always_inline int call_is_end(__u8 c)
{
	return c == '\r' || c == '\n';
}

/* `word` of RFC 3261, 25.1. */
static __always_inline int call_is_word(__u8 c)
{
	static const __u32 word[8] = { 0, 0xd7ffffa6, 0xbffffffe, 0x6fffffff };

	return word[c >> 5] >> (c & 31) & 1;
}

/* Not the header that is looked for. */
static __always_inline __u32 call_in_line(__u8 c)
{
	return c == '\r' ? CALL_CR : c == '\n' ? CALL_BEGINNING : CALL_LINE;
}

static __always_inline __u32 call_begins(__u8 c)
{
	switch (c | 0x20) {
	case 'c':
		return CALL_NAME;
	case 'i':
		return CALL_SHORT_NAME;
	default:
		return call_in_line(c);
	}
}

static __always_inline __u32 call_name(struct call_search *search, __u8 c)
{
	static const char name[8] = "call-id";
	__u8 wanted = name[search->letters & 7];

	if (c != wanted && (wanted == '-' || (c | 0x20) != wanted))
		return call_in_line(c);
	return ++search->letters == sizeof(name) - 1 ? CALL_COLON : CALL_NAME;
}

/* 1: the byte was a blank or a fold, 0: it was not; -1: no header goes on like this. */
static __always_inline int call_blank(struct call_search *search, __u8 c)
{
	if (search->fold == CALL_FOLD_CR && c == '\n') {
		search->fold = CALL_FOLD_LINE;
		return 1;
	}
	if (search->fold == CALL_FOLD_CR || search->fold == CALL_FOLD_LINE) {
		search->fold = CALL_FOLD_BLANKS;
		return call_is_blank(c) ? 1 : -1;
	}
	if (search->fold == CALL_FOLD_BLANKS && call_is_blank(c))
		return 1;
	search->fold = c == '\r' ? CALL_FOLD_CR : c == '\n' ? CALL_FOLD_LINE : CALL_UNFOLDED;
	return search->fold != CALL_UNFOLDED || c == ' ';
}

/* word [ "@" word ], and then the line must end. 1: the search is over. */
static __always_inline int call_id(struct call_search *search, __u8 c)
{
	if (call_is_word(c)) {
		search->host += search->host != 0;
	} else if (c == '@' && search->length && !search->host) {
		search->host = 1;
	} else if (search->length == 0 || search->host == 1) {
		search->phase = call_in_line(c); /* there may be another */
		return 0;
	} else {
		if (call_is_end(c) && search->length <= ISOBAR_CALL_ID)
			search->phase = CALL_FOUND;
		return 1;
	}
	search->length++;
	search->hash[0] = (search->hash[0] ^ c) * 0x9e3779b97f4a7c15ull;
	search->hash[1] = (search->hash[1] + c) * 0xa0761d6478bd642full;
	return 0;
}

/* Global, and what is known is in a map: the verifier would follow each state to the end of the
 * datagram. 1: the search is over. */
__noinline int call_look(__u32 i)
{
	struct ftp_segment *segment = isobar_only(isobar_segment);
	struct call_search *search;
	int blank;
	__u8 c;

	if (!segment)
		return 1;
	search = &segment->search;
	c = segment->byte[i & 2047];
	switch (search->phase) {
	case CALL_LINE:
		search->phase = call_in_line(c);
		return 0;
	case CALL_CR:
		search->phase = c == '\n' ? CALL_BEGINNING : call_begins(c);
		search->letters = 1;
		return 0;
	case CALL_BEGINNING:
		search->phase = call_begins(c);
		search->letters = 1;
		return 0;
	case CALL_NAME:
		search->phase = call_name(search, c);
		return 0;
	case CALL_SHORT_NAME:
		if ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') {
			search->phase = CALL_LINE;
			return 0;
		}
		search->phase = CALL_COLON;
		break;
	case CALL_ID:
		return call_id(search, c);
	}
	blank = call_blank(search, c);
	if (blank)
		return blank < 0;
	if (search->phase == CALL_COLON) {
		search->phase = CALL_BLANKS;
		return c != ':';
	}
	search->phase = CALL_ID;
	search->first = i;
	search->length = 0;
	search->host = 0;
	return call_id(search, c);
}

static long call_step(__u32 i, __u32 *unused)
{
	__u32 over = call_look(i);

	asm volatile("" : "+r"(over)); /* clang knows what the verifier wants to see */
	return over & 1;
}

/* The datagram has a Call-ID: it is in segment->byte then, segment->call is filled in, and
 * segment->tuple.source the key. */
static __always_inline int call_recognise(ISOBAR_CTX *ctx, const struct isobar_packet *packet,
					  const struct isobar_settings *settings,
					  const struct isobar_service *service,
					  struct ftp_segment *segment)
{
	const struct call_search *search = &segment->search;
	struct address_halves key;
	__u32 unused = 0;
	__u32 offset = packet->l4 + sizeof(struct udphdr);
	/* less 1, as Linux 6.1 does not learn from a comparison with 0 */
	__u32 last = packet->length + ISOBAR_L3 - offset - 1;
	__u32 length;

	if (packet->tuple.protocol != IPPROTO_UDP || (packet->fragment & FRAGMENT_LATER) ||
	    packet->length + ISOBAR_L3 <= offset)
		return 0;
	if (last >= CALL_LOOKED_INTO)
		last = CALL_LOOKED_INTO - 1;
	asm volatile("" : "+r"(last));
	last &= 2047;
	if (ctx_load(ctx, offset, segment->byte, last + 1))
		return 0;
	__builtin_memset(&segment->search, 0, sizeof(segment->search));
	segment->search.hash[0] = settings->hash_seed;
	segment->search.hash[1] = ~settings->hash_seed;
	bpf_loop(last + 1, call_step, &unused, 0);
	length = search->length - 1;
	asm volatile("" : "+r"(length));
	length &= ISOBAR_CALL_ID;
	if (search->phase != CALL_FOUND ||
	    ctx_load(ctx, offset + search->first, segment->call.id, length + 1))
		return 0;
	segment->call.length = length + 1;
	segment->call.client = address_masked(&packet->tuple.source, service->prefix);
	/* of one service, so that the key is one of isobar_calls */
	key.first = conn_mix(search->hash[0] + conn_hash(settings,
							 address_halves(&segment->call.client),
							 service->created, service->created >> 16));
	key.last = conn_mix(search->hash[1] + key.first);
	address_put(&segment->tuple.source, key);
	return 1;
}

static __always_inline void call_note(const struct ftp_segment *segment, __u64 flags)
{
	struct isobar_address key ADDRESS_ALIGNED = segment->tuple.source;

	bpf_map_update_elem(&isobar_calls, &key, &segment->call, flags);
}

/* As template_find(), if need be of the call that the packet is about. CALL_NONE: it is of none. */
__noinline __u32 call_template(ISOBAR_CTX *ctx, const struct isobar_packet *packet,
			       __u32 service_index, __u32 now)
{
	const struct isobar_settings *settings = &isobar_settings;
	struct isobar_service *service = bpf_map_lookup_elem(&isobar_services, &service_index);
	struct ftp_segment *segment = isobar_only(isobar_segment);
	__u32 template;

	if (!service || !segment || !packet)
		return CALL_NONE;
	if (!service->engine)
		return template_find(&packet->tuple, service_index, now);
	if (!call_recognise(ctx, packet, settings, service, segment))
		return CALL_NONE;
	template = template_find(&segment->tuple, service_index, now);
	if (template != TEMPLATE_NONE) /* one that ended may have had the same key */
		call_note(segment, BPF_NOEXIST);
	return template;
}

/* As template_make(), after call_template(). */
__noinline __u32 call_template_make(const struct isobar_tuple *tuple, __u32 service_index,
				    __u32 server, __u32 now)
{
	struct isobar_service *service = bpf_map_lookup_elem(&isobar_services, &service_index);
	struct ftp_segment *segment = isobar_only(isobar_segment);
	__u32 template;

	if (!service || !segment || !tuple)
		return TEMPLATE_NONE;
	if (!service->engine)
		return template_make(tuple, service_index, server, now);
	template = template_make(&segment->tuple, service_index, server, now);
	if (template != TEMPLATE_NONE)
		call_note(segment, BPF_ANY);
	return template;
}
