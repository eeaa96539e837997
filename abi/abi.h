/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the BPF data plane and the C++ side agree on: the layout of every shared
 * map. Addresses and ports are in network order, times in jiffies (low 32 bits)
 * unless the name says otherwise. Nothing here is an interface for users.
 *
 *   service key --hash--> service --set--> [ head | member | member ... | slots ]   (isobar_sets)
 *                                                     |
 *   packet --tag--> connection record ----------------+--> server
 */
#pragma once

#include <linux/types.h>

#include "ranks.h"
#include "schedulers.h"
#include "states.h"
#include "switches.h"
#include "verdicts.h"

#ifdef __cplusplus
#define ISOBAR_SIZE(type, bytes) static_assert(sizeof(type) == (bytes), #type)
#else
#define ISOBAR_SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), #type)
#endif

/* Raised with every change of a layout below; a program refuses other versions. */
#define ISOBAR_ABI_VERSION 8

#define ISOBAR_CACHE_LINE 64

/* Period of the rate estimator in seconds. */
#define ISOBAR_ESTIMATE_PERIOD 2

/* ---- addresses ------------------------------------------------------------ */

/* IPv6, or IPv4 as ::ffff:a.b.c.d (RFC 4291, 2.5.5.2): one form for both. */
struct isobar_address {
	__be32 word[4];
};
ISOBAR_SIZE(struct isobar_address, 16);

/* As many as ip_vs_ftp's parameter `ports` takes. */
#define ISOBAR_FTP_PORTS 8

/* ---- settings: one record, written by user space -------------------------- */

struct isobar_settings {
	__u32 abi_version;
	__u32 hz;            /* jiffies a second */
	__u64 hash_seed;     /* random per namespace: tuples cannot be made to collide */
	__u64 table;         /* the connection table as it is now: ISOBAR_TABLE_* */
	__u32 segment_mask;  /* lines a segment, and -1: of an index all bits that may be set */
	/* Of all generations, by position: what the sweep goes round, and how much of it a tick does. */
	__u32 first_position;
	__u32 lines;
	__u32 sweep_batch;
	__u32 most_lines;    /* that the newest generation may have */
	__u32 next_marking;  /* jiffies, when older generations are looked at again */
	__u32 probes;        /* services that checks go through, by marks of their own */
	/* Counts changes: a picture of the tables with this number holds. Odd while one is made. */
	__u32 generation;
	__u32 timeout[ISOBAR_TIMEOUTS]; /* by enum isobar_state, in jiffies */
	__u32 timeout_s[3];  /* as --set shows them: tcp, tcpfin, udp; seconds */
	__u32 service_count; /* services made so far */
	/* Where the next free element and slot are looked for. They go round, so that what was
	 * just given up is not reused while a packet may still be reading it. */
	__u32 set_hand;
	__u32 server_hand;
	__u64 build;         /* identifies the loaded program: equal = nothing to replace */
	/* One moment on both clocks: from CLOCK_MONOTONIC (ns) jiffies can be worked out. */
	__u64 moment_ns;
	__u64 moment_jiffies;
	__u32 all_ports;     /* services on port 0 */
	__u16 marks;         /* services by firewall mark, and named groups */
	__u16 host_marks;    /* the former alone: only tc can see their packets' marks */
	__u32 rules;         /* in use: where they begin in isobar_rules, and (low half) how many */
	__be16 ftp_ports[ISOBAR_FTP_PORTS]; /* where FTP's control connections come to; 0: none */
	__u32 ftp_services;  /* services on port 21 */
	__u32 lblc_expiration; /* seconds, as the sysctls of these names */
	__u32 lblcr_expiration;
	__u16 switches[ISOBAR_SWITCH_ROOM]; /* by enum isobar_switch */
	/* Written by the data plane (bpf/defence.h, bpf/overflow.h): what is in force now. */
	__u32 defences;      /* enum isobar_defence */
	__u32 drop_rate;     /* one of so many new connections is dropped; 0: none */
	__u32 by_hash_until; /* jiffies: there may be connections without a record; 0: none yet */
};
ISOBAR_SIZE(struct isobar_settings, 56 + 4 * ISOBAR_TIMEOUTS + 136);

