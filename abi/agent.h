/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the BPF programs of a real server (bpf/agent.bpf.c) and src/agent agree on. Has
 * nothing to do with the director's maps.
 */
#pragma once

#include "abi.h"

/* Tunnels that are taken off in BPF: bits of isobar_agent_settings.tunnels. */
#define ISOBAR_AGENT_TUNNELS(X) \
	X(IPIP, "ipip", 1)      \
	X(GUE, "gue", 2)        \
	X(GRE, "gre", 4)

enum isobar_agent_tunnel {
#define X(name, text, bit) ISOBAR_AGENT_##name = (bit),
	ISOBAR_AGENT_TUNNELS(X)
#undef X
};

struct isobar_agent_settings {
	__u32 tunnels;
	__be16 gue_port;
	__u8 filter_arp; /* no ARP and no neighbour discovery for VIPs */
	__u8 pad;
};
ISOBAR_SIZE(struct isobar_agent_settings, 8);

/* What an address of this host is, as bits. */
#define ISOBAR_AGENT_OWN 1 /* it is on an interface: tunnels may end there */
#define ISOBAR_AGENT_VIP 2

/* An interface with our programs. */
struct isobar_agent_link {
	__u16 mss4; /* largest MSS that is offered; 0: any */
	__u16 mss6;
	struct isobar_address link_local; /* fe80::/64 of the interface; all zero: none */
};
ISOBAR_SIZE(struct isobar_agent_link, 20);

/* What became of packets. */
#define ISOBAR_AGENT_EVENTS(X)                                              \
	X(DECAPSULATED, "packets taken out of a tunnel")                    \
	X(ECN_DROPPED, "tunnelled packets dropped for congestion")          \
	X(BAD_CHECKSUM, "tunnelled packets dropped: wrong checksum")        \
	X(BROKEN, "tunnelled packets dropped: no memory")                   \
	X(ARP_DROPPED, "ARP and neighbour messages for a VIP dropped")      \
	X(ARP_REPAIRED, "ARP and neighbour requests sent without the VIP")  \
	X(MSS_CLAMPED, "MSS options lowered")

enum isobar_agent_event {
#define X(name, text) ISOBAR_AGENT_##name,
	ISOBAR_AGENT_EVENTS(X)
#undef X
	ISOBAR_AGENT_EVENT_COUNT
};
