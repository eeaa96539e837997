// SPDX-License-Identifier: Apache-2.0
// Where the connections of a simulation come from: chance, with a seed, or a recording. Pure.
//
// A recording is a text of lines BEGIN,END,CLIENT: seconds with as many decimals as there are, from
// any moment on; no END: it is open yet; CLIENT is an ADDRESS:PORT. Empty lines, lines that begin
// with #, and a first line "begin,end,client" are passed over. Lines may stand in any order.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/address.h"
#include "scheduling/simulation.h"

namespace isobar::scheduling {

// How long connections are open.
struct Length {
    enum class Kind : std::uint8_t { Fixed, Exponential, Uniform };
    Kind kind = Kind::Exponential;
    Moment from = 5;  // Exponential: the mean; Fixed: each
    Moment to = 5;    // Uniform

    // "5s", "exp:5s", "uniform:1s-10s"
    static Result<Length> parse(std::string_view text);
    bool operator==(const Length&) const = default;
};

struct Traffic {
    double rate = 100;  // connections a second, on average
    Moment duration = 60;
    Length length;
    std::uint32_t clients = 200;
    model::Family family = model::Family::V4;
};

// Connections that begin by chance, independently of each other (a Poisson process), each of a
// client by chance. The same seed, the same connections.
Arrivals generated(const Traffic& traffic, std::uint64_t seed);

// The first of them begins at 0.
Result<std::vector<Arrival>> parse_recording(std::string_view text);

// `all` outlives it.
Arrivals recorded(const std::vector<Arrival>& all);

}  // namespace isobar::scheduling