enum isobar_defence {
	ISOBAR_DEFENCE_SECURE_TCP = 1, /* 1: added to as a number (bpf/state.h) */
	ISOBAR_DEFENCE_DROP_ENTRY = 2,
	ISOBAR_DEFENCE_HALF_OPEN = 4, /* a line has a limit for half-open connections */
};

/* ---- firewall marks --------------------------------------------------------- */

/* A rule gives the packets that it fits a mark; the first one counts. Rules stand in two
 * halves of isobar_rules: a change fills the one that is not in use. */
#define ISOBAR_RULES 512 /* at most in use */

/* What the director itself sends with a mark from here on is a check, on its way to one server. */
#define ISOBAR_FIRST_PROBE_MARK 0xf0000000u

enum isobar_rule_origin {
	ISOBAR_RULE_GROUP,   /* a named group of our configuration */
	ISOBAR_RULE_HOST,    /* the host's packet filter */
};

struct isobar_rule {
	struct isobar_address source;
	struct isobar_address destination;
	__u8 source_prefix;  /* bits that count, of 128 */
	__u8 destination_prefix;
	__u8 protocol;       /* IPPROTO_*; 0: all */
	__u8 origin;         /* enum isobar_rule_origin */
	__u16 first_port;    /* of the destination, host order */
	__u16 last_port;
	__u32 mark;
	__u32 pad;
};
ISOBAR_SIZE(struct isobar_rule, 48);

/* ---- services and their sets of real servers ------------------------------ */

/* A service by firewall mark has protocol 0, port 0 and, as IPVS's templates do, the mark for an
 * address: ::ffff:MARK for IPv4, ::MARK for IPv6. */
struct isobar_service_key {
	struct isobar_address address;
	__be16 port;        /* 0: every port that has no service of its own */
	__u8 protocol; /* IPPROTO_* */
	__u8 pad;
};
ISOBAR_SIZE(struct isobar_service_key, 20);

struct isobar_service {
	struct isobar_service_key key;
	__u32 in_use;
	/* Element of isobar_sets where the head of the current set is; 0: none yet.
	 * The one store that swaps a new set of servers in. */
	__u32 set;
	__u32 created;      /* running number: order of -L --nosort */
	/* Counters that left with removed servers, and the point that -Z set to zero. */
	__u64 gone[5];
	__u64 zero[5];
	__u32 persistence;   /* how long a client stays with its server, in jiffies; 0: not at all */
	__u32 persistence_s; /* the same as it was given, in seconds */
	__u8 prefix;         /* bits of the client's address that count, of 128 (IPv4: 96 and more) */
	__u8 one_packet;     /* 1: each packet is scheduled anew (-o) */
	__u8 tells_client;   /* enum isobar_client_address */
	__u8 engine;         /* enum isobar_engine */
	__u8 pad[4];
};
ISOBAR_SIZE(struct isobar_service, 128);

/* How clients of a persistent service are told apart (--pe). */
enum isobar_engine {
	ISOBAR_ENGINE_NONE = 0, /* by their address */
	ISOBAR_ENGINE_SIP = 1,  /* and the Call-ID of what they say */
};

/* A set is a head followed by `count` members, in scheduling order (newest server
 * first, as IPVS), by the `slots` of its scheduler's lookup table, if it has one, and by `locals`
 * addresses for fullnat. A set in use never changes but for `state`; a change builds a new one
 * aside. */
