/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What bpf/trace.bpf.c and its loader agree on: which packets are wanted, and what is told of
 * each. Addresses and ports in network order. Nothing of it outlives a trace.
 */
#pragma once

#include "abi.h"

#define ISOBAR_TRACE_BYTES 256 /* of each packet, at most */
#define ISOBAR_TRACE_ENDS 32   /* services, of one name */

struct isobar_trace_end {
	struct isobar_address address;
	__be16 port;        /* 0: any */
	__u8 protocol;      /* IPPROTO_*; 0: any */
	__u8 pad;
};
ISOBAR_SIZE(struct isobar_trace_end, 20);

/* All that is said must hold, of the packet as it came or as it went. All zeros but `verdicts`: every
 * packet. */
struct isobar_trace_filter {
	__u64 verdicts;     /* bit by bit */
	struct isobar_address client; /* either end of the packet, */
	struct isobar_address client_mask; /* by these bits */
	struct isobar_trace_end server; /* likewise, or whom it is sent to */
	struct isobar_trace_end service[ISOBAR_TRACE_ENDS];
	__u32 services;     /* in use; 0: any */
	__u8 has_client;
	__u8 has_server;
	__u8 protocol;      /* IPPROTO_*; 0: any */
	__u8 fullnat;       /* there are servers that do not see the client's address */
	__be16 port;        /* at either end; 0: any */
	__u8 server_mac[6]; /* all zeros: not known */
};
ISOBAR_SIZE(struct isobar_trace_filter, 8 + 32 + 20 + 20 * ISOBAR_TRACE_ENDS + 16 + 4);

enum isobar_trace_hook {
	ISOBAR_TRACE_XDP,
	ISOBAR_TRACE_INGRESS,
	ISOBAR_TRACE_EGRESS,
};

/* A packet when the data plane got it, or left it. */
struct isobar_trace_packet {
	__u32 length;
	__u32 captured;     /* bytes that are there */
	__u8 byte[ISOBAR_TRACE_BYTES];
};

struct isobar_trace_event {
	__u64 at;           /* CLOCK_MONOTONIC, ns */
	__u32 ifindex;
	__u32 hook;         /* enum isobar_trace_hook */
	__u32 verdict;      /* enum isobar_verdict */
	__u32 out_ifindex;  /* 0: it is not sent */
	struct isobar_address gateway; /* to whom; all zeros: by the MAC address, or it is not sent */
	struct isobar_trace_packet before;
	struct isobar_trace_packet after;
};
ISOBAR_SIZE(struct isobar_trace_event, 40 + 2 * (8 + ISOBAR_TRACE_BYTES));
