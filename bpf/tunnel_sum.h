/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a packet inside a tunnel adds up to, for the checksum of the outer header.
 *
 * Of TCP and UDP that is known without looking at the data: with its own checksum in it, a segment
 * and its pseudo header add up to 0xffff. This is right even where that checksum is still to be
 * filled in by a device, and is all that can be known then. If the checksum is wrong the outer one
 * will be too, and who receives it drops the packet a step earlier.
 */
#pragma once

#include "packet.h"

/* Given by whoever includes this: CHECKSUM_CHUNK bytes of memory of this CPU. */
static __be32 *tunnel_chunk(void);

struct tunnel_summing {
	ISOBAR_CTX *ctx;
	__u32 at;
	__u32 left;
	__s64 sum;           /* below 0: an error */
};

static long tunnel_sum_chunk(__u32 i, struct tunnel_summing *summing)
{
	__be32 *chunk = tunnel_chunk();
	__u32 last = summing->left - 1; /* byte of this chunk */

	if (!chunk || summing->left == 0)
		return 1;
	if (last > CHECKSUM_CHUNK - 1)
		last = CHECKSUM_CHUNK - 1;
	asm volatile("" : "+r"(last)); /* the bounds must come last for Linux 6.1 */
	last &= CHECKSUM_CHUNK - 1;
	chunk[last / 4] = 0;
	if (ctx_load(summing->ctx, summing->at, chunk, last + 1)) {
		summing->sum = -1;
		return 1;
	}
	summing->sum = bpf_csum_diff(NULL, 0, chunk, (last & ~3u) + 4, summing->sum);
	summing->at += last + 1;
	summing->left -= last + 1;
	return 0;
}

/* Of `length` bytes from `at` on. Below 0: they are not there. */
static __always_inline __s64 tunnel_sum_bytes(ISOBAR_CTX *ctx, __u32 at, __u32 length)
{
	struct tunnel_summing summing = { .ctx = ctx, .at = at, .left = length };

	bpf_loop(65536 / CHECKSUM_CHUNK + 1, tunnel_sum_chunk, &summing, 0);
	return summing.sum;
}

/* Of the transport header; of later fragments, data. */
struct tunnel_transport {
	__be16 ports[2];
	__be16 udp_length;
	__sum16 udp_check;
	__u32 sctp_check;
};

/* SCTP whose checksum a device is to fill in; any other has one by now that will not change. */
static __always_inline int tunnel_is_unfinished(const struct isobar_packet *packet,
						const struct tunnel_transport *head)
{
	return packet->tuple.protocol == IPPROTO_SCTP && head->sctp_check == 0;
}

/* Does the whole segment, `length` bytes of which there are, add up to its pseudo header? */
static __always_inline int tunnel_is_summed(const struct isobar_packet *packet,
					    const struct tunnel_transport *head, __u32 length)
{
	if (packet->fragment)
		return 0;
	if (packet->tuple.protocol == IPPROTO_UDP)
		return head->udp_check && bpf_ntohs(head->udp_length) == length;
	return packet->tuple.protocol == IPPROTO_TCP;
}

static __always_inline __u64 tunnel_pseudo(const struct isobar_packet *packet, __u32 length)
{
	const struct isobar_address *source = &packet->tuple.source;
	const struct isobar_address *destination = &packet->tuple.destination;
	__u64 sum = bpf_htons(packet->tuple.protocol) + bpf_htons(length);

	if (!packet_is_ipv6(packet))
		return sum + address_v4(source) + address_v4(destination);
	for (int i = 0; i < 4; i++)
		sum += (__u64)source->word[i] + destination->word[i];
	return sum;
}

/* Of the packet at `l3`; `end`: where the tunnel's data ends. Below 0: no checksum can be made.
 * Global: the verifier looks at it once. */
__noinline int tunnel_sum(ISOBAR_CTX *ctx, const struct isobar_packet *packet, __u32 l3, __u32 end)
{
	struct tunnel_transport head = {};
	__u32 length;
	__s64 sum;

	if (!packet)
		return -1;
	length = end - packet->l4;
	/* shorter ones are neither TCP nor SCTP */
	if (ctx_load(ctx, packet->l4, &head, sizeof(head)))
		ctx_load(ctx, packet->l4, &head, offsetof(struct tunnel_transport, sctp_check));
	if (tunnel_is_unfinished(packet, &head))
		return -1;
	if (!tunnel_is_summed(packet, &head, length)) {
		sum = tunnel_sum_bytes(ctx, l3, end - l3);
	} else {
		sum = tunnel_sum_bytes(ctx, l3, packet->l4 - l3);
		if (sum >= 0)
			sum += (__u16)~checksum_fold(tunnel_pseudo(packet, length));
	}
	return sum < 0 ? -1 : checksum_fold(sum);
}
