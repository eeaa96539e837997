// SPDX-License-Identifier: Apache-2.0
#include "import/line_words.h"

#include <algorithm>

#include "base/printable.h"
#include "import/values.h"

namespace isobar::importer {
namespace {

bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

class Line {
public:
    Line(std::string_view line, Place at, const WordSyntax& syntax, Findings& findings)
        : line_(line), at_(at), syntax_(syntax), findings_(findings) {}

    std::optional<std::vector<Word>> words() {
        std::vector<Word> words;
        for (;;) {
            while (next_ < line_.size() && is_blank(line_[next_])) advance();
            if (next_ == line_.size() || is_comment(line_[next_])) return words;
            auto word = read_word();
            if (!word) return std::nullopt;
            words.push_back(std::move(*word));
        }
    }

private:
    // Columns are characters, not bytes.
    void advance() {
        if ((static_cast<unsigned char>(line_[next_]) & 0xc0U) != 0x80U) ++at_.column;
        ++next_;
    }
    [[nodiscard]] bool is_single(char c) const {
        return syntax_.single.find(c) != std::string_view::npos;
    }

    [[nodiscard]] bool is_comment(char c) const {
        return syntax_.comments.find(c) != std::string_view::npos;
    }
    [[nodiscard]] bool ends_word(char c) const {
        return is_blank(c) || is_single(c) || (syntax_.comment_in_word && is_comment(c));
    }
    // At a backslash.
    void read_escape(Word& word) {
        advance();
        std::size_t length = 1;
        const auto rest = line_.substr(next_);
        if (const auto meant = syntax_.escape(rest, length)) {
            word.text += *meant;
        } else {
            word.text += '\\';
            word.text += rest.substr(0, length);
        }
        for (; length > 0 && next_ < line_.size(); --length) advance();
    }

    std::optional<Word> read_word() {
        Word word{{}, at_, false};
        if (is_single(line_[next_])) {
            word.text = line_[next_];
            advance();
            return word;
        }
        while (next_ < line_.size() && !ends_word(line_[next_])) {
            if (syntax_.quotes.find(line_[next_]) != std::string_view::npos) {
                if (!read_quoted(word)) return std::nullopt;
            } else if (line_[next_] == '\\' && syntax_.escape_everywhere &&
                       next_ + 1 < line_.size()) {
                read_escape(word);
            } else {
                word.text += line_[next_];
                advance();
            }
        }
        if (is_utf8(word.text)) return word;
        findings_.error(word.at, "these bytes are not UTF-8", "save the file as UTF-8");
        return std::nullopt;
    }

    bool read_quoted(Word& word) {
        const Place opened = at_;
        const char quote = line_[next_];
        word.quoted = true;
        advance();
        while (next_ < line_.size()) {
            if (line_[next_] == quote) {
                advance();
                return true;
            }
            if (line_[next_] == '\\' && syntax_.escape && next_ + 1 < line_.size()) {
                read_escape(word);
                continue;
            }
            word.text += line_[next_];
            advance();
        }
        findings_.error(opened, "this quote is not closed", "text ends on the line it begins on");
        return false;
    }

    std::string_view line_;
    Place at_;
    const WordSyntax& syntax_;
    Findings& findings_;
    std::size_t next_ = 0;
};

}  // namespace

std::optional<std::vector<Word>> line_words(std::string_view line, Place at,
                                            const WordSyntax& syntax, Findings& findings) {
    return Line(line, at, syntax, findings).words();
}

void for_each_line(std::size_t file, Findings& findings,
                   const std::function<void(std::string_view line, Place at)>& each) {
    std::string_view rest = findings.text(file);
    for (unsigned number = 1; !rest.empty() && !findings.enough(); ++number) {
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        std::string_view line = rest.substr(0, end);
        if (line.ends_with('\r')) line.remove_suffix(1);
        each(line, {file, number, 1});
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
}

}  // namespace isobar::importer
