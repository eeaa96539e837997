// SPDX-License-Identifier: Apache-2.0
#include "isobar-agent/options.h"

#include <fmt/format.h>
#include <getopt.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "api/version.h"
#include "base/text.h"
#include "model/config.h"

namespace isobar::agent {
namespace {

constexpr const char* kUsage = R"(Usage: isobar-agent --vip ADDRESS[@INTERFACE]... [OPTION...]
       isobar-agent --director ADDRESS[:PORT]... [OPTION...]
       isobar-agent check --vip ADDRESS... [--method METHOD] [--gateway ADDRESS]
       isobar-agent check|doctor --director ADDRESS[:PORT]... [--gateway ADDRESS]
       isobar-agent load [--listen [ADDRESS:]PORT] [--by WHAT,...] [-- PROGRAM ARGUMENT...]

Makes this host a real server of a director that forwards by direct routing or tunnels: puts
the virtual addresses on, keeps quiet about them, takes packets out of tunnels. Runs until
SIGTERM or Ctrl-C, then undoes all it did.

      --vip ADDRESS[@INTERFACE]
                        a virtual address; on lo (or tunl0) if no interface is named
      --director ADDRESS[:PORT]
                        where an isobard tells virtual addresses and tunnels; asked again
                        and again (default port 10539)
      --tunnel KIND,... ipip, gue, gre, or none (default none: direct routing)
      --interface NAME  where packets and ARP come in (default: every Ethernet interface)
      --arp HOW         who keeps ARP quiet: auto, sysctl, bpf (default auto)
      --decap HOW       who takes packets out of tunnels: auto, kernel, bpf (default auto)
      --gue-port PORT   UDP port of GUE (default 6080)
      --mss MSS         MSS offered to clients: auto, off, or bytes (default auto: what leaves
                        room for the outer header)
      --state-dir DIR   remembers what is to be undone (default /run/isobar/agent)
  -h, --help            this text
  -v, --version         the version

--vip, --director and --interface may be given several times. 'isobar-agent check' says what is wrong on
this host, see 'isobar-agent check --help'; 'isobar-agent load' tells a load balancer how busy
it is, see 'isobar-agent load --help'.
Exit codes: 0 ok, 1 failed, 2 usage, 5 permission. See isobar-agent(8).
)";

constexpr const char* kCheckUsage =
    R"(Usage: isobar-agent check --vip ADDRESS... [--method METHOD] [--gateway ADDRESS]
       isobar-agent check|doctor --director ADDRESS[:PORT]... [--gateway ADDRESS]

Says what keeps this host from being a real server, a line each: what is wrong, why it
matters, and the command that mends it. Changes nothing. doctor tells the directors, too, whose
'isobar doctor' shows it.

      --vip ADDRESS     a virtual address of the director; may be given several times
      --method METHOD   how the director forwards: dr, tun, nat (default dr)
      --director ADDRESS[:PORT]
                        an isobard that tells addresses and methods instead
      --gateway ADDRESS nat: the director's inside address, which must be the default gateway
  -h, --help            this text

Exit codes: 0 all is well, 1 something is wrong (or the check failed), 2 usage, 5 permission.
)";

constexpr const char* kLoadUsage =
    R"(Usage: isobar-agent load [--listen [ADDRESS:]PORT] [--by WHAT,...] [-- PROGRAM ARGUMENT...]

Tells whoever connects how much of its weight this host wants to have, in a line of HAProxy's
agent-check: "75%" of one that is busy by a quarter. Changes nothing, needs no root.

      --listen [ADDRESS:]PORT
                        where (default [::]:9999, all addresses)
      --by WHAT,...     what makes it busy; the busiest counts: load (average of a minute for
                        each CPU), pressure (of the CPUs, PSI), memory (default load,pressure)
      -- PROGRAM ARGUMENT...
                        asked instead: what it prints, any words of the agent-check, is told
  -h, --help            this text
)";

enum LongOnly : int {
    VipOption = 256,
    TunnelOption,
    Interface,
    ArpOption,
    DecapOption,
    GuePort,
    MssOption,
    StateDir,
    MethodOption,
    GatewayOption,
    DirectorOption,
    ListenOption,
    ByOption
};