struct isobar_set_head {
	__u32 count;
	__u32 scheduler;    /* enum isobar_scheduler */
	__u32 gcd;          /* of the weights; 1 when all are 0 */
	__u32 max_weight;
	/* The scheduler's own cursor: high half the position of the server used last
	 * (ISOBAR_SET_START: none yet), low half scheduler-specific (wrr: current weight; lblc, lblcr:
	 * number of their cache of destinations). */
	__u64 state;
	__u16 flags;        /* enum isobar_scheduler_flag */
	__u16 locals;
	__u32 slots;        /* of dh, sh, mh; 0: no server to look up */
};
ISOBAR_SIZE(struct isobar_set_head, 32);

/* Position before the first member: the list head of IPVS's schedulers. */
#define ISOBAR_SET_START 0x7fffffffu

struct isobar_member {
	__u32 server;       /* index in isobar_servers */
	__u32 weight;       /* 0: quiesced */
	__u32 last_weight;  /* the latest other than 0: mh keeps a quiesced server's slots */
	__u32 limited;      /* it has a threshold: whether it is overloaded must be looked up */
	__u32 pad[4];
};
ISOBAR_SIZE(struct isobar_member, 32);

/* Part of a lookup table: positions of members. */
#define ISOBAR_SLOTS 16
struct isobar_slots {
	__u16 member[ISOBAR_SLOTS];
};
ISOBAR_SIZE(struct isobar_slots, 32);

/* An address that fullnat speaks to the real servers from, and the ports that it may use there. */
struct isobar_local {
	struct isobar_address address;
	__u16 first_port;   /* host order */
	__u16 last_port;
	__u32 pad[3];
};
ISOBAR_SIZE(struct isobar_local, 32);

union isobar_set_element {
	struct isobar_set_head head;
	struct isobar_member member;
	struct isobar_slots slots;
	struct isobar_local local;
};
ISOBAR_SIZE(union isobar_set_element, 32);

ISOBAR_SIZE(struct isobar_rank, ISOBAR_CACHE_LINE); /* ranks.h */

/* Where a server is in the ranks of its set: in the high half the number of the node above it, in the
 * low one its position; 0 if the set has none. One number, so that it is never half an old one. */
typedef __u64 isobar_place;

/* What lrt knows of how fast the server answers: bpf/response.h. Times of CLOCK_MONOTONIC in ns. */
struct isobar_response {
	__u64 asked;        /* when it last got a connection */
	__u64 since;        /* the first one since its last answer; 0: it has answered */
	__u64 sent;         /* when the one that is timed began, */
	__u32 timed;        /* and which it is; 0: none */
	__u32 time;         /* smoothed, in us; 0: not known. User space may write it, too */
};
ISOBAR_SIZE(struct isobar_response, 32);

enum isobar_server_flag {
	ISOBAR_SERVER_USED = 1,      /* the slot is taken */
	ISOBAR_SERVER_AVAILABLE = 2, /* not set: removed, its connections are dropped silently */
	ISOBAR_SERVER_LOCAL = 4,     /* an address of this host: the director serves too */
};

struct isobar_server {
	/* read by every packet, written by user space */
	struct isobar_address address;
	struct isobar_address virtual_address; /* of its service: a removed server is found again by it */
	__be16 port;
	__be16 virtual_port;
	__u8 protocol;
	__u8 method;        /* enum isobar_method */
	__u16 flags;        /* enum isobar_server_flag */
	__u32 weight;
	__u32 service;      /* index in isobar_services */
	__u32 removed_at;   /* jiffies, of a removed server */
	__be16 tunnel_port; /* GUE: destination */
	__be16 listed_port; /* as it was given; `port` is 0 if its service is for all ports */
	__u8 tunnel;        /* enum isobar_tunnel */
	__u8 tunnel_checksum; /* enum isobar_tunnel_checksum */
	__u8 tunnel_overhead; /* length of the outer headers, that of its IP address included */
	__u8 pad0[5];
	/* written by the data plane on state changes */
	__u32 active;       /* connections, by IPVS's definition */
	__u32 inactive;
	__u32 persistent;   /* templates */
	__u32 overloaded;   /* 1: no new clients (bpf/overload.h) */
	__u64 zero[5];      /* point that -Z set to zero */
	__u32 upper_threshold; /* connections, 0: no limit; written by user space */
	__u32 lower_threshold;
	/* how to reach it by tunnel; the family is the server's, which need not be the service's */
	struct isobar_address tunnel_source; /* of the outer header; 0: the virtual address */
	struct isobar_response response; /* written by the data plane */
	__u8 pad1[16];
};
ISOBAR_SIZE(struct isobar_server, 192);

