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

namespace isobar::config {

struct InterfaceDraft {
    std::string name;
    std::optional<model::HookChoice> hook;  // none: that of [director]
};

struct DirectorDraft {
    std::vector<Located<InterfaceDraft>> interfaces;
    model::HookChoice hook = model::DirectorConfig{}.hook;
    std::uint32_t connections = model::DirectorConfig{}.connections;
    model::Timeouts timeouts;
    bool expire_quiescent_template = model::ExpiryPolicy{}.expire_quiescent_template;
    bool expire_nodest_conn = model::ExpiryPolicy{}.expire_nodest_conn;
    bool manage_sysctls = model::DirectorConfig{}.manage_sysctls;
};

struct PersistenceDraft {
    std::chrono::seconds timeout = model::Persistence{}.timeout;
    std::uint32_t mask = model::Persistence{}.prefix;
};

// Values that had errors are missing.
struct ServiceDraft {
    Located<std::string> name;
    std::vector<Located<model::ServiceKey>> listen;
    model::Scheduler scheduler = model::ServiceConfig{}.scheduler;
    model::ForwardingMethod forward = model::ServiceConfig{}.forward;
    std::vector<Located<model::RealServer>> servers;
    std::optional<PersistenceDraft> persistence;
};

struct FileDraft {
    DirectorDraft director;
    std::vector<ServiceDraft> services;
    std::vector<Located<model::MasqueradeConfig>> masquerades;
};

// The tables at the top of a file.
const std::vector<Field<FileDraft>>& file_fields();

}  // namespace isobar::config
