// SPDX-License-Identifier: Apache-2.0
// Is an answer what was expected? Looks at bytes as they come: NUL is one like any other.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/check.h"

namespace isobar::health {

// A POSIX extended expression, compiled once. Its "." is every byte but NUL, as in POSIX.
class Regex {
public:
    static Result<Regex> make(const std::string& text);
    [[nodiscard]] bool found_in(std::string_view bytes) const;

private:
    struct Compiled;
    explicit Regex(std::shared_ptr<const Compiled> compiled) : compiled_(std::move(compiled)) {}
    std::shared_ptr<const Compiled> compiled_;  // shared by copies: it never changes
};

class Matcher {
public:
    static Result<Matcher> make(const model::Expectation& expectation);

    enum class Verdict : std::uint8_t {
        Yes,
        No,    // whatever else may come
        More,  // not yet
    };
    [[nodiscard]] Verdict look(std::string_view so_far) const;

private:
    Matcher() = default;
    std::string prefix_;
    std::shared_ptr<const Regex> regex_;
};

}  // namespace isobar::health