enum isobar_method {
	ISOBAR_METHOD_NAT = 0,
	ISOBAR_METHOD_DR = 1,
	ISOBAR_METHOD_TUN = 2,
	ISOBAR_METHOD_FULLNAT = 4,
	ISOBAR_METHOD_LOCAL = 8, /* of the record with ISOBAR_LIFE_LOCAL, never of a server */
};

/* How a fullnat server learns its client's address. */
enum isobar_client_address {
	ISOBAR_CLIENT_UNTOLD = 0,
	ISOBAR_CLIENT_TOA = 1,   /* TCP option */
	ISOBAR_CLIENT_PROXY = 2, /* PROXY protocol, version 2 */
};

enum isobar_tunnel {
	ISOBAR_TUNNEL_IPIP = 0, /* RFC 2003 */
	ISOBAR_TUNNEL_GUE = 1,  /* draft-ietf-intarea-gue-09, version 0, data */
	ISOBAR_TUNNEL_GRE = 2,  /* RFC 2784, no options but the checksum */
};

enum isobar_tunnel_checksum {
	ISOBAR_TUNNEL_NOCSUM = 0,
	ISOBAR_TUNNEL_CSUM = 1,
	ISOBAR_TUNNEL_REMCSUM = 2, /* as CSUM: docs/decisions/008-tunnel-checksums.md */
};

/* ---- destinations ----------------------------------------------------------- */

/* What lblc and lblcr remember of a destination address: the servers that its connections go to
 * (bpf/destination.h). A line of ways, chosen by hash, is all the room that there is for an address. */
#define ISOBAR_DESTINATION_WAYS 16
#define ISOBAR_DESTINATIONS 16384
#define ISOBAR_DESTINATION_SERVERS 44

struct isobar_destination {
	struct isobar_address address;
	__u32 cache;        /* number of the cache that it is in; 0: free */
	__u32 used;         /* jiffies, when a connection last asked */
	__u32 changed;      /* when a server came or went */
	__u32 count;        /* of servers; lblc: 1 */
	__u32 busy;         /* 1: a CPU changes it */
	__u32 pad;
	__u16 server[ISOBAR_DESTINATION_SERVERS]; /* index in isobar_servers, the newest last */
};
ISOBAR_SIZE(struct isobar_destination, 2 * ISOBAR_CACHE_LINE);

/* ---- traffic -------------------------------------------------------------- */

enum isobar_traffic_item {
	ISOBAR_CONNECTIONS,
	ISOBAR_IN_PACKETS,
	ISOBAR_OUT_PACKETS,
	ISOBAR_IN_BYTES,
	ISOBAR_OUT_BYTES,
	ISOBAR_TRAFFIC_ITEMS,
};

/* Per CPU and server. Bytes count from the IP header on, as IPVS does. */
struct isobar_traffic {
	__u64 item[ISOBAR_TRAFFIC_ITEMS];
	__u32 due; /* isobar_estimate's as this CPU knows it; never later than that */
	__u32 pad;
};
ISOBAR_SIZE(struct isobar_traffic, 48);

/* Rates by IPVS's estimator (net/netfilter/ipvs/ip_vs_est.c): every 2 s, smoothed by
 * 1/4; counts scaled by 2^10, bytes by 2^5. The first packet of a period closes the
 * periods before it, so no timer is needed. */
