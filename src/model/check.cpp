// SPDX-License-Identifier: Apache-2.0
#include "model/check.h"

#include <array>

namespace isobar::model {

std::string_view type_name(const Probe& probe) {
    static constexpr std::array<std::string_view, std::variant_size_v<Probe>> kNames{
        "tcp", "tls", "http", "talk", "udp", "dns", "smtp", "ping", "program", "agent"};
    const auto* http = std::get_if<HttpProbe>(&probe);
    if (http != nullptr && http->tls) return "https";
    return kNames.at(probe.index());
}

}  // namespace isobar::model
