// SPDX-License-Identifier: Apache-2.0
#include "health/matcher.h"

#include <regex.h>

#include <algorithm>
#include <array>
#include <utility>

namespace isobar::health {

struct Regex::Compiled {
    Compiled() = default;
    Compiled(const Compiled&) = delete;
    Compiled& operator=(const Compiled&) = delete;
    ~Compiled() {
        if (good) ::regfree(&regex);
    }
    regex_t regex{};
    bool good = false;
};

Result<Regex> Regex::make(const std::string& text) {
    auto compiled = std::make_shared<Compiled>();
    const int code = ::regcomp(&compiled->regex, text.c_str(), REG_EXTENDED | REG_NOSUB);
    if (code != 0) {
        std::array<char, 128> why{};
        ::regerror(code, &compiled->regex, why.data(), why.size());
        return failure(Fault::Invalid, "regular expression '" + text + "': " + why.data());
    }
    compiled->good = true;
    return Regex(std::move(compiled));
}

bool Regex::found_in(std::string_view bytes) const {
    // With REG_STARTEND the length is told, and a NUL is not the end.
    regmatch_t whole{};
    whole.rm_so = 0;
    whole.rm_eo = static_cast<regoff_t>(bytes.size());
    // A copy, which ends in a NUL: sanitizers do not know of REG_STARTEND, and look for one.
    const std::string text(bytes);
    return ::regexec(&compiled_->regex, text.c_str(), 1, &whole, REG_STARTEND) == 0;
}

Result<Matcher> Matcher::make(const model::Expectation& expectation) {
    Matcher matcher;
    if (expectation.match == model::Expectation::Match::Regex) {
        auto regex = Regex::make(expectation.text);
        if (!regex) return tl::unexpected(regex.error());
        matcher.regex_ = std::make_shared<const Regex>(*std::move(regex));
    } else {
        matcher.prefix_ = expectation.text;
    }
    return matcher;
}

Matcher::Verdict Matcher::look(std::string_view so_far) const {
    if (regex_) return regex_->found_in(so_far) ? Verdict::Yes : Verdict::More;
    if (prefix_ == "*") return so_far.empty() ? Verdict::More : Verdict::Yes;
    const std::size_t common = std::min(prefix_.size(), so_far.size());
    if (so_far.substr(0, common) != std::string_view(prefix_).substr(0, common)) return Verdict::No;
    return common == prefix_.size() ? Verdict::Yes : Verdict::More;
}

}  // namespace isobar::health
