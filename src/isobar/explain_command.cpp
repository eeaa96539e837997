// SPDX-License-Identifier: Apache-2.0
#include "isobar/explain_command.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "base/printable.h"
#include "base/text.h"
#include "isobar/asked.h"

namespace isobar::cli {
namespace {

using model::Decision;

// A row of `isobar conns` has a name and a state, too.
std::vector<model::Endpoint> ends_among(Words words) {
    std::vector<model::Endpoint> ends;
    for (const char* word : words)
        if (const auto end = model::Endpoint::parse(word)) ends.push_back(*end);
    return ends;
}

std::string step(std::string_view name, const std::string& text) {
    return fmt::format("  {:<11} {}\n", name, text);
}

std::string address_text(const Decision& decision) {
    return fmt::format("{} is {}, {} is {}", decision.question.source.address.text(),
                       decision.source_is, decision.question.destination.address.text(),
                       decision.destination_is);
}

std::string connection_text(const model::KnownConnection& known) {
    std::string text = fmt::format(
        "known{}, {}, {} s left; {} at {}, server {} by {}", known.from_server ? ", its reply" : "",
        known.state, known.expires.count(), known.client.text(), known.virtual_address.text(),
        known.server.text(), name(known.method));
    if (!known.flags.empty()) text += fmt::format("; {}", fmt::join(known.flags, ", "));
    if (!known.controlled_by.empty()) text += "; under a " + known.controlled_by;
    if (!known.over.empty()) text += "; a new one takes its place: " + known.over;
    return text;
}

std::string service_text(const api::Explanation& explanation, const model::FoundService& service) {
    const bool is_group = service.key.mark >= model::kFirstGroupMark;
    std::string text =
        explanation.service.empty() ? service.key.text() : printable(explanation.service);
    if (!explanation.service.empty() && !is_group) text += fmt::format(" ({})", service.key.text());
    text += ", found by " + service.found_by;
    if (explanation.sorry) text += "; without a quorum: its sorry server serves";
    return text;
}

std::string template_text(const Decision& decision, const model::Persistence& persistence) {
    const auto client =
        model::Network::around(decision.question.source.address, persistence.prefix);
    if (!decision.known_template)
        return fmt::format("none for {}: its server will be kept for {} s", client.text(),
                           persistence.timeout.count());
    const model::KnownTemplate& known = *decision.known_template;
    return fmt::format("{} stays with {}, {} s left, {} connection(s), {}", client.text(),
                       known.server.text(), known.expires.count(), known.connections, known.state);
}

// What was compared, and why each of the others did not get it; what the director knows of it.
std::string candidates_text(const api::Explanation& explanation, const model::Choice& choice,
                            Colours colours) {
    std::vector<Row> rows{
        {{" ", "SERVER", "WEIGHT", "ACTIVE", "INACTIVE", "COMPARED", "WHY NOT"}, Tone::Dim}};
    for (const model::Candidate& each : choice.candidates) {
        const bool chosen = choice.server == each.address;
        std::string why_not = each.why_not;
        const auto standing =
            std::ranges::find(explanation.standings, each.address, &api::ConfiguredServer::address);
        if (each.weight == 0 && standing != explanation.standings.end())
            why_not = printable(standing->text);
        rows.push_back(
            {{chosen ? ">" : " ", each.address.text(), std::to_string(each.weight),
              std::to_string(each.active), std::to_string(each.inactive), each.measure, why_not},
             chosen ? Tone::Bold : Tone::Plain});
    }
    for (const api::ConfiguredServer& each : explanation.standings)
        if (std::ranges::find(choice.candidates, each.address, &model::Candidate::address) ==
            choice.candidates.end())
            rows.push_back({{" ", each.address.text(), "-", "-", "-", "", printable(each.text)}});
    const std::string text = aligned(rows, {.words = 7}, colours);
    std::string indented;
    for (const auto line : split(text, '\n'))
        if (!line.empty()) indented += fmt::format("  {}\n", line);
    return indented;
}

std::string way_text(const Decision& decision, const model::Endpoint& goes_to) {
    std::string text = decision.method ? fmt::format("{} to ", name(*decision.method)) : "to ";
    if (decision.connection && decision.connection->from_server) text = "to client ";
    text += goes_to.text();
    if (!decision.next_hop) return text;
    const model::NextHop& hop = *decision.next_hop;
    text += ", via " + printable(hop.interface);
    if (!hop.on_link) text += ", gateway " + hop.gateway.text();
    text += hop.mac.empty()
                ? fmt::format(", neighbour {}: asked for by the first packet", hop.neighbour)
                : fmt::format(", at {} ({})", hop.mac, hop.neighbour);
    text += fmt::format(", MTU {}", hop.mtu);
    if (hop.overhead != 0)
        text += fmt::format(": packets of more than {} bytes do not fit the tunnel",
                            hop.mtu - std::min(hop.mtu, hop.overhead));
    return text;
}

std::string choice_text(const model::Choice& choice) {
    const std::string who = choice.server    ? choice.server->text()
                            : choice.certain ? "nobody"
                                             : "up to chance";
    return fmt::format("{}: {}, {}", name(choice.scheduler), who, choice.why);
}

}  // namespace

const char kExplainUsage[] =
    R"(Usage: isobar explain [OPTION...] [PROTOCOL] CLIENT:PORT VIRTUAL:PORT

Tells what the data plane would do with a packet, and why: is it ours, is its connection known;
else which service and template it finds, what the scheduler compares and whom it chooses, and the
way out. A packet that may begin a connection is meant (of TCP a SYN), as long as none is known.
Nothing is changed by that: no turn is taken, no record is made.

PROTOCOL is tcp (if it is not said), udp or sctp. A reply is explained, too: from the server's
address and port to the client's. A row of isobar conns may be given as it is.

