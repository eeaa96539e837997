/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bpf/ once more, for user space. Of what its headers have, only what is called here is made.
 */
#include "scheduling/data_plane.h"

#include <string.h>

/* of the packet that is looked at there is no more than the five-tuple */
#define ISOBAR_CTX struct world_packet
struct world_packet;
#define ISOBAR_HOOK_COMPLETE 1
#define ISOBAR_L3 14
#define ctx_mark(ctx) 0u

#include "filter.h"
#include "mark.h"
#include "overload.h"
#include "sched_all.h"
#include "state.h"
#include "template.h"

_Static_assert(ISOBAR_NOBODY == SET_NOBODY && ISOBAR_NOBODY == CONN_NONE, "one number for all");

/* Of the call that is under way. Settings and filter are no maps to look up, but variables. */
static __thread struct isobar_world* world_now;

static void enter(struct isobar_world* world) {
    world_now = world;
    isobar_settings = world->settings;
}

/* ---- what the kernel gives to BPF ------------------------------------------------ */

static __always_inline void* element(void* first, __u32 count, __u32 index, __u32 size) {
    return first && index < count ? (char*)first + (size_t)index * size : NULL;
}

static void* line_of(const void* segment, __u32 index) {
    const struct isobar_world* world = world_now;

    return index < ISOBAR_SEGMENT_ROOM && index <= world->settings.segment_mask
               ? (struct isobar_conn_line*)segment + index
               : NULL;
}

static __always_inline void* world_lookup(const void* map, const void* key) {
    const struct isobar_world* world = world_now;
    __u32 index;

    memcpy(&index, key, sizeof(index)); /* all that are looked up here are arrays */
    if (map == &isobar_sets)
        return element(world->sets, world->set_elements, index - world->first_set,
                       sizeof(*world->sets));
    if (map == &isobar_servers)
        return element(world->servers, world->server_count, index, sizeof(*world->servers));
    if (map == &isobar_caches)
        return element(world->caches, ISOBAR_DESTINATIONS, index, sizeof(*world->caches));
    if (map == &isobar_rules)
        return element((void*)world->rules, 2 * ISOBAR_RULES, index, sizeof(*world->rules));
    if (map == &isobar_conns)
        return world->segments && index < world->segment_count ? world->segments[index] : NULL;
    if (map == &isobar_ranks || map == &isobar_places) return NULL;
    return line_of(map, index); /* a map within isobar_conns */
}

static __always_inline __u64 world_jiffies(void) {
    return world_now->jiffies;
}

static __always_inline __u64 world_ns(void) {
    return world_now->ns;
}

/* xorshift64*, high half */
static __always_inline __u32 world_random(void) {
    __u64 x = world_now->random;

    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    world_now->random = x;
    return (__u32)(x * 0x2545f4914f6cdd1dull >> 32);
}

/* ---- scheduling ------------------------------------------------------------------- */

static struct isobar_tuple tuple_of(const struct isobar_five_tuple* five) {
    struct isobar_tuple tuple = {
        .source = five->source,
        .destination = five->destination,
        .source_port = five->source_port,
        .destination_port = five->destination_port,
        .protocol = five->protocol,
    };

    return tuple;
}

static __u32 choose_by(const struct isobar_set* set, const struct isobar_tuple* tuple) {
    switch (set->head->scheduler) {
#define X(number, name, Name) \
    case number:              \
        return name##_choose(set, tuple);
        ISOBAR_SCHEDULER_LIST(X)
#undef X
    }
    return SET_NOBODY;
}

/* destination_schedule() without ranks */
static __u32 choose_remembered(__u32 set, const struct isobar_tuple* tuple) {
    __u32 server = destination_choose(set, tuple);

    if (server != SET_LEARN) return server;
    server = rank_look_for(set);
    if (server != SET_NOBODY) destination_learn(set, tuple, server);
    return server;
}

