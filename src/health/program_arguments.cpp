// SPDX-License-Identifier: Apache-2.0
#include "health/program_arguments.h"

#include <fmt/format.h>

#include <cctype>
#include <cstddef>

namespace isobar::health {
namespace {

bool in_word(char letter) {
    return std::isalnum(static_cast<unsigned char>(letter)) != 0 || letter == '_';
}

bool is_word(const std::string& text, std::size_t at) {
    const bool begins = at == 0 || (!in_word(text[at - 1]) && text[at - 1] != '%');
    return begins && (at + 2 == text.size() || !in_word(text[at + 2]));
}

std::string filled_in(const std::string& argument, const model::Endpoint& server) {
    std::string filled;
    for (std::size_t at = 0; at < argument.size(); ++at) {
        const char which = at + 1 < argument.size() ? argument[at + 1] : '\0';
        if (argument[at] != '%' || (which != 'h' && which != 'p') || !is_word(argument, at)) {
            filled.push_back(argument[at]);
            continue;
        }
        filled += which == 'h' ? server.address.text() : fmt::format("{}", server.port);
        ++at;
    }
    return filled;
}

}  // namespace

std::vector<std::string> fill_in(const std::vector<std::string>& command,
                                 const model::Endpoint& server) {
    std::vector<std::string> filled;
    filled.reserve(command.size());
    for (const std::string& argument : command) filled.push_back(filled_in(argument, server));
    return filled;
}

}  // namespace isobar::health
