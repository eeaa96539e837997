// SPDX-License-Identifier: Apache-2.0
#include "api/agent_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "api/iso_time.h"

namespace isobar::api {
namespace {

using Json = nlohmann::ordered_json;
constexpr int kVersion = 1;

std::string dump(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json json_of(const AgentReport& report) {
    Json json{{"host", report.host}, {"findings", Json::array()}, {"gateways", Json::array()}};
    for (const model::Finding& each : report.findings)
        json["findings"].push_back({{"what", each.what}, {"why", each.why}, {"fix", each.fix}});
    for (const model::Address& each : report.gateways) json["gateways"].push_back(each.text());
    return json;
}

// What throws is caught below, as what nlohmann throws.
std::string bounded_text(const Json& json, const char* field) {
    auto text = json.at(field).get<std::string>();
    if (text.size() > kLongestFinding)
        throw std::invalid_argument(
            fmt::format("{} is longer than {} bytes", field, kLongestFinding));
    return text;
}

const Json& bounded_list(const Json& json, const char* field, std::size_t most) {
    const Json& list = json.at(field);
    if (!list.is_array() || list.size() > most)
        throw std::invalid_argument(fmt::format("{} is no list of at most {}", field, most));
    return list;
}

model::Address address_of(const Json& json) {
    const auto address = model::Address::parse(json.get<std::string>());
    if (!address) throw std::invalid_argument("no address");
    return *address;
}

AgentReport report_of(const Json& json) {
    AgentReport report;
    report.host = bounded_text(json, "host");
    for (const Json& each : bounded_list(json, "findings", kMostFindings))
        report.findings.push_back(
            {bounded_text(each, "what"), bounded_text(each, "why"), bounded_text(each, "fix")});
    for (const Json& each : bounded_list(json, "gateways", kMostGateways))
        report.gateways.push_back(address_of(each));
    return report;
}

template <typename Parse>
auto parsed(std::string_view text, const char* what, Parse parse)
    -> Result<decltype(parse(Json()))> {
    try {
        const Json json = Json::parse(text);
        const auto version = json.at("version").get<std::int64_t>();
        if (version != kVersion)
            return failure(Fault::Unsupported,
                           fmt::format("{}: version {}, not {}", what, version, kVersion));
        return parse(json);
    } catch (const std::exception& error) {
        return failure(Fault::Invalid, fmt::format("{}: {}", what, error.what()));
    }
}

}  // namespace

std::string agent_report_json(const AgentReport& report) {
    Json json = json_of(report);
    json["version"] = kVersion;
    return dump(json);
}

Result<AgentReport> parse_agent_report(std::string_view json) {
    if (json.size() > kLongestAgentReport)
        return failure(Fault::Invalid, "an agent's report: too long");
    return parsed(json, "an agent's report", report_of);
}

std::string agent_reports_json(const std::vector<AgentReport>& reports) {
    Json json{{"version", kVersion}, {"agents", Json::array()}};
    for (const AgentReport& each : reports) {
        Json agent{{"address", each.address.text()}, {"at", iso_time(each.at)}};
        agent.update(json_of(each));
        json["agents"].push_back(std::move(agent));
    }
    return dump(json);
}

Result<std::vector<AgentReport>> parse_agent_reports(std::string_view json) {
    return parsed(json, "agents", [](const Json& document) {
        std::vector<AgentReport> reports;
        for (const Json& each : document.at("agents")) {
            AgentReport report = report_of(each);
            report.address = address_of(each.at("address"));
            report.at = parse_iso_time(each.at("at").get<std::string>()).value();
            reports.push_back(std::move(report));
        }
        return reports;
    });
}

void AgentReports::take(AgentReport report) {
    if (last_.size() >= kMost && !last_.contains(report.address)) {
        const auto oldest =
            std::ranges::min_element(last_, {}, [](const auto& each) { return each.second.at; });
        last_.erase(oldest);
    }
    const auto address = report.address;
    last_.insert_or_assign(address, std::move(report));
}

std::vector<AgentReport> AgentReports::at(std::chrono::sys_seconds now) const {
    std::vector<AgentReport> reports;
    for (const auto& [address, report] : last_)
        if (now - report.at <= kKept) reports.push_back(report);
    return reports;
}

}  // namespace isobar::api