struct isobar_estimate {
	__u32 due;          /* jiffies at which the current period ends */
	__u32 pad;
	__u64 last[ISOBAR_TRAFFIC_ITEMS];
	__u64 rate[ISOBAR_TRAFFIC_ITEMS];
};
ISOBAR_SIZE(struct isobar_estimate, 88);

/* ---- connections ---------------------------------------------------------- */

/* The table is set-associative: lines of 15 records, and a tag for each of them. Both directions of
 * a connection contain the client's address and port, so the lines of a connection, and its tag,
 * follow from these alone: either direction finds the one record (bpf/conn.h). Record `way` of line
 * n has the number n * ISOBAR_LINE + way.
 *
 * Lines stand in segments, which are maps of their own; line i of segment s has the number
 * s * ISOBAR_SEGMENT_ROOM + i. The table grows by *generations*: generation g is the segments 2^g to
 * 2^(g+1) - 1, so each has twice the lines of the one before. New connections go to the newest;
 * those of older ones stay where they are until they end (bpf/conn_grow.h, src/dataplane/growth.h).
 * Behind the lines of each segment every CPU has one of its own (bpf/one_packet.h). */
#define ISOBAR_SEGMENT_ROOM 16384
#define ISOBAR_SEGMENT_LINES 8192 /* at most */
#define ISOBAR_GENERATIONS 11
#define ISOBAR_SEGMENTS (1 << ISOBAR_GENERATIONS)

/* What settings.table is made of: the older generations that there are, a bit each; the number of
 * the newest one's first line; and which bits of `away` send a packet elsewhere. */
#define ISOBAR_TABLE_OLDER (ISOBAR_SEGMENT_ROOM - 1u)
#define ISOBAR_TABLE_FIRST (~ISOBAR_TABLE_OLDER)
#define ISOBAR_TABLE_AWAY_SHIFT 32

#define ISOBAR_LINE 16 /* cache lines a line: the records' and that of the tags */
#define ISOBAR_WAYS 15 /* records a line */
struct isobar_conn_tags {
	__u32 tag[ISOBAR_WAYS]; /* 0: the record is free */
	__u32 away;             /* ISOBAR_AWAY_* */
};
ISOBAR_SIZE(struct isobar_conn_tags, ISOBAR_CACHE_LINE);

#define ISOBAR_AWAY_COUNT 0x1fffffffu  /* connections that belong here and found no room */
#define ISOBAR_AWAY_ALWAYS 0x20000000u /* not in a line: taken as set in all of them */
#define ISOBAR_AWAY_OLDER 0x40000000u  /* some that would belong here are in older generations: */
#define ISOBAR_AWAY_OLDER2 0x80000000u /* one of both marks counts, the other is being made */

/* One cache line a connection, both directions. The real server's address and port are
 * those of `server`, so that they are not stored a million times. A *template* is a record too
 * (bpf/template.h): it says which server a client of a persistent service is with. */
struct isobar_conn {
	struct isobar_address client;
	struct isobar_address virtual_address;
	__be16 client_port;
	__be16 virtual_port;
	__u8 protocol;      /* of a template: the complement, which no packet has */
	__u8 method;        /* enum isobar_method: the server's when the connection began */
	__u16 flags;        /* enum isobar_conn_flag */
	__u32 server;
	__u32 expires;      /* jiffies */
	__u32 life;         /* 0: free; else ISOBAR_LIFE_* | state; changed by compare-and-swap */
	__u32 partner;      /* of a strayed connection: its signpost; of a signpost: its connection;
			     * the same for fullnat and its local port (bpf/local_port.h) */
	__u32 control;      /* record of the template, or of FTP's control connection, that it was
			     * made under, and 1; 0: none */
	__u32 controlled;   /* of those: connections under it. Added to only, never stored: it is 0
			     * in a free record */
};
ISOBAR_SIZE(struct isobar_conn, ISOBAR_CACHE_LINE);

