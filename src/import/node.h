// SPDX-License-Identifier: Apache-2.0
// What the parsers make of a file: directives with words and, maybe, a block of others.
#pragma once

#include <string>
#include <vector>

#include "import/findings.h"

namespace isobar::importer {

struct Word {
    std::string text;
    Place at;
    bool quoted = false;
};

struct Node {
    Word key;
    std::vector<Word> values;
    std::vector<Node> children;
    bool block = false;

    // "virtual_server 10.0.0.2 80": for comments that say where something came from.
    [[nodiscard]] std::string words() const {
        std::string all = key.text;
        for (const Word& word : values) all += ' ' + word.text;
        return all;
    }
    // Where a complaint about its value points.
    [[nodiscard]] const Place& value_at() const {
        return values.empty() ? key.at : values.front().at;
    }
};

}  // namespace isobar::importer
