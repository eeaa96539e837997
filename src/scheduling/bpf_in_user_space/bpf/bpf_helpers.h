/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libbpf's header of this name, for the data plane's own code compiled for user space
 * (data_plane.c): what the kernel gives to a BPF program is here given by a struct isobar_world.
 */
#pragma once

#include <stddef.h>

#include <linux/types.h>

#define SEC(name)
#define __uint(name, value) int(*name)[value]
#define __type(name, value) typeof(value)* name
#define __array(name, value) typeof(value)* name[]

#undef __always_inline
#define __always_inline inline __attribute__((always_inline, unused))
/* BPF's global functions are the verifier's matter. Inline ones that nobody calls are not made:
 * some have BPF's assembler in them. */
#undef __noinline
#define __noinline __always_inline

static __always_inline void* world_lookup(const void* map, const void* key);
static __always_inline __u64 world_jiffies(void);
static __always_inline __u64 world_ns(void);
static __always_inline __u32 world_random(void);

#define bpf_map_lookup_elem(map, key) world_lookup(map, key)
#define bpf_jiffies64() world_jiffies()
#define bpf_ktime_get_ns() world_ns()
#define bpf_get_prandom_u32() world_random()
#define bpf_loop(count, step, state, flags)                                    \
    do {                                                                       \
        __u32 world_rounds = (count);                                          \
        for (__u32 world_round = 0; world_round < world_rounds; world_round++) \
            if (step(world_round, state)) break;                               \
    } while (0)
