// SPDX-License-Identifier: Apache-2.0
#include "dataplane/decision.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <optional>
#include <utility>
#include <vector>

#include "dataplane/convert.h"
#include "dataplane/routes.h"
#include "dataplane/verdicts.h"
#include "scheduling/data_plane.h"
#include "scheduling/reason.h"

namespace isobar::dataplane {
namespace {

constexpr model::Port kFtpDataPort = 20;
// bpf/sched/lrt.h: microseconds, times 256 a connection, times 2^13
constexpr double kLrtUnit = 256.0 * 8192.0;

isobar_five_tuple tuple_of(const model::Question& question) {
    isobar_five_tuple tuple{};
    tuple.source = kernel::to_abi(question.source.address);
    tuple.destination = kernel::to_abi(question.destination.address);
    tuple.source_port = to_network(question.source.port);
    tuple.destination_port = to_network(question.destination.port);
    tuple.protocol = protocol_number(question.protocol);
    return tuple;
}

std::string kind_name(std::uint32_t kinds) {
    switch (kinds) {
        case ISOBAR_FILTER_VIRTUAL:
            return "virtual";
        case ISOBAR_FILTER_REAL:
            return "real";
        case ISOBAR_FILTER_VIRTUAL | ISOBAR_FILTER_REAL:
            return "virtual and real";
        default:
            return "unknown";
    }
}

bool forwarding_is_off(model::Family family) {
    std::ifstream file(family == model::Family::V4 ? "/proc/sys/net/ipv4/ip_forward"
                                                   : "/proc/sys/net/ipv6/conf/all/forwarding");
    char first = '1';
    file >> first;
    return first == '0';
}

std::vector<std::string> flag_names(const isobar_conn& conn) {
    std::vector<std::string> names;
    const auto add = [&](std::uint32_t bits, std::uint32_t flag, const char* name) {
        if (bits & flag) names.emplace_back(name);
    };
    add(conn.life, ISOBAR_LIFE_INACTIVE, "inactive");
    add(conn.flags, ISOBAR_CONN_HERE, "client on this host");
    add(conn.flags, ISOBAR_CONN_FTP, "ftp");
    add(conn.flags, ISOBAR_CONN_EXPECTED, "expected by ftp");
    add(conn.flags, ISOBAR_CONN_TOA, "toa");
    add(conn.flags, ISOBAR_CONN_PROXY, "proxy");
    add(conn.life, ISOBAR_LIFE_AWAY, "in its second line");
    add(conn.life, ISOBAR_LIFE_STRAYED, "strayed");
    return names;
}

// Its template is for its data connections, too (bpf/template.h).
bool is_for_ftp(const model::FoundService& service) {
    return service.persistence && service.key.address.port == model::kFtpPort;
}

class Deciding {
public:
    Deciding(const Maps& maps, const Tables::Services& services, const model::Question& question,
             std::uint32_t now)
        : maps_(maps),
          services_(services),
          question_(question),
          tuple_(tuple_of(question)),
          segments_(maps.segments()),
          lines_(segments_.by_number()),
          servers_(maps.servers().begin(), maps.servers().end()) {
        world_.settings = maps.settings();
        world_.filter = &maps.filter();
        world_.rules = maps.rules().data();
        world_.servers = servers_.data();
        world_.server_count = static_cast<std::uint32_t>(servers_.size());
        world_.segments = lines_.data();
        world_.segment_count = static_cast<std::uint32_t>(lines_.size());
        world_.jiffies = now;
        world_.ns = static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch() /
                                               std::chrono::nanoseconds(1));
        world_.random = 1;  // what is up to chance is not foretold
        decision_.question = question;
    }

