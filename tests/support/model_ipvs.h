// SPDX-License-Identifier: Apache-2.0
// IPVS's rules for one director, plainly: no bits, no races, time as a number. What the data
// plane does to random commands and packets is compared with it (datapath/model_test.cpp).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "model/service.h"

namespace isobar::test {

// A small world: services, real servers, clients are known by their number.
inline constexpr int kModelServices = 3, kModelServers = 3, kModelClients = 3, kModelPorts = 3;
// Only the last bits of their addresses matter: .100, .101 ...
inline constexpr std::uint32_t kModelFirstClient = 100;
// The last service is UDP.
constexpr bool is_udp(int service) {
    return service == kModelServices - 1;
}

enum class TcpEvent : std::uint8_t { Syn, Fin, Ack, Rst };
enum class Sender : std::uint8_t { Client, Server };

class ModelIpvs {
public:
    using Seconds = std::int64_t;

    struct Server {
        model::Weight weight = 1;
        std::uint32_t upper = 0;
        std::uint32_t lower = 0;
        bool there = true;  // false: removed, and remembered by connections
        bool overloaded = false;
        std::uint32_t active = 0;
        std::uint32_t inactive = 0;
        std::uint32_t persistent = 0;
    };
    struct Service {
        model::Scheduler scheduler = model::Scheduler::Wlc;
        std::optional<model::Persistence> persistence;
        std::vector<int> servers;  // newest first: the order in which they are tried
        int last = -1;             // rr: the position used last
        std::vector<int> near{};   // lblc, lblcr: servers of its one destination, newest first
    };
    struct Connection {
        int server = 0;
        std::string state;
        Seconds deadline = 0;
        int controller = -1;  // its template
    };
    struct Template {
        int service = 0;
        std::uint32_t client = 0;  // masked
        int server = 0;
        Seconds deadline = 0;
        int controlled = 0;
        bool is_void = false;  // not found any more
    };
    using ServerId = std::pair<int, int>;            // service, server
    using ConnectionId = std::tuple<int, int, int>;  // service, client, port

    // ---- commands; what does not fit must not be asked for ----
    void add_service(int service, model::Scheduler scheduler,
                     std::optional<model::Persistence> persistence);
    void edit_service(int service, model::Scheduler scheduler,
                      std::optional<model::Persistence> persistence);
    void remove_service(int service);
    void add_server(int service, int server, model::Weight weight, std::uint32_t upper,
                    std::uint32_t lower);
    void edit_server(int service, int server, model::Weight weight, std::uint32_t upper,
                     std::uint32_t lower);
    void remove_server(int service, int server);

    // ---- packets ----
    enum class Fate : std::uint8_t {
        Forwarded,
        Replied,
        NoService,
        NoConnection,
        NoServer,
        Removed
    };
    // UDP has no event that matters.
    Fate from_client(const ConnectionId& id, TcpEvent event);
    Fate from_server(const ConnectionId& id, TcpEvent event);

    // ---- time ----
    [[nodiscard]] Seconds now() const { return now_; }
    // The next moment at which something ends.
    [[nodiscard]] std::optional<Seconds> next_deadline() const;
    // Too near to a deadline, or a template and its connection end at once: both orders are right.
    [[nodiscard]] bool is_clear(Seconds then) const;
    void advance(Seconds then);

    // ---- what is to be seen ----
    [[nodiscard]] const std::map<int, Service>& services() const { return services_; }
    [[nodiscard]] const std::map<ConnectionId, Connection>& connections() const {
        return connections_;
    }
    [[nodiscard]] const std::map<int, Template>& templates() const { return templates_; }
    [[nodiscard]] const Server& server(int service, int server) const {
        return servers_.at({service, server});
    }
    [[nodiscard]] bool has(int service, int server) const {
        const auto found = servers_.find({service, server});
        return found != servers_.end() && found->second.there;
    }

private:
    std::optional<int> choose(int service);
    std::optional<int> near_server(int service) const;
    std::optional<int> template_for(int service, int client, const model::Persistence& persistence);
    Fate begin(const ConnectionId& id, TcpEvent event);
    void enter(Connection& connection, int service, const std::string& state);
    void end(const ConnectionId& id);
    void bound(Server& server) const;
    void unbound(const ServerId& id);
    void forget(const ServerId& id);

    Seconds now_ = 0;
    int next_template_ = 0;
    std::map<int, Service> services_;
    std::map<ServerId, Server> servers_;
    std::map<ConnectionId, Connection> connections_;
    std::map<int, Template> templates_;
};

}  // namespace isobar::test
