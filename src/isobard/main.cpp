// SPDX-License-Identifier: Apache-2.0
// isobard: the director. What it is made of, and in which order it comes to life.
#include <fmt/format.h>
#include <systemd/sd-daemon.h>

#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <utility>

#include "api/routes.h"
#include "api/server.h"
#include "api/socket_claim.h"
#include "api/version.h"
#include "base/log.h"
#include "base/result.h"
#include "control/history.h"
#include "control/owned_file.h"
#include "health/child.h"
#include "import/load.h"
#include "isobard/agent_sockets.h"
#include "isobard/director.h"
#include "isobard/event_loop.h"
#include "isobard/options.h"
#include "isobard/privileges.h"
#include "isobard/removal.h"
#include "isobard/versions.h"

namespace {

using isobar::Error;
using isobar::Fault;
using isobar::Result;
using namespace isobar::isobard;
namespace api = isobar::api;
namespace config = isobar::config;
namespace control = isobar::control;
namespace health = isobar::health;
namespace importer = isobar::importer;
namespace log = isobar::log;

// Exit codes.
constexpr int kOk = 0;
constexpr int kFailed = 1;
constexpr int kUsage = 2;
constexpr int kConfigInvalid = 3;
constexpr int kPermission = 5;

// A configuration, each byte of which may take two in JSON.
constexpr std::uint64_t kLargestRequest = std::uint64_t{3} << 20U;

int fail(const Error& error) {
    log::error(error.message);
    if (error.fault != Fault::Permission) return kFailed;
    log::error("isobard needs root, or the capabilities that isobard(8) lists");
    return kPermission;
}

int check_config(const Options& options) {
    const importer::LoadedFile loaded = importer::load_any(options.config.string());
    for (const auto* found : {&loaded.errors, &loaded.notes})
        for (const config::Diagnostic& each : *found) fmt::print(stderr, "{}\n", each.text());
    if (!loaded.config) return kConfigInvalid;
    std::size_t servers = 0;
    for (const auto& service : loaded.config->services) servers += service.servers.size();
    fmt::print("{}: ok ({}{} services, {} servers)\n", options.config.string(),
               loaded.format ? fmt::format("{}, ", importer::name(*loaded.format)) : "",
               loaded.config->services.size(), servers);
    return kOk;
}

int take_away(const Options& options) {
    const auto removed = remove_all(options.socket, options.state_dir);
    if (!removed) return fail(removed.error());
    log::info(*removed);
    return kOk;
}

Result<api::Status> status_of(Director& director, const Versions& versions,
                              const AgentSockets& agents) {
    auto status = director.status();
    if (!status) return status;
    versions.fill(status->config);
    auto& errors = status->config.errors;
    errors.insert(errors.end(), agents.troubles().begin(), agents.troubles().end());
    return status;
}

control::History history_of(const Options& options) {
    control::History history(options.state_dir);
    if (auto loaded = history.load(); !loaded)
        log::warning(loaded.error().message + ": put aside; the history begins anew");
    return history;
}

api::Desk desk_of(Director& director, Versions& versions, const AgentSockets& agents) {
    api::Desk desk;
    desk.status = [&] { return status_of(director, versions, agents); };
    desk.wish = [&](const api::WishRequest& wish) { return director.wish(wish); };
    desk.health = [&](const std::string& service, const auto& server) {
        return director.health(service, server);
    };
    desk.check = [&](const api::CheckRequest& which) { return director.check(which); };
    desk.connections = [&](const api::ConnectionQuery& query) {
        return director.connections(query);
    };
    desk.events = [&] { return &director.events(); };
    desk.explain = [&](const auto& question) { return director.explain(question); };
    desk.agents = [&] { return director.agent_reports(); };
    desk.config.plan = [&](const auto& request) { return versions.plan(request); };
    desk.config.apply = [&](const auto& request) { return versions.apply(request); };
    desk.config.roll_back = [&](const auto& request) { return versions.roll_back(request); };
    desk.config.confirm = [&] { return versions.confirm(); };
    desk.config.list = [&] { return versions.list(); };
    desk.config.version = [&](std::uint32_t number) { return versions.version(number); };
    return desk;
}

// Before isobard becomes another user: folders that are not there yet are to be that user's.
Result<void> make_folders(const Options& options) {
    if (options.user.empty()) return {};
    const auto user = health::find_user(options.user);
    if (!user) return tl::unexpected(user.error());
    for (const std::filesystem::path& folder : {options.socket.parent_path(), options.state_dir}) {
        std::error_code error;
        const bool made = std::filesystem::create_directories(folder, error);
        if (error) return isobar::system_failure(folder.string(), error.value());
        if (made && ::chown(folder.c_str(), user->uid, user->gid) != 0)
            return isobar::system_failure(folder.string(), errno);
    }
    return {};
}

// Only what reads comes before the claim: a second isobard must not touch what the first
// one runs, nor may a bad configuration touch anything.
int run(const Options& options) {
    const std::filesystem::path file = std::filesystem::absolute(options.config);
    const importer::LoadedFile loaded = importer::load_any(file.string());
    if (!loaded.config) {
        log::error(fmt::format("{}: {} error(s); nothing was touched", file.string(),
                               loaded.errors.size()));
        for (const config::Diagnostic& error : loaded.errors) log::notice(error.text());
        return kConfigInvalid;
    }
    for (const config::Diagnostic& note : loaded.notes) log::notice(note.text());
    if (auto made = make_folders(options); !made) return fail(made.error());
    if (auto given_up = give_up_privileges(options.user); !given_up) return fail(given_up.error());
    auto claim = api::SocketClaim::take(options.socket);
    if (!claim) return fail(claim.error());
    const auto scope = control::current_scope();
    if (!scope) return fail(scope.error());

    // Before the director looks at the interfaces: none that appears meanwhile is missed.
    auto loop = EventLoop::make();
    if (!loop) return fail(loop.error());
    auto history = history_of(options);
    auto beginning = begin_with(history, *loaded.config, loaded.text, file);
    auto director = Director::start(loop->context(), beginning.config,
                                    control::OwnedFile(options.state_dir, *scope),
                                    control::WishFile(options.state_dir));
    if (!director) return fail(director.error());
    Versions versions(*director, std::move(history), file, loaded.text, std::move(beginning));
    // Last: who can connect gets an answer.
    auto socket = claim->listen();
    if (!socket) return fail(socket.error());
    AgentSockets agents(loop->context(), [&](const api::Request& request) {
        return api::answer_agent(
            request, [&](const auto& address) { return director->real_server(address); },
            [&](api::AgentReport report) { director->take(std::move(report)); });
    });
    const api::Desk desk = desk_of(*director, versions, agents);
    const auto serving =
        api::serve(loop->context(), *std::move(socket),
                   [&](const api::Request& request) { return api::answer(request, desk); },
                   {.body = kLargestRequest});
    agents.follow(director->agents());
    ::sd_notify(0, "READY=1");
    log::info(
        fmt::format("isobard {} is ready: 'isobar status' shows what it does", api::kVersion));

    EventLoop::Events events;
    events.hang_up = [&] {
        versions.reload();
        agents.follow(director->agents());
    };
    events.network_changed = [&] { director->network_changed(); };
    events.tend = [&] {
        versions.tend();
        director->tend();
        agents.keep_up(director->agents());  // of a version that was applied
    };
    const int signal = loop->run(std::move(events));
    ::sd_notify(0, "STOPPING=1");
    log::info(
        fmt::format("stopped by {}; the kernel goes on forwarding {} service(s): 'isobard "
                    "--remove' ends that",
                    signal == SIGINT ? "SIGINT" : "SIGTERM", director->service_count()));
    return kOk;
}

}  // namespace

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);  // a log that nobody reads must not end the director
    const Result<Options> options = parse_options(argc, argv);
    if (!options) {
        fmt::print(stderr, "isobard: {}\nTry 'isobard --help'.\n", options.error().message);
        return kUsage;
    }
    switch (options->mode) {
        case Mode::Run:
            return run(*options);
        case Mode::Test:
            return check_config(*options);
        case Mode::Remove:
            return take_away(*options);
        case Mode::Help:
            fmt::print("{}", usage());
            return kOk;
        case Mode::Version:
            fmt::print("isobard {}\n", api::kVersion);
            return kOk;
    }
    return kFailed;
}
