/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * States of a connection with their default timeouts (seconds), as
 * net/netfilter/ipvs/ip_vs_proto_{tcp,udp,sctp}.c have them.
 */
#pragma once

/* X(name, timeout, active): active = counted in ActiveConn (tcp_state_active_table) */
#define ISOBAR_STATE_LIST(X)   \
	X(NONE, 2, 0)          \
	X(ESTABLISHED, 900, 1) \
	X(SYN_SENT, 120, 1)    \
	X(SYN_RECV, 60, 1)     \
	X(FIN_WAIT, 120, 0)    \
	X(TIME_WAIT, 120, 0)   \
	X(CLOSE, 10, 0)        \
	X(CLOSE_WAIT, 60, 0)   \
	X(LAST_ACK, 30, 0)     \
	X(LISTEN, 120, 0)      \
	X(SYNACK, 120, 1)      \
	X(UDP, 300, 0)         \
	X(SCTP_NONE, 2, 0)     \
	X(SCTP_INIT1, 4, 0)    \
	X(SCTP_INIT, 61, 0)    \
	X(SCTP_C_SENT, 61, 0)  \
	X(SCTP_C_REPLIED, 61, 0) \
	X(SCTP_C_WAIT, 61, 0)  \
	X(SCTP_COOKIE, 61, 0)  \
	X(SCTP_C_ECHOED, 61, 0) \
	X(SCTP_ESTABLISHED, 900, 1) \
	X(SCTP_S_SENT, 61, 0)  \
	X(SCTP_S_RECEIVED, 61, 0) \
	X(SCTP_S_ACK_SENT, 61, 0) \
	X(SCTP_REJECTED, 4, 0) \
	X(SCTP_CLOSED, 61, 0)

enum isobar_state {
#define X(name, timeout, active) ISOBAR_STATE_##name,
	ISOBAR_STATE_LIST(X)
#undef X
	ISOBAR_STATES,
};

/* Room for the states that later protocols bring. */
#define ISOBAR_TIMEOUTS 32
