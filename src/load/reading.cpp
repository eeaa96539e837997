// SPDX-License-Identifier: Apache-2.0
#include "load/reading.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <system_error>

#include "base/printable.h"
#include "base/text.h"

namespace isobar::load {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";
constexpr std::size_t kMostWhy = 80;

std::string_view without_blanks(std::string_view text) {
    const auto first = text.find_first_not_of(kBlanks);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::optional<double> in_bounds(double number, double most) {
    if (!std::isfinite(number) || number < 0 || number > most) return std::nullopt;
    return number;
}

// The whole text, in decimal.
std::optional<double> number_in(std::string_view text, double most) {
    double number = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number, std::chars_format::fixed);
    if (error != std::errc{} || stop != end) return std::nullopt;
    return in_bounds(number, most);
}

bool is_digit(char letter) {
    return letter >= '0' && letter <= '9';
}

// "0.52" of "0.52, 0.58" and, where commas are written for points, "0,52" of "0,52, 0,58".
std::string first_number(std::string_view text) {
    std::string number;
    for (std::size_t i = 0; i < text.size() && number.size() < 16; ++i) {
        const bool more = i + 1 < text.size() && is_digit(text[i + 1]);
        if (is_digit(text[i])) {
            number += text[i];
        } else if ((text[i] == '.' || text[i] == ',') && more && !number.empty() &&
                   number.find('.') == std::string::npos) {
            number += '.';
        } else {
            break;
        }
    }
    return number;
}

const nlohmann::json* member(const nlohmann::json& of, std::string_view name) {
    if (of.is_object()) {
        const auto found = of.find(std::string(name));
        return found == of.end() ? nullptr : &*found;
    }
    const auto index = parse_unsigned<std::size_t>(name);
    if (!of.is_array() || !index || *index >= of.size()) return nullptr;
    return &of[*index];
}

// One word of an agent. False: it is not known.
bool use_word(std::string_view word, AgentAnswer& answer) {
    using Duty = AgentAnswer::Duty;
    using Fitness = AgentAnswer::Fitness;
    if (word.ends_with('%')) {
        const auto percent = number_in(word.substr(0, word.size() - 1), kMostPercent);
        if (percent) answer.percent = percent;
        return percent.has_value();
    }
    if (word == "ready") {
        answer.duty = Duty::Ready;
    } else if (word == "drain") {
        answer.duty = Duty::Drain;
    } else if (word == "maint") {
        answer.duty = Duty::Maintenance;
    } else if (word == "up") {
        answer.fitness = Fitness::Up;
    } else if (word == "down" || word == "stopped" || word == "fail" || word == "failed") {
        answer.fitness = Fitness::Down;
    } else {
        return word.starts_with("maxconn:");  // known, and nothing here follows from it
    }
    return true;
}

}  // namespace

std::optional<double> parse_load(std::string_view text) {
    return number_in(without_blanks(text), kMostLoad);
}

std::optional<double> parse_number(std::string_view text) {
    return number_in(text, 1e15);
}

std::optional<double> parse_load_average(std::string_view text) {
    const auto at = text.rfind("load");
    if (at == std::string_view::npos) return std::nullopt;
    text.remove_prefix(at + 4);
    for (const std::string_view word : {" averages", " average"}) {
        if (!text.starts_with(word)) continue;
        text.remove_prefix(word.size());
        break;
    }
    if (text.starts_with(':')) text.remove_prefix(1);
    const auto begin = text.find_first_not_of(" \t");
    if (begin == std::string_view::npos || begin == 0) return std::nullopt;
    return number_in(first_number(text.substr(begin)), kMostLoad);
}

std::optional<double> parse_json_field(std::string_view json, std::string_view path) {
    const auto document = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
    const nlohmann::json* found = &document;  // what is no JSON is a value of no type
    for (const std::string_view name : split(path, '.')) {
        found = member(*found, name);
        if (found == nullptr) return std::nullopt;
    }
    if (found->is_number()) return in_bounds(found->get<double>(), kMostLoad);
    if (found->is_string()) return parse_load(found->get_ref<const std::string&>());
    return std::nullopt;
}

AgentAnswer after(const AgentAnswer& before, const AgentAnswer& answer) {
    AgentAnswer now = before;
    if (answer.duty != AgentAnswer::Duty::Same) now.duty = answer.duty;
    if (answer.fitness != AgentAnswer::Fitness::Same) {
        now.fitness = answer.fitness;
        now.why = answer.why;
    }
    if (answer.percent) now.percent = answer.percent;
    return now;
}

std::optional<AgentAnswer> parse_agent_answer(std::string_view text) {
    AgentAnswer answer;
    text = text.substr(0, text.find_first_of("\r\n"));
    const auto comment = text.find('#');
    if (comment != std::string_view::npos) {
        answer.why = printable(without_blanks(text.substr(comment + 1)).substr(0, kMostWhy));
        text = text.substr(0, comment);
    }
    bool known = false;
    while (!text.empty()) {
        const auto end = std::min(text.find_first_of(" \t,"), text.size());
        if (end > 0) known = use_word(text.substr(0, end), answer) || known;
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    if (!known) return std::nullopt;
    return answer;
}

}  // namespace isobar::load
