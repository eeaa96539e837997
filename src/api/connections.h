// SPDX-License-Identifier: Apache-2.0
// GET /api/v1/connections: which connections are wanted, and the report that they are put into one
// by one, whose size does not depend on how many there are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "api/query.h"
#include "base/result.h"
#include "model/config.h"
#include "model/service.h"

namespace isobar::api {

// Connections are counted by what they have in common.
struct TopBy {
    enum class Kind : std::uint8_t { Client, Server, Service };
    Kind kind = Kind::Client;
    // Of clients: their networks.
    unsigned prefix4 = 32;
    unsigned prefix6 = 64;

    // "client", "client/24" (IPv4; over 32: IPv6), "server", "service".
    static Result<TopBy> parse(std::string_view text);
};

inline constexpr std::size_t kMostRows = 100000;

// What is not said fits all.
struct ConnectionQuery {
    std::string service;                    // a name of the configuration
    std::optional<model::Endpoint> server;  // port 0: any
    std::optional<model::Network> client;
    std::string state;  // "ESTABLISHED"
    std::optional<model::Protocol> protocol;
    std::optional<TopBy> top;  // not the connections, but who has most
    std::size_t limit = 1000;

    // Of service, server, client, state, protocol, top, limit.
    static Result<ConnectionQuery> parse(const Query& query);
};

class ConnectionReport {
public:
    // Fault::NotFound for a service that there is not.
    static Result<ConnectionReport> make(ConnectionQuery query, const model::Config& config);

    void add(const model::ConnectionStatus& connection);
    // {"version":1,"connections":[...],"total":...} or {"version":1,"total":...,"by":"client",
    // "uncertain":...,"talkers":[...]}
    [[nodiscard]] std::string json() &&;

private:
    // So many are counted at a time. When there are more, all lose one, and those that had only
    // one are forgotten (Misra and Gries): who has more than one in so many of all is never
    // forgotten, and its number is short by `lost_` at most.
    static constexpr std::size_t kMostTalkers = 65536;

    ConnectionReport(ConnectionQuery query, const model::Config& config);
    [[nodiscard]] const std::string& service_of(const model::ConnectionStatus& connection) const;
    [[nodiscard]] bool is_wanted(const model::ConnectionStatus& connection) const;
    [[nodiscard]] std::string talker_of(const TopBy& top,
                                        const model::ConnectionStatus& connection) const;
    void count(std::string talker);
    [[nodiscard]] std::string talkers_json(const TopBy& top) const;
    void write_row(const model::ConnectionStatus& connection);

    ConnectionQuery query_;
    std::map<model::ServiceKey, std::string> names_;
    std::vector<std::pair<model::Listen, std::string>> ranges_;
    std::uint64_t total_ = 0;
    std::size_t rows_ = 0;
    std::string text_;  // the document as far as it has come: no copy of it is made
    std::unordered_map<std::string, std::uint64_t> talkers_;
    std::uint64_t lost_ = 0;
};

struct ConnectionRow {
    std::string protocol, service, client, virtual_address, server, state;
    std::uint64_t expires = 0;  // seconds
};

struct Talker {
    std::string name;
    std::uint64_t connections = 0;
};

struct ConnectionList {
    std::uint64_t total = 0;  // that are wanted, shown or not
    std::vector<ConnectionRow> rows;
    std::string by;  // "client"; then these
    std::vector<Talker> talkers;
    std::uint64_t uncertain = 0;  // each may have so many more
};

Result<ConnectionList> parse_connections(std::string_view json);

}  // namespace isobar::api
