// SPDX-License-Identifier: Apache-2.0
#include "isobar/config_text.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <cstdint>

#include "base/printable.h"
#include "isobar/table.h"

namespace isobar::cli {
namespace {

std::string line_of(const config::Difference& each, Colours colours) {
    const std::string what = each.key.empty() ? each.where : each.key;
    switch (each.step) {
        case config::Step::Added:
            return paint(fmt::format("+ {} {}", what, each.after), Tone::Good, colours);
        case config::Step::Removed:
            return paint(fmt::format("- {} {}", what, each.before), Tone::Bad, colours);
        case config::Step::Changed:
            break;
    }
    return paint(fmt::format("~ {}: {} -> {}", what, each.before, each.after), Tone::Warning,
                 colours);
}

std::string connections(std::uint64_t count) {
    return count == 1 ? "1 open connection" : fmt::format("{} open connections", count);
}

std::string line_of(const control::Effect& effect, Colours colours) {
    std::string line = "  " + printable(effect.change);
    if (effect.ends > 0)
        line += ": " + paint(fmt::format("{} end{}", connections(effect.ends),
                                         effect.ends == 1 ? "s" : ""),
                             Tone::Bad, colours);
    if (effect.goes_on > 0)
        line += fmt::format(": {} go{} on", connections(effect.goes_on),
                            effect.goes_on == 1 ? "es" : "");
    return line + '\n';
}

std::string remarks(const api::VersionView& view) {
    std::string text;
    if (view.runs) text += view.unconfirmed ? " (to be confirmed)" : " (runs)";
    if (!view.version.why.empty()) text += ": " + printable(view.version.why);
    return text;
}

}  // namespace

std::string differences_text(const std::vector<config::Difference>& differences, Colours colours) {
    std::string text, where;
    for (const config::Difference& each : differences) {
        if (each.key.empty()) {
            text += line_of(each, colours) + '\n';
            where.clear();
            continue;
        }
        if (each.where != where) text += paint(each.where, Tone::Bold, colours) + '\n';
        where = each.where;
        text += "  " + line_of(each, colours) + '\n';
    }
    return text;
}

std::string plan_text(const api::PlanView& plan, Colours colours) {
    const std::string differences = differences_text(plan.differences, colours);
    std::string text =
        differences.empty() ? "The same configuration as the one that runs.\n" : differences;
    if (plan.effects.empty()) return text + "Nothing changes in the data plane.\n";
    text += fmt::format("\nWhat is done in the data plane, in one step:\n");
    for (const control::Effect& effect : plan.effects) text += line_of(effect, colours);
    const std::uint64_t ends = plan.ends();
    if (ends == 0) return text + "No open connection ends.\n";
    return text +
           paint(fmt::format("{} end{}.", connections(ends), ends == 1 ? "s" : ""), Tone::Bad,
                 colours) +
           '\n';
}

std::string applied_text(const api::AppliedView& applied) {
    std::string text =
        fmt::format("version {} holds, {} change{} made in the data plane\n", applied.version,
                    applied.changes.size(), applied.changes.size() == 1 ? "" : "s");
    if (applied.goes_back_at)
        text += fmt::format(
            "until {:%H:%M:%S} UTC: 'isobar confirm' makes it stay, 'isobar "
            "rollback' ends it at once\n",
            fmt::gmtime(*applied.goes_back_at));
    return text;
}

std::string history_text(const std::vector<api::VersionView>& versions, Colours colours) {
    if (versions.empty()) return "no versions\n";
    std::string text;
    for (auto view = versions.rbegin(); view != versions.rend(); ++view) {
        const auto& version = view->version;
        const std::string line = fmt::format(
            "{:>5}  {:%Y-%m-%d %H:%M:%S} UTC  {}, by {}{}", version.number, fmt::gmtime(version.at),
            printable(version.from), printable(version.by), remarks(*view));
        text += (view->runs ? paint(line, Tone::Bold, colours) : line) + '\n';
    }
    return text;
}

}  // namespace isobar::cli
