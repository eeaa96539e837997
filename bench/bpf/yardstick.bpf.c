/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The units that results are quoted in: what the kernel's own hash map costs on this
 * machine, at this moment. Every program does its operation 8 times; `yardstick_none`
 * does all but the operation.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#define KEYS 65536
#define OPERATIONS 8

struct yardstick_key {
	__u32 word[10]; /* 40 bytes: an IPv6 five-tuple */
};

struct yardstick_value {
	__u32 word[4];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2 * KEYS);
	__type(key, struct yardstick_key);
	__type(value, struct yardstick_value);
} yardstick_hash SEC(".maps");

__u64 yardstick_count, yardstick_sink;

static __always_inline __u32 scattered(__u64 number)
{
	return (__u32)number * 2654435761u >> 16;
}

#define YARDSTICK(name, operation)                                                       \
	SEC("xdp")                                                                       \
	int yardstick_##name(struct xdp_md *ctx)                                         \
	{                                                                                \
		struct yardstick_key key = { .word = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 0 } }; \
		struct yardstick_value value = { .word = { 1 } };                        \
		struct yardstick_value *found = &value;                                  \
		__u64 base = yardstick_count, sum = 0;                                   \
                                                                                         \
		yardstick_count = base + OPERATIONS;                                     \
		_Pragma("unroll") for (int i = 0; i < OPERATIONS; i++)                   \
		{                                                                        \
			__u32 wide = scattered(base + i);                                \
                                                                                         \
			operation;                                                       \
			sum += wide + (found ? found->word[0] : 0);                      \
		}                                                                        \
		yardstick_sink += sum + key.word[9];                                     \
		return XDP_TX;                                                           \
	}

YARDSTICK(none, key.word[9] = i)
YARDSTICK(hot, (key.word[9] = i, found = bpf_map_lookup_elem(&yardstick_hash, &key)))
YARDSTICK(wide, (key.word[9] = wide, found = bpf_map_lookup_elem(&yardstick_hash, &key)))
YARDSTICK(insert_delete, (key.word[9] = (__u32)(base + i) + 8 * KEYS,
			  bpf_map_update_elem(&yardstick_hash, &key, &value, BPF_ANY),
			  bpf_map_delete_elem(&yardstick_hash, &key)))
/* Fills the map: run it KEYS / OPERATIONS times first. */
YARDSTICK(fill, (key.word[9] = wide, bpf_map_update_elem(&yardstick_hash, &key, &value, BPF_ANY)))

char _license[] SEC("license") = "Dual BSD/GPL";