const std::array kRunOptions{
    option{"vip", required_argument, nullptr, LongOnly::VipOption},
    option{"director", required_argument, nullptr, LongOnly::DirectorOption},
    option{"tunnel", required_argument, nullptr, LongOnly::TunnelOption},
    option{"interface", required_argument, nullptr, LongOnly::Interface},
    option{"arp", required_argument, nullptr, LongOnly::ArpOption},
    option{"decap", required_argument, nullptr, LongOnly::DecapOption},
    option{"gue-port", required_argument, nullptr, LongOnly::GuePort},
    option{"mss", required_argument, nullptr, LongOnly::MssOption},
    option{"state-dir", required_argument, nullptr, LongOnly::StateDir},
    option{"help", no_argument, nullptr, 'h'},
    option{"version", no_argument, nullptr, 'v'},
    option{nullptr, 0, nullptr, 0},
};

const std::array kCheckOptions{
    option{"vip", required_argument, nullptr, LongOnly::VipOption},
    option{"director", required_argument, nullptr, LongOnly::DirectorOption},
    option{"method", required_argument, nullptr, LongOnly::MethodOption},
    option{"gateway", required_argument, nullptr, LongOnly::GatewayOption},
    option{"help", no_argument, nullptr, 'h'},
    option{nullptr, 0, nullptr, 0},
};

const std::array kLoadOptions{
    option{"listen", required_argument, nullptr, LongOnly::ListenOption},
    option{"by", required_argument, nullptr, LongOnly::ByOption},
    option{"help", no_argument, nullptr, 'h'},
    option{nullptr, 0, nullptr, 0},
};

template <typename Value>
struct Choice {
    std::string_view word;
    Value value;
};
constexpr std::array kArps = {Choice<Arp>{"auto", Arp::Auto}, Choice<Arp>{"sysctl", Arp::Sysctl},
                              Choice<Arp>{"bpf", Arp::Bpf}};
constexpr std::array kDecaps = {Choice<Decap>{"auto", Decap::Auto},
                                Choice<Decap>{"kernel", Decap::Kernel},
                                Choice<Decap>{"bpf", Decap::Bpf}};
constexpr std::array kMethods = {Choice<Method>{"dr", Method::Dr},
                                 Choice<Method>{"tun", Method::Tun},
                                 Choice<Method>{"nat", Method::Nat}};

constexpr std::array kBusies = {Choice<Busy>{"load", Busy::Load},
                                Choice<Busy>{"pressure", Busy::Pressure},
                                Choice<Busy>{"memory", Busy::Memory}};

template <typename Choices, typename Value>
Result<void> choose(std::string_view option, std::string_view text, const Choices& choices,
                    Value& out) {
    std::string words;
    for (const auto& choice : choices) {
        words += fmt::format("{}{}", words.empty() ? "" : ", ", choice.word);
        if (choice.word != text) continue;
        out = choice.value;
        return {};
    }
    return failure(Fault::Invalid, fmt::format("{}: '{}' is none of {}", option, text, words));
}

// Takes what a parser made of an option's value; its error gets the option's name.
template <typename Value, typename Out>
Result<void> take(std::string_view option, Result<Value> value, Out&& put) {
    if (!value) return tl::unexpected(std::move(value.error()).in(option));
    put(*std::move(value));
    return {};
}

Result<model::Port> parse_port(std::string_view text) {
    const auto port = parse_unsigned<model::Port>(text);
    if (!port || *port == 0)
        return failure(Fault::Invalid, fmt::format("'{}' is no port (1 to 65535)", text));
    return *port;
}

Result<model::Address> parse_address(std::string_view text) {
    const auto address = model::Address::parse(text);
    if (!address || !model::is_unicast(*address))
        return failure(Fault::Invalid, fmt::format("'{}' is no address of a host", text));
    return *address;
}

