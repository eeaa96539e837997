/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * IPVS's sysctls below net.ipv4.vs that mean something here: a number each, with the defaults of
 * Linux 6.1. What they do is told in isobar.toml(5).
 */
#pragma once

/* X(NAME, name, most, initial) */
#define ISOBAR_SWITCH_LIST(X)                                        \
	X(CONN_REUSE_MODE, conn_reuse_mode, 3, 1)                    \
	X(EXPIRE_NODEST_CONN, expire_nodest_conn, 1, 0)              \
	X(EXPIRE_QUIESCENT_TEMPLATE, expire_quiescent_template, 1, 0) \
	X(SLOPPY_TCP, sloppy_tcp, 1, 0)                              \
	X(SLOPPY_SCTP, sloppy_sctp, 1, 0)                            \
	X(DROP_ENTRY, drop_entry, 3, 0)                              \
	X(DROP_PACKET, drop_packet, 3, 0)                            \
	X(SECURE_TCP, secure_tcp, 3, 0)                              \
	X(AM_DROPRATE, am_droprate, 65535, 10)                       \
	X(AMEMTHRESH, amemthresh, 100, 90) /* per cent of the records; of IPVS: pages */ \
	X(PMTU_DISC, pmtu_disc, 1, 1)                                \
	X(NAT_ICMP_SEND, nat_icmp_send, 1, 0)                        \
	X(SCHEDULE_ICMP, schedule_icmp, 1, 0)

enum isobar_switch {
#define X(NAME, name, most, initial) ISOBAR_##NAME,
	ISOBAR_SWITCH_LIST(X)
#undef X
	ISOBAR_SWITCHES,
};

/* Room for those that come later. */
#define ISOBAR_SWITCH_ROOM 16

/* Of drop_entry, drop_packet, secure_tcp. */
enum isobar_switch_mode {
	ISOBAR_MODE_NEVER,
	ISOBAR_MODE_PRESSED,  /* when the connection table is fuller than amemthresh */
	ISOBAR_MODE_PRESSED2, /* the same: IPVS shows by it that it is */
	ISOBAR_MODE_ALWAYS,
};
