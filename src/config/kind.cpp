// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>
#include <charconv>
#include <system_error>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/duration.h"
#include "base/printable.h"
#include "config/field.h"
#include "config/suggest.h"

namespace isobar::config {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::size_t kLongestArgument = 4096;

// A number that was put in quotes.
bool is_digits(const Value& value) {
    const auto* text = value.as<std::string>();
    return text != nullptr && !text->empty() && text->size() <= 20 &&
           text->find_first_not_of("0123456789") == std::string::npos;
}

std::optional<std::uint32_t> read_number(const Value& value, std::uint32_t smallest,
                                         std::uint32_t largest, Reading& reading) {
    const auto* number = value.as<std::int64_t>();
    if (number == nullptr) {
        const bool quoted = is_digits(value);
        reading.wrong_type(value, "a number",
                           quoted ? "write it without quotes: " + *value.as<std::string>() : "");
        return std::nullopt;
    }
    if (*number < smallest || *number > largest) {
        reading.error(value.at,
                      fmt::format("{} is not within {} to {}", *number, smallest, largest));
        return std::nullopt;
    }
    return static_cast<std::uint32_t>(*number);
}

std::uint32_t nearest_power_of_two(std::int64_t number, std::uint32_t smallest,
                                   std::uint32_t largest) {
    if (number <= smallest) return smallest;
    if (number >= largest) return largest;
    const auto below = std::int64_t{std::bit_floor(static_cast<std::uint32_t>(number))};
    return static_cast<std::uint32_t>(number - below <= 2 * below - number ? below : 2 * below);
}

// `smallest_unit`: how fine it may be.
std::optional<milliseconds> read_duration(const Value& value, milliseconds smallest_unit,
                                          std::string_view units, Reading& reading) {
    const auto* text = value.as<std::string>();
    if (text == nullptr) {
        const auto* bare = value.as<std::int64_t>();
        reading.wrong_type(value, "a duration",
                           fmt::format("write \"{}s\", with {} as unit",
                                       bare != nullptr && *bare > 0 ? *bare : 300, units));
        return std::nullopt;
    }
    const auto time = parse_duration(*text);
    if (time && *time % smallest_unit == milliseconds(0)) return time;
    reading.error(value.at, fmt::format("'{}' is not a duration", printable(*text)),
                  fmt::format("a whole number and {}, as in \"300s\", \"5m\", \"2h\"", units));
    return std::nullopt;
}

template <typename D>
Kind<D> duration_in(D smallest, D largest, const std::string& units) {
    Kind<D> kind{"duration", units, {}, {}, {}, {}};
    kind.range = fmt::format("{} to {}", short_duration(smallest), short_duration(largest));
    kind.read = [smallest, largest, units, range = kind.range](
                    const Value& value, Reading& reading) -> std::optional<D> {
        const auto time = read_duration(value, D(1), units, reading);
        if (!time) return std::nullopt;
        if (*time >= smallest && *time <= largest) return std::chrono::duration_cast<D>(*time);
        reading.error(value.at, fmt::format("{} is not within {}", short_duration(*time), range));
        return std::nullopt;
    };
    return kind;
}

}  // namespace

Kind<bool> boolean() {
    Kind<bool> kind{"true or false", "", "", {}, {}, {}};
    kind.read = [](const Value& value, Reading& reading) -> std::optional<bool> {
        if (const auto* flag = value.as<bool>()) return *flag;
        reading.wrong_type(value, "true or false");
        return std::nullopt;
    };
    kind.show = [](bool value) { return std::string(value ? "true" : "false"); };
    return kind;
}

Kind<std::uint32_t> number(std::uint32_t smallest, std::uint32_t largest, std::string unit) {
    Kind<std::uint32_t> kind{"number", std::move(unit), {}, {}, {}, {}};
    kind.range = fmt::format("{} to {}", smallest, largest);
    kind.read = [smallest, largest](const Value& value, Reading& reading) {
        return read_number(value, smallest, largest, reading);
    };
    kind.show = [](std::uint32_t value) { return std::to_string(value); };
    return kind;
}

