// SPDX-License-Identifier: Apache-2.0
#include "api/config_desk.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <utility>

#include "api/iso_time.h"

namespace isobar::api {
namespace {

using Json = nlohmann::ordered_json;

// Shown in tables and logs.
constexpr std::size_t kLongestWord = 1024;

std::string dump(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// What `read` makes of it; it may throw what nlohmann throws.
template <typename Read>
auto parse(std::string_view json, Read read) -> Result<decltype(read(Json()))> {
    try {
        return read(Json::parse(json));
    } catch (const Json::exception& error) {
        return failure(Fault::Invalid, error.what());
    }
}

// A number from JSON: nlohmann would take -1 for a large one.
template <typename Number>
std::optional<Number> number_of(const Json& json, const char* key) {
    const auto found = json.find(key);
    if (found == json.end() || found->is_null()) return std::nullopt;
    if (!found->is_number_unsigned()) return Number{0};
    return static_cast<Number>(found->get<std::uint64_t>());
}

Result<void> check_words(std::initializer_list<std::string_view> words) {
    for (const std::string_view word : words)
        if (word.size() > kLongestWord)
            return failure(Fault::Invalid,
                           fmt::format("a word of more than {} bytes", kLongestWord));
    return {};
}

Json list_of(const std::vector<config::Difference>& differences) {
    Json list = Json::array();
    for (const config::Difference& each : differences)
        list.push_back({{"step", config::name(each.step)},
                        {"where", each.where},
                        {"key", each.key},
                        {"before", each.before},
                        {"after", each.after}});
    return list;
}

config::Difference difference_of(const Json& json) {
    config::Difference made;
    const auto step = json.at("step").get<std::string>();
    for (const auto known : {config::Step::Added, config::Step::Removed})
        if (config::name(known) == step) made.step = known;
    json.at("where").get_to(made.where);
    json.at("key").get_to(made.key);
    json.at("before").get_to(made.before);
    json.at("after").get_to(made.after);
    return made;
}

Json time_json(const std::optional<std::chrono::sys_seconds>& time) {
    return time ? Json(iso_time(*time)) : Json(nullptr);
}

Json json_of(const VersionView& view) {
    return {{"version", view.version.number}, {"at", iso_time(view.version.at)},
            {"by", view.version.by},          {"why", view.version.why},
            {"from", view.version.from},      {"runs", view.runs},
            {"unconfirmed", view.unconfirmed}};
}

VersionView version_of(const Json& json) {
    VersionView view;
    json.at("version").get_to(view.version.number);
    view.version.at =
        parse_iso_time(json.at("at").get<std::string>()).value_or(std::chrono::sys_seconds{});
    json.at("by").get_to(view.version.by);
    json.at("why").get_to(view.version.why);
    json.at("from").get_to(view.version.from);
    json.at("runs").get_to(view.runs);
    json.at("unconfirmed").get_to(view.unconfirmed);
    view.text = json.value("text", "");
    return view;
}

}  // namespace

std::uint64_t PlanView::ends() const {
    std::uint64_t all = 0;
    for (const control::Effect& effect : effects) all += effect.ends;
    return all;
}

std::string request_json(const ConfigRequest& request) {
    Json json = {{"text", request.text}, {"from", request.from}};
    if (!request.why.empty()) json["why"] = request.why;
    if (request.if_version) json["if_version"] = *request.if_version;
    if (request.confirm) json["confirm"] = request.confirm->count();
    return dump(json);
}

std::string request_json(const RollbackRequest& request) {
    Json json = Json::object();
    if (request.version) json["version"] = *request.version;
    if (!request.why.empty()) json["why"] = request.why;
    return dump(json);
}

Result<ConfigRequest> parse_config_request(std::string_view text) {
    auto request = parse(text, [](const Json& json) {
        ConfigRequest made{json.at("text"), json.at("from"), json.value("why", "")};
        made.if_version = number_of<std::uint32_t>(json, "if_version");
        if (const auto confirm = number_of<std::uint64_t>(json, "confirm"))
            made.confirm = std::chrono::seconds(std::min<std::uint64_t>(*confirm, INT32_MAX));
        return made;
    });
    if (!request) return request;
    if (auto fit = check_words({request->from, request->why}); !fit)
        return tl::unexpected(std::move(fit.error()));
    const auto confirm = request->confirm.value_or(std::chrono::seconds(1));
    if (confirm < std::chrono::seconds(1) || confirm > kLongestConfirm)
        return failure(Fault::OutOfRange,
                       fmt::format("confirm: not within 1 to {} seconds", kLongestConfirm.count()));
    return request;
}

Result<RollbackRequest> parse_rollback_request(std::string_view text) {
    auto request = parse(text, [](const Json& json) {
        return RollbackRequest{number_of<std::uint32_t>(json, "version"), json.value("why", ""),
                               ""};
    });
    if (!request) return request;
    if (auto fit = check_words({request->why}); !fit) return tl::unexpected(std::move(fit.error()));
    return request;
}

std::string differences_json(const std::vector<config::Difference>& differences) {
    return dump(list_of(differences));
}

std::string plan_json(const PlanView& plan) {
    Json effects = Json::array();
    for (const control::Effect& each : plan.effects)
        effects.push_back(
            {{"change", each.change}, {"ends", each.ends}, {"goes_on", each.goes_on}});
    return dump({{"version", plan.version},
                 {"differences", list_of(plan.differences)},
                 {"effects", std::move(effects)},
                 {"ends", plan.ends()}});
}

Result<PlanView> parse_plan(std::string_view text) {
    return parse(text, [](const Json& json) {
        PlanView plan;
        json.at("version").get_to(plan.version);
        for (const Json& each : json.at("differences"))
            plan.differences.push_back(difference_of(each));
        for (const Json& each : json.at("effects"))
            plan.effects.push_back({each.at("change"), each.at("ends"), each.at("goes_on")});
        return plan;
    });
}

std::string applied_json(const AppliedView& applied) {
    return dump({{"version", applied.version},
                 {"changes", applied.changes},
                 {"goes_back_at", time_json(applied.goes_back_at)}});
}

Result<AppliedView> parse_applied(std::string_view text) {
    return parse(text, [](const Json& json) {
        AppliedView applied{json.at("version"), json.at("changes"), {}};
        if (const Json& at = json.at("goes_back_at"); at.is_string())
            if (const auto time = parse_iso_time(at.get<std::string>()))
                applied.goes_back_at = *time;
        return applied;
    });
}

std::string versions_json(const std::vector<VersionView>& versions) {
    Json all = Json::array();
    for (const VersionView& each : versions) all.push_back(json_of(each));
    return dump({{"versions", std::move(all)}});
}

Result<std::vector<VersionView>> parse_versions(std::string_view text) {
    return parse(text, [](const Json& json) {
        std::vector<VersionView> versions;
        for (const Json& each : json.at("versions")) versions.push_back(version_of(each));
        return versions;
    });
}

std::string version_json(const VersionView& version) {
    Json json = json_of(version);
    json["text"] = version.text;
    return dump(json);
}

Result<VersionView> parse_version(std::string_view text) {
    return parse(text, version_of);
}

}  // namespace isobar::api
