/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What client and server say to each other about FTP's data connections (RFC 959, RFC 2428), read
 * byte by byte, so that a command may come in pieces:
 *
 *   PORT 10,0,0,100,4,1          227 Entering Passive Mode (192,168,10,100,4,1).
 *   EPRT |1|10.0.0.100|1025|     229 Entering Extended Passive Mode (|||1025|)
 *   PASV  EPSV  EPSV 1
 */
#pragma once

#include "maps.h"

#define FTP_WORD(a, b, c, d) ((a) << 24 | (b) << 16 | (c) << 8 | (d))

enum ftp_kind {
	FTP_NOTHING,
	FTP_PORT_COMMAND,
	FTP_EPRT,
	FTP_PASV,
	FTP_EPSV,
	FTP_227,
	FTP_229,
};

enum ftp_phase {
	FTP_BEGIN,   /* the word that a line begins with */
	FTP_SKIP,    /* the rest of a line that does not matter */
	FTP_GAP,     /* what is between the word and the numbers */
	FTP_LIST,    /* a,d,d,r,p,p */
	FTP_PARTS,   /* |family|address|port| */
	FTP_SWITCH,  /* behind PASV and EPSV */
};

static __always_inline void ftp_restart(struct ftp_line *line)
{
	__builtin_memset(line, 0, sizeof(*line));
}

static __always_inline enum ftp_kind ftp_kind_of(__u32 word)
{
	switch (word) {
	case FTP_WORD('P', 'O', 'R', 'T'):
		return FTP_PORT_COMMAND;
	case FTP_WORD('E', 'P', 'R', 'T'):
		return FTP_EPRT;
	case FTP_WORD('P', 'A', 'S', 'V'):
		return FTP_PASV;
	case FTP_WORD('E', 'P', 'S', 'V'):
		return FTP_EPSV;
	case FTP_WORD('2', '2', '7', ' '):
		return FTP_227;
	case FTP_WORD('2', '2', '9', ' '):
		return FTP_229;
	default:
		return FTP_NOTHING;
	}
}

static __always_inline int ftp_is_digit(__u32 c)
{
	return c - '0' < 10;
}

static __always_inline int ftp_is_blank(__u32 c)
{
	return c == ' ' || c == '\t';
}

static __always_inline void ftp_read_word(struct ftp_line *line, __u32 c)
{
	enum ftp_kind kind;

	if (line->at == 0 && (ftp_is_blank(c) || c == '\r'))
		return;
	if (c - 'a' < 26)
		c -= 'a' - 'A';
	line->word = line->word << 8 | c;
	if (++line->at < 4)
		return;
	line->at = 0;
	kind = ftp_kind_of(line->word);
	line->phase = kind == FTP_NOTHING                    ? FTP_SKIP
		      : kind == FTP_PASV || kind == FTP_EPSV ? FTP_SWITCH
							     : FTP_GAP;
}

/* 1: the numbers begin with this byte. The server may say what it likes before. */
static __always_inline int ftp_read_gap(struct ftp_line *line, __u32 c)
{
	switch (ftp_kind_of(line->word)) {
	case FTP_PORT_COMMAND:
		if (ftp_is_blank(c)) {
			line->field = 1;
			return 0;
		}
		line->phase = line->field && ftp_is_digit(c) ? FTP_LIST : FTP_SKIP;
		break;
	case FTP_EPRT:
		if (ftp_is_blank(c)) {
			line->field = 1;
			return 0;
		}
		line->phase = line->field ? FTP_PARTS : FTP_SKIP;
		break;
	case FTP_227:
		if (ftp_is_digit(c))
			line->phase = FTP_LIST;
		break;
	case FTP_229:
		if (line->field)
			line->phase = FTP_PARTS;
		line->field = c == '(';
		break;
	default:
		line->phase = FTP_SKIP;
	}
	if (line->phase != FTP_LIST && line->phase != FTP_PARTS)
		return 0;
	line->field = 0;
	line->delimiter = 0;
	return 1;
}

