// SPDX-License-Identifier: Apache-2.0
// Which ports programs of this network namespace listen on.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "model/address.h"
#include "model/service.h"

namespace isobar::agent {

struct Listening {
    model::Protocol protocol = model::Protocol::Tcp;
    model::Endpoint at;
    bool operator==(const Listening&) const = default;
};

bool is_any(const model::Address& address);  // 0.0.0.0, ::

// Of TCP and UDP, as /proc/net tells them; nothing if it does not.
std::optional<std::vector<Listening>> read_listening(const std::filesystem::path& proc_net);

// The text of /proc/net/tcp, tcp6, udp or udp6. Lines that are none are passed over.
std::vector<Listening> parse_listening(std::string_view text, model::Protocol protocol);

}  // namespace isobar::agent