    Result<model::Decision> decide() {
        if (is_ours()) {
            find_connection();
            if (!decision_.connection || !decision_.connection->over.empty()) schedule();
        }
        if (goes_on_) {
            if (auto routed = route(); !routed) return tl::unexpected(std::move(routed.error()));
        }
        decision_.verdict = verdicts()[verdict_].name;
        decision_.meaning = verdicts()[verdict_].meaning;
        return std::move(decision_);
    }

private:
    [[nodiscard]] bool is_ours();
    void find_connection();
    void meet(std::uint32_t record, bool from_server);
    [[nodiscard]] std::string why_over(const isobar_conn& conn, const isobar_server& server,
                                       bool from_server);
    void schedule();
    [[nodiscard]] const Tables::Service* find_service();
    [[nodiscard]] const Tables::Service* found(const model::ServiceKey& key, std::string by);
    [[nodiscard]] const Tables::Service* find_marked();
    [[nodiscard]] const Tables::Service* find_ftp();
    [[nodiscard]] bool find_template(const isobar_service& service);
    void choose(const Tables::Service& service);
    [[nodiscard]] scheduling::Ballot ballot(const Tables::Service& service);
    void add_hash(scheduling::Ballot& ballot, const Tables::Service& service) const;
    void doubt_new_connections(const Tables::Service& service);
    void go_to(std::uint32_t slot, std::uint8_t method, const model::Endpoint& target);
    void go_to_new(std::uint32_t slot, const model::Endpoint& target);
    [[nodiscard]] Result<void> route();
    [[nodiscard]] std::chrono::seconds left(const isobar_conn& conn) const;
    [[nodiscard]] model::Endpoint new_end(const isobar_server& server, bool by_ftp) const;
    void end(isobar_verdict verdict) { verdict_ = verdict; }

