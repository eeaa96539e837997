// SPDX-License-Identifier: Apache-2.0
#include "api/explanation.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "api/status.h"
#include "base/text.h"

namespace isobar::api {
namespace {

using Json = nlohmann::ordered_json;
constexpr int kVersion = 1;

template <typename Value, typename Write>
Json optional_json(const std::optional<Value>& value, Write write) {
    return value ? Json(write(*value)) : Json(nullptr);
}

// ---- written ----

Json json_of(const model::Question& question) {
    return {{"protocol", name(question.protocol)},
            {"source", question.source.text()},
            {"destination", question.destination.text()},
            {"mark", question.mark}};
}

Json json_of(const model::KnownConnection& connection) {
    return {{"from_server", connection.from_server},        {"client", connection.client.text()},
            {"virtual", connection.virtual_address.text()}, {"server", connection.server.text()},
            {"forward", name(connection.method)},           {"state", connection.state},
            {"expires", connection.expires.count()},        {"flags", connection.flags},
            {"controlled_by", connection.controlled_by},    {"over", connection.over}};
}

Json json_of(const model::FoundService& service, const std::string& service_name) {
    return {{"name", service_name},
            {"mark", service.key.mark},
            {"protocol", name(service.key.protocol)},
            {"address", service.key.address.text()},
            {"found_by", service.found_by},
            {"persistence", optional_json(service.persistence,
                                          [](const model::Persistence& persistence) -> Json {
                                              return {{"timeout", persistence.timeout.count()},
                                                      {"mask", persistence.prefix}};
                                          })},
            {"engine", name(service.engine)},
            {"one_packet", service.one_packet}};
}

Json json_of(const model::KnownTemplate& known) {
    return {{"server", known.server.text()},
            {"state", known.state},
            {"expires", known.expires.count()},
            {"connections", known.connections}};
}

Json json_of(const model::Candidate& candidate) {
    return {{"address", candidate.address.text()},
            {"weight", candidate.weight},
            {"active", candidate.active},
            {"inactive", candidate.inactive},
            {"upper_threshold", candidate.upper_threshold},
            {"overloaded", candidate.overloaded},
            {"measure", candidate.measure},
            {"why_not", candidate.why_not}};
}

Json json_of(const model::Choice& choice) {
    Json candidates = Json::array();
    for (const model::Candidate& each : choice.candidates) candidates.push_back(json_of(each));
    return {{"scheduler", name(choice.scheduler)},
            {"server", optional_json(choice.server, [](const auto& each) { return each.text(); })},
            {"certain", choice.certain},
            {"why", choice.why},
            {"servers", std::move(candidates)}};
}

Json json_of(const model::NextHop& hop) {
    return {{"interface", hop.interface}, {"gateway", hop.gateway.text()},
            {"on_link", hop.on_link},     {"mac", hop.mac},
            {"neighbour", hop.neighbour}, {"mtu", hop.mtu},
            {"overhead", hop.overhead}};
}

Json standings_json(const std::vector<ConfiguredServer>& standings) {
    Json result = Json::array();
    for (const ConfiguredServer& each : standings)
        result.push_back({{"address", each.address.text()}, {"text", each.text}});
    return result;
}

// ---- read ----

template <typename Parse>
auto field(const Json& json, const char* name, Parse parse) {
    const auto text = json.at(name).get<std::string>();
    auto value = parse(text);
    // Caught in parse_explanation, as what nlohmann throws.
    if (!value) throw std::invalid_argument(fmt::format("'{}' cannot be a {}", text, name));
    return *std::move(value);
}

model::Endpoint endpoint(const Json& json, const char* name) {
    return field(json, name, model::Endpoint::parse);
}

model::ForwardingMethod method(const Json& json) {
    return field(json, "forward", [](std::string_view text) {
        using enum model::ForwardingMethod;
        std::optional<model::ForwardingMethod> found;
        for (const auto each : {Nat, Dr, Tun, FullNat})
            if (model::name(each) == text) found = each;
        return found;
    });
}

std::chrono::seconds seconds(const Json& json, const char* name) {
    return std::chrono::seconds(json.at(name).get<std::uint32_t>());
}

model::Question question_from(const Json& json) {
    return {field(json, "protocol", model::protocol_named), endpoint(json, "source"),
            endpoint(json, "destination"), json.at("mark")};
}

model::KnownConnection connection_from(const Json& json) {
    return {json.at("from_server"),
            endpoint(json, "client"),
            endpoint(json, "virtual"),
            endpoint(json, "server"),
            method(json),
            json.at("state"),
            seconds(json, "expires"),
            json.at("flags"),
            json.at("controlled_by"),
            json.at("over")};
}

model::FoundService service_from(const Json& json) {
    model::FoundService service;
    service.key.mark = json.at("mark");
    const auto protocol = json.at("protocol").get<std::string>();
    service.key.protocol = model::protocol_named(protocol).value_or(model::Protocol::Any);
    service.key.address = endpoint(json, "address");
    json.at("found_by").get_to(service.found_by);
    if (const Json& persistence = json.at("persistence"); !persistence.is_null())
        service.persistence = {seconds(persistence, "timeout"), persistence.at("mask")};
    if (json.at("engine") == name(model::PersistenceEngine::Sip))
        service.engine = model::PersistenceEngine::Sip;
    json.at("one_packet").get_to(service.one_packet);
    return service;
}

model::Choice choice_from(const Json& json) {
    model::Choice choice;
    choice.scheduler = field(json, "scheduler", model::scheduler_named);
    if (!json.at("server").is_null()) choice.server = endpoint(json, "server");
    json.at("certain").get_to(choice.certain);
    json.at("why").get_to(choice.why);
    for (const Json& each : json.at("servers"))
        choice.candidates.push_back({endpoint(each, "address"), each.at("weight"),
                                     each.at("active"), each.at("inactive"),
                                     each.at("upper_threshold"), each.at("overloaded"),
                                     each.at("measure"), each.at("why_not")});
    return choice;
}

model::NextHop hop_from(const Json& json) {
    return {json.at("interface"), field(json, "gateway", model::Address::parse),
            json.at("on_link"),   json.at("mac"),
            json.at("neighbour"), json.at("mtu"),
            json.at("overhead")};
}

model::Decision decision_from(const Json& json) {
    model::Decision decision;
    const auto read = [&](const char* name, auto& value, auto parse) {
        if (const Json& there = json.at(name); !there.is_null()) value = parse(there);
    };
    decision.question = question_from(json.at("packet"));
    json.at("verdict").get_to(decision.verdict);
    json.at("meaning").get_to(decision.meaning);
    json.at("source_is").get_to(decision.source_is);
    json.at("destination_is").get_to(decision.destination_is);
    read("connection", decision.connection, connection_from);
    read("service", decision.service, service_from);
    read("template", decision.known_template, [](const Json& known) {
        return model::KnownTemplate{endpoint(known, "server"), known.at("state"),
                                    seconds(known, "expires"), known.at("connections")};
    });
    read("choice", decision.choice, choice_from);
    if (!json.at("forward").is_null()) decision.method = method(json);
    if (!json.at("goes_to").is_null()) decision.goes_to = endpoint(json, "goes_to");
    read("next_hop", decision.next_hop, hop_from);
    json.at("doubts").get_to(decision.doubts);
    return decision;
}

}  // namespace

Result<model::Question> parse_question(const Query& query) {
    model::Question question;
    bool has_source = false, has_destination = false;
    for (const auto& [name, text] : query) {
        const auto wrong = [&, &of = name, &said = text](std::string_view what) {
            return failure(Fault::Invalid, fmt::format("{}: '{}' is no {}", of, said, what));
        };
        if (name == "protocol") {
            const auto protocol = model::protocol_named(text);
            if (!protocol || *protocol == model::Protocol::Any)
                return wrong("protocol: tcp, udp, sctp");
            question.protocol = *protocol;
        } else if (name == "source" || name == "destination") {
            const auto end = model::Endpoint::parse(text);
            if (!end) return wrong("address:port");
            (name == "source" ? question.source : question.destination) = *end;
            (name == "source" ? has_source : has_destination) = true;
        } else if (name == "mark") {
            const auto mark = parse_unsigned<std::uint32_t>(text);
            if (!mark) return wrong("firewall mark");
            question.mark = *mark;
        } else {
            return failure(Fault::Invalid, fmt::format("unknown: '{}'", name));
        }
    }
    if (!has_source || !has_destination)
        return failure(Fault::Invalid, "source and destination are needed");
    if (question.source.address.family != question.destination.address.family)
        return failure(Fault::Invalid, "source and destination are of different families");
    return question;
}

Query question_query(const model::Question& question) {
    Query query{{"protocol", std::string(name(question.protocol))},
                {"source", question.source.text()},
                {"destination", question.destination.text()}};
    if (question.mark != 0) query.emplace("mark", std::to_string(question.mark));
    return query;
}

Explanation explanation(model::Decision decision, const model::Config& config,
                        const std::vector<control::ServicePlan>& plans) {
    Explanation result;
    result.decision = std::move(decision);
    if (!result.decision.service) return result;
    model::ServiceStatus status;
    status.key = result.decision.service->key;
    auto named = named_services({status}, config);
    add_standings(named, plans);
    const ServiceView& view = named.front();
    result.service = view.name;
    result.sorry = view.sorry;
    for (const ServerStanding& each : view.standings)
        result.standings.push_back({each.address, text(each)});
    return result;
}

std::string explanation_json(const Explanation& explanation) {
    const model::Decision& decision = explanation.decision;
    const auto plain = [](const auto& value) { return json_of(value); };
    const Json document = {
        {"version", kVersion},
        {"packet", json_of(decision.question)},
        {"verdict", decision.verdict},
        {"meaning", decision.meaning},
        {"source_is", decision.source_is},
        {"destination_is", decision.destination_is},
        {"connection", optional_json(decision.connection, plain)},
        {"service",
         optional_json(decision.service,
                       [&](const auto& service) { return json_of(service, explanation.service); })},
        {"template", optional_json(decision.known_template, plain)},
        {"choice", optional_json(decision.choice, plain)},
        {"forward", optional_json(decision.method, [](const auto& way) { return name(way); })},
        {"goes_to", optional_json(decision.goes_to, [](const auto& end) { return end.text(); })},
        {"next_hop", optional_json(decision.next_hop, plain)},
        {"doubts", decision.doubts},
        {"sorry", explanation.sorry},
        {"configured", standings_json(explanation.standings)}};
    return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<Explanation> parse_explanation(std::string_view json) {
    try {
        const Json document = Json::parse(json);
        Explanation explanation;
        explanation.decision = decision_from(document);
        if (const Json& service = document.at("service"); !service.is_null())
            service.at("name").get_to(explanation.service);
        document.at("sorry").get_to(explanation.sorry);
        for (const Json& each : document.at("configured"))
            explanation.standings.push_back({endpoint(each, "address"), each.at("text")});
        return explanation;
    } catch (const std::exception& error) {
        return failure(Fault::Invalid, fmt::format("not an explanation: {}", error.what()));
    }
}

}  // namespace isobar::api
