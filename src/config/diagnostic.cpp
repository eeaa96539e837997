// SPDX-License-Identifier: Apache-2.0
#include "config/diagnostic.h"

#include <fmt/format.h>

#include "base/printable.h"

namespace isobar::config {

std::string Diagnostic::text() const {
    std::string text = printable(file);
    if (line > 0) text += fmt::format(":{}:{}", line, column);
    text += severity == Severity::Note ? ": note: " : ": error: ";
    text += message;
    if (!source_line.empty()) {
        const std::string indent(caret > 0 ? caret - 1 : 0, ' ');
        text += fmt::format("\n    {}\n    {}^", source_line, indent);
    }
    if (!hint.empty()) text += "\n  hint: " + hint;
    return text;
}

}  // namespace isobar::config
