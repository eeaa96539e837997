// SPDX-License-Identifier: Apache-2.0
#include "isobard/options.h"

#include <fmt/format.h>
#include <getopt.h>

#include <array>

namespace isobar::isobard {
namespace {

enum LongOnly : int { Socket = 256, StateDir, User, Remove };

const std::array kOptions{
    option{"config", required_argument, nullptr, 'c'},
    option{"test", required_argument, nullptr, 't'},
    option{"socket", required_argument, nullptr, LongOnly::Socket},
    option{"state-dir", required_argument, nullptr, LongOnly::StateDir},
    option{"user", required_argument, nullptr, LongOnly::User},
    option{"remove", no_argument, nullptr, LongOnly::Remove},
    option{"help", no_argument, nullptr, 'h'},
    option{"version", no_argument, nullptr, 'v'},
    option{nullptr, 0, nullptr, 0},
};

// getopt has moved past the option that it does not like.
std::string complaint(int code, char** argv) {
    const std::string word = optopt > 0 && optopt < 256 ? fmt::format("-{}", char(optopt))
                                                        : std::string(argv[optind - 1]);
    return code == ':' ? fmt::format("option {} needs a value", word)
                       : fmt::format("unknown or ambiguous option {}", word);
}

}  // namespace

Result<Options> parse_options(int argc, char** argv) {
    Options options;
    optind = 0;  // starts glibc's getopt anew: tests parse more than once
    opterr = 0;
    for (;;) {
        const int code = ::getopt_long(argc, argv, ":c:t:hv", kOptions.data(), nullptr);
        if (code == -1) break;
        switch (code) {
            case 'c':
                options.config = optarg;
                break;
            case 't':
                options.mode = Mode::Test;
                options.config = optarg;
                break;
            case LongOnly::Socket:
                options.socket = optarg;
                break;
            case LongOnly::StateDir:
                options.state_dir = optarg;
                break;
            case LongOnly::User:
                options.user = optarg;
                break;
            case LongOnly::Remove:
                options.mode = Mode::Remove;
                break;
            case 'h':
                options.mode = Mode::Help;
                return options;
            case 'v':
                options.mode = Mode::Version;
                return options;
            default:
                return failure(Fault::Invalid, complaint(code, argv));
        }
    }
    if (optind < argc) {
        return failure(Fault::Invalid, fmt::format("unexpected argument '{}'", argv[optind]));
    }
    if (options.config.empty() || options.socket.empty() || options.state_dir.empty()) {
        return failure(Fault::Invalid, "a path cannot be empty");
    }
    return options;
}

std::string usage() {
    return
        R"(Usage: isobard [-c FILE] [--socket PATH] [--state-dir DIR] [--user NAME]
       isobard -t FILE
       isobard --remove

The director: keeps the load balancer of this network namespace as its configuration says.
Runs in the foreground; packets are forwarded by the kernel, whether it runs or not.

  -c, --config FILE     configuration (default /etc/isobar/isobar.toml)
  -t, --test FILE       check a configuration, print everything that is wrong with it
      --socket PATH     where 'isobar' asks (default /run/isobar/isobar.sock)
      --state-dir DIR   remembers what the configuration brought (default /var/lib/isobar)
      --user NAME       whom to become, with the capabilities that are needed (default: nobody else)
      --remove          stop forwarding: remove all that isobard and isobar-ipvsadm made in
                        this network namespace, put its sysctls back
  -h, --help            this text
  -v, --version         the version

Signals: HUP applies the configuration file again (a bad one changes nothing), TERM and INT
end isobard and leave the kernel forwarding.
Exit codes: 0 ok, 1 failed, 2 usage, 3 configuration invalid, 5 permission.
See isobard(8).
)";
}

}  // namespace isobar::isobard