__u32 isobar_world_choose(struct isobar_world* world, __u32 set,
                          const struct isobar_five_tuple* five) {
    struct isobar_tuple tuple = tuple_of(five);
    struct isobar_set opened = {0};
    __u32 server;

    enter(world);
    if (!set || set_open(set, &opened)) return SET_NOBODY;
    server = choose_by(&opened, &tuple);
    if (server == SET_REMEMBERED) return choose_remembered(set, &tuple);
    return server == SET_RANKED ? rank_look_for(set) : server;
}

void isobar_world_weigh(struct isobar_server* server) {
    server_weigh(server);
}

__u32 isobar_world_slot(const struct isobar_set_head* head, const struct isobar_five_tuple* five) {
    struct isobar_set set = {.head = (struct isobar_set_head*)head, .count = head->count};
    struct isobar_tuple tuple = tuple_of(five);

    switch (head->scheduler) {
        case ISOBAR_SCHEDULER_dh:
            return isobar_hash_slot(lookup_address(&tuple.destination));
        case ISOBAR_SCHEDULER_sh:
            return isobar_hash_slot(lookup_client(&set, &tuple));
        default:
            return mh_slot(lookup_client(&set, &tuple));
    }
}

int isobar_world_remembers(struct isobar_world* world, __u32 set,
                           const struct isobar_five_tuple* five, __u32 server) {
    const struct isobar_destination* entry;
    struct isobar_tuple tuple = tuple_of(five);
    struct isobar_set opened = {0};
    __u32 found;

    enter(world);
    if (!set || set_open(set, &opened)) return -1;
    found = destination_find(destination_cache(&opened), &tuple, world->jiffies);
    entry = found & DESTINATION_OWN ? destination_get(found) : NULL;
    for (__u32 i = 0; entry && i < entry->count && i < ISOBAR_DESTINATION_SERVERS; i++)
        if (entry->server[i] == server) return (int)i;
    return -1;
}

__u64 isobar_world_delay(struct isobar_world* world, const struct isobar_server* server,
                         __u32 weight, __u8 protocol) {
    enter(world);
    return lrt_delay(server, weight, protocol == IPPROTO_TCP, world->ns);
}

/* ---- connections -------------------------------------------------------------------- */

const struct isobar_conn* isobar_world_record(struct isobar_world* world, __u32 record) {
    struct isobar_conn_line* line;

    enter(world);
    line = conn_line_at(record / ISOBAR_LINE);
    return line && record % ISOBAR_LINE < ISOBAR_WAYS ? &line->record[record % ISOBAR_LINE] : NULL;
}

/* conn_matches(), which asks for BPF's assembler if the direction is no constant */
static int matches(const struct isobar_conn* conn, const struct isobar_tuple* tuple,
                   enum isobar_direction direction) {
    const struct isobar_server* server = conn_server(conn);

    if (!server) return 0;
    return direction == ISOBAR_FROM_CLIENT ? conn_matches(conn, server, ISOBAR_FROM_CLIENT, tuple)
                                           : conn_matches(conn, server, ISOBAR_FROM_SERVER, tuple);
}

/* As conn_search_one(). */
static __u32 walk(struct isobar_world* world, struct conn_walk* way,
                  const struct isobar_tuple* tuple, enum isobar_direction direction) {
    for (int i = 0; i < CONN_WALK_MOST && way->first != 0; i++) {
        __u32 record = conn_walk_on(way);
        const struct isobar_conn* conn;

        if (record == CONN_NONE) continue;
        conn = isobar_world_record(world, record);
        if (conn && (conn->life & ISOBAR_LIFE_SIGNPOST)) {
            record = conn->partner;
            conn = isobar_world_record(world, record);
        }
        if (conn && matches(conn, tuple, direction)) return record;
    }
    return CONN_NONE;
}

