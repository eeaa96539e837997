/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * IPVS's TCP state machine (net/netfilter/ipvs/ip_vs_proto_tcp.c, tcp_states[]): the next
 * state by direction, event and state. It follows what a middle box can see, not RFC 9293.
 */
#pragma once

#include "abi.h"
#include "packet.h"

#define TCP_STATES 11
#define TCP_ROW 16 /* power of two, for the verifier */

#define NO ISOBAR_STATE_NONE
#define ES ISOBAR_STATE_ESTABLISHED
#define SS ISOBAR_STATE_SYN_SENT
#define SR ISOBAR_STATE_SYN_RECV
#define FW ISOBAR_STATE_FIN_WAIT
#define TW ISOBAR_STATE_TIME_WAIT
#define CL ISOBAR_STATE_CLOSE
#define CW ISOBAR_STATE_CLOSE_WAIT
#define LA ISOBAR_STATE_LAST_ACK
#define LI ISOBAR_STATE_LISTEN
#define SA ISOBAR_STATE_SYNACK

/* clang-format off */
static const __u8 tcp_next_state[32][TCP_ROW] = {
	/*             NO  ES  SS  SR  FW  TW  CL  CW  LA  LI  SA */
	/* client: */
	[TCP_SYN] = {  SR, ES, ES, SR, SR, SR, SR, SR, SR, SR, SR },
	[TCP_FIN] = {  CL, CW, SS, TW, TW, TW, CL, CW, LA, LI, TW },
	[TCP_ACK] = {  ES, ES, SS, ES, FW, TW, CL, CW, CL, LI, ES },
	[TCP_RST] = {  CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, SR },
	/* server: */
	[4 + TCP_SYN] = { SS, ES, SS, SR, SS, SS, SS, SS, SS, LI, SR },
	[4 + TCP_FIN] = { TW, FW, SS, TW, FW, TW, CL, TW, LA, LI, TW },
	[4 + TCP_ACK] = { ES, ES, SS, ES, FW, TW, CL, CW, LA, ES, ES },
	[4 + TCP_RST] = { CL, CL, SS, CL, CL, TW, CL, CL, CL, CL, CL },
	/* client, of a connection whose replies do not come this way: */
	[8 + TCP_SYN] = { SR, ES, ES, SR, SR, SR, SR, SR, SR, SR, SR },
	[8 + TCP_FIN] = { CL, FW, SS, TW, FW, TW, CL, CW, LA, LI, TW },
	[8 + TCP_ACK] = { ES, ES, SS, ES, FW, TW, CL, CW, CL, LI, ES },
	[8 + TCP_RST] = { CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, CL },
	/* With secure_tcp (tcp_states_dos): established is what the server has acknowledged. */
	/* client: */
	[12 + TCP_SYN] = { SR, ES, ES, SR, SR, SR, SR, SR, SR, SR, SA },
	[12 + TCP_FIN] = { CL, CW, SS, TW, TW, TW, CL, CW, LA, LI, SA },
	[12 + TCP_ACK] = { ES, ES, SS, SR, FW, TW, CL, CW, CL, LI, SA },
	[12 + TCP_RST] = { CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, CL },
	/* server: */
	[16 + TCP_SYN] = { SS, ES, SS, SA, SS, SS, SS, SS, SS, LI, SA },
	[16 + TCP_FIN] = { TW, FW, SS, TW, FW, TW, CL, TW, LA, LI, TW },
	[16 + TCP_ACK] = { ES, ES, SS, ES, FW, TW, CL, CW, LA, ES, ES },
	[16 + TCP_RST] = { CL, CL, SS, CL, CL, TW, CL, CL, CL, CL, CL },
	/* client, of a connection whose replies do not come this way: */
	[20 + TCP_SYN] = { SA, ES, ES, SR, SA, SA, SA, SA, SA, SA, SA },
	[20 + TCP_FIN] = { CL, FW, SS, TW, FW, TW, CL, CW, LA, LI, TW },
	[20 + TCP_ACK] = { ES, ES, SS, ES, FW, TW, CL, CW, CL, LI, ES },
	[20 + TCP_RST] = { CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, CL },
};
/* clang-format on */

#undef NO
#undef ES
#undef SS
#undef SR
#undef FW
#undef TW
#undef CL
#undef CW
#undef LA
#undef LI
#undef SA

/* `seen`: who of the two speaks, or TCP_CLIENT_ONLY. `secure`: 1 with secure_tcp. */
#define TCP_CLIENT_ONLY 2
static __always_inline __u32 tcp_next(__u32 state, __u32 seen, __u32 event, __u32 secure)
{
	__u32 row, column;

	/* no flag at all: IPVS closes */
	if (event >= TCP_NOTHING || state >= TCP_STATES)
		return ISOBAR_STATE_CLOSE;
	row = secure * 12 + seen * 4 + event;
	column = state;
	/* Linux 6.1 forgets the bounds over clang's arithmetic: they must come last */
	asm volatile("" : "+r"(row), "+r"(column));
	return tcp_next_state[row & 31][column & (TCP_ROW - 1)];
}

/* Counted in ActiveConn? (tcp_state_active_table) */
static __always_inline int state_is_active(__u32 state)
{
	const __u32 active = 0
#define X(name, timeout, is_active) | ((is_active) << ISOBAR_STATE_##name)
		ISOBAR_STATE_LIST(X)
#undef X
		;
	return (active >> (state & 31)) & 1;
}
