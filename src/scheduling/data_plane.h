/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The data plane's own code, compiled for user space (bpf/ by data_plane.c): what it would do with
 * a packet, worked out by what it would be done with. The maps are memory that the caller gives: a
 * copy, where it is written to. For C and C++; C++ has world.h over it.
 */
#pragma once

#include <linux/types.h>

#include "abi/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What the maps are. What is 0 has no elements. */
struct isobar_world {
    struct isobar_settings settings;
    const struct isobar_filter* filter;
    const struct isobar_rule* rules;
    union isobar_set_element* sets; /* from the element `first_set` on */
    __u32 first_set;
    __u32 set_elements;
    struct isobar_server* servers;
    __u32 server_count;
    __u32 segment_count;
    struct isobar_destination* caches;        /* ISOBAR_DESTINATIONS of them */
    struct isobar_conn_line* const* segments; /* by number; 0: there is none */
    __u64 ns;                                 /* CLOCK_MONOTONIC */
    __u64 random;                             /* state of the generator, never 0 */
    __u32 jiffies;
    __u32 pad;
};

struct isobar_five_tuple {
    struct isobar_address source;
    struct isobar_address destination;
    __be16 source_port;
    __be16 destination_port;
    __u8 protocol;
    __u8 pad[3];
};

#define ISOBAR_NOBODY 0xffffffffu /* no server, no record */

/* The server of a new connection, by the set's scheduler; as in bpf/schedule.h, but for large sets
 * all servers are compared instead of the ranks, which say the same. Writes what the scheduler
 * writes: cursor, destinations, response times. */
__u32 isobar_world_choose(struct isobar_world* world, __u32 set,
                          const struct isobar_five_tuple* tuple);

/* After a connection of the server was counted or discounted: is it overloaded now? */
void isobar_world_weigh(struct isobar_server* server);

/* The connection's record, or that of its template; over or not. Only reads. */
__u32 isobar_world_find(struct isobar_world* world, const struct isobar_five_tuple* tuple,
                        enum isobar_direction direction);
__u32 isobar_world_find_template(struct isobar_world* world, const struct isobar_service* service,
                                 const struct isobar_five_tuple* tuple);
const struct isobar_conn* isobar_world_record(struct isobar_world* world, __u32 record);

/* Would a packet that begins a connection take this one's place, because it is closed? */
int isobar_world_gives_way(struct isobar_world* world, const struct isobar_conn* conn);

/* ISOBAR_FILTER_* of the address. */
__u32 isobar_world_kinds(struct isobar_world* world, const struct isobar_address* address);
/* The mark that the rules give the packet; 0: none. */
__u32 isobar_world_mark(struct isobar_world* world, const struct isobar_five_tuple* tuple);
/* dh, sh, mh: the slot that is looked at first. */
__u32 isobar_world_slot(const struct isobar_set_head* head, const struct isobar_five_tuple* tuple);
/* lblc, lblcr: the server's place among those that are remembered for the destination; -1: it is
 * not. */
int isobar_world_remembers(struct isobar_world* world, __u32 set,
                           const struct isobar_five_tuple* tuple, __u32 server);
/* lrt: what is compared, ns and more. */
__u64 isobar_world_delay(struct isobar_world* world, const struct isobar_server* server,
                         __u32 weight, __u8 protocol);

#ifdef __cplusplus
}
#endif