/* Tags and records are on one page: a packet costs one miss of the TLB, not two. */
struct isobar_conn_line {
	struct isobar_conn record[ISOBAR_WAYS];
	struct isobar_conn_tags tags;
};
ISOBAR_SIZE(struct isobar_conn_line, ISOBAR_LINE * ISOBAR_CACHE_LINE);

enum isobar_conn_flag {
	ISOBAR_CONN_ASSURED = 1, /* has told its template that its server answers */
	ISOBAR_CONN_HERE = 2,    /* its client is on this host */
	ISOBAR_CONN_FTP = 4,     /* FTP's control connection by VS/NAT: bpf/ftp.h reads it */
	ISOBAR_CONN_EXPECTED = 8,    /* FTP's passive data connection, whose client is to come yet: port 0 */
	ISOBAR_CONN_SAME_PORT = 16,  /* the server's port is the virtual one, not that of its service */
	ISOBAR_CONN_PORT_BELOW = 32, /* the server's port is the one below that of its service: active FTP */
	/* how a server by fullnat learns who its client is (bpf/client_told.h) */
	ISOBAR_CONN_TOA = 64,      /* is yet to be told by that option */
	ISOBAR_CONN_PROXY = 128,   /* its stream begins with that header */
	ISOBAR_CONN_TOLD = 256,    /* which it has */
	ISOBAR_CONN_TELLING = 512, /* told; the data may follow */
	ISOBAR_CONN_CHOSEN = 1024,  /* only of bpf/one_packet.h */
	ISOBAR_CONN_BY_HASH = 2048, /* the same, and of bpf/overflow.h */
	ISOBAR_CONN_CALL = 4096, /* template of a call: its client is the key in isobar_calls */
};

/* What the template of a call is for (bpf/call.h): to be listed. */
#define ISOBAR_CALL_ID 255 /* bytes, as IPVS */
struct isobar_call {
	struct isobar_address client; /* as far as the service's mask goes */
	__u8 length;
	char id[ISOBAR_CALL_ID];
};
ISOBAR_SIZE(struct isobar_call, 272);

#define ISOBAR_LIFE_STATE 0xffu       /* enum isobar_state */
#define ISOBAR_LIFE_LIVE 0x100u       /* in the table */
#define ISOBAR_LIFE_CLAIMED 0x200u    /* being made or retired: nobody else may touch it */
#define ISOBAR_LIFE_INACTIVE 0x400u   /* counted as inactive by its server */
#define ISOBAR_LIFE_AWAY 0x800u       /* not in its client's first line: that was full */
#define ISOBAR_LIFE_STRAYED 0x1000u   /* nor in the second */
#define ISOBAR_LIFE_SIGNPOST 0x2000u  /* no connection: leads replies to a strayed one */
#define ISOBAR_LIFE_LOCAL 0x4000u     /* no connection: a local port, leads its replies there */
#define ISOBAR_LIFE_FULLNAT 0x8000u   /* has such a one */
#define ISOBAR_LIFE_TEMPLATE 0x10000u /* no connection; ESTABLISHED if its server has answered */
#define ISOBAR_LIFE_VOID 0x20000u     /* template that is not LIVE any more, but controls some yet */
#define ISOBAR_LIFE_KEPT (ISOBAR_LIFE_LIVE | ISOBAR_LIFE_VOID) /* has a deadline and is counted */

/* What happens beside the way of packets. X(NAME, "what is counted") */
#define ISOBAR_EVENT_LIST(X) \
	X(CLOSED_GAVE_WAY, "closed connections that ended early, to make room for new ones") \
	X(HALF_OPEN_GAVE_WAY, "half-open connections that ended early, to make room for new ones") \
	X(DROP_ENTRY, "half-open connections and unused templates that drop_entry ended") \
	X(BY_HASH, "packets sent to a server by hash, for want of room for their connection")

