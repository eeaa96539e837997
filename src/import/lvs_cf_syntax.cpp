// SPDX-License-Identifier: Apache-2.0
#include "import/lvs_cf_syntax.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/printable.h"
#include "import/line_words.h"

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

    std::vector<Node> nodes() && {
        if (open_.size() > 1) {
            const Node& node = open_.back();
            findings_.error(node.key.at,
                            fmt::format("the block '{}' is not closed", printable(node.words())),
                            "is a '}' missing?");
        }
        while (open_.size() > 1) fold();
        return std::move(open_.front().children);
    }

private:
    void end_list(const std::vector<Word>& words) { in_list_ = words.back().text != "]"; }

    void close(const std::vector<Word>& words) {
        if (words.size() > 1) findings_.error(words[1].at, "more text after '}'");
        if (open_.size() > 1) return fold();
        findings_.error(words.front().at, "a '}' without a '{'");
    }
    void fold() {
        Node done = std::move(open_.back());
        open_.pop_back();
        open_.back().children.push_back(std::move(done));
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
        if (open_.size() > kDeepest) {
            return findings_.error(node.key.at, "blocks are nested too deeply");
        }
        open_.push_back(std::move(node));
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
        open_.back().children.push_back(std::move(node));
    }

    Findings& findings_;
    const WordSyntax syntax_{.single = "={}[]", .escape = escape};
    std::vector<Node> open_{Node{}};
    bool in_list_ = false;
};

}  // namespace

std::vector<Node> parse_lvs_cf(std::size_t file, Findings& findings) {
    Parser parser(findings);
    for_each_line(file, findings, [&](std::string_view line, Place at) { parser.line(line, at); });
    return std::move(parser).nodes();
}

}  // namespace isobar::importer
