// SPDX-License-Identifier: Apache-2.0
#include "agent/agent.h"

#include <fmt/format.h>

#include <algorithm>

#include "agent/sysctls.h"
#include "base/log.h"

namespace isobar::agent {
namespace {

constexpr const char* kTunnelDevice = "tunl0";
constexpr const char* kLoopback = "lo";

bool is_loopback(const model::Address& address) {
    return address.family == model::Family::V4 ? address.bytes[0] == 127
                                               : address == *model::Address::parse("::1");
}

// What the operator had, before an earlier agent of ours.
Sysctls without_ours(Sysctls now, const std::vector<Step>& steps) {
    for (const Step& step : steps) {
        const auto found = now.find(step.on);
        if (step.kind == StepKind::Sysctl && found != now.end() &&
            fmt::format("{}", found->second) == step.value)
            found->second = std::stoi("0" + step.before);
    }
    return now;
}

}  // namespace

Result<Agent> Agent::start(Settings settings, Ledger ledger, Earlier earlier) {
    Agent agent(std::move(settings), std::move(ledger));
    auto started = agent.do_all(earlier);
    if (started) return agent;
    if (auto undone = agent.stop(); !undone) log::warning(undone.error().message);
    return tl::unexpected(std::move(started.error()));
}

Result<void> Agent::change(Settings settings, Earlier earlier) {
    settings_ = std::move(settings);
    ledger_.ask_anew();
    attached_.clear();  // so that the programs are asked for again, too
    return do_all(earlier);
}

// ARP is quiet, and packets can be taken, before a VIP is there.
Result<void> Agent::do_all(Earlier earlier) {
    if (auto done = choose_interfaces(); !done) return done;
    if (settings_.vips.empty()) {
        drop_programs();
        reassemble();
        return earlier == Earlier::Undo ? ledger_.undo_others(host_) : Result<void>{};
    }
    for (const auto step :
         {&Agent::choose_tunnel, &Agent::set_sysctls, &Agent::load_programs, &Agent::put_vips})
        if (auto done = (this->*step)(); !done) return done;
    // Once more: now the VIPs are among the addresses.
    if (auto done = tell_programs(); !done) return done;
    reassemble();
    return earlier == Earlier::Undo ? ledger_.undo_others(host_) : Result<void>{};
}

Result<void> Agent::refresh() {
    if (auto done = choose_interfaces(); !done || settings_.vips.empty()) return done;
    for (const auto step : {&Agent::set_sysctls, &Agent::tell_programs, &Agent::attach_programs})
        if (auto done = (this->*step)(); !done) return done;
    reassemble();
    return {};
}

// Those that were named must be there, at the start; later they may go and come.
Result<void> Agent::choose_interfaces() {
    const auto links = list_links();
    if (!links) return tl::unexpected(links.error());
    std::vector<std::string> names = settings_.interfaces;
    for (const Vip& vip : settings_.vips)
        if (!vip.interface.empty()) names.push_back(vip.interface);
    const auto is_missing = [&](const std::string& name) { return !find_link(*links, name); };
    const auto missing = std::find_if(names.begin(), names.end(), is_missing);
    if (interfaces_.empty() && missing != names.end())
        return failure(Fault::NotFound, fmt::format("{}: no such interface", *missing));
    for (const std::string& name : settings_.interfaces)
        if (const Link* const link = find_link(*links, name); link && !link->ethernet)
            return failure(Fault::Unsupported, fmt::format("{}: not Ethernet", name));

    interfaces_.clear();
    for (const Link& link : *links) {
        const bool named = std::find(names.begin(), names.end(), link.name) != names.end();
        const bool any = settings_.interfaces.empty() && !link.port_of_switch;
        if (link.ethernet && (named || any)) interfaces_.push_back(link);
    }
    return {};
}

Result<void> Agent::choose_tunnel() {
    kernel_tunnel_ = false;
    if (settings_.tunnels.empty() || settings_.decap == Decap::Bpf || !tunl0_is_enough(settings_))
        return {};
    auto made = ledger_.ensure(host_, {StepKind::MakeLink, kTunnelDevice, "", ""});
    if (!made && settings_.decap == Decap::Auto) {
        log::debug(fmt::format("{}: BPF takes packets out of tunnels", made.error().message));
        return {};
    }
    if (!made) return made;
    kernel_tunnel_ = true;
    return ledger_.ensure(host_, {StepKind::RaiseLink, kTunnelDevice, "", ""});
}

Result<void> Agent::set_sysctls() {
    std::vector<std::string> names;
    for (const Link& link : interfaces_) names.push_back(link.name);
    std::vector<std::string> receivers = names;
    if (kernel_tunnel_) receivers.emplace_back(kTunnelDevice);
    const Sysctls now = without_ours(read_sysctls("/proc/sys", receivers), ledger_.steps());
    std::vector<Sysctl> plan = plan_reverse_paths(now, receivers);
    if (!filters_arp_in_bpf(settings_)) {
        const auto quiet = plan_quiet_arp(now, names);
        plan.insert(plan.end(), quiet.begin(), quiet.end());
    }
    for (const Sysctl& sysctl : plan) {
        const std::string value = fmt::format("{}", sysctl.value);
        if (auto done = ledger_.ensure(host_, {StepKind::Sysctl, sysctl.path, value, ""}); !done)
            return done;
    }
    return {};
}

bool Agent::needs_programs() const {
    return filters_arp_in_bpf(settings_) ||
           (!settings_.tunnels.empty() &&
            (!kernel_tunnel_ || settings_.mss.kind != Mss::Kind::Off));
}

Result<void> Agent::load_programs() {
    if (!needs_programs()) {
        drop_programs();
        return {};
    }
    if (interfaces_.empty()) return failure(Fault::NotFound, "there is no Ethernet interface");
    if (!programs_) {
        auto programs = Programs::load();
        if (!programs) return tl::unexpected(std::move(programs.error()));
        programs_ = std::make_unique<Programs>(*std::move(programs));
        host_.use(programs_.get());
    }
    if (auto set = programs_->set_work(kernel_tunnel_ ? std::set<Tunnel>{} : settings_.tunnels,
                                       settings_.gue_port, filters_arp_in_bpf(settings_));
        !set)
        return set;
    // They must know the VIPs before they stand in a packet's way.
    if (auto told = tell_programs(); !told) return told;
    return attach_programs();
}

// Pieces of outer packets pass our programs, and are put together by the stack. Whole packets need
// none of this: a failure is a warning.
void Agent::reassemble() {
    Reassembly::Plan plan;
    if (programs_ && !kernel_tunnel_) plan.tunnels = settings_.tunnels;
    if (!plan.tunnels.empty()) {
        plan.gue_port = settings_.gue_port;
        for (const Link& link : list_links().value_or(std::vector<Link>{}))
            if (link.up && !link.kind.empty()) plan.kernel_kinds.insert(link.kind);
    }
    if (plan != reassembly_plan_) {
        if (reassembly_) reassembled_ += reassembly_->taken();
        reassembly_.reset();
        reassembly_plan_ = plan;
        if (plan.tunnels.empty()) return;
        auto started = Reassembly::start(plan);
        if (!started)
            log::warning(started.error().message + ": tunnel packets that are cut up are lost");
        else
            reassembly_ = *std::move(started);
    }
    if (!reassembly_) return;
    std::set<model::Address> vips;
    for (const Vip& vip : settings_.vips) vips.insert(vip.address);
    std::set<int> links;
    for (const Link& link : interfaces_) links.insert(link.index);
    reassembly_->set_work(std::move(vips), std::move(links));
}

// Those that are attached stay so until undo_others(), which needs no programs of ours.
void Agent::drop_programs() {
    if (const std::string done = deeds(); !done.empty()) log::info(done);
    host_.use(nullptr);
    programs_.reset();
    attached_.clear();
}

Result<void> Agent::attach_programs() {
    if (!programs_) return {};
    std::map<std::string, int> attached;
    for (const Link& link : interfaces_) {
        attached[link.name] = link.index;
        const auto known = attached_.find(link.name);
        if (known != attached_.end() && known->second == link.index) continue;
        for (const StepKind kind : {StepKind::Clsact, StepKind::Filters})
            if (auto done = ledger_.ensure(host_, {kind, link.name, "", ""}); !done) return done;
    }
    attached_ = std::move(attached);
    return {};
}

std::string Agent::home_of(const Vip& vip) const {
    if (!vip.interface.empty()) return vip.interface;
    return kernel_tunnel_ ? kTunnelDevice : kLoopback;
}

Result<void> Agent::put_vips() {
    for (const Vip& vip : settings_.vips) {
        const Step step{StepKind::Address, home_of(vip), vip.address.text(), ""};
        if (auto done = ledger_.ensure(host_, step); !done) return done;
    }
    return {};
}

// One that is no longer wanted is one until it is off: nobody may learn of it.
bool Agent::is_vip(const model::Address& address) const {
    const auto& steps = ledger_.steps();
    return std::any_of(settings_.vips.begin(), settings_.vips.end(),
                       [&](const Vip& vip) { return vip.address == address; }) ||
           std::any_of(steps.begin(), steps.end(), [&](const Step& step) {
               return step.kind == StepKind::Address && step.value == address.text();
           });
}

// A director uses IPv6 for the outer header only towards an IPv6 address.
Programs::LinkFacts Agent::facts_of(const Link& link,
                                    const std::vector<HostAddress>& addresses) const {
    Programs::LinkFacts facts;
    auto outer = model::Family::V4;
    for (const HostAddress& each : addresses) {
        if (each.link != link.index || each.address.family == model::Family::V4) continue;
        if (model::is_link_local(each.address))
            facts.link_local = each.address;
        else if (!is_vip(each.address))
            outer = model::Family::V6;
    }
    facts.mss4 = offered_mss(settings_, model::Family::V4, link.mtu, outer);
    facts.mss6 = offered_mss(settings_, model::Family::V6, link.mtu, outer);
    return facts;
}

// Loopback addresses are no end of a tunnel: from outside they are nobody's.
Result<void> Agent::tell_programs() {
    if (!programs_) return {};
    const auto addresses = list_addresses();
    if (!addresses) return tl::unexpected(addresses.error());
    std::vector<Programs::Address> told;
    for (const HostAddress& each : *addresses)
        if (!is_loopback(each.address)) told.push_back({each.address, true, is_vip(each.address)});
    for (const Vip& vip : settings_.vips) {
        const bool there = std::any_of(told.begin(), told.end(), [&](const auto& each) {
            return each.address == vip.address;
        });
        if (!there) told.push_back({vip.address, false, true});
    }
    if (auto done = programs_->set_addresses(told); !done) return done;
    for (const Link& link : interfaces_)
        if (auto done = programs_->set_link(link.index, facts_of(link, *addresses)); !done)
            return done;
    return {};
}

Result<void> Agent::stop() {
    return ledger_.undo_all(host_);
}

std::string Agent::summary() const {
    if (settings_.vips.empty()) return "no VIP";
    std::string text;
    for (const Vip& vip : settings_.vips)
        text +=
            fmt::format("{}{} on {}", text.empty() ? "" : ", ", vip.address.text(), home_of(vip));
    text += fmt::format("; ARP quiet by {}", filters_arp_in_bpf(settings_) ? "BPF" : "sysctl");
    if (!settings_.tunnels.empty()) {
        std::vector<std::string_view> names;
        for (const Tunnel tunnel : settings_.tunnels) names.push_back(name(tunnel));
        text += fmt::format("; {} by {}", fmt::join(names, ", "),
                            kernel_tunnel_ ? kTunnelDevice : "BPF");
    }
    if (!programs_) return text;
    std::vector<std::string_view> names;
    for (const Link& link : interfaces_) names.push_back(link.name);
    text += fmt::format("; programs on {}", fmt::join(names, ", "));
    return text;
}

std::string Agent::deeds() const {
    if (!programs_) return "";
    const auto counts = programs_->counts();
    if (!counts) return counts.error().message;
    std::vector<std::string> words;
    for (const Programs::Count& count : *counts)
        if (count.packets != 0) words.push_back(fmt::format("{} {}", count.packets, count.what));
    const std::uint64_t pieces = reassembled_ + (reassembly_ ? reassembly_->taken() : 0);
    if (pieces != 0)
        words.push_back(fmt::format("{} packets taken out of a tunnel that were cut up", pieces));
    return fmt::format("{}", fmt::join(words, ", "));
}

}  // namespace isobar::agent
