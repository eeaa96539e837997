// SPDX-License-Identifier: Apache-2.0
// What operators have said of servers, and where that is kept: it holds until they say otherwise,
// over restarts and changes of the configuration.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "control/condition.h"
#include "model/config.h"

namespace isobar::control {

// What becomes of a drained server's connections when its time is up.
enum class Afterwards : std::uint8_t {
    Wait,    // they go on as long as they take
    Expire,  // the server leaves its service: their packets are dropped
    Reset,   // likewise, and they end: clients over TCP are told so with their next packet
};
std::string_view name(Afterwards afterwards);  // "wait"
std::optional<Afterwards> afterwards_named(std::string_view name);

struct OperatorWish {
    Wish wish = Wish::None;
    std::optional<model::Weight> weight;  // instead of all others
    std::string by, why;                  // why: may be empty
    std::chrono::sys_seconds at;
    std::optional<std::chrono::sys_seconds> until{};  // of a drain: then comes
    Afterwards afterwards = Afterwards::Wait;

    [[nodiscard]] bool says_nothing() const { return wish == Wish::None && !weight; }
    bool operator==(const OperatorWish&) const = default;
};

using Wishes = std::map<ServerName, OperatorWish>;

std::optional<Wish> wish_named(std::string_view name);

// "192.168.10.100:80", or without a port, which then is 0.
Result<model::Endpoint> parse_server(std::string_view text);

// The reverse.
std::string server_text(const model::Endpoint& server);

// The server of the configuration that is meant by "web" and "192.168.10.100:80"; without a port
// the only one of that address. Fault::NotFound with a hint, Fault::Invalid if two are meant.
Result<ServerName> find_server(const model::Config& config, const std::string& service,
                               const model::Endpoint& server);

// That server, or without one all of the service.
Result<std::vector<ServerName>> find_servers(const model::Config& config,
                                             const std::string& service,
                                             const std::optional<model::Endpoint>& server);

// Wishes about servers that the configuration does not have (now) change nothing.
void add_wishes(const Wishes& wishes, const model::Config& config, Conditions& conditions);

// Those whose time is up: their servers are out from now on, but for Afterwards::Wait.
std::vector<ServerName> end_drains(Wishes& wishes, std::chrono::sys_seconds now);

// As JSON, for the file.
std::string wishes_text(const Wishes& wishes);
Result<Wishes> parse_wishes(std::string_view text);

class WishFile {
public:
    explicit WishFile(const std::filesystem::path& folder) : path_(folder / "wishes.json") {}

    // None if there is no file.
    [[nodiscard]] Result<Wishes> load() const;
    [[nodiscard]] Result<void> store(const Wishes& wishes) const;

private:
    std::filesystem::path path_;
};

}  // namespace isobar::control
