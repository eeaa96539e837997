// SPDX-License-Identifier: Apache-2.0
#include "isobar/conns_command.h"

#include <fmt/format.h>

#include <chrono>
#include <vector>

#include "base/printable.h"
#include "isobar/asked.h"

namespace isobar::cli {
namespace {

// isobard lists for one caller at a time.
constexpr std::chrono::seconds kLongest{60};

std::string rows_text(const api::ConnectionList& list, Colours colours) {
    std::vector<Row> rows{
        {{"PROTO", "SERVICE", "CLIENT", "VIRTUAL", "SERVER", "STATE", "EXPIRES"}, Tone::Dim}};
    for (const api::ConnectionRow& each : list.rows)
        rows.push_back(
            {{each.protocol, each.service.empty() ? "-" : printable(each.service), each.client,
              each.virtual_address, each.server, each.state, fmt::format("{} s", each.expires)}});
    std::string text = aligned(rows, {.words = 6}, colours);
    const auto shown = list.rows.size();
    if (list.total > shown)
        text += fmt::format("{} of {}: more with --limit, or less with --client and the like\n",
                            shown, list.total);
    return text;
}

std::string talkers_text(const api::ConnectionList& list, Colours colours) {
    std::string title = list.by;
    for (char& c : title) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    std::vector<Row> rows{{{title, "CONNECTIONS", "SHARE"}, Tone::Dim}};
    for (const api::Talker& each : list.talkers)
        rows.push_back({{printable(each.name), std::to_string(each.connections),
                         fmt::format("{:.1f} %", 100.0 * static_cast<double>(each.connections) /
                                                     static_cast<double>(list.total))}});
    std::string text = aligned(rows, {}, colours);
    if (list.uncertain > 0)
        text += fmt::format("so many that each may have up to {} more\n", list.uncertain);
    return text + fmt::format("{} connections\n", list.total);
}

}  // namespace

const char kConnsUsage[] = R"(Usage: isobar conns [OPTION...]
       isobar conns --top client|server|service [OPTION...] [N]

Shows connections as the data plane has them, persistence templates (client port 0) included; or
which N (default 10) clients, servers or services have most of them.

      --service NAME
                   of this service of the configuration
      --server ADDRESS[:PORT], --client ADDRESS[/LENGTH]
                   with this server; of this client or network
      --state STATE, --protocol tcp|udp|sctp
                   in this state, ESTABLISHED for one; of this protocol
      --limit N    so many at most (default 1000, up to 100000); in no order
      --top WHAT   count by clients, servers or services; client/24: by networks of that length
                   (over 32: of IPv6; if not said, clients of IPv6 count by /64)
  -j, --json       the report as it is
      --socket PATH
                   where isobard listens (default /run/isobar/isobar.sock)
  -h, --help       this text

  isobar conns --service web --state syn_recv
  isobar conns --top client/24 --service web 20
)";

Result<ConnsCommand> make_conns(const Given& given, std::string_view /*name*/, Words words) {
    ConnsCommand command{given.asking(), {}};
    for (const auto& [name, value] :
         {std::pair("service", &given.service), std::pair("server", &given.server),
          std::pair("client", &given.client), std::pair("state", &given.state),
          std::pair("protocol", &given.protocol), std::pair("top", &given.top),
          std::pair("limit", &given.limit)})
        if (!value->empty()) command.query.emplace(name, *value);
    if (!words.empty()) {
        if (given.top.empty() || !given.limit.empty())
            return failure(Fault::Invalid, fmt::format("unexpected argument '{}'", words[0]));
        command.query.emplace("limit", words[0]);
    }
    // What is wrong is wrong here, without isobard, too.
    if (const auto read = api::ConnectionQuery::parse(command.query); !read)
        return tl::unexpected(read.error());
    return command;
}

std::string connections_text(const api::ConnectionList& list, Colours colours) {
    return list.by.empty() ? rows_text(list, colours) : talkers_text(list, colours);
}

int run(const ConnsCommand& command) {
    const auto target = "/api/v1/connections" + api::query_text(command.query);
    return show(
        command, asked(command, target, kLongest), api::parse_connections,
        [](const api::ConnectionList& list) { return connections_text(list, wanted_colours()); });
}

}  // namespace isobar::cli
