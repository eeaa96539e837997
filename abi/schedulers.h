/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The schedulers. To add one: its line here, and bpf/sched/<name>.h with
 * `<name>_choose()`. Numbers stay: they are stored in living maps.
 */
#pragma once

/* X(number, name) */
#define ISOBAR_SCHEDULER_LIST(X) \
	X(1, rr)                 \
	X(2, wrr)                \
	X(3, lc)                 \
	X(4, wlc)

enum isobar_scheduler {
#define X(number, name) ISOBAR_SCHEDULER_##name = number,
	ISOBAR_SCHEDULER_LIST(X)
#undef X
};
