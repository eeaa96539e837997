// SPDX-License-Identifier: Apache-2.0
// Words of a file as values that isobar.toml can have. What is none is an error with its place.
#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "import/findings.h"
#include "import/import.h"
#include "import/node.h"

namespace isobar::importer {

class Values {
public:
    Values(Findings& findings, const Surroundings& surroundings)
        : findings_(findings), surroundings_(surroundings) {}

    // Of a host: an address, or a name that the surroundings know.
    std::optional<model::Address> host(const Word& word);
    // A number or a name of /etc/services. 0 is a port, too.
    std::optional<model::Port> port(const Word& word, model::Protocol protocol);
    std::optional<std::uint32_t> number(const Word& word, std::uint32_t least, std::uint32_t most);
    // Seconds, maybe with a fraction, as milliseconds.
    std::optional<std::chrono::milliseconds> time(const Word& word, double least, double most);
    std::optional<std::chrono::seconds> seconds(const Word& word, std::uint32_t least,
                                                std::uint32_t most);
    std::optional<model::Scheduler> scheduler(const Word& word);
    // "255.255.255.0" or a length: the length.
    std::optional<unsigned> mask(const Word& word);
    std::optional<std::uint32_t> mark(const Word& word);
    // The index of the word among `known`.
    std::optional<std::size_t> one_of(const Word& word,
                                      std::initializer_list<std::string_view> known);

private:
    Findings& findings_;
    const Surroundings& surroundings_;
};

// `host:port`, `[address]:port`, or a host alone, as two words.
std::pair<Word, std::optional<Word>> host_and_port(const Word& word);
// What to call a service that has no name: "10.0.0.2-80", "10.0.0.2-53-udp".
std::string service_name(const model::ServiceKey& key);

inline constexpr std::uint32_t kMostSeconds = 31 * 86400;  // that connections can be kept
bool is_utf8(std::string_view text);
// Words between blanks; quotes of either kind keep words together. No shell.
std::vector<std::string> arguments(std::string_view command);
// What of a command only a shell would understand; empty: nothing.
std::string shell_signs(std::string_view command);
std::string lower_case(std::string_view text);

}  // namespace isobar::importer
