// SPDX-License-Identifier: Apache-2.0
#include "isobard/director.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

#include "api/version.h"
#include "base/log.h"
#include "control/host_marks.h"
#include "control/masquerade.h"
#include "control/plan.h"
#include "dataplane/links.h"
#include "isobard/host.h"

namespace isobar::isobard {
namespace {

// The data plane, as the reconciler wants to see it.
class PlaneView final : public control::ForwardingPlane {
public:
    explicit PlaneView(dataplane::Dataplane& plane) : plane_(plane) {}
    Result<std::vector<model::ServiceStatus>> services() override { return plane_.services(); }
    Result<void> apply(std::span<const model::Change> changes) override {
        return plane_.apply(changes);
    }
    model::Timeouts timeouts() override { return plane_.timeouts(); }
    Result<void> set_timeouts(const model::Timeouts& timeouts) override {
        return plane_.set_timeouts(timeouts);
    }
    model::Switches switches() override { return plane_.switches(); }
    Result<void> set_switches(const model::Switches& switches) override {
        return plane_.set_switches(switches);
    }
    model::LocalityExpiry locality() override { return plane_.locality(); }
    std::vector<model::Port> ftp_ports() override { return plane_.ftp_ports(); }
    Result<void> set_locality(const model::LocalityExpiry& expiry) override {
        return plane_.set_locality(expiry);
    }
    Result<void> set_ftp_ports(std::span<const model::Port> ports) override {
        return plane_.set_ftp_ports(ports);
    }
    std::vector<model::MarkRule> groups() override { return plane_.groups(); }
    Result<void> set_groups(std::span<const model::MarkRule> rules) override {
        return plane_.set_groups(rules);
    }

private:
    dataplane::Dataplane& plane_;
};

constexpr std::chrono::seconds kListingLasts{1};
// With others that are before it, on a busy machine.
constexpr std::chrono::seconds kListingPatience{60};
// A plan looks at all servers: however many of them change all the time, a fifth of a CPU is
// enough.
constexpr int kPlanPause = 4;
constexpr std::chrono::steady_clock::duration kPauseAfterFailure = std::chrono::seconds(1);

api::AttemptView attempt_view(const health::Past& past) {
    using Kind = health::Outcome::Kind;
    const auto kind = past.outcome.kind;
    return {std::chrono::floor<std::chrono::seconds>(past.at),
            kind == Kind::Good  ? "good"
            : kind == Kind::Bad ? "bad"
                                : "not made",
            past.outcome.reason, past.outcome.took};
}

api::CheckView check_view(const control::CheckReport& check) {
    const health::State& state = check.report.state;
    api::CheckView view;
    view.type = model::type_name(check.subject.check.probe);
    view.target = health::target_of(check.subject).text();
    view.health = name(state.health);
    view.since = std::chrono::floor<std::chrono::seconds>(state.since);
    view.reason = state.reason;
    view.warning = state.warning;
    view.damped = state.damped;
    view.response = state.response;
    view.attempts = check.report.attempts;
    for (const health::Past& past : check.report.results) view.last.push_back(attempt_view(past));
    view.transcript = check.report.transcript;
    return view;
}

std::chrono::sys_seconds now() {
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

}  // namespace

Result<Director> Director::start(boost::asio::io_context& loop, const model::Config& config,
                                 control::OwnedFile owned, control::WishFile wishes) {
    Director director(loop, std::move(owned), std::move(wishes));
    auto wished = director.wish_file_.load();
    if (wished)
        director.wishes_ = *std::move(wished);
    else  // no reason not to forward
        log::warning(wished.error().message + ": nothing is taken from it");
    auto plane = director.open_or_create_plane(config);
    if (!plane) return tl::unexpected(std::move(plane.error()));
    // Programs of another version go on until they are replaced, packet by packet.
    if (auto upgraded = plane->upgrade(); !upgraded) {
        return tl::unexpected(std::move(upgraded.error()));
    }
    if (auto applied = director.apply(*plane, config); !applied) {
        return tl::unexpected(std::move(applied.error()));
    }
    return director;
}

Result<dataplane::Dataplane> Director::open_plane() {
    auto plane = dataplane::Dataplane::open();
    if (plane) {
        meet(*plane);
    } else if (plane.error().fault == Fault::NotFound && plane_) {
        log::warning("the data plane was removed: reload isobard to have it again");
        plane_.reset();
        hooks_.clear();
    }
    return plane;
}

// In another one than before, made by isobar-ipvsadm, the interfaces have no hooks of ours.
void Director::meet(const dataplane::Dataplane& plane) {
    if (plane_ != plane.identity()) hooks_.clear();
    plane_ = plane.identity();
}

Result<dataplane::Dataplane> Director::open_or_create_plane(const model::Config& config) {
    auto plane = open_plane();
    if (plane || plane.error().fault != Fault::NotFound) return plane;
    dataplane::Options sizes;
    sizes.most_connections = config.director.connections;
    sizes.connections = std::min(sizes.connections, sizes.most_connections);
    plane = dataplane::Dataplane::open_or_create(sizes);
    if (plane) meet(*plane);
    return plane;
}

void Director::trouble(std::string message) {
    log::warning(message);
    troubles_.push_back(std::move(message));
}

void Director::prepare_host(dataplane::Dataplane& plane, const model::Config& config) {
    if (!config.director.manage_sysctls) {
        if (auto restored = plane.restore_sysctls(); !restored) {
            trouble(restored.error().message);
        }
        return;
    }
    for (const Sysctl& sysctl : missing_sysctls("/proc/sys", families_of(control::plan(config)))) {
        if (auto set = plane.set_sysctl(sysctl.name, sysctl.value); !set) {
            trouble(set.error().message);
        } else {
            log::info(fmt::format("{} = {}", sysctl.name, sysctl.value));
        }
    }
}

// The configuration chooses the hook of every interface that can carry what is balanced.
// What carries no Ethernet, or is a port of a bridge, is left alone unless it is listed.
std::vector<std::string> Director::attach_troubles(dataplane::Dataplane& plane,
                                                   const model::DirectorConfig& config) {
    const auto links = dataplane::list_links();
    if (!links) return {links.error().message};
    std::vector<std::string> troubles;
    std::map<std::string, Attached> hooks;
    std::vector<std::string> fresh;
    for (const dataplane::Link& link : *links) {
        const bool fits = (link.ethernet || link.loopback) && !link.port_of_switch;
        if (!fits && !is_listed(link.name, config)) continue;
        const dataplane::Hook wanted = hook_for(link.name, config);
        const auto known = hooks_.find(link.name);
        auto& attached = hooks[link.name];
        attached = {link.index, wanted};
        if (known != hooks_.end() && known->second == attached) continue;
        auto set = plane.set_hook(link.name, wanted);
        if (!set && set.error().fault == Fault::NotFound) {
            hooks.erase(link.name);  // gone since it was listed
        } else if (!set) {
            troubles.push_back(set.error().message);
            attached.hook.reset();  // tried again at the next look
        } else {
            fresh.push_back(wanted == dataplane::Hook::Off ? link.name + " (off)" : link.name);
        }
    }
    // Somebody may have taken our programs from an interface that we know.
    if (auto attached = plane.attach_all();
        !attached && attached.error().fault != Fault::NotFound) {
        troubles.push_back(attached.error().message);
    }
    if (!fresh.empty()) log::info(fmt::format("interfaces: {}", fmt::join(fresh, ", ")));
    hooks_ = std::move(hooks);
    return troubles;
}

// An interface that goes on refusing is worth one line, not one for each look.
void Director::attach(dataplane::Dataplane& plane, const model::DirectorConfig& config) {
    std::vector<std::string> troubles = attach_troubles(plane, config);
    for (const std::string& line : troubles) {
        if (std::find(interface_troubles_.begin(), interface_troubles_.end(), line) ==
            interface_troubles_.end()) {
            log::warning(line);
        }
    }
    interface_troubles_ = std::move(troubles);
}

// The servers that are up now. Those go on until a check says otherwise: to begin to check a
// server, or a new isobard, must interrupt nobody.
Result<std::set<control::ServerName>> Director::presumed_up(dataplane::Dataplane& plane,
                                                            const model::Config& config) const {
    std::set<control::ServerName> servers;
    for (const control::ServicePlan& service : plans_)
        for (const control::ServerPlan& server : service.servers)
            if (server.up) servers.emplace(service.name, server.server.address);
    if (!plans_.empty()) return servers;
    const auto running = plane.services();
    if (!running) return tl::unexpected(running.error());
    return control::left_up(*running, config);
}

control::Plan Director::plan_now(const model::Config& config,
                                 control::Conditions conditions) const {
    for (const control::ServicePlan& service : plans_)
        conditions.had_quorum.emplace(service.name, service.quorum);
    control::add_wishes(wishes_, config, conditions);
    return control::plan(config, conditions);
}

Director::Seen Director::seen(const dataplane::Dataplane& plane) {
    return {plane.identity(), plane.changes(), plane.timeouts(), plane.switches(),
            plane.locality()};
}

// Brings the data plane to what `config` and its servers ask for.
Result<control::Reconciled> Director::reconcile(dataplane::Dataplane& plane,
                                                const model::Config& config, control::Drift drift) {
    auto made = plan_now(config, watch_->conditions(std::chrono::steady_clock::now()));
    // Before our own changes, after which there is another look: none of others is missed.
    const Seen before = seen(plane);
    PlaneView view(plane);
    auto reconciled = reconciler_.reconcile(view, made.forwarding, drift);
    if (!reconciled) return reconciled;
    seen_ = before;
    tell_drift(reconciled->drift, drift);
    for (control::Event& event : control::differences(plans_, made.services)) {
        notifier_->tell(event);
        events_->note(log::notice, std::move(event));
    }
    plans_ = std::move(made.services);
    watch_->settle(plans_);
    return reconciled;
}

// What is left is worth a line once.
void Director::tell_drift(std::vector<std::string> drift, control::Drift becomes) {
    const bool put_back = becomes == control::Drift::PutBack;
    for (const std::string& line : drift)
        if (put_back || std::ranges::find(drift_, line) == drift_.end())
            note(log::warning, Kind::Drift,
                 fmt::format("changed by hand, {}: {}",
                             put_back ? "put back" : "left as it is; to undo", line));
    if (put_back) drift.clear();
    drift_ = std::move(drift);
}

// The host first: a service that runs before packets can be forwarded would drop them.
Result<std::vector<std::string>> Director::apply(dataplane::Dataplane& plane,
                                                 const model::Config& config) {
    troubles_.clear();
    prepare_host(plane, config);
    attach(plane, config.director);
    // of the servers that are there already; new ones are looked up when they are added
    if (auto done = plane.addresses_changed(); !done) trouble(done.error().message);
    if (auto done = plane.set_most_connections(config.director.connections); !done)
        trouble(done.error().message);
    auto presumed = presumed_up(plane, config);
    if (!presumed) return tl::unexpected(std::move(presumed.error()));
    watch_->follow(config, *presumed);
    notifier_->follow(config);
    auto reconciled = reconcile(plane, config, control::Drift::PutBack);
    if (!reconciled) {
        watch_->follow(config_, *std::move(presumed));
        notifier_->follow(config_);
        return tl::unexpected(reconciled.error());
    }
    for (const std::string& line : reconciled->changes) log::info(line);
    for (const std::string& line : reconciled->warnings) log::warning(line);
    refresh_host_marks(plane);
    if (auto done = control::apply_masquerade(config.masquerades); !done) {
        trouble(done.error().message);
    }
    for (const model::InterfaceConfig& listed : config.director.interfaces) {
        if (hooks_.contains(listed.name)) continue;
        log::warning(
            fmt::format("{}: no such interface yet; it is taken in when it appears", listed.name));
    }
    config_ = config;
    listing_.until = {};
    applied_at_ = now();
    return std::move(reconciled->changes);
}

// What cannot be told is no reason to stop: other marks are followed.
void Director::refresh_host_marks(dataplane::Dataplane& plane) {
    if (!plane.uses_host_marks()) return;
    const auto marks = control::read_host_marks();
    const auto set = marks ? plane.set_host_marks(marks->rules) : tl::unexpected(marks.error());
    if (!set) return trouble(set.error().message);
    for (const std::string& rule : marks->untold) trouble(rule + ": its marks are not followed");
}

Result<std::vector<std::string>> Director::set_config(const model::Config& config) {
    auto plane = open_or_create_plane(config);
    if (!plane) return tl::unexpected(std::move(plane.error()));
    auto applied = apply(*plane, config);
    if (applied) return applied;
    // The services are as before; so must be the host.
    prepare_host(*plane, config_);
    attach(*plane, config_.director);
    return applied;
}

Result<std::vector<control::Effect>> Director::outlook(const model::Config& config) {
    auto plane = open_plane();
    if (!plane && plane.error().fault != Fault::NotFound)
        return tl::unexpected(std::move(plane.error()));
    const auto running = plane ? plane->services() : std::vector<model::ServiceStatus>{};
    if (!running) return tl::unexpected(running.error());
    auto conditions = watch_->conditions(std::chrono::steady_clock::now());
    control::ServerCondition unknown;
    unknown.health = health::Health::Unknown;
    for (const control::WatchedServer& server : control::watched_servers(config))
        if (!server.subjects.empty()) conditions.servers.emplace(server.name, unknown);
    const auto wanted = plan_now(config, std::move(conditions)).forwarding;
    return control::effects(reconciler_.outlook(*running, wanted), *running);
}

void Director::network_changed() {
    auto plane = open_plane();
    if (!plane) return;
    attach(*plane, config_.director);
    if (auto done = plane->addresses_changed(); !done) log::warning(done.error().message);
}

void Director::tend() {
    tend_table();
    tend_drains();
    tend_servers();
}

// What is due happens even where it cannot be stored: then a new isobard does it again.
void Director::tend_drains() {
    const auto ended = control::end_drains(wishes_, now());
    if (ended.empty()) return;
    if (auto stored = wish_file_.store(wishes_); !stored) log::error(stored.error().message);
    put_right();
    for (const control::ServerName& server : ended) end_drain(server);
}

void Director::end_drain(const control::ServerName& server) {
    const auto afterwards = wishes_.at(server).afterwards;
    const auto service =
        std::ranges::find(config_.services, server.first, &model::ServiceConfig::name);
    std::uint32_t reset = 0;
    if (afterwards == control::Afterwards::Reset && service != config_.services.end()) {
        const auto address = service->endpoint_of(server.second);
        auto plane = open_plane();
        const auto ended =
            plane ? plane->end_connections(service->key(), address) : tl::unexpected(plane.error());
        if (!ended) return log::error(ended.error().message);
        reset = *ended;
    }
    events_->note(log::notice,
                  {Kind::Wish, server.first, control::server_text(server.second),
                   fmt::format("the time to drain is up: {}{}", control::name(afterwards),
                               reset == 0 ? "" : fmt::format(", {} connection(s) ended", reset))});
}

void Director::tend_servers() {
    const auto begun = std::chrono::steady_clock::now();
    if (begun >= next_plan_ && (watch_->is_stale(begun) || others_have_changed())) put_right();
}

void Director::put_right() {
    const auto begun = std::chrono::steady_clock::now();
    auto plane = open_plane();
    const auto done =
        plane ? reconcile(*plane, config_, drift_policy()) : tl::unexpected(plane.error());
    const auto ended = std::chrono::steady_clock::now();
    next_plan_ = ended + (done ? kPlanPause * (ended - begun) : kPauseAfterFailure);
    // It may be the same trouble each time.
    const std::string trouble = done ? "" : done.error().message;
    if (!done && trouble != reconciling_trouble_) log::error(trouble);
    reconciling_trouble_ = trouble;
    if (!done) return;
    for (const std::string& line : done->changes) log::debug(line);
    for (const std::string& line : done->warnings) log::warning(line);
}

control::Drift Director::drift_policy() const {
    const bool repair = config_.director.on_drift == model::OnDrift::Repair;
    return repair ? control::Drift::PutBack : control::Drift::Leave;
}

// In the data plane that is tended; if that was taken away there is nothing to put right.
bool Director::others_have_changed() const {
    return tended_ && seen(*tended_) != seen_;
}

void Director::tend_table() {
    auto done = tended_ ? tended_->tend() : failure(Fault::NotFound, "");
    if (!done && done.error().fault == Fault::NotFound) {
        tended_.reset();
        auto plane = open_plane();
        if (!plane) return;
        tended_ = std::move(*plane);
        room_ = 0;
        done = tended_->tend();
    }
    // Every look may meet the same trouble.
    const std::string trouble = done ? "" : done.error().message;
    if (!done && trouble != tending_trouble_) log::warning(trouble);
    tending_trouble_ = trouble;
    if (done && tended_) look_at_room(*tended_);
}

// It grows by itself, and by whatever tool lists it.
void Director::look_at_room(const dataplane::Dataplane& plane) {
    const std::uint32_t room = plane.room();
    if (room != room_ && room_ != 0)
        note(log::info, Kind::Table,
             fmt::format("the table of connections has room for {}, before for {}", room, room_));
    room_ = room;
}

void Director::note(void (*say)(std::string_view), Kind kind, std::string text) {
    events_->note(say, {kind, "", "", std::move(text)});
}

Result<api::ServerStanding> Director::wish(const api::WishRequest& request) {
    const auto server = control::find_server(config_, request.service, request.server);
    if (!server) return tl::unexpected(server.error());
    auto wishes = wishes_;
    control::OperatorWish& wish = wishes[*server];
    if (request.wish) wish.wish = *request.wish;
    if (request.weight) wish.weight = *request.weight;
    wish.by = request.by;
    wish.why = request.why;
    wish.at = now();
    if (request.wish) {
        wish.until.reset();
        wish.afterwards = request.afterwards;
        if (request.within) wish.until = wish.at + *request.within;
    }
    if (wish.says_nothing()) wishes.erase(*server);
    // What is not remembered must not hold: it would be gone with the next start.
    if (auto stored = wish_file_.store(wishes); !stored) return tl::unexpected(stored.error());
    wishes_ = std::move(wishes);
    auto plane = open_plane();
    const auto done =
        plane ? reconcile(*plane, config_, drift_policy()) : tl::unexpected(plane.error());
    if (!done) return tl::unexpected(done.error());
    events_->note(log::notice, {Kind::Wish, server->first, control::server_text(server->second),
                                fmt::format("{} by {}{}{}", request.text(), request.by,
                                            request.why.empty() ? "" : ", ", request.why)});
    return standing_of(*server);
}

Result<api::HealthView> Director::health(const std::string& service,
                                         const model::Endpoint& server) {
    const auto name = control::find_server(config_, service, server);
    if (!name) return tl::unexpected(name.error());
    return health_of(*name);
}

api::HealthView Director::health_of(const control::ServerName& name) const {
    api::HealthView view{
        name.first, control::server_text(name.second), api::text(standing_of(name)), {}};
    for (const control::CheckReport& check : watch_->reports(name))
        view.checks.push_back(check_view(check));
    return view;
}

// Of each check its last attempt, and not what was said.
std::vector<api::HealthView> Director::just_found(
    const std::vector<control::ServerName>& names) const {
    std::vector<api::HealthView> views;
    for (const control::ServerName& name : names) {
        views.push_back(health_of(name));
        for (api::CheckView& check : views.back().checks) {
            if (check.last.size() > 1) check.last.erase(check.last.begin(), check.last.end() - 1);
            check.transcript.clear();
        }
    }
    return views;
}

Result<api::Checking> Director::check(const api::CheckRequest& request) {
    auto names = control::find_servers(config_, request.service, request.server);
    if (!names) return tl::unexpected(names.error());
    return [this, names = *std::move(names)](const auto& answer) {
        return watch_->check_now(names, [this, names, answer] {
            put_right();  // what follows from it is told, too
            answer(just_found(names));
        });
    };
}

Result<api::Listing> Director::connections(const api::ConnectionQuery& query) {
    auto report = api::ConnectionReport::make(query, config_);
    if (!report) return tl::unexpected(report.error());
    return [this, report = *std::move(report)](auto done) {
        const auto begun =
            listing_connections_->list(report, [this] { return begin_listing(); }, done);
        if (!begun) done(tl::unexpected(begun.error()));
        return kListingPatience;
    };
}

Result<api::Explanation> Director::explain(const model::Question& question) {
    auto plane = open_plane();
    if (!plane) return tl::unexpected(std::move(plane.error()));
    const auto now = now_of(*plane);
    if (!now) return tl::unexpected(now.error());
    auto decision = plane->decide(question, *now);
    if (!decision) return tl::unexpected(std::move(decision.error()));
    return api::explanation(*std::move(decision), config_, plans_);
}

// What is tended can tell the time without loading anything, but may be gone before the end.
Result<std::uint32_t> Director::now_of(dataplane::Dataplane& plane) {
    return tended_ ? tended_->jiffies() : plane.jiffies();
}

Result<ConnectionListing::Begun> Director::begin_listing() {
    auto plane = open_plane();
    if (!plane) return tl::unexpected(std::move(plane.error()));
    const auto now = now_of(*plane);
    if (!now) return tl::unexpected(now.error());
    auto walk = plane->walk(*now);
    return ConnectionListing::Begun{*std::move(plane), std::move(walk)};
}

api::ServerStanding Director::standing_of(const control::ServerName& name) const {
    for (const control::ServicePlan& service : plans_) {
        if (service.name != name.first) continue;
        for (const control::ServerPlan& server : service.servers)
            if (server.server.address == name.second) return api::standing(server);
    }
    return {};
}

std::size_t Director::service_count() const {
    return static_cast<std::size_t>(
        std::ranges::count(config_.services, true, &model::ServiceConfig::enabled));
}

Result<api::Status> Director::status() {
    api::Status status;
    status.program = fmt::format("isobard {}", api::kVersion);
    status.config.applied_at = applied_at_;
    status.config.errors = troubles_;
    auto plane = open_plane();
    if (!plane) {
        if (plane.error().fault != Fault::NotFound) return tl::unexpected(plane.error());
        status.config.errors.push_back(plane.error().message +
                                       ": somebody removed it; reload isobard to have it again");
        return status;
    }
    const auto add = [&](const std::vector<std::string>& lines) {
        status.config.errors.insert(status.config.errors.end(), lines.begin(), lines.end());
    };
    add(interface_troubles_);
    for (const std::string& line : drift_)
        status.config.errors.push_back("changed by hand; to undo: " + line);
    add(watch_->troubles());
    if (auto filled = fill(*plane, status); !filled) return tl::unexpected(filled.error());
    return status;
}

Result<void> Director::refresh_listing() {
    const auto now = std::chrono::steady_clock::now();
    if (now < listing_.until) return {};
    Listing fresh{{}, {}, now + kListingLasts};
    auto plane = open_plane();
    if (plane) {
        auto services = plane->services();
        if (!services) return tl::unexpected(std::move(services.error()));
        fresh.services = model::without_probes(*std::move(services));
        fresh.marks = plane->groups();
        const auto host_marks = plane->host_marks();
        fresh.marks.insert(fresh.marks.end(), host_marks.begin(), host_marks.end());
    } else if (plane.error().fault != Fault::NotFound) {
        return tl::unexpected(std::move(plane.error()));
    }
    listing_ = std::move(fresh);
    return {};
}

Result<api::RealServer> Director::real_server(const model::Address& address) {
    if (auto done = refresh_listing(); !done) return tl::unexpected(std::move(done.error()));
    return api::real_server(address, listing_.services, listing_.marks);
}

void Director::take(api::AgentReport report) {
    report.at = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    agent_reports_.take(std::move(report));
}

std::vector<api::AgentReport> Director::agent_reports() const {
    return agent_reports_.at(
        std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()));
}

Result<void> Director::fill(dataplane::Dataplane& plane, api::Status& status) {
    const auto services = plane.services();
    if (!services) return tl::unexpected(services.error());
    const auto capacity = plane.capacity();
    if (!capacity) return tl::unexpected(capacity.error());
    const auto verdicts = plane.verdicts();
    if (!verdicts) return tl::unexpected(verdicts.error());
    const auto events = plane.events();
    if (!events) return tl::unexpected(events.error());
    const auto interfaces = plane.interfaces();
    if (!interfaces) return tl::unexpected(interfaces.error());

    status.services = api::named_services(*services, config_);
    api::add_standings(status.services, plans_);
    status.connections_used = capacity->used;
    status.connections_room = capacity->size;
    status.connections_size = capacity->most;
    status.timeouts = plane.timeouts();
    for (const model::VerdictCount& verdict : *verdicts) {
        status.verdicts.emplace(verdict.name, verdict.packets);
    }
    for (const model::EventCount& event : *events) status.events.emplace(event.name, event.count);
    for (const dataplane::InterfaceHooks& each : *interfaces) {
        status.interfaces.push_back({each.interface, each.tc, each.xdp});
    }
    return {};
}

}  // namespace isobar::isobard
