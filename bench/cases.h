// SPDX-License-Identifier: Apache-2.0
// The rows of the table: what is sent to which director, what must become of it, and how
// much of a unit it may cost.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "samples.h"
#include "scene.h"
#include "yardsticks.h"

namespace isobar::bench {

// Before each run of a row: the connections stay, or the director has just started.
enum class Table : std::uint8_t { Kept, Emptied };

struct Case {
    std::string name;
    HookPoint hook = HookPoint::Xdp;
    Side side = Side::Outside;
    Scene* scene = nullptr;
    bench_control packets{};
    std::uint32_t repeat = 0;
    isobar_verdict verdict = ISOBAR_FORWARDED;
    Unit unit = Unit::H;
    std::optional<double> bound{};  // of the median, in units
    Table table = Table::Kept;
    std::string compared_with{};    // name of a row of the same hook; empty: none
    std::optional<double> times{};  // how much more than that row it may cost

    Samples ns{};  // net: the empty wrapper is subtracted

    // Runs the wrapper empty, then around the program, and checks that 99 % of the
    // packets got the verdict: a row that measures something else must not be printed.
    Result<void> measure();
};

class Cases {
public:
    // `scale`: packets a measurement, in parts of the usual number. Only the rows with the word
    // `only` in their name.
    static Result<Cases> make(double scale, const std::string& only);
    std::vector<Case>& all() { return cases_; }
    Result<double> memory_per_connection() const { return large_->memory_per_connection(); }

private:
    Cases(double scale, std::string only) : scale_(scale), only_(std::move(only)) {}
    [[nodiscard]] bool wanted(const std::string& name) const {
        return name.find(only_) != std::string::npos;
    }
    // Connections that are there, and what one packet of them may cost.
    struct Group {
        const char* name;
        const model::ServiceKey& service;
        model::ForwardingMethod method;
        model::Tunnel tunnel;
        std::uint32_t flows;
        Unit unit;
        std::optional<double> bound;
    };
    Result<void> add_established();
    Result<void> add_methods();
    Result<Scene*> scene_of(const Group& group);
    Result<void> add_group(const Group& group);
    Result<void> add_strangers();
    Result<void> need_new();
    Result<void> add_new();
    Result<void> add_new_by_method();
    Result<void> add_recycled();
    // On both hooks.
    void add(Case row);
    // A tunnel: at tc the wrapper cannot take off again what the program puts around.
    void add_at_xdp(Case row);

    double scale_;
    std::string only_;
    // Tables of the default size but for large_.
    std::unique_ptr<Scene> flows_, udp_, large_, single_, new_, recycled_;
    std::vector<std::unique_ptr<Scene>> methods_;
    std::vector<Case> cases_;
};

}  // namespace isobar::bench
