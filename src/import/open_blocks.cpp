// SPDX-License-Identifier: Apache-2.0
#include "import/open_blocks.h"

#include <fmt/format.h>

#include "base/printable.h"

namespace isobar::importer {

void OpenBlocks::open(Node block, const Place& at) {
    if (open_.size() > deepest_) return findings_.error(at, "blocks are nested too deeply");
    open_.push_back(std::move(block));
}

void OpenBlocks::close(const Place& brace) {
    if (open_.size() > 1) return fold();
    findings_.error(brace, "a '}' without a '{'");
}

std::vector<Node> OpenBlocks::end() && {
    if (open_.size() > 1) {
        const Node& node = open_.back();
        findings_.error(node.key.at,
                        fmt::format("the block '{}' is not closed", printable(node.words())),
                        "is a '}' missing?");
    }
    while (open_.size() > 1) fold();
    return std::move(open_.front().children);
}

void OpenBlocks::fold() {
    Node done = std::move(open_.back());
    open_.pop_back();
    add(std::move(done));
}

}  // namespace isobar::importer
