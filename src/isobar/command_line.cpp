// SPDX-License-Identifier: Apache-2.0
#include "isobar/command_line.h"

#include <fmt/format.h>
#include <getopt.h>

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/version.h"
#include "base/text.h"
#include "config/suggest.h"
#include "control/wishes.h"

namespace isobar::cli {
namespace {

constexpr const char* kUsage = R"(Usage: isobar COMMAND [OPTION...]

Asks the director, isobard, what it does, and tells it what you want of a server.

Commands:
  status   services, their real servers, connections and rates
  health   what the checks of a server have found, and what was said at the last one
  drain    a server gets no new connections; those that it has go on
  disable  a server leaves its service, for maintenance
  enable   the end of drain, disable, up, down and weight: as configuration and checks say
  up       a server serves whatever its checks say
  down     a server counts as down whatever its checks say
  weight   a server has this weight
  import   a configuration of keepalived, Piranha, ldirectord or ipvsadm as isobar.toml
  help     this text, or that of a command: isobar help status

Options, before or after the command:
  -j, --json       JSON on stdout, for programs
      --watch      again and again, until Ctrl-C
      --why TEXT   a word for your colleagues, shown with what you want of a server
      --socket PATH
                   where isobard listens (default /run/isobar/isobar.sock)
  -h, --help       what the command does
  -v, --version    the version

Exit codes: 0 ok, 1 failed, 2 usage, 3 configuration invalid, 4 no such file, 5 permission,
6 isobard does not run, 7 no answer in time.
See isobar(1).
)";

constexpr const char* kStatusUsage = R"(Usage: isobar status [-j] [--watch] [--socket PATH]

Shows every virtual service with its real servers: weight (0: no new connections), active
and inactive connections, and what passes per second.

  -j, --json       the report of GET /api/v1/status as it is; with --watch one a line
      --watch      once a second, until Ctrl-C
      --socket PATH
                   where isobard listens (default /run/isobar/isobar.sock)
  -h, --help       this text

  isobar status --json | jq '.services[].servers[] | select(.weight == 0)'
)";

constexpr const char* kImportUsage = R"(Usage: isobar import [--format FORMAT] FILE

Prints the configuration of another load balancer as an isobar.toml that does the same, with
comments that say where each part came from. What Isobar does not do is named on stderr, by line.
isobard takes such files as they are, too: isobard -c FILE.

      --format FORMAT
                   lvs.cf (Piranha), keepalived.conf, ldirectord.cf, ipvsadm (what ipvsadm -S
                   prints); default: by what stands in the file
  -h, --help       this text

  isobar import /etc/keepalived/keepalived.conf > /etc/isobar/isobar.toml
)";

constexpr const char* kHealthUsage = R"(Usage: isobar health [-j] [--socket PATH] SERVICE SERVER

Shows each check of a server: whether it is up, since when and why, the last 20 attempts, and what
was said at the last one ('>' sent, '<' received). SERVICE is a name of the configuration, SERVER an
address with or without its port.

  -j, --json       the report as it is
      --socket PATH
                   where isobard listens (default /run/isobar/isobar.sock)
  -h, --help       this text

  isobar health web 192.168.10.100
)";

constexpr const char* kWishUsage = R"(Usage: isobar drain   SERVICE SERVER [--why TEXT]
       isobar disable SERVICE SERVER [--why TEXT]
       isobar enable  SERVICE SERVER
       isobar up      SERVICE SERVER [--why TEXT]
       isobar down    SERVICE SERVER [--why TEXT]
       isobar weight  SERVICE SERVER WEIGHT|auto [--why TEXT]

Tells isobard what you want of a server. It holds until you say otherwise, over restarts and
changes of the configuration, and wins over checks and slow start. 'isobar status' shows it, with
who said it, when and why.

  drain            no new connections; those that it has go on
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

  isobar drain web 192.168.10.100 --why "new disk"
)";

enum LongOnly : int { Socket = 256, Watch, Format, Why };

const std::array kOptions{
    option{"json", no_argument, nullptr, 'j'},
    option{"watch", no_argument, nullptr, LongOnly::Watch},
    option{"format", required_argument, nullptr, LongOnly::Format},
    option{"why", required_argument, nullptr, LongOnly::Why},
    option{"socket", required_argument, nullptr, LongOnly::Socket},
    option{"help", no_argument, nullptr, 'h'},
    option{"version", no_argument, nullptr, 'v'},
    option{nullptr, 0, nullptr, 0},
};

