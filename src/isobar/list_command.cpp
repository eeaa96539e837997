// SPDX-License-Identifier: Apache-2.0
#include "isobar/list_command.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <vector>

#include "isobar/asked.h"

namespace isobar::cli {
namespace {

constexpr std::size_t kNarrow = 100;

std::size_t columns() {
    winsize size{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return kNarrow;
    return std::max<std::size_t>(kNarrow, size.ws_col);
}

int list_servers(const ListCommand& command, const api::Status& status) {
    auto servers = server_facts(status);
    if (!command.service.empty()) {
        const auto named = [&](const auto& each) { return each.service == command.service; };
        if (std::ranges::none_of(servers, named) &&
            std::ranges::find(status.services, command.service, &api::ServiceView::name) ==
                status.services.end()) {
            fmt::print(stderr, "isobar: there is no service '{}'\n", command.service);
            return kNotFound;
        }
        std::erase_if(servers, [&](const auto& each) { return !named(each); });
    }
    sort(servers, command.by);
    if (command.json)
        fmt::print("{}\n", servers_json(servers));
    else
        fmt::print("{}", servers_table(servers, columns(), wanted_colours()));
    return kOk;
}

int list_services(const ListCommand& command, const api::Status& status) {
    auto services = service_facts(status);
    sort(services, command.by);
    if (command.json)
        fmt::print("{}\n", services_json(services));
    else
        fmt::print("{}", services_table(services, wanted_colours()));
    return kOk;
}

}  // namespace

const char kListUsage[] = R"(Usage: isobar services [-j] [--sort WHAT] [--socket PATH]
       isobar servers  [-j] [--sort WHAT] [--socket PATH] [SERVICE]

Shows a line for each service, or for each real server, of all or of one service: its weight now
(and the configured one where that is another; - is out), connections, what passes per second, and
its state, with the reason where it is not as configured.

      --sort WHAT  the largest first: active, inactive, connections, in, out (per second) or weight;
                   default: as configured
  -j, --json       the same for programs
      --socket PATH
                   where isobard listens (default /run/isobar/isobar.sock)
  -h, --help       this text

  isobar servers web --sort active
)";

Result<ListCommand> make_list(const Given& given, std::string_view name, Words words) {
    ListCommand command{given.asking(), name == "servers", {}, {}};
    if (!words.empty()) command.service = words[0];
    if (given.sort.empty()) return command;
    const auto by = sort_named(given.sort);
    if (!by) return tl::unexpected(by.error());
    command.by = *by;
    return command;
}

int run(const ListCommand& command) {
    const auto answer = asked(command, "/api/v1/status");
    if (!answer) return answer.error();
    const auto status = api::parse_status(*answer);
    if (!status) return not_understood(status.error());
    return command.servers ? list_servers(command, *status) : list_services(command, *status);
}

}  // namespace isobar::cli
