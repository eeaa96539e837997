// SPDX-License-Identifier: Apache-2.0
// A parsed TOML file as plain values that know where they stand. The parser itself is an
// affair of document.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <tl/expected.hpp>

#include "config/diagnostic.h"
#include "config/source.h"

namespace isobar::config {

struct Value;
struct Entry;
using List = std::vector<Value>;
using Table = std::vector<Entry>;  // in the order of the file
// No key of ours takes them.
struct Fraction {};
struct DateOrTime {};

struct Value {
    Position at;
    std::variant<DateOrTime, Fraction, bool, std::int64_t, std::string, List, Table> data;

    template <typename T>
    [[nodiscard]] const T* as() const {
        return std::get_if<T>(&data);
    }
    // For messages: "a number", "text", "a table".
    [[nodiscard]] std::string_view type() const;
};

struct Entry {
    std::string key;
    Position at;
    Value value;
};

// The tables at the top of the file, or its (first) syntax error. `source` must have no
// refusal().
tl::expected<Value, Diagnostic> parse_document(const Source& source);

}  // namespace isobar::config
