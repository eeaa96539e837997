// SPDX-License-Identifier: Apache-2.0
#include "ipvsadm/session.h"

#include <cassert>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "ipvsadm/listing.h"
#include "ipvsadm/refusal.h"
#include "ipvsadm/values.h"

namespace isobar::ipvsadm {
namespace {

constexpr std::string_view kProgram = "isobar-ipvsadm";

model::Protocol protocol_of(ServiceKind kind) {
    switch (kind) {
        case ServiceKind::Tcp:
            return model::Protocol::Tcp;
        case ServiceKind::Udp:
            return model::Protocol::Udp;
        case ServiceKind::Sctp:
            return model::Protocol::Sctp;
        case ServiceKind::FirewallMark:
            break;
    }
    return model::Protocol::Any;
}

// Of a command that names its service.
model::ServiceKey key_of(const Command& command) {
    assert(command.service);
    const auto& [kind, address, mark] = *command.service;
    if (kind == ServiceKind::FirewallMark)
        return model::ServiceKey::by_mark(mark, address.address.family);
    return {protocol_of(kind), address};
}

// -M without -p means nothing, to the kernel neither.
std::optional<model::Persistence> persistence_of(const Command& command) {
    if (!command.persistence) return std::nullopt;
    const bool ipv4 = key_of(command).address.address.family == model::Family::V4;
    const std::uint8_t whole = ipv4 ? 32 : 128;
    return model::Persistence{*command.persistence, command.prefix.value_or(whole)};
}

}  // namespace

int Session::open(Action first) {
    auto opened = kernel_.open();
    if (opened) {
        state_ = std::move(*opened);
        if (first == Action::Clear) return kDone;
        if (auto attached = state_->attach_all(); !attached) {
            if (attached.error().fault == Fault::NotFound) {  // somebody has just cleared
                state_.reset();
                return kDone;
            }
            warn(attached.error().message);
        }
        follow_host_marks();
        return kDone;
    }
    const Error& error = opened.error();
    if (error.fault == Fault::NotFound) return kDone;
    if (error.fault == Fault::Permission) {
        return say(kUnusable,
                   "Can't initialize ipvs: Permission denied (you must be root)\n"
                   "Are you sure that IP Virtual Server is built in the kernel or as module?");
    }
    return say(kUnusable, fmt::format("{}: {}", kProgram, error.message));
}

int Session::run(const Command& command) {
    if (const auto later = find_later_feature(command)) {
        return say(kRefused, fmt::format("{}: {}", kProgram, *later));
    }
    switch (command.action) {
        case Action::AddService:
        case Action::EditService:
        case Action::DeleteService:
            return change_service(command);
        case Action::AddServer:
        case Action::EditServer:
        case Action::DeleteServer:
            return change_server(command);
        case Action::Clear:
            return clear(command);
        case Action::Save:
            return save(command);
        case Action::List:
            return list(command);
        case Action::Zero:
            return zero(command);
        case Action::SetTimeouts:
            return set_timeouts(command);
        case Action::SetSwitches:
            return set_switches(command);
        case Action::ListSwitches:
            out_ << list_switches(state_ ? state_->switches() : model::Switches{});
            return kDone;
        case Action::StopDaemon:
            return say(kRefused, "No daemon is running");
        case Action::StartDaemon:  // refused above
        case Action::Restore:
        case Action::Help:
        case Action::Version:
            break;
    }
    return kDone;
}

// ---- reading ----

int Session::list(const Command& command) {
    if (command.list.daemon) return kDone;  // none is running
    if (command.list.timeouts) {
        out_ << list_timeouts(state_ ? state_->timeouts() : model::Timeouts{});
        return kDone;
    }
    return command.list.connections ? list_connections(command) : list_services(command);
}

int Session::list_connections(const Command& command) {
    auto connections = state_ ? state_->connections() : std::vector<model::ConnectionStatus>();
    if (!connections) return conclude(command, tl::unexpected(std::move(connections).error()));
    out_ << ipvsadm::list_connections(*connections, command.list, names_);
    return kDone;
}

int Session::list_services(const Command& command) {
    auto found = services();
    if (!found) return conclude(command, tl::unexpected(std::move(found).error()));
    if (command.list.sorted) sort_services(*found);

    if (command.service) {
        std::erase_if(*found, [&](const auto& service) { return service.key != key_of(command); });
        if (found->empty()) return say(kNoSuchService, "No such service");
    } else {
        out_ << version_header();
    }
    out_ << column_header(command.list);
    for (const auto& service : *found) out_ << list_service(service, command.list, names_);
    return kDone;
}

int Session::save(const Command& command) {
    auto found = services();
    if (!found) return conclude(command, tl::unexpected(std::move(found).error()));
    sort_services(*found);
    for (const auto& service : *found) {
        out_ << save_service(service, command.list, names_);
    }
    return kDone;
}

Result<std::vector<model::ServiceStatus>> Session::services() {
    if (!state_) return std::vector<model::ServiceStatus>();
    return state_->services().map(model::without_probes);
}

bool Session::is_known(const model::ServiceKey& key) {
    if (!known_) {
        known_.emplace();
        const auto found = services();
        if (found) {
            for (const auto& service : *found) known_->insert(service.key);
        }
    }
    return known_->contains(key);
}

// ---- changing ----

int Session::clear(const Command& command) {
    if (!state_) return kDone;
    const auto cleared = state_->clear();
    state_.reset();
    known_.reset();
    return conclude(command, cleared);
}

int Session::zero(const Command& command) {
    if (!state_ && !command.service) return kDone;
    if (!state_) return conclude(command, failure(Fault::NotFound, ""));
    std::optional<model::ServiceKey> key;
    if (command.service) key = key_of(command);
    return conclude(command, state_->zero_counters(key));
}

int Session::set_timeouts(const Command& command) {
    auto created = create();
    if (!created) return conclude(command, created);
    return conclude(command, state_->set_timeouts(command.timeouts));
}

int Session::set_switches(const Command& command) {
    auto created = create();
    if (!created) return conclude(command, created);
    model::Switches switches = state_->switches();
    for (const SwitchSetting& each : command.switches) switches.*each.which = each.value;
    return conclude(command, state_->set_switches(switches));
}

int Session::change_service(const Command& command) {
    const auto key = key_of(command);
    if (command.action == Action::DeleteService) return apply(command, model::RemoveService{key});

    const bool add = command.action == Action::AddService;
    const auto scheduler = model::scheduler_named(command.scheduler);
    const bool sip = command.persistence_engine == name(model::PersistenceEngine::Sip);
    if (!scheduler || !(sip || command.persistence_engine.empty())) {
        // The kernel looks for the service first.
        if (add == is_known(key))
            return conclude(command, failure(add ? Fault::Exists : Fault::NotFound, ""));
        return say(kRefused, "Scheduler or persistence engine not found");
    }
    const auto flags = parse_scheduler_flags(command.scheduler_flags);
    const auto persistence = persistence_of(command);
    const auto engine = sip ? model::PersistenceEngine::Sip : model::PersistenceEngine::None;
    if (!add)
        return apply(command, model::EditService{key, *scheduler, flags, persistence,
                                                 command.one_packet, command.local, engine});
    auto created = create();
    if (!created) return conclude(command, created);
    return apply(command, model::AddService{key, *scheduler, flags, persistence, command.one_packet,
                                            command.local, engine});
}

int Session::change_server(const Command& command) {
    assert(command.server);
    const auto key = key_of(command);
    if (command.action == Action::DeleteServer) {
        return apply(command, model::RemoveServer{key, *command.server});
    }
    const model::RealServer server{.address = *command.server,
                                   .weight = command.weight,
                                   .method = command.forward,
                                   .tunnel = command.tunnel,
                                   .upper_threshold = command.upper_threshold,
                                   .lower_threshold = command.lower_threshold};
    if (command.action == Action::EditServer) return apply(command, model::EditServer{key, server});
    return apply(command, model::AddServer{key, server});
}

int Session::apply(const Command& command, const model::Change& change) {
    if (!state_) return conclude(command, failure(Fault::NotFound, ""));
    const auto applied = state_->apply(std::span(&change, 1));
    if (applied && known_) {
        if (command.action == Action::AddService) known_->insert(key_of(command));
        if (command.action == Action::DeleteService) known_->erase(key_of(command));
    }
    if (applied && !command.server && key_of(command).mark != 0) follow_host_marks();
    return conclude(command, applied);
}

// The rules may have changed since the last call.
void Session::follow_host_marks() {
    const auto untold = state_->refresh_host_marks();
    if (!untold) return warn(untold.error().message);
    for (const auto& rule : *untold) warn(rule + ": its marks are not followed");
}

Result<void> Session::create() {
    if (state_) return {};
    if (why_no_state_) return tl::unexpected(*why_no_state_);
    auto created = kernel_.open_or_create();
    if (!created) {
        why_no_state_ = created.error();
        return tl::unexpected(std::move(created).error());
    }
    state_ = std::move(*created);
    return {};
}

// ---- speaking ----

int Session::conclude(const Command& command, const Result<void>& result) {
    return result ? kDone : say(kRefused, refusal(command, result.error()));
}

std::string Session::refusal(const Command& command, const Error& error) {
    const bool of_server = command.server.has_value();
    switch (error.fault) {
        case Fault::Exists:
            return of_server ? "Destination already exists" : "Service already exists";
        case Fault::NotFound:
            if (!of_server) return "No such service";
            if (command.action == Action::AddServer) return "Service not defined";
            return is_known(key_of(command)) ? "No such destination" : "Service not defined";
        case Fault::Permission:
            return "Permission denied (you must be root)";
        case Fault::Full:  // our table's size is not the kernel's: say which one it is
            return "Memory allocation problem: " + error.message;
        case Fault::Invalid:
            return "Invalid operation.  Possibly wrong module version, address not unicast, ...";
        case Fault::OutOfRange:
            return "Numerical result out of range";
        case Fault::Unsupported:
        case Fault::Unreachable:
        case Fault::System:
            break;
    }
    return fmt::format("{}: {}", kProgram, error.message);
}

void Session::warn(const std::string& message) {
    say(kDone, fmt::format("{}: warning: {}", kProgram, message));
}

int Session::say(int exit_code, std::string_view message) {
    err_ << message << '\n';
    return exit_code;
}

}  // namespace isobar::ipvsadm