// "192.168.10.1", "192.168.10.1:10539", "fd00::1", "[fd00::1]:10539"
Result<model::Endpoint> parse_director(std::string_view text) {
    if (const auto address = model::Address::parse(text); address && model::is_unicast(*address))
        return model::Endpoint{*address, model::kAgentPort};
    const auto endpoint = model::Endpoint::parse(text);
    if (!endpoint || endpoint->port == 0 || !model::is_unicast(endpoint->address))
        return failure(Fault::Invalid, fmt::format("'{}' is no address, or address:port", text));
    return *endpoint;
}

Result<void> take_run_option(int code, std::string_view value, RunCommand& run) {
    Settings& settings = run.settings;
    switch (code) {
        case LongOnly::VipOption:
            return take("--vip", Vip::parse(value),
                        [&](Vip vip) { settings.vips.push_back(std::move(vip)); });
        case LongOnly::DirectorOption:
            return take("--director", parse_director(value),
                        [&](const model::Endpoint& place) { run.directors.push_back(place); });
        case LongOnly::TunnelOption:
            return take("--tunnel", parse_tunnels(value),
                        [&](std::set<Tunnel> tunnels) { settings.tunnels = std::move(tunnels); });
        case LongOnly::ArpOption:
            return choose("--arp", value, kArps, settings.arp);
        case LongOnly::DecapOption:
            return choose("--decap", value, kDecaps, settings.decap);
        case LongOnly::GuePort:
            return take("--gue-port", parse_port(value),
                        [&](model::Port port) { settings.gue_port = port; });
        case LongOnly::MssOption:
            return take("--mss", Mss::parse(value), [&](Mss mss) { settings.mss = mss; });
        case LongOnly::Interface:
            settings.interfaces.emplace_back(value);
            break;
        case LongOnly::StateDir:
            run.state_dir = value;
            break;
        default:
            break;
    }
    return {};
}

// `named`: was there a --method?
Result<void> take_check_option(int code, std::string_view value, CheckCommand& check, bool& named) {
    Question& question = check.question;
    switch (code) {
        case LongOnly::DirectorOption:
            return take("--director", parse_director(value),
                        [&](const model::Endpoint& place) { check.directors.push_back(place); });
        case LongOnly::VipOption:
            return take("--vip", parse_address(value),
                        [&](const model::Address& vip) { question.vips.push_back(vip); });
        case LongOnly::MethodOption:
            named = true;
            return choose("--method", value, kMethods, question.method);
        case LongOnly::GatewayOption:
            return take("--gateway", parse_address(value),
                        [&](const model::Address& gateway) { question.gateway = gateway; });
        default:
            return {};
    }
}

// getopt has moved past the option that it does not like.
std::string complaint(int code, char** argv) {
    const std::string word = optopt > 0 && optopt < 256 ? fmt::format("-{}", char(optopt))
                                                        : std::string(argv[optind - 1]);
    return code == ':' ? fmt::format("option {} needs a value", word)
                       : fmt::format("unknown or ambiguous option {}", word);
}

// Gives every option to `take_option`. True: --help or --version was asked for (in `asked`).
template <typename TakeOption>
Result<int> read_options(int argc, char** argv, const option* options, TakeOption&& take_option) {
    optind = 0;  // starts glibc's getopt anew: tests parse more than once
    opterr = 0;
    for (;;) {
        const int code = ::getopt_long(argc, argv, ":hv", options, nullptr);
        if (code == -1) break;
        if (code == '?' || code == ':') return failure(Fault::Invalid, complaint(code, argv));
        if (code == 'h' || code == 'v') return code;
        if (*optarg == '\0')
            return failure(Fault::Invalid,
                           fmt::format("option {} needs a value", argv[optind - 1]));
        if (auto taken = take_option(code, std::string_view(optarg)); !taken)
            return tl::unexpected(std::move(taken.error()));
    }
    if (optind < argc)
        return failure(Fault::Invalid, fmt::format("unexpected argument '{}'", argv[optind]));
    return 0;
}