    const Maps& maps_;
    const Tables::Services& services_;
    const model::Question& question_;
    isobar_five_tuple tuple_;
    Segments segments_;
    std::vector<isobar_conn_line*> lines_;
    std::vector<isobar_server> servers_;  // copies, as all that is written to
    std::vector<isobar_set_element> set_;
    std::vector<isobar_destination> caches_;
    isobar_world world_{};
    model::Decision decision_;
    isobar_verdict verdict_ = ISOBAR_NOT_OURS;
    bool goes_on_ = false;
    std::uint32_t to_ = 0;  // server, in isobar_servers
    model::Endpoint target_;
    std::optional<model::Address> reply_from_;  // of a reply: what it will be from
};

// ---- is it for us, and known? ------------------------------------------------------

bool Deciding::is_ours() {
    const auto source = isobar_world_kinds(&world_, &tuple_.source);
    auto destination = isobar_world_kinds(&world_, &tuple_.destination);
    decision_.source_is = kind_name(source);
    decision_.destination_is = kind_name(destination);
    if (world_.settings.marks != 0 && question_.mark != 0) destination |= ISOBAR_FILTER_VIRTUAL;
    return (source | destination) != 0;
}

std::chrono::seconds Deciding::left(const isobar_conn& conn) const {
    const auto jiffies = static_cast<std::int32_t>(conn.expires - world_.jiffies);
    return std::chrono::seconds(std::max(jiffies, 0) /
                                static_cast<std::int32_t>(world_.settings.hz));
}

// Where a new connection arrives at its server. `by_ftp`: by a template that is for FTP's data
// connections, too, which have ports of their own.
model::Endpoint Deciding::new_end(const isobar_server& server, bool by_ftp) const {
    const auto wanted = question_.destination.port;
    const bool keeps = server.port == 0 || (by_ftp && wanted != model::kFtpPort);
    return {from_abi(server.address), keeps ? wanted : from_network(server.port)};
}

// IPVS drops what is meant for a removed server, but for expire_nodest_conn.
std::string Deciding::why_over(const isobar_conn& conn, const isobar_server& server,
                               bool from_server) {
    if (static_cast<std::int32_t>(world_.jiffies - conn.expires) >= 0 && conn.controlled == 0)
        return "its time is over";
    if (from_server) return "";
    if (!(server.flags & ISOBAR_SERVER_AVAILABLE) &&
        world_.settings.switches[ISOBAR_EXPIRE_NODEST_CONN])
        return "its server is removed (expire_nodest_conn)";
    if (isobar_world_gives_way(&world_, &conn))
        return "it is closed, and a new one may have its ports (conn_reuse_mode)";
    return "";
}

void Deciding::meet(std::uint32_t record, bool from_server) {
    const isobar_conn conn = *isobar_world_record(&world_, record);
    if (conn.server >= servers_.size()) return;
    const isobar_server& server = servers_[conn.server];
    model::KnownConnection known;
    known.from_server = from_server;
    known.client = {from_abi(conn.client), from_network(conn.client_port)};
    known.virtual_address = {from_abi(conn.virtual_address), from_network(conn.virtual_port)};
    known.server = {from_abi(server.address), server_port(server, conn)};
    known.method = method_of(conn.method);
    known.state = state_name(conn.life & ISOBAR_LIFE_STATE);
    known.expires = left(conn);
    known.flags = flag_names(conn);
    if (conn.control != 0) {
        const auto* control = isobar_world_record(&world_, conn.control - 1);
        const bool by_template = control != nullptr && (control->life & ISOBAR_LIFE_TEMPLATE);
        known.controlled_by = by_template ? "template" : "ftp connection";
    }
    known.over = why_over(conn, server, from_server);
    decision_.connection = known;
    if (!known.over.empty()) return;
    if (!from_server && !(server.flags & ISOBAR_SERVER_AVAILABLE))
        return end(ISOBAR_SERVER_REMOVED);
    if (from_server) reply_from_ = known.virtual_address.address;
    go_to(conn.server, conn.method, from_server ? known.client : known.server);
}

// As conn_find(), and ftp_announced(): of FTP's data connections the client's port may be unknown.
void Deciding::find_connection() {
    verdict_ = ISOBAR_NO_SERVICE;
    auto record = isobar_world_find(&world_, &tuple_, ISOBAR_FROM_CLIENT);
    if (record != ISOBAR_NOBODY) return meet(record, false);
    record = isobar_world_find(&world_, &tuple_, ISOBAR_FROM_SERVER);
    if (record != ISOBAR_NOBODY) return meet(record, true);
    auto expected = tuple_;
    expected.source_port = 0;
    record = isobar_world_find(&world_, &expected, ISOBAR_FROM_CLIENT);
    const auto* conn = isobar_world_record(&world_, record);
    if (conn != nullptr && (conn->flags & ISOBAR_CONN_EXPECTED)) meet(record, false);
}

// ---- a new connection ----------------------------------------------------------------

const Tables::Service* Deciding::found(const model::ServiceKey& key, std::string by) {
    const auto service = services_.find(key);
    if (service == services_.end()) return nullptr;
    decision_.service = {key, std::move(by), service->second.persistence, service->second.engine,
                         service->second.one_packet};
    return &service->second;
}

const Tables::Service* Deciding::find_marked() {
    if (world_.settings.marks == 0) return nullptr;
    const auto by_rule = isobar_world_mark(&world_, &tuple_);
    const auto mark = by_rule != 0 ? by_rule : question_.mark;
    if (mark == 0) return nullptr;
    const bool is_group = mark >= model::kFirstGroupMark;
    return found(model::ServiceKey::by_mark(mark, question_.destination.address.family),
                 is_group       ? "the group of its listen addresses"
                 : by_rule != 0 ? fmt::format("mark {}, by a rule of the host", mark)
                                : fmt::format("mark {}", mark));
}

// As find_ftp().
const Tables::Service* Deciding::find_ftp() {
    const auto port = question_.destination.port;
    if (world_.settings.ftp_services == 0 || question_.protocol != model::Protocol::Tcp ||
        (port != kFtpDataPort && port < 1024))
        return nullptr;
    model::ServiceKey key{question_.protocol, question_.destination};
    key.address.port = model::kFtpPort;
    const auto service = services_.find(key);
    if (service == services_.end() || !service->second.persistence) return nullptr;
    return found(key, "FTP: its data connections may come to any port");
}

// As find_service().
const Tables::Service* Deciding::find_service() {
    if (const auto* marked = find_marked()) return marked;
    model::ServiceKey key{question_.protocol, question_.destination};
    if (const auto* service = found(key, "its address and port")) return service;
    if (const auto* ftp = find_ftp()) return ftp;
    key.address.port = 0;
    return found(key, "its address: a service for all ports that have none of their own");
}

bool Deciding::find_template(const isobar_service& service) {
    if (service.persistence == 0) return false;
    if (service.engine != ISOBAR_ENGINE_NONE) {
        decision_.doubts.emplace_back(
            "a call that is known stays with its server: by its Call-ID, which is not told here");
        return false;
    }
    const auto record = isobar_world_find_template(&world_, &service, &tuple_);
    const auto* conn = isobar_world_record(&world_, record);
    if (record == ISOBAR_NOBODY || conn == nullptr || conn->server >= servers_.size()) return false;
    const isobar_conn known = *conn;
    decision_.known_template = {new_end(servers_[known.server], false), template_state(known.life),
                                left(known), known.controlled};
    go_to_new(known.server,
              new_end(servers_[known.server], (known.flags & ISOBAR_CONN_SAME_PORT) != 0));
    return true;
}

void Deciding::doubt_new_connections(const Tables::Service& service) {
    const auto& settings = world_.settings;
    if (settings.drop_rate != 0)
        decision_.doubts.push_back(fmt::format(
            "drop_packet is in force: one of {} new connections is dropped", settings.drop_rate));
    if (settings.by_hash_until != 0 &&
        static_cast<std::int32_t>(world_.jiffies - settings.by_hash_until) < 0)
        decision_.doubts.emplace_back(
            "the table of connections was full lately: clients without a record go by hash");
    if (settings.switches[ISOBAR_NAT_ICMP_SEND] && decision_.source_is.ends_with("real"))
        decision_.doubts.emplace_back("nat_icmp_send is on: a real server is told that it errs");
    if (settings.host_marks != 0 && question_.mark == 0)
        decision_.doubts.emplace_back("a tc filter may give it a mark: --mark");
    if (service.scheduler == model::Scheduler::Lrt)
        decision_.doubts.emplace_back(
            "response times change with each answer, and while a server does not answer");
    if (service.one_packet && question_.protocol == model::Protocol::Udp)
        decision_.doubts.emplace_back("each packet is scheduled anew: the next one goes elsewhere");
}

// As schedule(), schedule_anew().
void Deciding::schedule() {
    const Tables::Service* service = find_service();
    if (service == nullptr) return end(ISOBAR_NO_SERVICE);
    doubt_new_connections(*service);
    if (question_.source.port == kFtpDataPort) {
        decision_.doubts.emplace_back(
            "from port 20, FTP's data connections come: it never begins one");
        return end(ISOBAR_NO_CONNECTION);
    }
    if (!find_template(maps_.services()[service->index])) choose(*service);
}

void Deciding::add_hash(scheduling::Ballot& ballot, const Tables::Service& service) const {
    const auto& head = set_.front().head;
    ballot.slot = isobar_world_slot(&head, &tuple_);
    if (ballot.slot >= head.slots) return;
    const auto element = 1 + head.count + ballot.slot / ISOBAR_SLOTS;
    const std::size_t member = set_[element].slots.member[ballot.slot % ISOBAR_SLOTS];
    if (member < service.members.size()) ballot.hashed = member;
}

scheduling::Ballot Deciding::ballot(const Tables::Service& service) {
    scheduling::Ballot ballot;
    ballot.scheduler = service.scheduler;
    ballot.flags = service.scheduler_flags;
    ballot.question = question_;
    ballot.before = Cursor::unpack(set_.front().head.state);
    for (const Tables::Member& member : service.members) {
        const isobar_server& server = servers_[member.slot];
        ballot.candidates.push_back({member.server.address, member.server.weight, server.active,
                                     server.inactive, server.upper_threshold,
                                     server.upper_threshold != 0 && server.overloaded != 0, "",
                                     ""});
        if (service.scheduler == model::Scheduler::Lrt && member.server.weight != 0)
            ballot.delays.push_back(static_cast<double>(isobar_world_delay(
                                        &world_, &server, member.server.weight, tuple_.protocol)) /
                                    kLrtUnit);
        else
            ballot.delays.push_back(0);
        ballot.remembered.push_back(
            !caches_.empty() &&
            isobar_world_remembers(&world_, service.set, &tuple_, member.slot) >= 0);
    }
    if (set_.front().head.slots != 0) add_hash(ballot, service);
    return ballot;
}

void Deciding::choose(const Tables::Service& service) {
    const auto block = maps_.sets().subspan(service.set, service.set_length);
    set_.assign(block.begin(), block.end());
    world_.sets = set_.data();
    world_.first_set = service.set;
    world_.set_elements = static_cast<std::uint32_t>(set_.size());
    if (service.scheduler == model::Scheduler::Lblc ||
        service.scheduler == model::Scheduler::Lblcr) {
        caches_.assign(maps_.caches().begin(), maps_.caches().end());
        world_.caches = caches_.data();
    }
    if (service.set == 0) return end(ISOBAR_NO_SERVER);
    auto seen = ballot(service);
    const auto slot = isobar_world_choose(&world_, service.set, &tuple_);
    const auto chosen = std::ranges::find(service.members, slot, &Tables::Member::slot);
    if (chosen != service.members.end())
        seen.chosen = static_cast<std::size_t>(chosen - service.members.begin());
    seen.after = Cursor::unpack(set_.front().head.state);
    decision_.choice = scheduling::reasoned(std::move(seen));
    if (slot == ISOBAR_NOBODY) return end(ISOBAR_NO_SERVER);
    if (!decision_.choice->certain) return end(ISOBAR_FORWARDED);
    go_to_new(slot, new_end(servers_[slot], decision_.service && is_for_ftp(*decision_.service)));
}

// ---- the way out -----------------------------------------------------------------------

void Deciding::go_to(std::uint32_t slot, std::uint8_t method, const model::Endpoint& target) {
    goes_on_ = true;
    to_ = slot;
    target_ = target;
    decision_.method = method_of(method);
    decision_.goes_to = target;
    end(reply_from_ ? ISOBAR_REPLIED : ISOBAR_FORWARDED);
}

void Deciding::go_to_new(std::uint32_t slot, const model::Endpoint& target) {
    go_to(slot, servers_[slot].method, target);
}

// As forward().
Result<void> Deciding::route() {
    const isobar_server& server = servers_[to_];
    if (!reply_from_ && (server.flags & ISOBAR_SERVER_LOCAL)) {
        end(ISOBAR_TO_SELF);
        return {};
    }
    auto hop = find_next_hop(target_.address, reply_from_);
    if (!hop) return tl::unexpected(std::move(hop.error()));
    std::optional<model::NextHop>& next = decision_.next_hop = *std::move(hop);
    if (!next) {
        end(ISOBAR_NO_ROUTE);
        return {};
    }
    if (!reply_from_ && decision_.method == model::ForwardingMethod::Tun)
        next->overhead = server.tunnel_overhead;
    if (forwarding_is_off(target_.address.family)) end(ISOBAR_FORWARDING_OFF);
    return {};
}

}  // namespace

Result<model::Decision> decide(const Maps& maps, const Tables::Services& services,
                               const model::Question& question, std::uint32_t now) {
    return Deciding(maps, services, question, now).decide();
}

}  // namespace isobar::dataplane
