// SPDX-License-Identifier: Apache-2.0
// What a name server may answer.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "health/dns_message.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace isobar::health;
    std::string_view input(reinterpret_cast<const char*>(data), size);
    const DnsQuestion question{.id = 0x1234, .name = "www.example.org", .type = 1};
    const auto answer = read_answer(input, question);
    if (answer && answer->records > size) std::abort();
    // Any text as a name: what is written is read as its own question.
    const DnsQuestion any{.id = 1, .name = std::string(input), .type = 6};
    auto message = write_question(any);
    if (!message) return 0;
    (*message)[2] = static_cast<char>(0x80);
    if (!read_answer(*message, any)) std::abort();
    return 0;
}
