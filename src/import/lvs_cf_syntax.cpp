// SPDX-License-Identifier: Apache-2.0
#include "import/lvs_cf_syntax.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/printable.h"
#include "import/line_words.h"
#include "import/open_blocks.h"

namespace isobar::importer {
namespace {

// virtual, then server: no block is deeper.
constexpr std::size_t kDeepest = 4;

std::optional<std::string> escape(std::string_view rest, std::size_t&) {
    switch (const char c = rest.front()) {
        case 'n':
            return "\n";
        case 'r':
            return "\r";
        case 't':
            return "\t";
        case '\\':
        case '\'':
        case '"':
            return std::string(1, c);
        default:
            return std::nullopt;
    }
}

class Parser {
public:
    explicit Parser(Findings& findings) : findings_(findings) {}

    void line(std::string_view text, Place at) {
        auto words = line_words(text, at, syntax_, findings_);
        if (!words || words->empty()) return;
        if (in_list_) return end_list(*words);
        const bool bare = !words->front().quoted;
        if (bare && words->front().text == "}") return close(*words);
        add(std::move(*words));
    }

    std::vector<Node> nodes() && { return std::move(blocks_).end(); }

private:
    void end_list(const std::vector<Word>& words) { in_list_ = words.back().text != "]"; }

    void close(const std::vector<Word>& words) {
        if (words.size() > 1) findings_.error(words[1].at, "more text after '}'");
        blocks_.close(words.front().at);
    }

    void add(std::vector<Word> words) {
        Node node;
        const bool block = !words.back().quoted && words.back().text == "{";
        if (block) words.pop_back();
        if (words.empty()) return findings_.error(node.key.at, "a block without a name");
        node.key = words.front();
        node.block = block;
        const bool equals = words.size() > 1 && !words[1].quoted && words[1].text == "=";
        node.values.assign(words.begin() + (equals ? 2 : 1), words.end());
        if (!block) return add_line(std::move(node), equals);
        const Place at = node.key.at;
        blocks_.open(std::move(node), at);
    }

    void add_line(Node node, bool equals) {
        if (!equals) {
            return findings_.error(
                node.key.at,
                fmt::format("'{}' is neither 'key = value' nor a block", printable(node.key.text)),
                "a block's '{' stands on its line");
        }
        const auto& values = node.values;
        in_list_ = !values.empty() && values.front().text == "[" && values.back().text != "]";
        blocks_.add(std::move(node));
    }

    Findings& findings_;
    const WordSyntax syntax_{.single = "={}[]", .escape = escape};
    OpenBlocks blocks_{findings_, kDeepest};
    bool in_list_ = false;
};

}  // namespace

std::vector<Node> parse_lvs_cf(std::size_t file, Findings& findings) {
    Parser parser(findings);
    for_each_line(file, findings, [&](std::string_view line, Place at) { parser.line(line, at); });
    return std::move(parser).nodes();
}

}  // namespace isobar::importer