enum isobar_event {
#define X(NAME, meaning) ISOBAR_EVENT_##NAME,
	ISOBAR_EVENT_LIST(X)
#undef X
	ISOBAR_EVENTS,
};

enum isobar_direction {
	ISOBAR_FROM_CLIENT = 0, /* client -> virtual service */
	ISOBAR_FROM_SERVER = 1, /* real server -> client */
};

struct isobar_sweep {
	__u32 tick;         /* jiffy of the last sweep */
	__u32 hand;         /* next line to look at */
	__u32 expected;     /* records that are ISOBAR_CONN_EXPECTED */
	__u32 looked_at;    /* lines since the table's fullness was known last, */
	__u32 used;         /* and records in use in them */
	__u32 turn;         /* of new connections while drop_packet is in force */
	__u32 half_open;    /* as `used`, but of half-open connections only */
	__u32 pad[9];
};
ISOBAR_SIZE(struct isobar_sweep, ISOBAR_CACHE_LINE);

/* ---- addresses that matter ------------------------------------------------ */

/* Two bits for every address, by hash: a packet between other addresses is let pass after
 * two tests, and for the rest they tell which direction it can be of. */
#define ISOBAR_FILTER_ADDRESSES 65536
#define ISOBAR_FILTER_VIRTUAL 1u /* of a service */
#define ISOBAR_FILTER_REAL 2u    /* of a real server */
struct isobar_filter {
	__u64 word[ISOBAR_FILTER_ADDRESSES * 2 / 64];
};

/* ---- ports (network interfaces) ------------------------------------------- */

enum isobar_port_flag {
	ISOBAR_PORT_XDP = 1,     /* our XDP program runs there: frames can be redirected to it */
	ISOBAR_PORT_CLSACT = 2,  /* we made its clsact qdisc */
	ISOBAR_PORT_TC_ONLY = 4, /* XDP is not wanted there */
	ISOBAR_PORT_SEEN = 8,    /* attached once: what was decided then stays */
	ISOBAR_PORT_OFF = 16,    /* not to be attached */
};

struct isobar_port {
	__u32 flags;        /* enum isobar_port_flag */
	__u32 pad;
};
ISOBAR_SIZE(struct isobar_port, 8);

/* ---- what we changed on the host, to be put back --------------------------- */

struct isobar_sysctl_name {
	char text[96];      /* below /proc/sys/, NUL-padded */
};
struct isobar_sysctl_value {
	char text[32];
};

/* ---- argument of the tool program (BPF_PROG_TYPE_SYSCALL) ------------------ */

struct isobar_tool_call {
	__u64 jiffies;      /* out */
	__u64 ktime_ns;     /* out: CLOCK_MONOTONIC */
	__u32 task;         /* enum isobar_task */
	__u32 from;         /* first line to look at: of the sweep's round, or by position */
	__u32 count;        /* how many */
	__u32 mark;         /* ISOBAR_AWAY_OLDER or ISOBAR_AWAY_OLDER2 */
	__u32 found;        /* out: retired, or in use */
	__u32 pad;
};
ISOBAR_SIZE(struct isobar_tool_call, 40);

enum isobar_task {
	ISOBAR_TELL_CLOCKS,
	ISOBAR_SWEEP,
	ISOBAR_SAMPLE, /* so many lines of the newest generation, from all over it */
	ISOBAR_UNMARK, /* lines of the newest generation */
	ISOBAR_MARK,   /* for the records in these lines of an older one */
};

/* ---- names of the maps (at most 15 characters) ------------------------------ */
#define ISOBAR_MAP_LIST(X) \
	X(settings) X(services) X(keys) X(sets) X(ranks) X(servers) X(places) X(traffic) X(rates) \
	X(conns) X(sweep) X(events) X(filter) X(rules) X(ports) X(nexthops) X(verdicts) X(cpu) \
	X(saved) X(datagram) X(pieces) X(scratch) X(ftp) X(segment) X(caches) X(reals) X(calls)
