/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * drop_entry, drop_packet and secure_tcp: what IPVS does when memory is short
 * (net/netfilter/ipvs/ip_vs_ctl.c, update_defense_level; ip_vs_conn.c, ip_vs_random_dropentry).
 * Here it is the connection table that may be short: the sweep, which sees all of it once a
 * second, tells how full it is, how much of that is half-open, and what is in force from then on.
 */
#pragma once

#include "maps.h"

/* drop_entry looks at one line of so many in a second, each second at others. */
#define DEFENCE_LINES 32

/* Of all records that the table may have, one of so many half-open ones is a flood. */
#define DEFENCE_FLOOD 8

/* Its client has not shown yet that it is where it says: a flood of SYN leaves such ones. */
static __always_inline int state_is_half_open(__u32 state)
{
	const __u32 half_open = 1u << ISOBAR_STATE_SYN_RECV | 1u << ISOBAR_STATE_SYNACK |
				1u << ISOBAR_STATE_SCTP_INIT1 | 1u << ISOBAR_STATE_SCTP_INIT |
				1u << ISOBAR_STATE_SCTP_C_SENT;

	return (half_open >> (state & 31)) & 1;
}

static __always_inline int state_is_closed(__u32 state)
{
	return state == ISOBAR_STATE_TIME_WAIT || state == ISOBAR_STATE_CLOSE;
}

/* User space does the same when a switch is set (src/dataplane/switches.cpp). */
static __always_inline int defence_on(const struct isobar_settings *settings,
				      enum isobar_switch which, int pressed)
{
	__u32 mode = settings->switches[which];

	return mode == ISOBAR_MODE_ALWAYS || (mode != ISOBAR_MODE_NEVER && pressed);
}

/* By how much of the room above the threshold is taken: the fuller, the more are dropped, up to
 * every other one. (With IPVS up to all.) */
static __always_inline __u32 defence_drop_rate(const struct isobar_settings *settings,
					       __u32 per_cent)
{
	__u32 threshold = settings->switches[ISOBAR_AMEMTHRESH];
	int pressed = per_cent > threshold;
	__u32 rate;

	if (!defence_on(settings, ISOBAR_DROP_PACKET, pressed))
		return 0;
	if (settings->switches[ISOBAR_DROP_PACKET] == ISOBAR_MODE_ALWAYS)
		return settings->switches[ISOBAR_AM_DROPRATE];
	rate = per_cent < 100 ? (100 - threshold) / (per_cent - threshold) : 0;
	return rate < 2 ? 2 : rate;
}

/* Lines were looked at, and so many of their records are in use, and half-open. When that makes a
 * whole table, it is known how full it is. (Two CPUs that end it at once err by what they looked
 * at.) */
__noinline int defence_learn(__u32 lines, __u32 used, __u32 half_open)
{
	struct isobar_settings *settings = &isobar_settings;
	struct isobar_sweep *sweep = &isobar_sweep;
	__u32 per_cent, pressed, flooded, most;
	__u64 records;

	half_open += __sync_fetch_and_add(&sweep->half_open, half_open);
	used += __sync_fetch_and_add(&sweep->used, used);
	lines += __sync_fetch_and_add(&sweep->looked_at, lines);
	if (lines == 0 || lines < settings->lines)
		return 0;
	/* A table that may grow is not full. */
	most = settings->most_lines > settings->lines ? settings->most_lines : settings->lines;
	sweep->looked_at = 0;
	sweep->used = 0;
	sweep->half_open = 0;
	/* or it would come back in 2^31 jiffies (overflow.h) */
	if (settings->by_hash_until && isobar_reached(settings->by_hash_until, isobar_now()))
		settings->by_hash_until = 0;
	records = (__u64)lines * ISOBAR_WAYS;
	per_cent = (__u64)used * 100 * settings->lines / most / records;
	flooded = (__u64)half_open * DEFENCE_FLOOD > (__u64)most * ISOBAR_WAYS;
	pressed = per_cent > settings->switches[ISOBAR_AMEMTHRESH];
	settings->drop_rate = defence_drop_rate(settings, per_cent);
	settings->defences =
		(defence_on(settings, ISOBAR_SECURE_TCP, pressed) ? ISOBAR_DEFENCE_SECURE_TCP : 0) |
		(defence_on(settings, ISOBAR_DROP_ENTRY, pressed) ? ISOBAR_DEFENCE_DROP_ENTRY : 0) |
		(flooded ? ISOBAR_DEFENCE_HALF_OPEN : 0);
	return 1;
}

static __always_inline int life_is_half_open(__u32 life)
{
	return (life & ISOBAR_LIFE_LIVE) && !(life & ISOBAR_LIFE_TEMPLATE) &&
	       state_is_half_open(life & ISOBAR_LIFE_STATE);
}

/* Which records drop_entry ends: half-open connections, and templates that nobody uses and whose
 * server has never answered. */
static __always_inline int defence_gives_up(const struct isobar_conn *conn)
{
	__u32 life = conn->life;

	if ((life & ISOBAR_LIFE_LIVE) && (life & ISOBAR_LIFE_TEMPLATE))
		return !(life & ISOBAR_LIFE_STATE) && conn->controlled == 0;
	return life_is_half_open(life);
}

/* drop_packet: is this new connection one that is dropped? (ip_vs_todrop) */
__noinline int defence_drops(void)
{
	const struct isobar_settings *settings = &isobar_settings;
	struct isobar_sweep *sweep = &isobar_sweep;
	__u32 rate;

	rate = settings->drop_rate;
	return rate && (__sync_fetch_and_add(&sweep->turn, 1) + 1) % rate == 0;
}
