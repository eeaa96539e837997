// SPDX-License-Identifier: Apache-2.0
#include "health/smtp_reply.h"

#include <algorithm>

#include "base/text.h"

namespace isobar::health {

SmtpReply::Verdict SmtpReply::feed(std::string_view& bytes) {
    while (!bytes.empty()) {
        const std::size_t end = bytes.find('\n');
        const bool whole = end != std::string_view::npos;
        const std::string_view part = bytes.substr(0, whole ? end : bytes.size());
        if (part.size() > kMostLine - line_.size()) return Verdict::Broken;
        line_.append(part);
        bytes.remove_prefix(whole ? end + 1 : bytes.size());
        if (!whole) return Verdict::More;
        const Verdict verdict = use_line();
        line_.clear();
        if (verdict != Verdict::More) return verdict;
    }
    return Verdict::More;
}

// "250-first", "250 last", "250"
SmtpReply::Verdict SmtpReply::use_line() {
    std::string_view line = line_;
    if (line.ends_with('\r')) line.remove_suffix(1);
    const auto code = parse_unsigned<unsigned>(line.substr(0, 3));
    const bool formed = line.size() >= 3 && code && *code >= 200 && *code <= 599 &&
                        (line.size() == 3 || line[3] == ' ' || line[3] == '-');
    if (!formed || (lines_ > 0 && *code != code_) || lines_ == kMostLines) return Verdict::Broken;
    ++lines_;
    code_ = *code;
    text_ = line.substr(std::min<std::size_t>(line.size(), 4));
    return line.size() > 3 && line[3] == '-' ? Verdict::More : Verdict::Complete;
}

}  // namespace isobar::health
