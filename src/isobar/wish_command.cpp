// SPDX-License-Identifier: Apache-2.0
#include "isobar/wish_command.h"

#include <fmt/format.h>

#include <optional>

#include "api/status.h"
#include "base/printable.h"
#include "base/text.h"
#include "control/wishes.h"
#include "isobar/asked.h"

namespace isobar::cli {
namespace {

Result<std::optional<model::Weight>> parse_weight(std::string_view text) {
    if (text == "auto") return std::optional<model::Weight>();
    const auto weight = parse_unsigned<model::Weight>(text);
    if (weight && *weight <= model::kMaxWeight) return weight;
    return failure(Fault::Invalid,
                   fmt::format("'{}' is no weight: 0 to {}, or auto", text, model::kMaxWeight));
}

// What each of these commands asks for.
void fill_in(std::string_view command, api::WishRequest& request) {
    using control::Wish;
    if (command == "disable") request.wish = Wish::Maintenance;
    if (command == "up") request.wish = Wish::ForceUp;
    if (command == "down") request.wish = Wish::ForceDown;
    if (command != "enable") return;
    request.wish = Wish::None;
    request.weight.emplace();
}

}  // namespace

const char kWishUsage[] = R"(Usage: isobar disable SERVICE SERVER [--why TEXT]
       isobar enable  SERVICE SERVER
       isobar up      SERVICE SERVER [--why TEXT]
       isobar down    SERVICE SERVER [--why TEXT]
       isobar weight  SERVICE SERVER WEIGHT|auto [--why TEXT]

Tells isobard what you want of a server. It holds until you say otherwise, over restarts and
changes of the configuration, and wins over checks and slow start. 'isobar status' shows it, with
who said it, when and why.

  disable          it leaves its service, as for maintenance: its connections end
  enable           the end of all that: as configuration and checks say
  up, down         whatever its checks say
  weight           this one, 0 to 2147483647; auto: as configuration and checks say

SERVICE is a name of the configuration, SERVER an address with or without its port.

  -j, --json       what became of it, as in 'configured' of 'isobar status -j'
      --why TEXT   a word for your colleagues
      --socket PATH
                   where isobard listens (default /run/isobar/isobar.sock)
  -h, --help       this text

  isobar weight web 192.168.10.100 0 --why "new disk"
)";

Result<WishCommand> make_wish(const Given& given, std::string_view name, Words words) {
    const auto server = control::parse_server(words[1]);
    if (!server) return tl::unexpected(server.error());
    WishCommand command{given.asking(), {}};
    command.request.service = words[0];
    command.request.server = *server;
    command.request.why = given.why;
    fill_in(name, command.request);
    if (name != "weight") return command;
    const auto said = parse_weight(words[2]);
    if (!said) return tl::unexpected(said.error());
    command.request.weight = *said;
    return command;
}

int post_wish(const Asking& asking, const api::WishRequest& request) {
    const auto text = [&](const api::ServerStanding& standing) {
        return fmt::format("{} {}: {}\n", printable(request.service),
                           control::server_text(standing.address), printable(api::text(standing)));
    };
    return show(asking, posted(asking, "/api/v1/wishes", api::wish_json(request)),
                api::parse_standing, text);
}

int run(const WishCommand& command) {
    return post_wish(command, command.request);
}

}  // namespace isobar::cli
