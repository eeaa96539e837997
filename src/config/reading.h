// SPDX-License-Identifier: Apache-2.0
// One pass over one file: collects what is wrong with it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "config/describe.h"
#include "config/diagnostic.h"
#include "config/document.h"
#include "config/source.h"

namespace isobar::config {

class Reading {
public:
    explicit Reading(const Source& source) : source_(source) {}

    // The key whose value is being read: errors begin with its name.
    class Key {
    public:
        Key(Reading& reading, std::string_view name) : reading_(reading), outer_(reading.key_) {
            reading.key_ = name;
        }
        Key(const Key&) = delete;
        Key& operator=(const Key&) = delete;
        ~Key() { reading_.key_ = outer_; }

    private:
        Reading& reading_;
        std::string_view outer_;
    };

    void error(Position at, const std::string& message, std::string hint = {});
    // "expected a number, found text".
    void wrong_type(const Value& value, std::string_view expected, std::string hint = {});

    // Which of `fields` each entry of `table` is. Unknown, later and missing keys are errors
    // and have no match. `title` names the table for people: "[director]".
    struct Match {
        const Value* value;
        std::size_t field;
    };
    std::vector<Match> match(const Table& table, Position at, std::string_view title,
                             const std::vector<const FieldDoc*>& fields);

    [[nodiscard]] bool clean() const { return errors_.empty(); }
    // In the order of the file.
    [[nodiscard]] std::vector<Diagnostic> errors() &&;

private:
    const Source& source_;
    std::string_view key_;
    std::vector<Diagnostic> errors_;
};

}  // namespace isobar::config
