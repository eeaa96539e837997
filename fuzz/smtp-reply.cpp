// SPDX-License-Identifier: Apache-2.0
// What an SMTP server may say.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "health/smtp_reply.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace isobar::health;
    std::string_view input(reinterpret_cast<const char*>(data), size);
    // Reply after reply, as long as they are well formed.
    while (!input.empty()) {
        SmtpReply reply;
        const auto verdict = reply.feed(input);
        if (verdict == SmtpReply::Verdict::Broken) return 0;
        if (verdict == SmtpReply::Verdict::More && !input.empty()) std::abort();
        if (reply.text().size() > SmtpReply::kMostLine) std::abort();
    }
    return 0;
}