/* 1: that was the byte behind the last number. */
static __always_inline int ftp_read_list(struct ftp_line *line, __u32 c)
{
	__u32 at = line->at & 7;
	__u32 number = line->number[at] * 10 + (c - '0');

	if (ftp_is_digit(c) && line->digits < 3 && number <= 255) {
		line->number[at] = number;
		line->digits++;
		return 0;
	}
	if (c == ',' && at < 5 && line->digits) {
		line->at = at + 1;
		line->digits = 0;
		return 0;
	}
	line->phase = FTP_SKIP;
	line->port = line->number[4] << 8 | line->number[5];
	return at == 5 && line->digits && !ftp_is_digit(c) && c != ',';
}

static __always_inline int ftp_next_part(struct ftp_line *line)
{
	if (line->field == 2) {
		line->phase = FTP_SKIP;
		return line->digits != 0;
	}
	if (line->field == 1 && line->digits)
		line->at++; /* how many numbers there are */
	line->digits = 0;
	line->field++;
	return 0;
}

/* A byte of |family|: other than 0: it cannot be there. */
static __always_inline int ftp_read_family(struct ftp_line *line, __u32 c)
{
	line->family = c - '0';
	return line->digits++ != 0 || (c != '1' && c != '2');
}

static __always_inline int ftp_read_port(struct ftp_line *line, __u32 c)
{
	line->port = line->port * 10 + (c - '0');
	return !ftp_is_digit(c) || line->digits++ >= 5;
}

/* Of |address|: 10.0.0.100 or 2001:db8::100. */
static __always_inline int ftp_read_address(struct ftp_line *line, __u32 c)
{
	__u32 v6 = line->family == 2;
	__u32 base = v6 ? 16 : 10;
	__u32 at = line->at & 7;
	__u32 digit = c - '0';

	if (c == (v6 ? ':' : '.')) {
		if (line->digits) {
			line->at++;
			line->digits = 0;
			return line->at > (v6 ? 7 : 3);
		}
		if (!v6 || (line->gap && line->gap != line->at + 1))
			return -1;
		line->gap = line->at + 1;
		return 0;
	}
	if (v6 && (c | 0x20) - 'a' < 6)
		digit = (c | 0x20) - 'a' + 10;
	if (!line->family || digit >= base || line->digits >= 4)
		return -1;
	line->digits++;
	line->number[at] = line->number[at] * base + digit;
	return line->number[at] > (v6 ? 0xffff : 255);
}

static __always_inline int ftp_read_parts(struct ftp_line *line, __u32 c)
{
	int strange;

	if (!line->delimiter) {
		line->delimiter = c;
		/* RFC 2428: 33 to 126; but not what may be in an address */
		if (c < 33 || c > 126 || c == '.' || c == ':' || ftp_is_digit(c) ||
		    (c | 0x20) - 'a' < 26)
			line->phase = FTP_SKIP;
		return 0;
	}
	if (c == line->delimiter)
		return ftp_next_part(line);
	if (line->field == 0)
		strange = ftp_read_family(line, c);
	else if (line->field == 1)
		strange = ftp_read_address(line, c);
	else
		strange = ftp_read_port(line, c);
	if (strange)
		line->phase = FTP_SKIP;
	return 0;
}

/* 1: the end of PASV or EPSV. */
static __always_inline int ftp_read_switch(struct ftp_line *line, __u32 c)
{
	if (c == '\r' || c == '\n')
		return 1;
	if (ftp_is_blank(c))
		return 0;
	if (ftp_kind_of(line->word) == FTP_PASV || line->family || (c != '1' && c != '2'))
		line->phase = FTP_SKIP; /* EPSV ALL, too */
	line->family = c - '0';
	return 0;
}

/* The next byte, at that offset of the segment. 1: the line is one that matters, and it is complete
 * as far as it does. */
