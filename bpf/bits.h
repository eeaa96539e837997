/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sets of up to 16 small numbers, a bit each. Without branches: after one the verifier would follow
 * each number that it then knows to the end.
 */
#pragma once

#include <linux/types.h>

#include <bpf/bpf_helpers.h>

/* 1 if they are equal. */
static __always_inline __u32 bits_equal(__u32 a, __u32 b)
{
	__u64 difference = a ^ b;

	asm volatile("" : "+r"(difference)); /* or clang compares, and branches */
	return (difference - 1) >> 63;
}

/* The least number in the set; 0 if it is empty. */
static __always_inline __u32 bits_lowest(__u32 bits)
{
	__u32 below = (bits & -bits) - 1; /* so many ones */

	below = (below & 0x5555) + (below >> 1 & 0x5555);
	below = (below & 0x3333) + (below >> 2 & 0x3333);
	below = (below & 0x0f0f) + (below >> 4 & 0x0f0f);
	return (below + (below >> 8)) & 15;
}

/* The set of the greatest number only. */
static __always_inline __u32 bits_highest(__u32 bits)
{
	bits |= bits >> 1;
	bits |= bits >> 2;
	bits |= bits >> 4;
	bits |= bits >> 8;
	return bits - (bits >> 1);
}

/* The set without the least number. */
static __always_inline __u32 bits_rest(__u32 bits)
{
	return bits & (bits - 1);
}
