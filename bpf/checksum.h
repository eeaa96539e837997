/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Internet checksums (RFC 1071) and their incremental change (RFC 1624, eqn. 3).
 */
#pragma once

#include <linux/types.h>

/* So many bytes bpf_csum_diff() takes at a time. */
#define CHECKSUM_CHUNK 512

/* Of a sum below 2^47. */
static __always_inline __u16 checksum_fold(__u64 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)sum;
}

/* The checksum after a 32-bit and a 16-bit field that it covers have changed. */
static __always_inline __sum16 checksum_replace(__sum16 sum, __be32 old_word, __be32 new_word,
						__be16 old_half, __be16 new_half)
{
	__u64 total = (__u16)~sum;

	total += (__u32)~old_word;
	total += new_word;
	total += (__u16)~old_half;
	total += new_half;
	return (__sum16)~checksum_fold(total);
}

/* By how much a sum grows if the `count` words `from` become `to`. */
static __always_inline __u64 checksum_change(const __be32 *from, const __be32 *to, int count)
{
	__u64 sum = 0;

	for (int i = 0; i < count; i++)
		sum += (__u64)(__u32)~from[i] + to[i];
	return sum;
}
