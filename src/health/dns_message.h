// SPDX-License-Identifier: Apache-2.0
// A question to a name server and its answer (RFC 1035). The answer is hostile: every byte is
// bounded, and a name that is compressed points backwards only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace isobar::health {

struct DnsQuestion {
    std::uint16_t id = 0;
    std::string name;  // "example.org", with or without the last dot; ".": the root
    std::uint16_t type = 0;
};

// Nothing if the name is none: an empty label, one above 63 bytes, 255 in all.
std::optional<std::string> write_question(const DnsQuestion& question);

struct DnsAnswer {
    unsigned code = 0;        // RCODE
    std::size_t records = 0;  // in the answer section, as far as the message holds them
    bool truncated = false;   // TC: there are more, by TCP
};

// Nothing if it is no answer to that question: another id or name, no answer at all, malformed.
std::optional<DnsAnswer> read_answer(std::string_view message, const DnsQuestion& question);

// "SERVFAIL", "code 23"
std::string dns_code_name(unsigned code);

}  // namespace isobar::health
