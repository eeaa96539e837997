// SPDX-License-Identifier: Apache-2.0
#include "isobar/command_line.h"

#include <fmt/format.h>
#include <getopt.h>

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "api/version.h"
#include "config/suggest.h"

namespace isobar::cli {
namespace {

constexpr const char* kUsage = R"(Usage: isobar COMMAND [OPTION...]

Asks the director, isobard, what it does.

Commands:
  status   services, their real servers, connections and rates
  help     this text, or that of a command: isobar help status

Options, before or after the command:
  -j, --json       JSON on stdout, for programs
      --watch      again and again, until Ctrl-C
      --socket PATH
                   where isobard listens (default /run/isobar/isobar.sock)
  -h, --help       what the command does
  -v, --version    the version

Exit codes: 0 ok, 1 failed, 2 usage, 5 permission, 6 isobard does not run, 7 no answer in time.
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

enum LongOnly : int { Socket = 256, Watch };

const std::array kOptions{
    option{"json", no_argument, nullptr, 'j'},
    option{"watch", no_argument, nullptr, LongOnly::Watch},
    option{"socket", required_argument, nullptr, LongOnly::Socket},
    option{"help", no_argument, nullptr, 'h'},
    option{"version", no_argument, nullptr, 'v'},
    option{nullptr, 0, nullptr, 0},
};

// What stands before or after the command.
struct Given {
    StatusCommand options;
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

tl::unexpected<Error> unknown_command(std::string_view word) {
    std::string message = fmt::format("unknown command '{}'", word);
    const std::string hint = config::suggestion(word, {"help", "status"});
    if (!hint.empty()) message += "; " + hint;
    return failure(Fault::Invalid, std::move(message));
}

Result<Command> parse_help(int argc, char** argv, bool help) {
    if (argc < 2 || help) return PrintCommand{kUsage};
    if (std::string_view(argv[1]) == "status") return PrintCommand{kStatusUsage};
    return unknown_command(argv[1]);
}

Result<Command> parse_status(int argc, char** argv, Given given) {
    if (auto read = read_options(argc, argv, given); !read) {
        return tl::unexpected(std::move(read.error()).in("status"));
    }
    if (given.help) return PrintCommand{kStatusUsage};
    if (given.rest < argc) {
        return failure(Fault::Invalid,
                       fmt::format("status: unexpected argument '{}'", argv[given.rest]));
    }
    return given.options;
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
    if (word == "status") return parse_status(argc, argv, std::move(given));
    return unknown_command(word);
}

}  // namespace isobar::cli