// What stands before or after the command.
struct Given {
    StatusCommand options;
    std::string format, why;
    bool help = false;
    bool version = false;
    int rest = 0;  // index of the first argument that is no option
};

// getopt has moved past the option that it does not like.
std::string complaint(int code, char** argv) {
    const std::string word = optopt > 0 && optopt < 256 ? fmt::format("-{}", char(optopt))
                                                        : std::string(argv[optind - 1]);
    return code == ':' ? fmt::format("option {} needs a value", word)
                       : fmt::format("unknown or ambiguous option {}", word);
}

// Reads options into `given`, up to the first word that is none.
Result<void> read_options(int argc, char** argv, Given& given) {
    optind = 0;  // starts glibc's getopt anew
    opterr = 0;
    for (;;) {
        const int code = ::getopt_long(argc, argv, "+:jhv", kOptions.data(), nullptr);
        if (code == -1) break;
        switch (code) {
            case 'j':
                given.options.json = true;
                break;
            case LongOnly::Watch:
                given.options.watch = true;
                break;
            case LongOnly::Format:
                given.format = optarg;
                break;
            case LongOnly::Why:
                given.why = optarg;
                break;
            case LongOnly::Socket:
                given.options.socket = optarg;
                break;
            case 'h':
                given.help = true;
                break;
            case 'v':
                given.version = true;
                break;
            default:
                return failure(Fault::Invalid, complaint(code, argv));
        }
    }
    given.rest = optind;
    return {};
}

using Words = std::span<char*>;

Result<Command> make_status(const Given& given, std::string_view /*name*/, Words /*words*/) {
    return given.options;
}

Result<std::optional<model::Weight>> parse_weight(std::string_view text) {
    if (text == "auto") return std::optional<model::Weight>();
    const auto weight = parse_unsigned<model::Weight>(text);
    if (weight && *weight <= model::kMaxWeight) return weight;
    return failure(Fault::Invalid,
                   fmt::format("'{}' is no weight: 0 to {}, or auto", text, model::kMaxWeight));
}

Result<Command> make_health(const Given& given, std::string_view /*name*/, Words words) {
    const auto server = control::parse_server(words[1]);
    if (!server) return tl::unexpected(server.error());
    return HealthCommand{given.options.socket, given.options.json, words[0], *server};
}

// What each of these commands asks for.
void fill_in(std::string_view command, api::WishRequest& request) {
    using control::Wish;
    if (command == "drain") request.wish = Wish::Drain;
    if (command == "disable") request.wish = Wish::Maintenance;
    if (command == "up") request.wish = Wish::ForceUp;
    if (command == "down") request.wish = Wish::ForceDown;
    if (command != "enable") return;
    request.wish = Wish::None;
    request.weight.emplace();
}

