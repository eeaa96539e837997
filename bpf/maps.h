/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The maps that hold the state of a network namespace. Sizes written as 1 are set by
 * user space before loading. Those that user space maps into its memory are
 * MMAPABLE, which also aligns their elements to cache lines.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/tcp.h>
#include <linux/types.h>

#include <bpf/bpf_helpers.h>

#include "abi.h"
#include "checksum.h"
#include "tuple.h"

#define ISOBAR_MAP(name, map_type, key_type, value_type, size, flags) \
	struct {                                                      \
		__uint(type, map_type);                               \
		__uint(max_entries, size);                            \
		__uint(map_flags, flags);                             \
		__type(key, key_type);                                \
		__type(value, value_type);                            \
	} name SEC(".maps")

#define ISOBAR_ARRAY(name, value_type, size) \
	ISOBAR_MAP(name, BPF_MAP_TYPE_ARRAY, __u32, value_type, size, BPF_F_MMAPABLE)
#define ISOBAR_PERCPU(name, value_type, size) \
	ISOBAR_MAP(name, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, value_type, size, 0)
/* A map of one element, whose address is known when the program is loaded: nobody looks it up.
 * libbpf makes a map of the section (src/dataplane/programs.h knows its name). */
#define ISOBAR_ONE(name) struct isobar_##name isobar_##name SEC(".data." #name)
#define ISOBAR_HASH(name, key_type, value_type, size) \
	ISOBAR_MAP(name, BPF_MAP_TYPE_HASH, key_type, value_type, size, BPF_F_NO_PREALLOC)

/* Where a destination is reached, remembered for a moment (nexthop.h). */
struct isobar_nexthop {
	struct isobar_address destination;
	struct isobar_address source;  /* of a reply; all zeros: of any */
	struct isobar_address gateway; /* the destination itself if it is on the link */
	__u32 arrived_on;  /* ifindex the route was asked for */
	__u32 expires;     /* jiffies */
	__u32 ifindex;
	__u32 mtu;         /* 0: not known */
	union {
		struct {
			__u8 target[6];
			__u8 own[6];
		};
		__u32 word[3];
	} macs;            /* as a frame begins */
	__u8 resolved;     /* the MAC addresses are known */
	__u8 xdp;          /* XDP may redirect to ifindex */
	__u8 pad[2];
};

/* What is known of an ICMP error while it is looked at or made (icmp.h). */
struct isobar_error {
	struct isobar_tuple
		quoted; /* turned round: of the packets that come from where it comes from */
	/* what becomes of the quoted packet: how its sender knows it */
	struct isobar_address old_address;
	struct isobar_address new_address;
	__be16 old_port;
	__be16 new_port;
	__u16 icmp;         /* offset of the ICMP header, */
	__u16 inner;        /* of the quoted IP header, */
	__u16 inner_l4;     /* and of what follows that */
	__u16 kind;         /* enum isobar_tunnel, if it is a tunnel of ours that is quoted */
	__u32 mtu;          /* as a router said */
	__u32 length;       /* of the packet that is to be quoted, with its Ethernet header */
	__u32 sum;          /* of its bytes from the transport header on */
};

/* ---- FTP (ftp.h) ---- */

#define FTP_CONTROLS 16384 /* control connections that are followed at a time */
#define FTP_SEGMENT 1536   /* payload that is looked into: all of a frame of Ethernet */
#define FTP_TEXT 32        /* room for "255,255,255,255,255,255" */

/* What one line has said so far (ftp_text.h). */
struct ftp_line {
	__u32 word;          /* its first four letters, in capitals; the server's are digits */
	__u32 number[8]; /* of the address: bytes of IPv4, groups of IPv6; then, in PORT, the port's
			  */
	__u32 port;
	__u8 phase; /* enum ftp_phase */
	__u8 at; /* letter of the word, element of number[] */
	__u8 digits; /* of the number that is being read */
	__u8 field; /* of |family|address|port| */
	__u8 family; /* as EPRT has it, 1 and 2; 0: left out */
	__u8 gap; /* where "::" is, and 1; 0: nowhere */
	__u8 delimiter;
	__u8 pad;
};

/* What is known of a control connection. */
struct isobar_ftp {
	struct ftp_line command; /* of the client, as far as it has come */
	__u32 next; /* sequence number at which it goes on */
	/* The latest answer that was changed: the bytes from `at` on, `old_length` of them, have
	 * become `text`. By so much the server's bytes before and behind it have moved. */
	__u32 at;
	__s32 before;
	__s32 behind;
	__u32 old_length;
	__u32 new_length; /* 0: none yet */
	__u32 awaits; /* FTP_PASV, FTP_EPSV: the client has asked, and has no answer yet */
	char text[FTP_TEXT];
};

