// SPDX-License-Identifier: Apache-2.0
// The keys of isobar.toml, and what a file says before it was checked as a whole.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/field.h"
#include "model/config.h"
#include "model/scheduler_flags.h"

namespace isobar::config {

inline constexpr model::Port kGuePort = 6080;  // IANA: gue

struct InterfaceDraft {
    std::string name;
    std::optional<model::HookChoice> hook;  // none: that of [director]
};

struct DirectorDraft {
    std::vector<Located<InterfaceDraft>> interfaces;
    model::HookChoice hook = model::DirectorConfig{}.hook;
    std::uint32_t connections = model::DirectorConfig{}.connections;
    model::Timeouts timeouts;
    model::Switches switches = model::DirectorConfig{}.switches;
    Located<std::vector<std::uint32_t>> ftp_ports{{model::kFtpPort}, {}};
    std::chrono::seconds lblc_expiration = model::LocalityExpiry{}.lblc_expiration;
    std::chrono::seconds lblcr_expiration = model::LocalityExpiry{}.lblcr_expiration;
    bool manage_sysctls = model::DirectorConfig{}.manage_sysctls;
    model::OnDrift on_drift = model::DirectorConfig{}.on_drift;
    std::vector<Located<model::Endpoint>> agents;  // port 0: kAgentPort
};

struct PersistenceDraft {
    std::chrono::seconds timeout = model::Persistence{}.timeout;
    std::optional<Located<std::uint32_t>> mask;  // none: the whole address
    Located<model::PersistenceEngine> engine{model::PersistenceEngine::None, {}};
};

struct PortsDraft {
    std::uint32_t first = model::LocalPool{}.first_port;
    std::uint32_t last = model::LocalPool{}.last_port;
};

// What of forwarding a service says for all its servers, and a server for itself.
struct ForwardDraft {
    std::optional<Located<model::ForwardingMethod>> forward;
    std::optional<Located<model::Encapsulation>> tunnel;
    std::optional<Located<std::uint32_t>> tunnel_port;
    std::optional<Located<model::TunnelChecksum>> tunnel_checksum;
};

struct ServerDraft : ForwardDraft {
    model::Endpoint address;
    model::Weight weight = model::RealServer{}.weight;
    std::uint32_t upper_threshold = 0;
    std::uint32_t lower_threshold = 0;
    std::optional<std::vector<model::Check>> checks;  // none: those of the service
    std::optional<model::OnFailure> on_failure;       // likewise
    std::optional<model::Notify> notify;              // likewise
    bool enabled = true;
    std::string host;
};

// Values that had errors are missing.
struct ServiceDraft : ForwardDraft {
    Located<std::string> name;
    std::vector<Located<model::Listen>> listen;
    [[nodiscard]] bool is_group() const {
        return listen.size() > 1 || (listen.size() == 1 && listen.front().value.is_range());
    }
    Located<std::uint32_t> mark{0, {}};
    model::Scheduler scheduler = model::ServiceConfig{}.scheduler;
    std::vector<Located<const model::SchedulerFlag*>> scheduler_flags;
    std::vector<Located<ServerDraft>> servers;
    std::optional<PersistenceDraft> persistence;
    Located<bool> one_packet{false, {}};
    std::vector<Located<model::Address>> local_addresses;
    Located<PortsDraft> local_ports;
    Located<model::ClientAddress> client_address{model::ClientAddress::None, {}};
    bool enabled = true;
    std::vector<model::Check> checks;
    model::OnFailure on_failure = model::OnFailure::Remove;
    model::Weight quorum = model::ServiceConfig{}.quorum;
    Located<model::Weight> quorum_hysteresis{0, {}};
    std::optional<Located<ServerDraft>> sorry;
    std::chrono::milliseconds slow_start{0};
    std::optional<Located<model::LoadConfig>> load;
    model::Notify notify;
};

struct FileDraft {
    DirectorDraft director;
    std::vector<ServiceDraft> services;
    std::vector<Located<model::MasqueradeConfig>> masquerades;
};

// The tables at the top of a file.
const std::vector<Field<FileDraft>>& file_fields();

}  // namespace isobar::config
