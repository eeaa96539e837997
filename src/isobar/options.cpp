// SPDX-License-Identifier: Apache-2.0
#include "isobar/options.h"

#include <fmt/format.h>
#include <getopt.h>

#include <array>
#include <vector>

namespace isobar::cli {
namespace {

constexpr std::array kOptions{
    OptionSpec{"json", 'j', &Given::json, Json, "status and the like"},
    OptionSpec{"watch", 0, &Given::watch, Again, "status"},
    OptionSpec{"format", 0, &Given::format, FormatName, "import"},
    OptionSpec{"why", 0, &Given::why, Reason, "drain and the like"},
    OptionSpec{"by", 0, &Given::by, Patience, "drain"},
    OptionSpec{"then", 0, &Given::then, Patience, "drain"},
    OptionSpec{"wait", 0, &Given::wait, Patience, "drain"},
    OptionSpec{"confirm", 0, &Given::confirm, Confirmation, "apply"},
    OptionSpec{"dry-run", 0, &Given::dry_run, Question, "apply and rollback"},
    OptionSpec{"yes", 0, &Given::yes, Question, "apply and rollback"},
    OptionSpec{"service", 0, &Given::service, Filter, "conns and trace"},
    OptionSpec{"server", 0, &Given::server, Filter, "conns and trace"},
    OptionSpec{"client", 0, &Given::client, Filter, "conns and trace"},
    OptionSpec{"state", 0, &Given::state, Counting, "conns"},
    OptionSpec{"protocol", 0, &Given::protocol, Filter, "conns and trace"},
    OptionSpec{"top", 0, &Given::top, Counting, "conns"},
    OptionSpec{"port", 0, &Given::port, Tracing, "trace"},
    OptionSpec{"verdict", 0, &Given::verdict, Tracing, "trace"},
    OptionSpec{"drops", 0, &Given::drops, Tracing, "trace"},
    OptionSpec{"all", 0, &Given::all, Tracing, "trace"},
    OptionSpec{"count", 0, &Given::count, Tracing, "trace"},
    OptionSpec{"write", 0, &Given::write, Tracing, "trace"},
    OptionSpec{"limit", 0, &Given::limit, Limit, "conns and events"},
    OptionSpec{"sort", 0, &Given::sort, Sort, "services, servers and top"},
    OptionSpec{"follow", 0, &Given::follow, Follow, "events"},
    OptionSpec{"mark", 0, &Given::mark, PacketMark, "explain"},
    OptionSpec{"scheduler", 0, &Given::scheduler, Simulation, "simulate"},
    OptionSpec{"weight", 0, &Given::weights, Simulation, "simulate"},
    OptionSpec{"from", 0, &Given::from, Simulation, "simulate"},
    OptionSpec{"rate", 0, &Given::rate, Simulation, "simulate"},
    OptionSpec{"duration", 0, &Given::duration, Simulation, "simulate"},
    OptionSpec{"length", 0, &Given::length, Simulation, "simulate"},
    OptionSpec{"clients", 0, &Given::clients, Simulation, "simulate"},
    OptionSpec{"seed", 0, &Given::seed, Simulation, "simulate"},
    OptionSpec{"socket", 0, &Given::socket, 0, nullptr},
    OptionSpec{"help", 'h', &Given::help, 0, nullptr},
    OptionSpec{"version", 'v', &Given::version, 0, nullptr},
};

// Codes of those without a letter: their place in the table, beyond all letters.
constexpr int kFirstCode = 256;

bool has_value(const OptionSpec& option) {
    return std::holds_alternative<std::string Given::*>(option.into);
}

std::vector<option> long_options() {
    std::vector<option> result;
    for (const OptionSpec& each : kOptions)
        result.push_back({each.name, has_value(each) ? required_argument : no_argument, nullptr,
                          kFirstCode + static_cast<int>(result.size())});
    result.push_back({nullptr, 0, nullptr, 0});
    return result;
}

// "+" ends at the first word, ":" tells a missing value from an unknown option.
std::string letters() {
    std::string result = "+:";
    for (const OptionSpec& each : kOptions) {
        if (each.letter == 0) continue;
        result += each.letter;
        if (has_value(each)) result += ':';
    }
    return result;
}

const OptionSpec* option_of(int code) {
    if (code >= kFirstCode) return &kOptions.at(static_cast<std::size_t>(code - kFirstCode));
    for (const OptionSpec& each : kOptions)
        if (each.letter != 0 && each.letter == code) return &each;
    return nullptr;
}

void take(const OptionSpec& option, const char* value, Given& given) {
    if (!has_value(option)) {
        given.*std::get<bool Given::*>(option.into) = true;
        return;
    }
    const auto into = std::get<std::string Given::*>(option.into);
    if (into == &Given::weights && !given.weights.empty())  // each of them is meant
        given.weights += fmt::format(",{}", value);
    else
        given.*into = value;
}

// getopt has moved past the option that it does not like.
std::string complaint(int code, char** argv) {
    const std::string word = optopt > 0 && optopt < kFirstCode ? fmt::format("-{}", char(optopt))
                                                               : std::string(argv[optind - 1]);
    return code == ':' ? fmt::format("option {} needs a value", word)
                       : fmt::format("unknown or ambiguous option {}", word);
}

}  // namespace

std::span<const OptionSpec> options() {
    return kOptions;
}

bool is_given(const OptionSpec& option, const Given& given) {
    return has_value(option) ? !(given.*std::get<std::string Given::*>(option.into)).empty()
                             : given.*std::get<bool Given::*>(option.into);
}

Result<int> read_options(int argc, char** argv, Given& given) {
    const std::vector<option> known = long_options();
    const std::string short_ones = letters();
    optind = 0;  // starts glibc's getopt anew
    opterr = 0;
    for (;;) {
        const int code = ::getopt_long(argc, argv, short_ones.c_str(), known.data(), nullptr);
        if (code == -1) return optind;
        const OptionSpec* option = option_of(code);
        if (option == nullptr) return failure(Fault::Invalid, complaint(code, argv));
        take(*option, optarg, given);
    }
}

}  // namespace isobar::cli