/* What is known while a Call-ID is looked for (call.h). */
struct call_search {
	__u64 hash[2]; /* of it */
	__u32 phase; /* enum call_phase */
	__u32 fold; /* enum call_fold, of the blanks around the colon */
	__u32 letters; /* of the name that are there */
	__u32 first; /* where the Call-ID begins */
	__u32 length;
	__u32 host; /* characters behind its @, and 1; 0: there is none */
};

/* A packet that is looked into. */
struct ftp_segment {
	struct isobar_tuple tuple; /* of the data connection that is recorded */
	struct tcphdr tcp;
	__u32 length; /* of the payload, */
	__u32 offset; /* which begins there */
	__u32 gso; /* it is a super-packet */
	__s32 room; /* by how much it may grow */
	struct ftp_line line; /* the one in it that matters, */
	__u32 kind; /* enum ftp_kind, */
	__u32 from; /* where its numbers are in the payload */
	__u32 to;
	__u32 again; /* it is the one that was changed latest */
	__u64 argument[6]; /* of the text to be made */
	struct call_search search;
	struct isobar_call call; /* that it begins */
	/* twice the size, for the verifier: it adds up the most that an offset and a length can be
	 */
	__u8 byte[2 * 2048];
};

/* What each CPU keeps for itself. `error` is there because the stack has no room: a packet is
 * not interrupted by another one. */
struct isobar_cpu {
	struct isobar_error error;
	__u32 icmp_tokens; /* ICMP errors that may still be sent in this second */
	__u32 icmp_second; /* jiffies at which the tokens were filled */
	__u8 segment[128]; /* without data, as it is summed up (client_told.h) */
	/* of a packet that is summed up (tunnel_sum.h), or its outer headers */
	__be32 chunk[CHECKSUM_CHUNK / 4];
};

ISOBAR_ONE(settings);
ISOBAR_ONE(sweep);
ISOBAR_ONE(filter);
ISOBAR_ARRAY(isobar_services, struct isobar_service, 1);
ISOBAR_HASH(isobar_keys, struct isobar_service_key, __u32, 1);
ISOBAR_ARRAY(isobar_sets, union isobar_set_element, 1);
ISOBAR_ARRAY(isobar_ranks, struct isobar_rank, 1);
ISOBAR_ARRAY(isobar_servers, struct isobar_server, 1);
/* Those of VS/NAT, by their own address and port; protocol 0: of a service by mark. */
ISOBAR_HASH(isobar_reals, struct isobar_service_key, __u32, 1);
ISOBAR_ARRAY(isobar_places, isobar_place, 1);
ISOBAR_PERCPU(isobar_traffic, struct isobar_traffic, 1);
ISOBAR_ARRAY(isobar_rates, struct isobar_estimate, 1);
/* By segment. Segments are alike, so Linux finds a line in two steps without a call. */
struct isobar_segment_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct isobar_conn_line));
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, ISOBAR_SEGMENTS);
	__type(key, __u32);
	__array(values, struct isobar_segment_map);
} isobar_conns SEC(".maps");
ISOBAR_ARRAY(isobar_rules, struct isobar_rule, 2 * ISOBAR_RULES);
ISOBAR_ARRAY(isobar_caches, struct isobar_destination, ISOBAR_DESTINATIONS);
ISOBAR_HASH(isobar_ports, __u32, struct isobar_port, 1024);
ISOBAR_PERCPU(isobar_nexthops, struct isobar_nexthop, 1024);
ISOBAR_PERCPU(isobar_verdicts, __u64, ISOBAR_VERDICTS);
ISOBAR_PERCPU(isobar_events, __u64, ISOBAR_EVENTS);
ISOBAR_PERCPU(isobar_cpu, struct isobar_cpu, 1);
ISOBAR_HASH(isobar_saved, struct isobar_sysctl_name, struct isobar_sysctl_value, 128);

ISOBAR_HASH(isobar_ftp, __u32, struct isobar_ftp, FTP_CONTROLS); /* by record */
ISOBAR_PERCPU(isobar_segment, struct ftp_segment, 1);
ISOBAR_HASH(isobar_calls, struct isobar_address, struct isobar_call, 65536);

static const __u32 isobar_zero;

#define isobar_only(map) bpf_map_lookup_elem(&(map), &isobar_zero)

static __always_inline void event_count(__u32 event)
{
	__u64 *count = bpf_map_lookup_elem(&isobar_events, &event);

	if (count)
		++*count;
}

/* Jiffies, low half: the cheapest clock there is (one load). */
static __always_inline __u32 isobar_now(void)
{
	return (__u32)bpf_jiffies64();
}

/* Is `deadline` reached? Right for deadlines less than 2^31 jiffies away. */
static __always_inline int isobar_reached(__u32 deadline, __u32 now)
{
	return (__s32)(now - deadline) >= 0;
}