Kind<std::uint32_t> power_of_two(std::uint32_t smallest, std::uint32_t largest, std::string unit) {
    auto kind = number(smallest, largest, std::move(unit));
    kind.range += ", a power of two";
    kind.read = [smallest, largest](const Value& value,
                                    Reading& reading) -> std::optional<std::uint32_t> {
        const auto* any = value.as<std::int64_t>();
        if (any == nullptr) return read_number(value, smallest, largest, reading);
        const std::uint32_t nearest = nearest_power_of_two(*any, smallest, largest);
        if (*any == nearest) return nearest;
        reading.error(
            value.at,
            fmt::format("{} is not a power of two within {} to {}", *any, smallest, largest),
            fmt::format("the nearest is {}", nearest));
        return std::nullopt;
    };
    return kind;
}

Kind<seconds> duration(seconds smallest, seconds largest) {
    auto kind = duration_in(smallest, largest, "s, m, h or d");
    kind.show = [](seconds value) { return fmt::format("\"{}s\"", value.count()); };
    return kind;
}

Kind<milliseconds> fine_duration(milliseconds smallest, milliseconds largest) {
    auto kind = duration_in(smallest, largest, "ms, s, m, h or d");
    kind.show = [](milliseconds value) { return '"' + short_duration(value) + '"'; };
    return kind;
}

Kind<std::string> text(std::string what, std::size_t longest) {
    Kind<std::string> kind{"text", "", {}, {}, {}, {}};
    kind.range = fmt::format("{}, at most {} bytes", what, longest);
    kind.read = [what, longest](const Value& value,
                                Reading& reading) -> std::optional<std::string> {
        const auto* text = value.as<std::string>();
        if (text == nullptr) {
            reading.wrong_type(value, "text", what);
            return std::nullopt;
        }
        if (text->size() <= longest) return *text;
        reading.error(value.at,
                      fmt::format("{} bytes are too long, at most {}", text->size(), longest));
        return std::nullopt;
    };
    kind.show = [](const std::string& value) { return '"' + printable(value) + '"'; };
    return kind;
}

Kind<std::string> one_line(std::string what) {
    auto kind = text(std::move(what), 1024);
    kind.read = [read = kind.read](const Value& value,
                                   Reading& reading) -> std::optional<std::string> {
        auto got = read(value, reading);
        if (!got) return got;
        const bool plain = std::ranges::none_of(
            *got, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; });
        if (plain) return got;
        reading.error(value.at, fmt::format("'{}' has control characters", printable(*got)));
        return std::nullopt;
    };
    return kind;
}

std::optional<std::size_t> read_word(const Value& value, const Words& words, Reading& reading) {
    const auto* text = value.as<std::string>();
    if (text == nullptr) {
        reading.wrong_type(value, "text", words_range(words));
        return std::nullopt;
    }
    const auto found = std::find(words.now.begin(), words.now.end(), *text);
    if (found != words.now.end()) return static_cast<std::size_t>(found - words.now.begin());
    const bool later =
        std::find(words.later.begin(), words.later.end(), *text) != words.later.end();
    if (later) {
        reading.error(value.at, fmt::format("'{}' comes with a later version of Isobar", *text),
                      fmt::format("for now: {}", fmt::join(words.now, ", ")));
    } else {
        reading.error(value.at, fmt::format("unknown word '{}'", printable(*text)),
                      suggestion(*text, words.now));
    }
    return std::nullopt;
}

std::string words_range(const Words& words) {
    return fmt::format("{}", fmt::join(words.now, ", "));
}

Kind<std::vector<std::string>> program() {
    auto kind = not_empty(list_of(text("the program, and its arguments", kLongestArgument)),
                          "the program's path, and its arguments");
    kind.read = [read = kind.read](const Value& value,
                                   Reading& reading) -> std::optional<std::vector<std::string>> {
        auto got = read(value, reading);
        if (!got || got->empty()) return std::nullopt;
        if (got->front().starts_with('/')) return got;
        reading.error(value.at,
                      fmt::format("'{}' is not the path of a program", printable(got->front())),
                      "begin with /; no shell looks at it");
        return std::nullopt;
    };
    return kind;
}

}  // namespace isobar::config