      --mark N     the firewall mark that a tc filter has set
  -j, --json       the answer as it is
      --socket PATH
                   where isobard listens (default /run/isobar/isobar.sock)
  -h, --help       this text

  isobar explain tcp 10.0.0.9:40000 10.0.0.2:80
  isobar explain udp '[fd00::9]:40000' '[fd00::2]:53'
)";

Result<ExplainCommand> make_explain(const Given& given, std::string_view /*name*/, Words words) {
    api::Query query;
    const auto ends = ends_among(words);
    if (words.empty())
        return failure(Fault::Invalid, "which packet? PROTOCOL CLIENT:PORT VIRTUAL:PORT");
    const bool is_first_end = model::Endpoint::parse(words[0]).has_value();
    if (!is_first_end) query.emplace("protocol", words[0]);
    if (words.size() <= 3) {  // no row: each word is meant
        for (const char* word : words.subspan(is_first_end ? 0 : 1))
            if (!model::Endpoint::parse(word))
                return failure(Fault::Invalid, fmt::format("'{}' is no address:port", word));
    }
    if (ends.size() < 2)
        return failure(Fault::Invalid, ends.empty() ? "from which address:port, and to which?"
                                                    : "to which address:port?");
    query.emplace("source", ends[0].text());
    query.emplace("destination", ends[1].text());
    if (!given.mark.empty()) query.emplace("mark", given.mark);
    return api::parse_question(query).map(
        [&](const model::Question& question) { return ExplainCommand{given.asking(), question}; });
}

std::string explanation_text(const api::Explanation& explanation, Colours colours) {
    const Decision& decision = explanation.decision;
    const model::Question& question = decision.question;
    std::string text =
        fmt::format("{} {} -> {}{}\n", name(question.protocol), question.source.text(),
                    question.destination.text(),
                    question.mark == 0 ? "" : fmt::format(", mark {}", question.mark));
    text += step("addresses", address_text(decision));
    if (decision.verdict != "not_ours")
        text += step("connection",
                     decision.connection ? connection_text(*decision.connection) : "not known");
    if (const auto& service = decision.service) {
        text += step("service", service_text(explanation, *service));
        if (service->persistence)
            text += step("template", template_text(decision, *service->persistence));
    }
    if (const auto& choice = decision.choice)
        text += step("scheduler", choice_text(*choice)) +
                candidates_text(explanation, *choice, colours);
    if (decision.goes_to) text += step("way", way_text(decision, *decision.goes_to));
    text += step("verdict", fmt::format("{}: {}", decision.verdict, decision.meaning));
    for (const std::string& doubt : decision.doubts) text += step("but", doubt);
    return text;
}

int run(const ExplainCommand& command) {
    const auto target = "/api/v1/explain" + api::query_text(api::question_query(command.question));
    return show(command, asked(command, target), api::parse_explanation,
                [](const api::Explanation& explanation) {
                    return explanation_text(explanation, wanted_colours());
                });
}

}  // namespace isobar::cli