static __always_inline int ftp_read(struct ftp_line *line, struct ftp_segment *segment, __u32 c,
				    __u32 offset)
{
	int complete = 0;

	if (line->phase == FTP_GAP && ftp_read_gap(line, c))
		segment->from = offset;
	if (line->phase == FTP_BEGIN)
		ftp_read_word(line, c);
	else if (line->phase == FTP_LIST)
		complete = ftp_read_list(line, c);
	else if (line->phase == FTP_PARTS)
		complete = ftp_read_parts(line, c);
	else if (line->phase == FTP_SWITCH)
		complete = ftp_read_switch(line, c);
	if (complete) {
		segment->kind = ftp_kind_of(line->word);
		segment->to = offset + (segment->kind == FTP_229);
		return 1;
	}
	if (c == '\n')
		ftp_restart(line);
	return 0;
}

/* On the stack, as Linux 6.1 wants it of what a loop is handed. */
struct ftp_reading {
	struct ftp_line *line;
	struct ftp_segment *segment;
};

static long ftp_read_one(__u32 i, struct ftp_reading *reading)
{
	struct ftp_segment *segment = reading->segment;

	return ftp_read(reading->line, segment, segment->byte[i & 2047], i);
}

/* Reads on until a line that matters is complete: 1, segment->kind says which; or to the end of
 * what is loaded. */
static __always_inline int ftp_read_on(struct ftp_line *line, struct ftp_segment *segment,
				       __u32 length)
{
	struct ftp_reading reading = { .line = line, .segment = segment };

	segment->kind = FTP_NOTHING;
	segment->from = length; /* not in this segment, as far as it is known */
	bpf_loop(length, ftp_read_one, &reading, 0);
	return segment->kind != FTP_NOTHING;
}

/* ---- addresses -------------------------------------------------------------- */

struct ftp_comparison {
	const struct ftp_line *line;
	const struct isobar_address *address;
	__u32 gap; /* groups before "::" */
	__u32 behind; /* the first one behind it, of 8 */
	__u32 groups; /* that are equal */
};

static long ftp_compare_group(__u32 i, struct ftp_comparison *comparison)
{
	const struct ftp_line *line = comparison->line;
	__u32 pair = bpf_ntohl(comparison->address->word[i / 2 & 3]);
	__u32 group = 0;

	if (i < comparison->gap)
		group = line->number[i & 7];
	else if (i >= comparison->behind)
		group = line->number[(i - comparison->behind + comparison->gap) & 7];
	if (group != (i % 2 ? pair & 0xffff : pair >> 16))
		return 1;
	comparison->groups++;
	return 0;
}

/* The line's address is this one. Groups that "::" stands for are 0. */
static __always_inline int ftp_is_v6(const struct ftp_line *line,
				     const struct isobar_address *address)
{
	__u32 count = line->at;
	struct ftp_comparison comparison = {
		.line = line,
		.address = address,
		.gap = line->gap ? line->gap - 1 : count,
	};

	if (line->family != 2 || count > 8 || (!line->gap && count != 8))
		return 0;
	comparison.behind = 8 - count + comparison.gap;
	bpf_loop(8, ftp_compare_group, &comparison, 0);
	return comparison.groups == 8;
}

static __always_inline int ftp_is_v4(const struct ftp_line *line,
				     const struct isobar_address *address)
{
	const __u32 *number = line->number;

	/* of EPRT there are four, and no more; with PORT's there are those of the port */
	if (line->family == 2 || (line->family == 1 && line->at != 4))
		return 0;
	return address_v4(address) ==
	       bpf_htonl(number[0] << 24 | number[1] << 16 | number[2] << 8 | number[3]);
}

static __always_inline int ftp_names(const struct ftp_line *line,
				     const struct isobar_address *address)
{
	return address_is_v4(address) ? ftp_is_v4(line, address) : ftp_is_v6(line, address);
}
