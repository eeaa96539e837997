/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The five values that make a packet part of a connection.
 */
#pragma once

#include <linux/in.h>
#include <linux/types.h>

#include <bpf/bpf_endian.h>

#include "abi.h"

#define FTP_DATA_PORT 20 /* RFC 959 */
#define FTP_PORT 21

/* Addresses on the stack that are read by halves. */
#define ADDRESS_ALIGNED __attribute__((aligned(8)))

struct isobar_tuple {
	struct isobar_address source;
	struct isobar_address destination;
	__be16 source_port;
	__be16 destination_port;
	__u8 protocol;
	__u8 pad[3];
} ADDRESS_ALIGNED;

static __always_inline struct isobar_address address_from_v4(__be32 v4)
{
	return (struct isobar_address){ .word = { 0, 0, bpf_htonl(0xffff), v4 } };
}

static __always_inline __be32 address_v4(const struct isobar_address *address)
{
	return address->word[3];
}

static __always_inline int address_is_v4(const struct isobar_address *address)
{
	return (address->word[0] | address->word[1] | (address->word[2] ^ bpf_htonl(0xffff))) == 0;
}

static __always_inline int address_equal(const struct isobar_address *a,
					 const struct isobar_address *b)
{
	return a->word[3] == b->word[3] && a->word[2] == b->word[2] && a->word[1] == b->word[1] &&
	       a->word[0] == b->word[0];
}

/* An address in two words, for what every packet does with it. It must stand at a multiple of 8
 * bytes: on the stack the verifier refuses others. What is read by halves is best written so, too:
 * the CPU has to wait for a word that it has just stored in two pieces. */
struct address_halves {
	__u64 first;
	__u64 last;
};

static __always_inline struct address_halves address_halves(const struct isobar_address *address)
{
	struct address_halves halves;

	__builtin_memcpy(&halves, __builtin_assume_aligned(address, 8), sizeof(halves));
	return halves;
}

static __always_inline void address_put(struct isobar_address *address,
					struct address_halves halves)
{
	__builtin_memcpy(__builtin_assume_aligned(address, 8), &halves, sizeof(halves));
}

static __always_inline void address_put_v4(struct isobar_address *address, __be32 v4)
{
	struct isobar_address mapped ADDRESS_ALIGNED = address_from_v4(v4);

	address_put(address, address_halves(&mapped));
}

static __always_inline int halves_equal(struct address_halves a, struct address_halves b)
{
	return ((a.first ^ b.first) | (a.last ^ b.last)) == 0;
}

/* As address_equal(), by halves. */
static __always_inline int address_same(const struct isobar_address *a,
					const struct isobar_address *b)
{
	return halves_equal(address_halves(a), address_halves(b));
}

/* To hash it: 32 bits that all of it counts in. */
static __always_inline __u32 address_fold(struct address_halves address)
{
	__u64 sum = address.first ^ address.last;

	return sum ^ sum >> 32;
}

/* The address without the bits behind the prefix. */
static __always_inline struct isobar_address address_masked(const struct isobar_address *address,
							    __u8 prefix)
{
	struct isobar_address masked;

	for (int i = 0; i < 4; i++) {
		__s32 bits = (__s32)prefix - 32 * i;
		__u32 mask = bits <= 0 ? 0 : bits >= 32 ? ~0u : ~0u << (32 - bits);

		masked.word[i] = address->word[i] & bpf_htonl(mask);
	}
	return masked;
}
