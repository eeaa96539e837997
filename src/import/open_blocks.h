// SPDX-License-Identifier: Apache-2.0
// The blocks of a file that are open while it is read, the outermost first.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "import/findings.h"
#include "import/node.h"

namespace isobar::importer {

class OpenBlocks {
public:
    OpenBlocks(Findings& findings, std::size_t deepest) : findings_(findings), deepest_(deepest) {}

    // What stands in the innermost one so far.
    [[nodiscard]] std::vector<Node>& siblings() { return open_.back().children; }
    void add(Node node) { siblings().push_back(std::move(node)); }

    // `at`: where a complaint points.
    void open(Node block, const Place& at);
    void close(const Place& brace);
    // The file is at its end.
    std::vector<Node> end() &&;

private:
    void fold();

    Findings& findings_;
    std::size_t deepest_;
    std::vector<Node> open_{Node{}};  // the first is the file
};

}  // namespace isobar::importer
