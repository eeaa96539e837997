// SPDX-License-Identifier: Apache-2.0
// One thing that is wrong with a configuration file, with all that its author needs to
// find and mend it.
#pragma once

#include <cstdint>
#include <string>

namespace isobar::config {

// A note says what a file means, or what of it is not done; with it the file is still good.
enum class Severity : std::uint8_t { Error, Note };

struct Diagnostic {
    std::string file;
    unsigned line = 0;    // from 1; 0: the file as a whole
    unsigned column = 0;  // from 1, in characters
    std::string message;
    std::string hint;         // may be empty
    std::string source_line;  // printable; of a long line the part around the column
    unsigned caret = 0;       // where in source_line the column is, from 1
    Severity severity = Severity::Error;

    // file:line:column: error: message
    //     source line
    //       ^
    //   hint: ...
    // No line end after the last line.
    [[nodiscard]] std::string text() const;

    bool operator==(const Diagnostic&) const = default;
};

}  // namespace isobar::config
