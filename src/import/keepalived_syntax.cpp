// SPDX-License-Identifier: Apache-2.0
#include "import/keepalived_syntax.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "import/keepalived_lines.h"
#include "import/line_words.h"
#include "import/open_blocks.h"

namespace isobar::importer {
namespace {

constexpr std::size_t kDeepestBlock = 16;

// "\x41", "\101", "\cA", "\n": as in a shell's $'...'.
std::optional<std::string> escape(std::string_view rest, std::size_t& length) {
    constexpr std::string_view kLetters = "abEfnrtv";
    constexpr std::string_view kMeant = "\a\b\x1b\f\n\r\t\v";
    const char c = rest.front();
    const std::size_t letter = kLetters.find(c);
    if (letter != std::string_view::npos) return std::string(1, kMeant[letter]);
    const bool hex = c == 'x';
    const std::string_view digits = hex ? "0123456789abcdefABCDEF" : "01234567";
    const std::size_t start = hex ? 1 : 0;
    const std::size_t end = std::min(rest.find_first_not_of(digits, start), rest.size());
    const std::size_t used = std::min<std::size_t>(end - start, hex ? 2 : 3);
    if (used > 0) {
        length = start + used;
        const auto value = std::stoul(std::string(rest.substr(start, used)), nullptr, hex ? 16 : 8);
        return std::string(1, static_cast<char>(value & 0xffU));
    }
    if (c == 'c' && rest.size() > 1) {
        length = 2;
        return std::string(1, static_cast<char>(rest[1] & 0x1f));
    }
    return std::string(1, c);
}

class Tree {
public:
    explicit Tree(Findings& findings) : findings_(findings) {}

    void line(const ExpandedLine& line) {
        auto words = line_words(line.text, line.at, syntax_, findings_);
        if (!words) return;
        Node node;
        for (Word& word : *words) {
            if (line.replaced) word.at = line.at;
            if (is(word, "{")) {
                open(std::move(node), word);
                node = {};
            } else if (is(word, "}")) {
                add(std::move(node));
                node = {};
                blocks_.close(word.at);
            } else if (node.key.text.empty() && !node.key.quoted) {
                node.key = std::move(word);
            } else {
                node.values.push_back(std::move(word));
            }
        }
        add(std::move(node));
    }

    std::vector<Node> nodes() && { return std::move(blocks_).end(); }

private:
    static bool is(const Word& word, std::string_view text) {
        return !word.quoted && word.text == text;
    }
    void add(Node node) {
        if (node.key.at.line != 0) blocks_.add(std::move(node));
    }
    // A '{' on a line of its own belongs to what stands before.
    void open(Node node, const Word& brace) {
        auto& siblings = blocks_.siblings();
        if (node.key.at.line == 0 && !siblings.empty() && !siblings.back().block) {
            node = std::move(siblings.back());
            siblings.pop_back();
        }
        if (node.key.at.line == 0) {
            findings_.error(brace.at, "a block without a keyword");
            node.key.at = brace.at;
        }
        node.block = true;
        blocks_.open(std::move(node), brace.at);
    }

    Findings& findings_;
    const WordSyntax syntax_{.single = "{}",
                             .comments = "#!",
                             .comment_in_word = true,
                             .escape = escape,
                             .escape_everywhere = true};
    OpenBlocks blocks_{findings_, kDeepestBlock};
};

}  // namespace

std::vector<Node> parse_keepalived(std::size_t file, Findings& findings,
                                   const Surroundings& surroundings) {
    Tree tree(findings);
    for_each_expanded_line(file, findings, surroundings,
                           [&](const ExpandedLine& line) { tree.line(line); });
    return std::move(tree).nodes();
}

}  // namespace isobar::importer
