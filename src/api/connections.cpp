// SPDX-License-Identifier: Apache-2.0
#include "api/connections.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/text.h"
#include "control/wishes.h"

namespace isobar::api {
namespace {

using Json = nlohmann::ordered_json;
constexpr int kVersion = 1;
constexpr std::size_t kUsualTalkers = 10;
constexpr std::size_t kLongRow = 200;  // bytes; hardly any is longer

std::string quoted(const std::string& text) {
    return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

bool contains(const model::Network& network, const model::Address& address) {
    return network.address.family == address.family &&
           model::Network::around(address, network.prefix) == network;
}

std::string text_of(const model::Network& network) {
    const unsigned whole = network.address.family == model::Family::V4 ? 32 : 128;
    return network.prefix == whole ? network.address.text() : network.text();
}

// A field of a query, put into `value` by what reads it.
Result<void> read_field(const std::string& name, const std::string& text, ConnectionQuery& query) {
    const auto wrong = [&](std::string_view what) {
        return failure(Fault::Invalid, fmt::format("{}: '{}' is no {}", name, text, what));
    };
    if (name == "service") {
        query.service = text;
    } else if (name == "server") {
        return control::parse_server(text).map([&](const auto& server) { query.server = server; });
    } else if (name == "client") {
        const auto address = model::Address::parse(text);
        query.client =
            address ? model::Network::around(*address, 128) : model::Network::parse(text);
        if (!query.client) return wrong("address or network");
    } else if (name == "state") {
        query.state = text;
        std::ranges::transform(query.state, query.state.begin(),
                               [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    } else if (name == "protocol") {
        query.protocol = model::protocol_named(text);
        if (!query.protocol) return wrong("protocol: tcp, udp, sctp");
    } else if (name == "top") {
        return TopBy::parse(text).map([&](const TopBy& top) { query.top = top; });
    } else if (name == "limit") {
        const auto limit = parse_unsigned<std::size_t>(text);
        if (!limit || *limit == 0 || *limit > kMostRows)
            return wrong(fmt::format("number from 1 to {}", kMostRows));
        query.limit = *limit;
    } else {
        return failure(Fault::Invalid, fmt::format("unknown: '{}'", name));
    }
    return {};
}

}  // namespace

Result<TopBy> TopBy::parse(std::string_view text) {
    TopBy top;
    if (text == "server") top.kind = Kind::Server;
    if (text == "service") top.kind = Kind::Service;
    if (text == "server" || text == "service" || text == "client") return top;
    constexpr std::string_view kClients = "client/";
    const auto prefix = text.starts_with(kClients)
                            ? parse_unsigned<unsigned>(text.substr(kClients.size()))
                            : std::nullopt;
    if (!prefix || *prefix == 0 || *prefix > 128)
        return failure(
            Fault::Invalid,
            fmt::format("top: '{}' is none of client, client/LENGTH, server, service", text));
    (*prefix > 32 ? top.prefix6 : top.prefix4) = *prefix;
    return top;
}

Result<ConnectionQuery> ConnectionQuery::parse(const Query& query) {
    ConnectionQuery wanted;
    for (const auto& [name, text] : query)
        if (auto read = read_field(name, text, wanted); !read) return tl::unexpected(read.error());
    if (wanted.top && !query.contains("limit")) wanted.limit = kUsualTalkers;
    return wanted;
}

ConnectionReport::ConnectionReport(ConnectionQuery query, const model::Config& config)
    : query_(std::move(query)), text_(fmt::format(R"({{"version":{},"connections":[)", kVersion)) {
    for (const model::ServiceConfig& service : config.services) {
        for (const model::Listen& listen : service.listen) {
            if (listen.is_range())
                ranges_.emplace_back(listen, service.name);
            else
                names_.emplace(listen, service.name);
        }
    }
}

Result<ConnectionReport> ConnectionReport::make(ConnectionQuery query,
                                                const model::Config& config) {
    if (!query.service.empty() &&
        std::ranges::find(config.services, query.service, &model::ServiceConfig::name) ==
            config.services.end())
        return failure(Fault::NotFound, fmt::format("there is no service '{}'", query.service));
    return ConnectionReport(std::move(query), config);
}

// Port 0 is for those that no other listens on.
const std::string& ConnectionReport::service_of(const model::ConnectionStatus& connection) const {
    static const std::string none;
    model::ServiceKey key{connection.protocol, connection.virtual_address};
    if (const auto found = names_.find(key); found != names_.end()) return found->second;
    for (const auto& [listen, name] : ranges_)
        if (listen.protocol == key.protocol && listen.address.address == key.address.address &&
            listen.address.port <= key.address.port && key.address.port <= listen.last())
            return name;
    key.address.port = 0;
    const auto found = names_.find(key);
    return found == names_.end() ? none : found->second;
}

bool ConnectionReport::is_wanted(const model::ConnectionStatus& connection) const {
    const auto& [protocol, server, client] =
        std::tie(query_.protocol, query_.server, query_.client);
    if (protocol && connection.protocol != *protocol) return false;
    if (!query_.state.empty() && connection.state != query_.state) return false;
    if (server && (connection.server.address != server->address ||
                   (server->port != 0 && connection.server.port != server->port)))
        return false;
    if (client && !contains(*client, connection.client.address)) return false;
    return query_.service.empty() || service_of(connection) == query_.service;
}

std::string ConnectionReport::talker_of(const TopBy& top,
                                        const model::ConnectionStatus& connection) const {
    switch (top.kind) {
        case TopBy::Kind::Server:
            return connection.server.text();
        case TopBy::Kind::Service: {
            const std::string& name = service_of(connection);
            if (!name.empty()) return name;
            return fmt::format("{} {}", model::name(connection.protocol),
                               connection.virtual_address.text());
        }
        case TopBy::Kind::Client:
            break;
    }
    const auto& address = connection.client.address;
    const bool v4 = address.family == model::Family::V4;
    return text_of(model::Network::around(address, v4 ? top.prefix4 : top.prefix6));
}

void ConnectionReport::count(std::string talker) {
    ++talkers_[std::move(talker)];
    if (talkers_.size() <= kMostTalkers) return;
    for (auto& [name, connections] : talkers_) --connections;
    std::erase_if(talkers_, [](const auto& each) { return each.second == 0; });
    ++lost_;
}

void ConnectionReport::write_row(const model::ConnectionStatus& connection) {
    if (rows_ == 0) text_.reserve(kLongRow * query_.limit);
    text_ += fmt::format(
        R"({}{{"protocol":"{}","service":{},"client":"{}","virtual":"{}","server":"{}",)"
        R"("state":"{}","expires":{})",
        rows_ == 0 ? "" : ",", model::name(connection.protocol), quoted(service_of(connection)),
        connection.client.text(), connection.virtual_address.text(), connection.server.text(),
        connection.state, connection.expires.count());
    if (connection.call_id) text_ += fmt::format(R"(,"call_id":{})", quoted(*connection.call_id));
    text_ += '}';
    ++rows_;
}

void ConnectionReport::add(const model::ConnectionStatus& connection) {
    if (!is_wanted(connection)) return;
    if (query_.top) {
        // A template is no connection.
        if (connection.client.port == 0) return;
        ++total_;
        return count(talker_of(*query_.top, connection));
    }
    ++total_;
    if (rows_ < query_.limit) write_row(connection);
}

std::string ConnectionReport::json() && {
    if (query_.top) return talkers_json(*query_.top);
    text_ += fmt::format(R"(],"total":{}}})", total_);
    return std::move(text_);
}

std::string ConnectionReport::talkers_json(const TopBy& top) const {
    std::vector<std::pair<std::uint64_t, std::string>> most;
    for (const auto& [name, connections] : talkers_) most.emplace_back(connections, name);
    const auto shown = std::min(query_.limit, most.size());
    std::ranges::partial_sort(
        most, most.begin() + static_cast<std::ptrdiff_t>(shown), [](const auto& a, const auto& b) {
            return a.first != b.first ? a.first > b.first : a.second < b.second;
        });
    most.resize(shown);
    constexpr const char* kNames[] = {"client", "server", "service"};
    Json talkers = Json::array();
    for (const auto& [connections, name] : most)
        talkers.push_back({{"name", name}, {"connections", connections}});
    const Json document = {{"version", kVersion},
                           {"total", total_},
                           {"by", kNames[static_cast<std::size_t>(top.kind)]},
                           {"uncertain", lost_},
                           {"talkers", std::move(talkers)}};
    return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<ConnectionList> parse_connections(std::string_view json) {
    try {
        const Json document = Json::parse(json);
        ConnectionList list;
        document.at("total").get_to(list.total);
        list.by = document.value("by", "");
        list.uncertain = document.value("uncertain", std::uint64_t{0});
        for (const Json& talker : document.value("talkers", Json::array()))
            list.talkers.push_back({talker.at("name"), talker.at("connections")});
        for (const Json& row : document.value("connections", Json::array()))
            list.rows.push_back({row.at("protocol"), row.at("service"), row.at("client"),
                                 row.at("virtual"), row.at("server"), row.at("state"),
                                 row.at("expires")});
        return list;
    } catch (const std::exception& error) {
        return failure(Fault::Invalid, error.what());
    }
}

}  // namespace isobar::api
