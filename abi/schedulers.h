/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The schedulers. To add one: its line here, and bpf/sched/<name>.h with
 * `<name>_choose()`. Numbers stay: they are stored in living maps.
 */
#pragma once

/* X(number, name, enumerator of model::Scheduler) */
#define ISOBAR_SCHEDULER_LIST(X) \
	X(1, rr, Rr) \
	X(2, wrr, Wrr) \
	X(3, lc, Lc) \
	X(4, wlc, Wlc) \
	X(5, sed, Sed) \
	X(6, nq, Nq) \
	X(7, fo, Fo) \
	X(8, ovf, Ovf) \
	X(9, dh, Dh) \
	X(10, sh, Sh) \
	X(11, mh, Mh) \
	X(12, twos, Twos) \
	X(13, lblc, Lblc) \
	X(14, lblcr, Lblcr) \
	X(15, lrt, Lrt)

enum isobar_scheduler {
#define X(number, name, Name) ISOBAR_SCHEDULER_##name = number,
	ISOBAR_SCHEDULER_LIST(X)
#undef X
};

/* What ipvsadm's -b sets (IP_VS_SVC_F_SCHED1 to 3). Each scheduler has its own meaning for them. */
enum isobar_scheduler_flag {
	ISOBAR_SCHEDULER_FLAG_1 = 1,
	ISOBAR_SCHEDULER_FLAG_2 = 2,
	ISOBAR_SCHEDULER_FLAG_3 = 4,
	/* sh, mh: another server if the hashed one takes no connection; the client's port counts */
	ISOBAR_HASH_FALLBACK = ISOBAR_SCHEDULER_FLAG_1,
	ISOBAR_HASH_PORT = ISOBAR_SCHEDULER_FLAG_2,
};

/* Slots of the tables in which dh, sh and mh look their server up. mh's is a prime
 * (net/netfilter/ipvs/ip_vs_mh.c, CONFIG_IP_VS_MH_TAB_INDEX 12). */
#define ISOBAR_HASH_SLOTS 256
#define ISOBAR_MAGLEV_SLOTS 4093
