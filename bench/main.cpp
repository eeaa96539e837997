// SPDX-License-Identifier: Apache-2.0
// isobar-bench: what a packet costs in the data plane of this build, on this machine.
// README.md tells how it measures and what the table means.
#include <getopt.h>
#include <sched.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/result.h"
#include "cases.h"
#include "growth.h"
#include "kernel/program.h"
#include "report.h"
#include "scale.h"
#include "yardsticks.h"

namespace isobar::bench {
namespace {

constexpr const char* kUsage =
    "usage: isobar-bench [--quick] [--rounds N] [--cpu N] [--only WORD] [--json FILE] [--check]\n"
    "       isobar-bench --grow N [--cpu N] [--check]\n"
    "  --quick      fewer and shorter rounds: half a minute\n"
    "  --rounds N   rounds, all rows in turn (default 15; with --quick 5)\n"
    "  --cpu N      the CPU that measures (default: the last)\n"
    "  --only WORD  only the rows with WORD in their name; no scale\n"
    "  --json FILE  write the results there too\n"
    "  --check      exit with 1 if a bound is missed\n"
    "  --grow N     N times 1,048,576 connections in a table that begins small\n";

struct Options {
    bool quick = false;
    bool check = false;
    int rounds = 0;
    int cpu = -1;
    int grow = 0;
    std::string only;
    std::string json;
};

std::optional<int> number(std::string_view text) {
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value < 0) return std::nullopt;
    return value;
}

std::optional<Options> parse(int argc, char** argv) {
    const option known[] = {
        {"quick", no_argument, nullptr, 'q'},      {"rounds", required_argument, nullptr, 'r'},
        {"cpu", required_argument, nullptr, 'c'},  {"only", required_argument, nullptr, 'o'},
        {"json", required_argument, nullptr, 'j'}, {"check", no_argument, nullptr, 'k'},
        {"grow", required_argument, nullptr, 'g'}, {nullptr, 0, nullptr, 0}};
    Options options;
    for (int c = 0; (c = ::getopt_long(argc, argv, "", known, nullptr)) != -1;) {
        switch (c) {
            case 'q':
                options.quick = true;
                break;
            case 'k':
                options.check = true;
                break;
            case 'o':
                options.only = optarg;
                break;
            case 'j':
                options.json = optarg;
                break;
            case 'r':
            case 'g':
            case 'c': {
                const auto value = number(optarg);
                if (!value || (c != 'c' && *value == 0)) return std::nullopt;
                (c == 'r' ? options.rounds : c == 'g' ? options.grow : options.cpu) = *value;
                break;
            }
            default:
                return std::nullopt;
        }
    }
    if (optind != argc || options.grow > 16) return std::nullopt;
    if (options.rounds == 0) options.rounds = options.quick ? 5 : 15;
    return options;
}

Result<int> stay_on(int cpu) {
    if (cpu < 0) cpu = static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN)) - 1;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<std::size_t>(cpu), &set);
    if (::sched_setaffinity(0, sizeof(set), &set) != 0)
        return system_failure(fmt::format("stay on CPU {}", cpu), errno);
    return cpu;
}

std::string ipvsadm_beside_us() {
    std::error_code error;
    const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
    const auto path = self.parent_path() / "isobar-ipvsadm";
    return !error && std::filesystem::exists(path) ? path.string() : "";
}

Result<void> measure_in_turn(std::vector<Case>& rows, Yardsticks& yardsticks, const Options& o) {
    // the yardsticks several times a round, so that they meet the same moments as the rows
    constexpr std::size_t kRowsBetween = 8;
    for (int round = 0; round < o.rounds; ++round) {
        for (std::size_t i = 0; i < rows.size(); ++i) {
            if (i % kRowsBetween == 0)
                if (auto done = yardsticks.measure(o.quick ? 1500 : 3000); !done) return done;
            if (auto done = rows[i].measure(); !done) return done;
        }
    }
    return {};
}

Result<bool> grow(std::uint32_t millions) {
    const auto grown = measure_growth(millions);
    if (!grown) return tl::unexpected(grown.error());
    fmt::print("{}", grown->text());
    return grown->good();
}

Result<bool> run(const Options& options) {
    kernel::listen_to_libbpf();
    const auto cpu = stay_on(options.cpu);
    if (!cpu) return tl::unexpected(cpu.error());
    if (options.grow != 0) return grow(static_cast<std::uint32_t>(options.grow));
    auto yardsticks = Yardsticks::make();
    if (!yardsticks) return tl::unexpected(yardsticks.error());
    auto cases = Cases::make(options.quick ? 0.5 : 1.0, options.only);
    if (!cases) return tl::unexpected(cases.error());
    auto& rows = cases->all();
    if (rows.empty()) return failure(Fault::NotFound, "no row has that word in its name");
    if (auto done = measure_in_turn(rows, *yardsticks, options); !done)
        return tl::unexpected(done.error());
    const auto memory = cases->memory_per_connection();
    if (!memory) return tl::unexpected(memory.error());

    Report report{options.rounds, *cpu, *yardsticks, rows, *memory, {}};
    if (options.only.empty()) {
        auto scale = measure_scale(ipvsadm_beside_us());
        if (!scale) return tl::unexpected(scale.error());
        report.scale = std::move(*scale);
    }
    fmt::print("{}", report.table());
    if (!options.json.empty()) {
        std::ofstream file(options.json);
        file << report.json() << std::flush;
        if (!file) return failure(Fault::System, "cannot write " + options.json);
    }
    const auto missed = report.missed();
    for (const auto& row : missed) fmt::print(stderr, "isobar-bench: missed: {}\n", row);
    return missed.empty();
}

}  // namespace
}  // namespace isobar::bench

int main(int argc, char** argv) {
    const auto options = isobar::bench::parse(argc, argv);
    if (!options) {
        fmt::print(stderr, "{}", isobar::bench::kUsage);
        return 2;
    }
    const auto good = isobar::bench::run(*options);
    if (!good) {
        fmt::print(stderr, "isobar-bench: {}\n", good.error().message);
        return 3;
    }
    return options->check && !*good ? 1 : 0;
}
