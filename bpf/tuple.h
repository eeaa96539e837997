/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The five values that make a packet part of a connection.
 */
#pragma once

#include <linux/in.h>
#include <linux/types.h>

#include <bpf/bpf_endian.h>

#include "abi.h"

struct isobar_tuple {
	struct isobar_address source;
	struct isobar_address destination;
	__be16 source_port;
	__be16 destination_port;
	__u8 protocol;
	__u8 pad[3];
};

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

/* Other than 0 if they are not equal; without branches, each of which the verifier would follow. */
static __always_inline __u32 address_difference(const struct isobar_address *a,
						const struct isobar_address *b)
{
	__u32 difference = a->word[0] ^ b->word[0];

	for (int i = 1; i < 4; i++)
		difference |= a->word[i] ^ b->word[i];
	return difference;
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
