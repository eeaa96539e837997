// SPDX-License-Identifier: Apache-2.0
// The files of one import, and what is wrong with them or not honoured of them, each with its
// place.
#pragma once

#include <compare>
#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostic.h"
#include "config/source.h"

namespace isobar::importer {

struct Place {
    std::size_t file = 0;  // as add_file() numbered it
    unsigned line = 0;     // from 1; 0: the file as a whole
    unsigned column = 1;
    auto operator<=>(const Place&) const = default;
};

class Findings {
public:
    // Nothing, and an error, if it is not a text file of a size that one can be.
    std::optional<std::size_t> add_file(const std::string& name, std::string text);
    [[nodiscard]] std::string_view text(std::size_t file) const;
    [[nodiscard]] const std::string& file_name(std::size_t file) const;

    void error(const Place& at, const std::string& message, const std::string& hint = {});
    void note(const Place& at, const std::string& message, const std::string& hint = {});

    [[nodiscard]] bool clean() const { return errors_.empty(); }
    // More would not help anybody: a reader of garbage stops here.
    [[nodiscard]] bool enough() const { return errors_.size() >= kMostErrors; }

    // Few enough that each may have a hint that takes time to find.
    [[nodiscard]] bool few() const { return errors_.size() + notes_.size() < kMostErrors; }

    // In the order of the files.
    [[nodiscard]] std::vector<config::Diagnostic> errors() const { return in_order(errors_); }
    [[nodiscard]] std::vector<config::Diagnostic> notes() const { return in_order(notes_); }

private:
    static constexpr std::size_t kMostErrors = 100;
    static constexpr std::size_t kMostNotes = 20000;

    struct File {
        File(const std::string& its_name, std::string its_text);
        std::string name;
        std::string text;
        config::Source source;  // of `text`: a File stays where it is
    };
    struct Finding {
        Place at;
        config::Diagnostic diagnostic;
    };

    [[nodiscard]] Finding finding(const Place& at, const std::string& message,
                                  const std::string& hint) const;
    [[nodiscard]] static std::vector<config::Diagnostic> in_order(std::vector<Finding> findings);

    std::deque<File> files_;
    std::vector<Finding> errors_;
    std::vector<Finding> notes_;
};

}  // namespace isobar::importer
