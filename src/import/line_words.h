// SPDX-License-Identifier: Apache-2.0
// A line as words, for the formats whose lines are their syntax.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "import/findings.h"
#include "import/node.h"

namespace isobar::importer {

struct WordSyntax {
    std::string_view quotes = "\"'";
    std::string_view single;  // characters that are words of their own: "=" or "{}"
    std::string_view comments = "#";
    bool comment_in_word = false;  // a comment may begin within a word, too
    // What follows a backslash (at the front of `rest`) and how long it is; nothing: both
    // characters stay.
    std::function<std::optional<std::string>(std::string_view rest, std::size_t& length)> escape;
    bool escape_everywhere = false;  // not in quotes only
};

// Words between blanks, without their quotes; a comment ends the line. An open
// quote or a byte that is not UTF-8 is an error, and then there is nothing.
std::optional<std::vector<Word>> line_words(std::string_view line, Place at,
                                            const WordSyntax& syntax, Findings& findings);

// Calls `each` with every line, without its end (LF or CR LF), until there are enough errors.
void for_each_line(std::size_t file, Findings& findings,
                   const std::function<void(std::string_view line, Place at)>& each);

}  // namespace isobar::importer