Result<Command> parse_check(int argc, char** argv) {
    CheckCommand check;
    bool method_named = false;
    const auto read = read_options(argc, argv, kCheckOptions.data(), [&](int code, auto value) {
        return take_check_option(code, value, check, method_named);
    });
    if (!read) return tl::unexpected(read.error());
    if (*read == 'h') return PrintCommand{kCheckUsage};
    if (*read == 'v') return failure(Fault::Invalid, "unknown or ambiguous option -v");
    const Question& question = check.question;
    if (!check.directors.empty() && (!question.vips.empty() || method_named))
        return failure(Fault::Invalid,
                       "--director tells addresses and methods: no --vip, no --method");
    if (!check.directors.empty()) return check;
    if (question.vips.empty())
        return failure(Fault::Invalid, "which address? --vip ADDRESS or --director ADDRESS");
    if (question.gateway && question.method != Method::Nat)
        return failure(Fault::Invalid, "--gateway goes with --method nat");
    return check;
}

// "9999", "10.0.0.1:9999", "[fd00::1]:9999"
Result<model::Endpoint> parse_listen(std::string_view text) {
    if (const auto port = parse_unsigned<model::Port>(text); port && *port != 0)
        return model::Endpoint{LoadCommand{}.listen.address, *port};
    const auto endpoint = model::Endpoint::parse(text);
    if (!endpoint || endpoint->port == 0)
        return failure(Fault::Invalid, fmt::format("'{}' is no port, or address:port", text));
    return *endpoint;
}

Result<void> take_load_option(int code, std::string_view value, LoadCommand& load) {
    if (code == LongOnly::ListenOption)
        return take("--listen", parse_listen(value),
                    [&](const model::Endpoint& place) { load.listen = place; });
    load.by.clear();
    for (const std::string_view word : split(value, ',')) {
        if (auto chosen = choose("--by", word, kBusies, load.by.emplace_back()); !chosen)
            return chosen;
    }
    return {};
}

Result<Command> parse_load(int argc, char** argv) {
    LoadCommand load;
    char** const end = std::find(argv, argv + argc, std::string_view("--"));
    for (char** word = end; word != argv + argc; ++word)
        if (word != end) load.program.emplace_back(*word);
    const auto read =
        read_options(static_cast<int>(end - argv), argv, kLoadOptions.data(),
                     [&](int code, auto value) { return take_load_option(code, value, load); });
    if (!read) return tl::unexpected(read.error());
    if (*read == 'h') return PrintCommand{kLoadUsage};
    if (*read == 'v') return failure(Fault::Invalid, "unknown or ambiguous option -v");
    if (end != argv + argc && load.program.empty())
        return failure(Fault::Invalid, "no program after --");
    return load;
}

// What depends on the tunnels, which directors may add to, is checked when they have.
Result<void> check_run(const RunCommand& run) {
    Settings settings = run.settings;
    if (run.directors.empty()) return check_settings(settings);
    if (settings.vips.empty()) return {};
    settings.decap = Decap::Auto;
    return check_settings(settings);
}

}  // namespace

Result<Command> parse_command_line(int argc, char** argv) {
    const std::string_view word = argc > 1 ? argv[1] : "";
    if (word == "check" || word == "doctor") {
        auto check = parse_check(argc - 1, argv + 1);
        if (!check) return tl::unexpected(std::move(check.error()).in(word));
        if (auto* command = std::get_if<CheckCommand>(&*check)) command->tells = word == "doctor";
        return check;
    }
    if (word == "load") {
        auto load = parse_load(argc - 1, argv + 1);
        if (!load) return tl::unexpected(std::move(load.error()).in("load"));
        return load;
    }
    RunCommand run;
    const auto read = read_options(argc, argv, kRunOptions.data(), [&](int code, auto value) {
        return take_run_option(code, value, run);
    });
    if (!read) return tl::unexpected(read.error());
    if (*read == 'h') return PrintCommand{kUsage};
    if (*read == 'v') return PrintCommand{fmt::format("isobar-agent {}\n", api::kVersion)};
    if (auto sound = check_run(run); !sound) return tl::unexpected(sound.error());
    return run;
}

}  // namespace isobar::agent
