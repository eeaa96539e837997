// SPDX-License-Identifier: Apache-2.0
#include "support/model_ipvs.h"

#include <algorithm>
#include <cstdlib>
#include <sstream>

namespace isobar::test {
namespace {

using Server = ModelIpvs::Server;
constexpr ModelIpvs::Seconds kProlonged = 60;
constexpr ModelIpvs::Seconds kMargin = 2;

// What follows on each state: rows in the order of TcpEvent, columns as kColumns.
const std::vector<std::string> kColumns = {"NO", "ES", "SS", "SR", "FW", "TW",
                                           "CL", "CW", "LA", "LI", "SA"};
constexpr const char* kNext[2][4] = {
    {"SR ES ES SR SR SR SR SR SR SR SR",   // the client: SYN
     "CL CW SS TW TW TW CL CW LA LI TW",   // FIN
     "ES ES SS ES FW TW CL CW CL LI ES",   // ACK
     "CL CL CL SR CL CL CL CL LA LI SR"},  // RST
    {"SS ES SS SR SS SS SS SS SS LI SR",   // the server
     "TW FW SS TW FW TW CL TW LA LI TW", "ES ES SS ES FW TW CL CW LA ES ES",
     "CL CL SS CL CL TW CL CL CL CL CL"}};

std::string next_state(const std::string& state, Sender sender, TcpEvent event) {
    if (state == "UDP") return state;
    std::istringstream row(kNext[static_cast<int>(sender)][static_cast<int>(event)]);
    std::string next;
    for (const auto& column : kColumns) {
        row >> next;
        if (column == state) break;
    }
    return next;
}

ModelIpvs::Seconds timeout_of(const std::string& state) {
    static const std::map<std::string, ModelIpvs::Seconds> timeouts = {
        {"NO", 2},  {"ES", 900}, {"SS", 120}, {"SR", 60},  {"FW", 120}, {"TW", 120},
        {"CL", 10}, {"CW", 60},  {"LA", 30},  {"LI", 120}, {"SA", 120}, {"UDP", 300}};
    return timeouts.at(state);
}

bool is_active(const std::string& state) {
    return state == "ES" || state == "SS" || state == "SR" || state == "SA";
}

std::uint64_t load(const Server& server) {
    return std::uint64_t{server.active} * 256 + server.inactive;
}

}  // namespace

// ---- commands ----

void ModelIpvs::add_service(int service, model::Scheduler scheduler,
                            std::optional<model::Persistence> persistence) {
    services_[service] = {scheduler, persistence, {}, -1};
}

void ModelIpvs::edit_service(int service, model::Scheduler scheduler,
                             std::optional<model::Persistence> persistence) {
    auto& edited = services_.at(service);
    if (edited.scheduler != scheduler) {
        edited.last = -1;
        edited.near.clear();
    }
    edited.scheduler = scheduler;
    edited.persistence = persistence;
}

void ModelIpvs::remove_service(int service) {
    while (!services_.at(service).servers.empty())
        remove_server(service, services_.at(service).servers.front());
    services_.erase(service);
}

void ModelIpvs::add_server(int service, int server, model::Weight weight, std::uint32_t upper,
                           std::uint32_t lower) {
    servers_[{service, server}].there = true;
    auto& made = services_.at(service);
    made.servers.insert(made.servers.begin(), server);
    if (made.last >= 0) ++made.last;
    edit_server(service, server, weight, upper, lower);
}

void ModelIpvs::edit_server(int service, int server, model::Weight weight, std::uint32_t upper,
                            std::uint32_t lower) {
    auto& edited = servers_.at({service, server});
    if (upper == 0 || upper > edited.upper) edited.overloaded = false;
    edited.weight = weight;
    edited.upper = upper;
    edited.lower = lower;
}

// rr goes on behind the server before the one that left.
void ModelIpvs::remove_server(int service, int server) {
    auto& from = services_.at(service);
    const auto position =
        static_cast<int>(std::ranges::find(from.servers, server) - from.servers.begin());
    from.servers.erase(from.servers.begin() + position);
    if (from.last >= position) --from.last;
    servers_.at({service, server}).there = false;
    forget({service, server});
}

// ---- who is chosen ----

// Of the servers that the destination has, if it need not leave them. No day passes in a sequence:
// it is never forgotten, and its servers do not get fewer.
std::optional<int> ModelIpvs::near_server(int number) const {
    const auto& service = services_.at(number);
    const auto fits = [&](const Server& server) {
        return server.there && server.weight > 0 &&
               (service.scheduler == model::Scheduler::Lblc || !server.overloaded);
    };
    const Server* least = nullptr;
    std::optional<int> chosen;
    for (const int each : service.near) {
        const auto found = servers_.find({number, each});
        if (found == servers_.end() || !fits(found->second)) continue;
        const auto& server = found->second;
        if (least && load(server) * least->weight >= load(*least) * server.weight) continue;
        least = &server;
        chosen = each;
    }
    const auto idle = [&](int each) {
        const auto& server = servers_.at({number, each});
        return 2 * server.active < server.weight;
    };
    if (least && least->active > least->weight && std::ranges::any_of(service.servers, idle))
        return std::nullopt;
    return chosen;
}

std::optional<int> ModelIpvs::choose(int number) {
    auto& service = services_.at(number);
    const auto count = static_cast<int>(service.servers.size());
    const auto at = [&](int position) -> const Server& {
        return servers_.at({number, service.servers[static_cast<std::size_t>(position)]});
    };
    const auto usable = [&](int position) {
        return at(position).weight > 0 && !at(position).overloaded;
    };
    // The first of those that `better` prefers to all before it.
    const auto best = [&](auto&& may, auto&& better) -> std::optional<int> {
        std::optional<int> found;
        for (int i = 0; i < count; ++i)
            if (usable(i) && may(at(i)) && (!found || better(at(i), at(*found)))) found = i;
        return found;
    };
    const auto any = [](const Server&) { return true; };
    const auto heavier = [](const Server& a, const Server& b) { return a.weight > b.weight; };
    const auto sooner = [](const Server& a, const Server& b) {
        return (a.active + 1ULL) * b.weight < (b.active + 1ULL) * a.weight;
    };
    std::optional<int> position;
    switch (service.scheduler) {
        case model::Scheduler::Rr:
            // from the one behind the last on, once round; the last one too
            for (int i = 0; i < count && !position; ++i)
                if (const int next = (service.last + 1 + i) % count; usable(next)) position = next;
            if (position) service.last = *position;
            break;
        case model::Scheduler::Lc:
            position =
                best(any, [](const Server& a, const Server& b) { return load(a) < load(b); });
            break;
        case model::Scheduler::Lblc:
        case model::Scheduler::Lblcr:
            if (const auto near = near_server(number)) return near;
            [[fallthrough]];
        case model::Scheduler::Wlc:
            position = best(any, [](const Server& a, const Server& b) {
                return load(a) * b.weight < load(b) * a.weight;
            });
            break;
        case model::Scheduler::Nq:
            position = best([](const Server& s) { return s.active == 0; },
                            [](const Server&, const Server&) { return false; });
            if (position) break;
            [[fallthrough]];
        case model::Scheduler::Sed:
            position = best(any, sooner);
            break;
        case model::Scheduler::Fo:
            position = best(any, heavier);
            break;
        case model::Scheduler::Ovf:
            position = best([](const Server& s) { return s.active <= s.weight; }, heavier);
            break;
        default:
            std::abort();  // not in the model
    }
    if (!position) return std::nullopt;
    const int chosen = service.servers[static_cast<std::size_t>(*position)];
    if (service.scheduler == model::Scheduler::Lblc) service.near = {chosen};
    if (service.scheduler == model::Scheduler::Lblcr &&
        std::ranges::find(service.near, chosen) == service.near.end())
        service.near.insert(service.near.begin(), chosen);
    return chosen;
}

std::optional<int> ModelIpvs::template_for(int service, int client,
                                           const model::Persistence& persistence) {
    const std::uint32_t network = (kModelFirstClient + static_cast<std::uint32_t>(client)) &
                                  (~0U << (32U - persistence.prefix));
    const auto until = now_ + persistence.timeout.count();
    for (auto& [number, found] : templates_) {
        if (found.is_void || found.service != service || found.client != network) continue;
        if (servers_.at({service, found.server}).there) {
            found.deadline = until;
            return number;
        }
        found.is_void = true;
    }
    const auto server = choose(service);
    if (!server) return std::nullopt;
    auto& chosen = servers_.at({service, *server});
    ++chosen.persistent;
    bound(chosen);
    templates_[next_template_] = {service, network, *server, until, 0, false};
    return next_template_++;
}

// ---- packets ----

ModelIpvs::Fate ModelIpvs::from_client(const ConnectionId& id, TcpEvent event) {
    const auto service = std::get<0>(id);
    const auto found = connections_.find(id);
    if (found == connections_.end()) return begin(id, event);
    auto& connection = found->second;
    // conn_reuse_mode 1
    if (event == TcpEvent::Syn && connection.controller < 0 &&
        (connection.state == "TW" || connection.state == "CL")) {
        end(id);
        return begin(id, event);
    }
    if (!servers_.at({service, connection.server}).there) return Fate::Removed;
    enter(connection, service, next_state(connection.state, Sender::Client, event));
    return Fate::Forwarded;
}

ModelIpvs::Fate ModelIpvs::from_server(const ConnectionId& id, TcpEvent event) {
    auto& connection = connections_.at(id);
    enter(connection, std::get<0>(id), next_state(connection.state, Sender::Server, event));
    return Fate::Replied;
}

ModelIpvs::Fate ModelIpvs::begin(const ConnectionId& id, TcpEvent event) {
    const auto [number, client, port] = id;
    const auto service = services_.find(number);
    if (service == services_.end()) return Fate::NoService;
    if (!is_udp(number) && event != TcpEvent::Syn) return Fate::NoConnection;
    Connection made;
    if (const auto& persistence = service->second.persistence) {
        const auto controller = template_for(number, client, *persistence);
        if (!controller) return Fate::NoServer;
        made.controller = *controller;
        ++templates_.at(*controller).controlled;
        made.server = templates_.at(*controller).server;
    } else {
        const auto server = choose(number);
        if (!server) return Fate::NoServer;
        made.server = *server;
    }
    made.state = is_udp(number) ? "UDP" : "NO";
    auto& chosen = servers_.at({number, made.server});
    ++chosen.inactive;
    bound(chosen);
    auto& connection = connections_[id] = made;
    enter(connection, number, next_state(made.state, Sender::Client, event));
    return Fate::Forwarded;
}

void ModelIpvs::enter(Connection& connection, int service, const std::string& state) {
    auto& server = servers_.at({service, connection.server});
    if (is_active(connection.state) && !is_active(state)) --server.active, ++server.inactive;
    if (!is_active(connection.state) && is_active(state)) ++server.active, --server.inactive;
    connection.state = state;
    connection.deadline = now_ + timeout_of(state);
}

// ---- overload ----

void ModelIpvs::bound(Server& server) const {
    if (server.upper != 0 && server.active + server.inactive >= server.upper)
        server.overloaded = true;
}

void ModelIpvs::unbound(const ServerId& id) {
    auto& server = servers_.at(id);
    const auto total = server.active + server.inactive;
    if (server.lower != 0 ? total < server.lower
                          : server.upper == 0 || total * 4 < server.upper * 3)
        server.overloaded = false;
    // not in IPVS, which looks at a limit that was lowered with the next new connection only
    bound(server);
    forget(id);
}

// A removed server, once nothing remembers it.
void ModelIpvs::forget(const ServerId& id) {
    const auto& server = servers_.at(id);
    if (!server.there && server.active + server.inactive + server.persistent == 0)
        servers_.erase(id);
}

// ---- time ----

void ModelIpvs::end(const ConnectionId& id) {
    const auto service = std::get<0>(id);
    const auto connection = connections_.at(id);
    connections_.erase(id);
    if (connection.controller >= 0) --templates_.at(connection.controller).controlled;
    auto& server = servers_.at({service, connection.server});
    --(is_active(connection.state) ? server.active : server.inactive);
    unbound({service, connection.server});
}

std::optional<ModelIpvs::Seconds> ModelIpvs::next_deadline() const {
    std::optional<Seconds> next;
    for (const auto& [id, connection] : connections_)
        if (!next || connection.deadline < *next) next = connection.deadline;
    for (const auto& [number, each] : templates_)
        if (!next || each.deadline < *next) next = each.deadline;
    return next;
}

bool ModelIpvs::is_clear(Seconds then) const {
    const auto far = [&](Seconds deadline) { return std::abs(deadline - then) >= kMargin; };
    for (const auto& [id, connection] : connections_) {
        if (!far(connection.deadline)) return false;
        if (connection.controller >= 0 && connection.deadline <= then &&
            templates_.at(connection.controller).deadline <= then)
            return false;
    }
    return std::ranges::all_of(templates_,
                               [&](const auto& each) { return far(each.second.deadline); });
}

void ModelIpvs::advance(Seconds then) {
    now_ = then;
    for (auto it = connections_.begin(); it != connections_.end();) {
        const auto id = it->first;
        const bool over = it->second.deadline <= now_;
        ++it;
        if (over) end(id);
    }
    for (auto it = templates_.begin(); it != templates_.end();) {
        auto& each = it->second;
        if (each.deadline <= now_ && each.controlled > 0) each.deadline = now_ + kProlonged;
        if (each.deadline > now_) {
            ++it;
            continue;
        }
        const ServerId id{each.service, each.server};
        it = templates_.erase(it);
        --servers_.at(id).persistent;
        unbound(id);
    }
}

}  // namespace isobar::test