Result<Command> make_wish(const Given& given, std::string_view name, Words words) {
    const auto server = control::parse_server(words[1]);
    if (!server) return tl::unexpected(server.error());
    WishCommand command{given.options.socket, given.options.json, {}};
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

Result<Command> make_import(const Given& given, std::string_view /*name*/, Words words) {
    ImportCommand command{words[0], {}};
    if (given.format.empty()) return command;
    command.format = importer::format_named(given.format);
    if (command.format) return command;
    std::vector<std::string> known;
    for (const importer::Format format : importer::kFormats) known.emplace_back(name(format));
    return failure(Fault::Invalid, fmt::format("unknown format '{}'; {}", given.format,
                                               config::suggestion(given.format, known)));
}

// Options that not every command takes.
enum Takes : unsigned { Json = 1, Again = 2, FormatName = 4, Reason = 8 };

struct CommandSpec {
    std::string_view name;
    const char* usage;
    unsigned takes;  // enum Takes
    // What is asked for where its words are too few: at the first, the second, ... missing one.
    std::array<const char*, 3> questions;
    Result<Command> (*make)(const Given& given, std::string_view name, Words words);
};

constexpr std::array kOfServer{"which service, and which server?", "which server?",
                               static_cast<const char*>(nullptr)};
constexpr std::array kOfWeight{kOfServer[0], kOfServer[1], "which weight?"};

constexpr std::array kCommands{
    CommandSpec{"status", kStatusUsage, Json | Again, {}, make_status},
    CommandSpec{"health", kHealthUsage, Json, kOfServer, make_health},
    CommandSpec{"drain", kWishUsage, Json | Reason, kOfServer, make_wish},
    CommandSpec{"disable", kWishUsage, Json | Reason, kOfServer, make_wish},
    CommandSpec{"enable", kWishUsage, Json | Reason, kOfServer, make_wish},
    CommandSpec{"up", kWishUsage, Json | Reason, kOfServer, make_wish},
    CommandSpec{"down", kWishUsage, Json | Reason, kOfServer, make_wish},
    CommandSpec{"weight", kWishUsage, Json | Reason, kOfWeight, make_wish},
    CommandSpec{"import", kImportUsage, FormatName, {"which file?"}, make_import},
};

// Are the options those that the command takes, and the words as many?
Result<void> fits(const CommandSpec& command, const Given& given, Words words) {
    const auto takes = [&](Takes option) { return (command.takes & option) != 0; };
    if (!takes(Json) && (given.options.json || given.options.watch))
        return failure(Fault::Invalid, "--json and --watch are for status");
    if (!takes(Again) && given.options.watch)
        return failure(Fault::Invalid, "--watch is for status");
    if (!takes(FormatName) && !given.format.empty())
        return failure(Fault::Invalid, "--format is for import");
    if (!takes(Reason) && !given.why.empty())
        return failure(Fault::Invalid, "--why is for drain and the like");
    const auto wanted = static_cast<std::size_t>(std::ranges::count_if(
        command.questions, [](const char* question) { return question != nullptr; }));
    if (words.size() < wanted) return failure(Fault::Invalid, command.questions[words.size()]);
    if (words.size() > wanted)
        return failure(Fault::Invalid, fmt::format("unexpected argument '{}'", words[wanted]));
    return {};
}

Result<const CommandSpec*> command_named(std::string_view word) {
    std::vector<std::string> known{"help"};
    for (const CommandSpec& command : kCommands) {
        if (command.name == word) return &command;
        known.emplace_back(command.name);
    }
    std::string message = fmt::format("unknown command '{}'", word);
    const std::string hint = config::suggestion(word, known);
    if (!hint.empty()) message += "; " + hint;
    return failure(Fault::Invalid, std::move(message));
}

Result<Command> parse_help(int argc, char** argv, bool help) {
    if (argc < 2 || help) return PrintCommand{kUsage};
    const auto command = command_named(argv[1]);
    if (!command) return tl::unexpected(command.error());
    return PrintCommand{(*command)->usage};
}

// Options may stand between its words.
Result<Command> parse_command(const CommandSpec& command, int argc, char** argv, Given given) {
    std::vector<char*> words;
    while (argc > 1) {
        if (auto read = read_options(argc, argv, given); !read)
            return tl::unexpected(std::move(read.error()).in(command.name));
        argc -= given.rest;
        argv += given.rest;
        if (argc > 0) words.push_back(argv[0]);
    }
    if (given.help) return PrintCommand{command.usage};
    auto made = fits(command, given, words).and_then([&] {
        return command.make(given, command.name, words);
    });
    if (!made) return tl::unexpected(std::move(made.error()).in(command.name));
    return made;
}

}  // namespace

Result<Command> parse_command_line(int argc, char** argv) {
    Given given;
    if (auto read = read_options(argc, argv, given); !read) {
        return tl::unexpected(std::move(read.error()));
    }
    if (given.version) return PrintCommand{fmt::format("isobar {}\n", api::kVersion)};
    argc -= given.rest;
    argv += given.rest;
    if (argc == 0) {
        if (given.help) return PrintCommand{kUsage};
        return failure(Fault::Invalid, "which command?");
    }
    const std::string_view word = argv[0];
    if (word == "help") return parse_help(argc, argv, given.help);
    const auto command = command_named(word);
    if (!command) return tl::unexpected(command.error());
    return parse_command(**command, argc, argv, std::move(given));
}

}  // namespace isobar::cli
