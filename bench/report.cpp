// SPDX-License-Identifier: Apache-2.0
#include "report.h"

#include <sys/utsname.h>

#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace isobar::bench {
namespace {

// No more than IPVS needs (struct ip_vs_conn with its hash list head).
constexpr double kMemoryBound = 341;

const char* name(HookPoint hook) {
    return hook == HookPoint::Xdp ? "xdp" : "tc";
}

double ratio(const Case& row, const Yardsticks& yardsticks) {
    return row.ns.median() / yardsticks.samples(row.unit).median();
}

// By which factor a row costs more than the one that it is compared with; that must be there.
std::optional<double> factor(const Case& row, const std::vector<Case>& cases) {
    for (const auto& other : cases)
        if (other.name == row.compared_with && other.hook == row.hook)
            return row.ns.median() / other.ns.median();
    return std::nullopt;
}

const char* word(bool good) {
    return good ? "ok" : "MISSED";
}

std::string kernel() {
    utsname names{};
    return ::uname(&names) == 0 ? names.release : "?";
}

}  // namespace

std::string Report::table() const {
    std::string text = fmt::format(
        "Linux {}, CPU {}, {} rounds taken in turn; net ns a packet, the empty loop subtracted\n\n"
        "{:<5}{:<44}{:>7}{:>8}{:>13}  {}\n",
        kernel(), cpu, rounds, "hook", "packet", "min", "median", "in units", "asked");
    for (const auto& row : cases) {
        const double units = ratio(row, yardsticks);
        text += fmt::format("{:<5}{:<44}{:>7.0f}{:>8.0f}{:>9.2f} {:<3}", name(row.hook), row.name,
                            row.ns.least(), row.ns.median(), units, bench::name(row.unit));
        if (row.bound) text += fmt::format("  <= {} {}", *row.bound, word(units <= *row.bound));
        text += '\n';
    }
    text += '\n';
    for (const auto unit : kUnits) {
        const auto& samples = yardsticks.samples(unit);
        text += fmt::format("{:<5}{:<44}{:>7.0f}{:>8.0f}\n", bench::name(unit), meaning(unit),
                            samples.least(), samples.median());
    }
    text += '\n';
    for (const auto& row : cases)
        if (const auto more = factor(row, cases)) {
            text += fmt::format("{:<5}{:<60}{:>6.2f} times", name(row.hook),
                                row.name + " / " + row.compared_with, *more);
            if (row.times) text += fmt::format("  <= {} {}", *row.times, word(*more <= *row.times));
            text += '\n';
        }
    text += fmt::format("\n{:<56}{:>8.0f} bytes      <= {:.0f} {}\n",
                        "memory of a connection, both directions", memory_per_connection,
                        kMemoryBound, word(memory_per_connection <= kMemoryBound));
    for (const auto& row : scale)
        text += fmt::format("{:<56}{:>8.1f} ms         <= {:.0f} {}\n", row.name, row.milliseconds,
                            row.bound, word(row.milliseconds <= row.bound));
    return text;
}

std::string Report::json() const {
    nlohmann::ordered_json out;
    out["kernel"] = kernel();
    out["rounds"] = rounds;
    out["cpu"] = cpu;
    for (const auto unit : kUnits) {
        const auto& samples = yardsticks.samples(unit);
        out["units"][bench::name(unit)] = {{"min_ns", samples.least()},
                                           {"median_ns", samples.median()}};
    }
    for (const auto& row : cases) {
        const double units = ratio(row, yardsticks);
        nlohmann::ordered_json one = {
            {"hook", name(row.hook)},        {"packet", row.name},
            {"min_ns", row.ns.least()},      {"median_ns", row.ns.median()},
            {"unit", bench::name(row.unit)}, {"ratio", units}};
        if (row.bound) {
            one["bound"] = *row.bound;
            one["ok"] = units <= *row.bound;
        }
        if (const auto more = factor(row, cases)) {
            one["compared_with"] = row.compared_with;
            one["times"] = *more;
            if (row.times) {
                one["most_times"] = *row.times;
                one["times_ok"] = *more <= *row.times;
            }
        }
        out["packets"].push_back(std::move(one));
    }
    out["memory_per_connection"] = {{"bytes", memory_per_connection},
                                    {"bound", kMemoryBound},
                                    {"ok", memory_per_connection <= kMemoryBound}};
    for (const auto& row : scale)
        out["scale"].push_back({{"what", row.name},
                                {"ms", row.milliseconds},
                                {"bound", row.bound},
                                {"ok", row.milliseconds <= row.bound}});
    return out.dump(2) + "\n";
}

std::vector<std::string> Report::missed() const {
    std::vector<std::string> names;
    for (const auto& row : cases) {
        if (row.bound && ratio(row, yardsticks) > *row.bound)
            names.push_back(fmt::format("{}: {}", name(row.hook), row.name));
        if (row.times && factor(row, cases).value_or(0) > *row.times)
            names.push_back(
                fmt::format("{}: {} / {}", name(row.hook), row.name, row.compared_with));
    }
    if (memory_per_connection > kMemoryBound) names.emplace_back("memory of a connection");
    for (const auto& row : scale)
        if (row.milliseconds > row.bound) names.push_back(row.name);
    return names;
}

}  // namespace isobar::bench
