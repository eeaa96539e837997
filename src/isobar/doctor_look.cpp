// SPDX-License-Identifier: Apache-2.0
#include "isobar/doctor_look.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>
#include <utility>

#include "agent/sysctls.h"
#include "api/client.h"
#include "api/config_desk.h"
#include "api/routes.h"
#include "config/load.h"
#include "control/child.h"
#include "dataplane/dataplane.h"
#include "dataplane/routes.h"
#include "isobar/asked.h"

namespace isobar::cli {
namespace {

constexpr std::chrono::milliseconds kArpPatience{900};
constexpr std::chrono::seconds kNft{5};

std::string host_name() {
    std::array<char, 256> name{};
    return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "?";
}

Result<std::string> told(const Asking& asking, const std::string& target) {
    const auto answer = api::ask(asking.socket, target, kPatience);
    if (!answer) return failure(Fault::Unreachable, answer.error().message);
    if (answer->code != 200) return failure(Fault::Unreachable, api::problem_detail(answer->body));
    return answer->body;
}

// What only isobard knows.
Result<void> ask_isobard(const Asking& asking, DoctorFacts& facts) {
    auto status = told(asking, "/api/v1/status").and_then(api::parse_status);
    if (!status) return tl::unexpected(std::move(status.error()));
    facts.services = std::move(status->services);
    auto agents = told(asking, "/api/v1/agents").and_then(api::parse_agent_reports);
    if (!agents) return tl::unexpected(std::move(agents.error()));
    facts.agents = *std::move(agents);
    const auto version = told(asking, "/api/v1/config").and_then(api::parse_version);
    if (!version) return {};  // nothing is applied
    if (const auto loaded = config::parse(version->text, "running"); loaded.config)
        facts.masquerades = loaded.config->masquerades;
    return {};
}

Result<void> look_at_plane(DoctorFacts& facts) {
    auto plane = dataplane::Dataplane::open();
    if (!plane && plane.error().fault == Fault::Permission)
        return tl::unexpected(std::move(plane.error()));
    if (!plane) {
        facts.no_plane = plane.error().message;
        return {};
    }
    auto hooks = plane->interfaces();
    if (!hooks) return tl::unexpected(std::move(hooks.error()));
    facts.hooks = *std::move(hooks);
    if (facts.no_isobard.empty()) return {};
    auto services = plane->services();
    if (!services) return tl::unexpected(std::move(services.error()));
    for (model::ServiceStatus& each : model::without_probes(*std::move(services)))
        facts.services.push_back({.name = "", .status = std::move(each)});
    return {};
}

Result<void> look_at_host(DoctorFacts& facts) {
    auto links = agent::list_links();
    if (!links) return tl::unexpected(std::move(links.error()));
    auto addresses = agent::list_addresses();
    if (!addresses) return tl::unexpected(std::move(addresses.error()));
    facts.links = *std::move(links);
    facts.addresses = *std::move(addresses);
    facts.forwards4 = agent::read_sysctl("net/ipv4/ip_forward").value_or(1) != 0;
    facts.forwards6 = agent::read_sysctl("net/ipv6/conf/all/forwarding").value_or(1) != 0;
    if (facts.masquerades.empty()) return {};
    // Its own table (control/masquerade.h); no nft: nobody knows
    const auto listed = control::run_child({"nft", "list", "table", "ip", "isobar"}, "", kNft);
    facts.masquerade_rules = !listed || listed->status == 0;
    return {};
}

Result<void> look_up_ways(DoctorFacts& facts) {
    auto addresses = servers_of(facts.services);
    std::ranges::copy(vips_of(facts.services), std::back_inserter(addresses));
    for (const model::Address& address : addresses) {
        const auto route = dataplane::find_route(address);
        if (!route) return tl::unexpected(route.error());
        const bool found = route->link != 0;
        facts.reach[address] = {route->local, found, route->link, route->gateway};
    }
    return {};
}

}  // namespace

Result<DoctorFacts> look_at_director(const Asking& asking) {
    DoctorFacts facts;
    facts.host = host_name();
    facts.now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    if (auto done = ask_isobard(asking, facts); !done) facts.no_isobard = done.error().message;
    for (auto* look : {look_at_plane, look_at_host, look_up_ways})
        if (auto done = look(facts); !done) return tl::unexpected(std::move(done.error()));
    facts.asked = arp_questions(facts);
    auto answers = ask_arp(facts.asked, kArpPatience);
    if (!answers) return tl::unexpected(std::move(answers.error()));
    facts.answers = *std::move(answers);
    return facts;
}

}  // namespace isobar::cli
