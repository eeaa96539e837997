// SPDX-License-Identifier: Apache-2.0
// The border between the domain's values (host order) and the shared maps (network order).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "abi/abi.h"
#include "kernel/address.h"
#include "model/service.h"

namespace isobar::dataplane {

using kernel::from_abi;
using kernel::to_abi;

isobar_service_key to_abi(const model::ServiceKey& key);
model::ServiceKey from_abi(const isobar_service_key& key);

isobar_rule to_abi(const model::MarkRule& rule);  // its origin is that of a group
model::MarkRule from_abi(const isobar_rule& rule);

std::uint8_t to_abi(model::ForwardingMethod method);
std::uint8_t to_abi(model::Encapsulation type);
std::uint8_t to_abi(model::TunnelChecksum checksum);
std::uint8_t to_abi(model::ClientAddress way);
std::uint8_t to_abi(model::PersistenceEngine engine);
model::PersistenceEngine engine_of(std::uint8_t number);
model::ClientAddress client_address_of(std::uint8_t number);
// The weight is that of the set that the server is a member of.
model::RealServer to_model(const isobar_server& server, model::Weight weight);
// The fields of a service that say it; `hz` jiffies a second.
void set_persistence(isobar_service& service, const std::optional<model::Persistence>& persistence,
                     std::uint32_t hz);
std::optional<model::Persistence> persistence_of(const isobar_service& service);

std::uint8_t protocol_number(model::Protocol protocol);
model::Protocol protocol_of(std::uint8_t number);

// At most what the 32-bit clock of the data plane can tell (24 days at 1000 HZ).
std::uint32_t jiffies_of(std::chrono::seconds time, std::uint32_t hz);
// The data plane's clock, within a jiffy or two.
std::uint32_t jiffies_now(const isobar_settings& settings);

std::uint16_t to_network(model::Port port);
model::Port from_network(std::uint16_t port);

// "ESTABLISHED"; "?" for a number out of range.
std::string state_name(std::uint32_t state);

// Of a template: "ASSURED" once its server has answered, "NONE" before.
const char* template_state(std::uint32_t life);

// The port that the connection has at its server. As bpf/conn.h, conn_server_port().
model::Port server_port(const isobar_server& server, const isobar_conn& conn);

// By ISOBAR_METHOD_*; one that there is not is taken for Nat.
model::ForwardingMethod method_of(std::uint8_t number);

// Lower case.
std::string lower(std::string text);

}  // namespace isobar::dataplane
