// SPDX-License-Identifier: Apache-2.0
#include "ipvsadm/refusal.h"

#include <string_view>

#include <fmt/format.h>

#include "model/service.h"

namespace isobar::ipvsadm {
namespace {

std::string later(std::string_view what) {
    return fmt::format("{} comes with a later version of Isobar", what);
}

std::optional<std::string> find_later_service_option(const Command& command) {
    if (command.persistence && command.mask_with_holes) {
        return "a netmask with holes in it (-M) is not supported";
    }
    return std::nullopt;
}

}  // namespace

std::optional<std::string> find_later_feature(const Command& command) {
    // Nothing of the kind can be there yet, so there is a true answer: no such service.
    if (command.action == Action::List) return std::nullopt;

    switch (command.action) {
        case Action::AddService:
        case Action::EditService:
            return find_later_service_option(command);
        case Action::StartDaemon:
            return later("the connection synchronisation daemon");
        default:
            return std::nullopt;
    }
}

}  // namespace isobar::ipvsadm
