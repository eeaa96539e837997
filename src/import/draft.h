// SPDX-License-Identifier: Apache-2.0
// What was understood of a foreign configuration, in the terms of isobar.toml. The parsers fill
// it, settle() makes it one that the loader takes, write_toml() writes it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "import/findings.h"
#include "model/check.h"
#include "model/service.h"

namespace isobar::importer {

// Where a part came from, in the words that stand there.
struct Origin {
    Place at;
    std::string words;
};

// How packets get to a server.
struct Way {
    model::ForwardingMethod method = model::ForwardingMethod::Nat;
    model::Tunnel tunnel{};
    bool operator==(const Way&) const = default;
};

// Programs that are told; each a list of arguments.
struct NotifyDraft {
    std::vector<std::string> up, down, quorum_up, quorum_down;
    std::string user;
    bool operator==(const NotifyDraft&) const = default;
    [[nodiscard]] bool empty() const { return *this == NotifyDraft{{}, {}, {}, {}, user}; }
};

struct LoadDraft {
    std::string from;                  // "uptime", "rup", "ruptime"
    std::vector<std::string> command;  // of uptime: how to get there
    std::string user;                  // who it runs as, if not the usual one
    std::chrono::seconds interval{20};
};

struct SorryDraft {
    model::Endpoint address;  // port 0: that of the service
    std::optional<Way> way;   // other than the service's
    Place at;
};

struct ServerDraft {
    Origin origin;
    model::Endpoint address;  // port 0: that of the service
    model::Weight weight = 1;
    std::uint32_t upper_threshold = 0;
    std::uint32_t lower_threshold = 0;
    std::optional<Way> way;            // other than the service's
    std::vector<model::Check> checks;  // none: those of the service
    bool quiesce = false;              // what becomes of it when it fails: weight 0
    NotifyDraft notify;
    bool enabled = true;
    std::string host;  // its name
};

struct PersistenceDraft {
    std::chrono::seconds timeout{360};
    std::optional<unsigned> mask;
    bool sip = false;
};

struct ServiceDraft {
    Origin origin;
    std::vector<std::string> remarks;  // comments for the reader of the result
    std::string name;                  // wanted; settle() makes it a valid one
    std::vector<model::ServiceKey> listen;
    std::uint32_t mark = 0;
    model::Scheduler scheduler = model::Scheduler::Wlc;
    std::vector<std::string> scheduler_flags;
    Way way;
    std::optional<PersistenceDraft> persistence;
    bool one_packet = false;
    bool enabled = true;
    std::vector<model::Check> checks;
    bool quiesce = false;
    std::optional<SorryDraft> sorry;
    std::uint32_t quorum = 1;
    std::uint32_t quorum_hysteresis = 0;
    std::chrono::seconds slow_start{0};
    NotifyDraft notify;
    std::optional<LoadDraft> load;
    std::vector<ServerDraft> servers;
};

struct TimeoutsDraft {
    std::optional<std::chrono::seconds> tcp, tcp_fin, udp;
    std::vector<Origin> origins;
};

struct Draft {
    TimeoutsDraft timeouts;
    std::string script_user;
    std::vector<ServiceDraft> services;
};

}  // namespace isobar::importer
