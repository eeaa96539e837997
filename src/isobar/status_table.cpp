// SPDX-License-Identifier: Apache-2.0
#include "isobar/status_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/iso_time.h"
#include "base/printable.h"
#include "model/scheduler_flags.h"

namespace isobar::cli {
namespace {

// The first column holds names, the second who serves how; then come numbers.
constexpr std::size_t kWords = 2;

template <typename Counted>
std::vector<std::string> numbers(std::uint64_t active, std::uint64_t inactive,
                                 const Counted& counted) {
    return {std::to_string(active),
            std::to_string(inactive),
            short_number(counted.rates.connections),
            short_number(counted.rates.in_bytes),
            short_number(counted.rates.out_bytes),
            std::to_string(counted.traffic.connections)};
}

Row server_row(const model::ServerStatus& server) {
    Row row{{"  " + server.server.address.text(), std::string(name(server.server.method)),
             fmt::format("{}{}", server.server.weight, server.overloaded ? " full" : "")},
            server.server.weight == 0 || server.overloaded ? Tone::Warning : Tone::Plain};
    for (std::string& cell : numbers(server.active, server.inactive, server)) {
        row.cells.push_back(std::move(cell));
    }
    return row;
}

Row service_row(const api::ServiceView& service) {
    const model::ServiceStatus& status = service.status;
    std::uint64_t active = 0;
    std::uint64_t inactive = 0;
    for (const model::ServerStatus& server : status.servers) {
        active += server.active;
        inactive += server.inactive;
    }
    const std::string title =
        fmt::format("{}{}{}", printable(service.name), service.name.empty() ? "" : "  ",
                    status.key.mark == 0
                        ? fmt::format("{} {}", name(status.key.protocol), status.key.address.text())
                        : fmt::format("mark {}", status.key.mark));
    const char* persistent = status.persistence ? " persistent" : "";
    const char* one_packet = status.one_packet ? " ops" : "";
    const auto scheduler = text(status.scheduler, status.scheduler_flags) + persistent + one_packet;
    Row row{{title, scheduler, ""}, Tone::Bold};
    for (std::string& cell : numbers(active, inactive, status)) {
        row.cells.push_back(std::move(cell));
    }
    return row;
}

// A configured server that the data plane does not have now.
Row out_row(const api::ServerStanding& standing) {
    return {{"  " + standing.address.text(), "-", "out"}, Tone::Warning};
}

// Why servers are not as the configuration alone would have them.
std::string standings(const api::Status& status) {
    std::string lines;
    for (const api::ServiceView& service : status.services) {
        for (const api::ServerStanding& standing : service.standings) {
            if (standing.is_as_configured()) continue;
            lines += fmt::format("  {} {}: {}\n", printable(service.name), standing.address.text(),
                                 printable(standing.reason));
        }
        if (service.quorum) continue;
        lines += fmt::format("  {}: no quorum{}\n", printable(service.name),
                             service.sorry ? ", the sorry server serves" : "");
    }
    return lines.empty() ? "" : "\nservers:\n" + lines;
}

std::string services_table(const api::Status& status, Colours colours) {
    if (status.services.empty()) {
        return fmt::format("no services: write one into {} and reload isobard\n",
                           printable(status.config.file));
    }
    std::vector<Row> rows{{{"SERVICE, ITS SERVERS", "HOW", "WEIGHT", "ACTIVE", "INACTIVE", "CONN/S",
                            "IN B/S", "OUT B/S", "CONNECTIONS"},
                           Tone::Dim}};
    for (const api::ServiceView& service : status.services) {
        rows.push_back(service_row(service));
        for (const model::ServerStatus& server : service.status.servers) {
            rows.push_back(server_row(server));
        }
        for (const api::ServerStanding& standing : service.standings) {
            if (!standing.weight) rows.push_back(out_row(standing));
        }
        if (service.status.servers.empty() && service.standings.empty()) {
            rows.push_back({{"  no real servers"}, Tone::Warning});
        }
    }
    return aligned(rows, {.words = kWords}, colours);
}

// Only those that packets are caught on.
std::string interfaces_line(const std::vector<api::InterfaceView>& interfaces) {
    std::string line;
    for (const api::InterfaceView& interface : interfaces) {
        if (!interface.tc && !interface.xdp) continue;
        const char* hooks = interface.xdp ? (interface.tc ? "tc+xdp" : "xdp") : "tc";
        line += fmt::format("{}{} {}", line.empty() ? "" : ", ", printable(interface.name), hooks);
    }
    return line.empty() ? "none" : line;
}

std::string verdicts_line(const api::Status& status) {
    std::string line;
    for (const auto& [verdict, packets] : status.verdicts) {
        if (packets == 0) continue;
        line += fmt::format("{}{} {}", line.empty() ? "" : ", ", printable(verdict), packets);
    }
    return line.empty() ? "none yet" : line;
}

std::string head(const api::Status& status) {
    std::string applied = api::iso_time(status.config.applied_at);
    applied.replace(applied.find('T'), 1, " ");
    applied.replace(applied.find('Z'), 1, " UTC");
    return fmt::format(
        "{}, {}, applied {}\n"
        "connections {} of {}; timeouts: tcp {} s, tcp_fin {} s, udp {} s\n\n",
        printable(status.program), printable(status.config.file), applied, status.connections_used,
        status.connections_size, status.timeouts.tcp.count(), status.timeouts.tcp_fin.count(),
        status.timeouts.udp.count());
}

// Errors of a configuration carry the source line and a caret below: they keep their lines.
std::string errors(const api::Status& status, Colours colours) {
    if (status.config.errors.empty()) return "";
    std::string text =
        "\n" +
        paint("The configuration as it is now does not hold in full:", Tone::Warning, colours) +
        "\n";
    for (const std::string& error : status.config.errors) {
        std::string_view rest = error;
        while (!rest.empty()) {
            const std::string_view line = rest.substr(0, rest.find('\n'));
            rest.remove_prefix(std::min(rest.size(), line.size() + 1));
            text += "  " + printable(line) + "\n";
        }
    }
    return text;
}

}  // namespace

std::string status_table(const api::Status& status, Colours colours) {
    return head(status) + services_table(status, colours) + standings(status) +
           fmt::format("\ninterfaces: {}\npackets: {}\n", interfaces_line(status.interfaces),
                       verdicts_line(status)) +
           errors(status, colours);
}

}  // namespace isobar::cli
