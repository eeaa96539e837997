// SPDX-License-Identifier: Apache-2.0
// The values of options, read as ipvsadm reads them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "ipvsadm/command.h"
#include "ipvsadm/names.h"
#include "model/address.h"
#include "model/service.h"

namespace isobar::ipvsadm {

// Decimal, with leading blanks and a sign if need be, nothing behind: "010" is ten.
std::optional<std::int64_t> parse_number(const std::string& text, std::int64_t least,
                                         std::int64_t most);

// "10.0.0.2:80", "web:http", "10.0.0.2" (port 0), "fd00::1" (port 0), "[fd00::1]:80"; IPv4
// also in the shorter forms of inet_aton(3): "10.2". `kind` says whose port names count;
// without it there are none.
std::optional<model::Endpoint> parse_endpoint(const std::string& text,
                                              std::optional<ServiceKind> kind, Names& names);

// 255.255.255.0 -> 24; nothing if there are zeros between its ones.
std::optional<std::uint8_t> prefix_of_mask(const model::Address& mask);
// 24 -> "255.255.255.0"
std::string mask_text(std::uint8_t prefix);

bool is_multicast(const model::Address& address);
std::optional<model::Address> parse_ipv4(const std::string& text);

// What is wrong with -b `flags` for a scheduler: "invalid scheduler flag `x'".
std::optional<std::string> find_flag_mistake(const std::string& flags,
                                             const std::string& scheduler);
// Those without a mistake.
model::SchedulerFlags parse_scheduler_flags(const std::string& flags);

}  // namespace isobar::ipvsadm
