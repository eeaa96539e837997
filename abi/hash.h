/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The hashes of dh, sh and mh: user space fills the tables by them, the data plane looks up.
 * Bit for bit those of Linux on 64-bit machines, so that a director that takes over from IPVS
 * sends every client to the server it had. Values are in host order.
 */
#pragma once

#include <linux/types.h>

/* Both keys of ip_vs_mh.c are one number, twice. */
#define ISOBAR_MAGLEV_KEY 2654435761ull      /* where a server, or a client, begins */
#define ISOBAR_MAGLEV_SKIP_KEY 2654446892ull /* how far a server goes when a slot is taken */

#define ISOBAR_HASH_FUNCTION static inline __attribute__((always_inline, unused))

/* Slot of dh and sh: the top 8 bits of a multiplication (Linux's hash_32). */
ISOBAR_HASH_FUNCTION __u32 isobar_hash_slot(__u32 value)
{
	return (value * 0x61c88647u) >> 24;
}

ISOBAR_HASH_FUNCTION __u64 isobar_rotate(__u64 value, int bits)
{
	return value << bits | value >> (64 - bits);
}

ISOBAR_HASH_FUNCTION void isobar_sip_round(__u64 v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = isobar_rotate(v[1], 13) ^ v[0];
	v[3] = isobar_rotate(v[3], 16) ^ v[2];
	v[0] = isobar_rotate(v[0], 32) + v[3];
	v[2] += v[1];
	v[3] = isobar_rotate(v[3], 21) ^ v[0];
	v[1] = isobar_rotate(v[1], 17) ^ v[2];
	v[2] = isobar_rotate(v[2], 32);
}

/* SipHash-1-3 of the four bytes of `value` under the key (key, key), low half. */
ISOBAR_HASH_FUNCTION __u32 isobar_siphash(__u32 value, __u64 key)
{
	const __u64 block = 4ull << 56 | value; /* the length, and what was to be hashed */
	__u64 v[4] = {
		0x736f6d6570736575ull ^ key,
		0x646f72616e646f6dull ^ key,
		0x6c7967656e657261ull ^ key,
		0x7465646279746573ull ^ key,
	};

	v[3] ^= block;
	isobar_sip_round(v);
	v[0] ^= block;
	v[2] ^= 0xff;
	isobar_sip_round(v);
	isobar_sip_round(v);
	isobar_sip_round(v);
	return (__u32)(v[0] ^ v[1] ^ v[2] ^ v[3]);
}
