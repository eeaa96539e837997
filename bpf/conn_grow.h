/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What older generations of the connection table need (src/dataplane/growth.h says when). Nothing
 * is put there any more, so what is said of them once stays right:
 *
 *  - The newest generation's line in which a connection would be had it begun now is marked. A
 *    packet that finds neither its connection nor a mark in its line needs to look no further.
 *  - There are two marks, of which settings.table names the one that counts. The other is made
 *    afresh from time to time, because connections that end leave their marks behind.
 */
#pragma once

#include "conn_end.h"

struct conn_marking {
	__u32 from; /* position */
	__u32 mark;
	__u32 used; /* records */
};

static long conn_unmark_line(__u32 i, struct conn_marking *marking)
{
	const struct isobar_settings *settings = &isobar_settings;
	struct isobar_conn_line *line;

	line = conn_line_at(conn_number_at(settings, marking->from + i));
	if (line && (line->tags.away & marking->mark))
		__sync_fetch_and_and(&line->tags.away, ~marking->mark);
	return 0;
}

/* A signpost is found by the tuple of its connection, which is marked for. */
static __always_inline void conn_mark_for(const struct isobar_settings *settings,
					  const struct isobar_conn *conn, __u32 mark)
{
	__u32 life = conn->life;
	struct isobar_conn_line *line;

	if (!(life & (ISOBAR_LIFE_LIVE | ISOBAR_LIFE_LOCAL)))
		return;
	line = conn_line_at(conn_line_number(settings, conn_own_hash(settings, conn, life), 0));
	if (line && !(line->tags.away & mark))
		__sync_fetch_and_or(&line->tags.away, mark);
}

static long conn_mark_line(__u32 i, struct conn_marking *marking)
{
	const struct isobar_settings *settings = &isobar_settings;
	struct isobar_conn_line *line;

	line = conn_line_at(conn_number_at(settings, marking->from + i));
	if (!line)
		return 0;
	for (int way = 0; way < ISOBAR_WAYS; way++) {
		if (line->tags.tag[way] == 0)
			continue;
		marking->used++;
		conn_mark_for(settings, &line->record[way], marking->mark);
	}
	return 0;
}

/* Records in use in lines that are so far from each other. */
struct conn_sample {
	__u32 from; /* position */
	__u32 step;
	__u32 used;
};

static long conn_sample_line(__u32 i, struct conn_sample *sample)
{
	const struct isobar_settings *settings = &isobar_settings;
	struct isobar_conn_line *line;

	line = conn_line_at(conn_number_at(settings, sample->from + i * sample->step));
	if (!line)
		return 1;
	for (int way = 0; way < ISOBAR_WAYS; way++)
		sample->used += line->tags.tag[way] != 0;
	return 0;
}

static __always_inline __u32 conn_sample(__u32 count)
{
	const struct isobar_settings *settings = &isobar_settings;
	struct conn_sample sample = {};

	if (count == 0)
		return 0;
	/* the newest generation's lines, and the position of the first one */
	sample.from = (conn_table(settings) & ISOBAR_TABLE_FIRST) / ISOBAR_SEGMENT_ROOM *
		      (settings->segment_mask + 1);
	sample.step = sample.from / count;
	bpf_loop(count, conn_sample_line, &sample, 0);
	return sample.used;
}

static __always_inline void conn_unmark(__u32 from, __u32 count, __u32 mark)
{
	struct conn_marking marking = { .from = from, .mark = mark };

	bpf_loop(count, conn_unmark_line, &marking, 0);
}

/* How many records are in use in these lines. */
static __always_inline __u32 conn_mark(__u32 from, __u32 count, __u32 mark)
{
	struct conn_marking marking = { .from = from, .mark = mark };

	bpf_loop(count, conn_mark_line, &marking, 0);
	return marking.used;
}
