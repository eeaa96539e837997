// SPDX-License-Identifier: Apache-2.0
// Replies of SMTP (RFC 5321, 4.2), of one line or several, as they come in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace isobar::health {

class SmtpReply {
public:
    enum class Verdict : std::uint8_t { More, Complete, Broken };
    // Takes what belongs to this reply away from `bytes`; what is left belongs to the next.
    Verdict feed(std::string_view& bytes);

    [[nodiscard]] unsigned code() const { return code_; }
    // Of the last line, without its code.
    [[nodiscard]] const std::string& text() const { return text_; }

    static constexpr std::size_t kMostLine = 512;  // RFC 5321, 4.5.3.1.5
    static constexpr std::size_t kMostLines = 64;

private:
    Verdict use_line();

    std::string line_;
    std::string text_;
    std::size_t lines_ = 0;
    unsigned code_ = 0;
};

}  // namespace isobar::health