/* From a local port of fullnat to its connection; as conn_of_local(). */
static __u32 follow(struct isobar_world* world, __u32 record) {
    const struct isobar_conn* conn = isobar_world_record(world, record);

    if (!conn || !(conn->life & ISOBAR_LIFE_LOCAL)) return record;
    record = conn->partner;
    conn = isobar_world_record(world, record);
    return conn && (conn->life & ISOBAR_LIFE_LIVE) && (conn->life & ISOBAR_LIFE_FULLNAT)
               ? record
               : CONN_NONE;
}

/* As conn_find_among(). */
__u32 isobar_world_find(struct isobar_world* world, const struct isobar_five_tuple* five,
                        enum isobar_direction direction) {
    struct isobar_tuple tuple = tuple_of(five);
    struct conn_walk way;
    __u32 record;

    enter(world);
    way = conn_walk_begin(&isobar_settings,
                          direction == ISOBAR_FROM_CLIENT
                              ? conn_client_hash(&isobar_settings, &tuple, ISOBAR_FROM_CLIENT)
                              : conn_client_hash(&isobar_settings, &tuple, ISOBAR_FROM_SERVER));
    record = walk(world, &way, &tuple, direction);
    if (record == CONN_NONE && way.away) {
        way = conn_walk_begin(&isobar_settings, conn_stray_hash(&isobar_settings, &tuple));
        way.astray = 1;
        record = walk(world, &way, &tuple, direction);
    }
    return record == CONN_NONE ? CONN_NONE : follow(world, record);
}

/* As template_find(), but nobody holds it, and nothing is made void. */
__u32 isobar_world_find_template(struct isobar_world* world, const struct isobar_service* service,
                                 const struct isobar_five_tuple* five) {
    struct isobar_tuple tuple = tuple_of(five);
    struct isobar_address client ADDRESS_ALIGNED = template_client(&tuple, service);
    struct isobar_service of ADDRESS_ALIGNED = *service;
    struct conn_walk way;

    enter(world);
    way = conn_walk_begin(&isobar_settings,
                          template_hash(&isobar_settings, &client, &of.key.address,
                                        template_port(&of), (__u8)~of.key.protocol));
    for (int i = 0; i < CONN_WALK_MOST && way.first != 0; i++) {
        __u32 record = conn_walk_on(&way);
        const struct isobar_conn* conn;

        if (record == CONN_NONE) continue;
        conn = isobar_world_record(world, record);
        if (conn && template_matches(conn, &of, &client) &&
            (conn->controlled != 0 || !isobar_reached(conn->expires, world->jiffies)) &&
            !template_leads_nowhere(&isobar_settings, conn))
            return record;
    }
    return CONN_NONE;
}

/* As conn_gives_way(). */
int isobar_world_gives_way(struct isobar_world* world, const struct isobar_conn* conn) {
    const struct isobar_server* server;
    __u32 state = conn->life & ISOBAR_LIFE_STATE, mode;

    enter(world);
    server = conn_server(conn);
    if (server && server->weight == 0 && isobar_settings.switches[ISOBAR_EXPIRE_NODEST_CONN])
        return 1;
    mode = isobar_settings.switches[ISOBAR_CONN_REUSE_MODE];
    if (!mode || conn->control) return 0;
    if (conn->protocol == IPPROTO_SCTP) return state == ISOBAR_STATE_SCTP_CLOSED;
    return state_is_closed(state) ||
           ((mode & 2) && state == ISOBAR_STATE_FIN_WAIT && conn->method != ISOBAR_METHOD_NAT);
}

/* ---- what is for us ------------------------------------------------------------------ */

__u32 isobar_world_kinds(struct isobar_world* world, const struct isobar_address* address) {
    const struct isobar_address aligned ADDRESS_ALIGNED = *address;

    return world->filter ? filter_look(world->filter, &aligned) : 0;
}

__u32 isobar_world_mark(struct isobar_world* world, const struct isobar_five_tuple* five) {
    struct isobar_tuple tuple = tuple_of(five);

    enter(world);
    return mark_by_rule(&isobar_settings, &tuple);
}
