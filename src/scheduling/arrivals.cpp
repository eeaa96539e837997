// SPDX-License-Identifier: Apache-2.0
#include "scheduling/arrivals.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <random>
#include <utility>

#include "base/duration.h"
#include "base/text.h"

namespace isobar::scheduling {
namespace {

constexpr std::size_t kMostComplaints = 10;

// The same everywhere, which std::exponential_distribution is not.
class Dice {
public:
    explicit Dice(std::uint64_t seed) : numbers_(seed) {}
    // From 0 to 1, the latter excluded.
    double fraction() { return static_cast<double>(numbers_() >> 11) * 0x1p-53; }
    double exponential(double mean) { return -std::log(1 - fraction()) * mean; }
    std::uint32_t below(std::uint32_t count) {
        return static_cast<std::uint32_t>(fraction() * count);
    }

private:
    std::mt19937_64 numbers_;
};

// Of networks for measurements: 198.18.0.0/15 (RFC 2544), 2001:2::/48 (RFC 5180).
model::Address client_address(model::Family family, std::uint32_t number) {
    if (family == model::Family::V4) {
        const std::uint32_t word = 0xc6120000U + number;
        return model::Address::v4(
            static_cast<std::uint8_t>(word >> 24), static_cast<std::uint8_t>(word >> 16),
            static_cast<std::uint8_t>(word >> 8), static_cast<std::uint8_t>(word));
    }
    model::Address address{family, {0x20, 0x01, 0x00, 0x02}};
    for (std::size_t i = 0; i < 4; ++i)
        address.bytes.at(15 - i) = static_cast<std::uint8_t>(number >> (8 * i));
    return address;
}

Moment length_of(const Length& length, Dice& dice) {
    switch (length.kind) {
        case Length::Kind::Fixed:
            return length.from;
        case Length::Kind::Exponential:
            return dice.exponential(length.from);
        case Length::Kind::Uniform:
            return length.from + dice.fraction() * (length.to - length.from);
    }
    return length.from;
}

std::optional<Moment> parse_moment(std::string_view text) {
    Moment value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value))
        return std::nullopt;
    return value;
}

std::optional<Moment> parse_seconds(std::string_view text) {
    const auto time = parse_duration(text);
    if (!time) return std::nullopt;
    return static_cast<Moment>(time->count()) / 1000;
}

Result<Arrival> parse_line(std::string_view line) {
    const auto first = line.find(','), last = line.rfind(',');
    if (first == last ||
        line.substr(first + 1, last - first - 1).find(',') != std::string_view::npos)
        return failure(Fault::Invalid, fmt::format("'{}' is not BEGIN,END,CLIENT", line));
    const auto begins = line.substr(0, first), ends = line.substr(first + 1, last - first - 1);
    const auto begin = parse_moment(begins);
    if (!begin) return failure(Fault::Invalid, fmt::format("'{}' is no time", begins));
    const auto end = ends.empty() ? kNever : parse_moment(ends);
    if (!end) return failure(Fault::Invalid, fmt::format("'{}' is no time", ends));
    const auto client = model::Endpoint::parse(line.substr(last + 1));
    if (!client)
        return failure(Fault::Invalid,
                       fmt::format("'{}' is no address:port", line.substr(last + 1)));
    if (*end < *begin)
        return failure(Fault::Invalid, fmt::format("it ends at {}, before it begins", ends));
    return Arrival{*begin, *end, *client};
}

}  // namespace

Result<Length> Length::parse(std::string_view text) {
    constexpr std::string_view kExponential = "exp:", kUniform = "uniform:";
    const auto wrong = [&] {
        return failure(Fault::Invalid, fmt::format("'{}' is no length of connections: 5s, exp:5s, "
                                                   "uniform:1s-10s",
                                                   text));
    };
    if (text.starts_with(kUniform)) {
        const auto ends = split(text.substr(kUniform.size()), '-');
        if (ends.size() != 2) return wrong();
        const auto from = parse_seconds(ends[0]), to = parse_seconds(ends[1]);
        if (!from || !to || *to < *from) return wrong();
        return Length{Kind::Uniform, *from, *to};
    }
    const bool is_exponential = text.starts_with(kExponential);
    const auto each = parse_seconds(is_exponential ? text.substr(kExponential.size()) : text);
    if (!each) return wrong();
    return Length{is_exponential ? Kind::Exponential : Kind::Fixed, *each, *each};
}

Arrivals generated(const Traffic& traffic, std::uint64_t seed) {
    return [traffic, dice = Dice(seed), now = Moment{0},
            number = 0U]() mutable -> std::optional<Arrival> {
        now += dice.exponential(1 / traffic.rate);
        if (now >= traffic.duration) return std::nullopt;
        constexpr unsigned kFirstPort = 1024, kPorts = 65536 - kFirstPort;
        const auto client = client_address(traffic.family, dice.below(traffic.clients));
        const auto port = static_cast<model::Port>(kFirstPort + number++ % kPorts);
        return Arrival{now, now + length_of(traffic.length, dice), {client, port}};
    };
}

Result<std::vector<Arrival>> parse_recording(std::string_view text) {
    std::vector<Arrival> all;
    std::string complaints;
    std::size_t number = 0, bad = 0;
    while (!text.empty()) {
        auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        ++number;
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (line.empty() || line.starts_with('#')) continue;
        if (line == "begin,end,client" && all.empty()) continue;
        if (const auto arrival = parse_line(line))
            all.push_back(*arrival);
        else if (++bad <= kMostComplaints)
            complaints += fmt::format("\n  line {}: {}", number, arrival.error().message);
    }
    if (bad > 0)
        return failure(Fault::Invalid, fmt::format("{} bad line(s){}{}", bad, complaints,
                                                   bad > kMostComplaints ? "\n  ..." : ""));
    if (all.empty()) return failure(Fault::Invalid, "there is no connection in it");
    std::ranges::stable_sort(all, {}, &Arrival::begin);
    const Moment first = all.front().begin;
    for (Arrival& each : all) {
        each.begin -= first;
        each.end -= first;
    }
    return all;
}

Arrivals recorded(const std::vector<Arrival>& all) {
    return [&all, next = std::size_t{0}]() mutable -> std::optional<Arrival> {
        if (next == all.size()) return std::nullopt;
        return all[next++];
    };
}

}  // namespace isobar::scheduling
