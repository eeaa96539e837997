// SPDX-License-Identifier: Apache-2.0
#include "health/dns_message.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace isobar::health {
namespace {

constexpr std::size_t kHeader = 12;
constexpr std::size_t kMostName = 255;
constexpr std::size_t kMostLabel = 63;
constexpr std::uint16_t kInternet = 1;

std::string two_bytes(std::uint16_t number) {
    return {static_cast<char>(number >> 8U), static_cast<char>(number & 0xffU)};
}

// Labels with their lengths, as in a message: "\3www\7example\0".
std::optional<std::string> wire_name(std::string_view name) {
    if (name.ends_with('.')) name.remove_suffix(1);
    std::string wire;
    while (!name.empty()) {
        const std::size_t end = std::min(name.find('.'), name.size());
        if (end == 0 || end > kMostLabel) return std::nullopt;
        wire.push_back(static_cast<char>(end));
        wire.append(name.substr(0, end));
        // "a..b" and "a." have an empty label
        if (end + 1 == name.size()) return std::nullopt;
        name.remove_prefix(std::min(end + 1, name.size()));
    }
    wire.push_back('\0');
    if (wire.size() > kMostName) return std::nullopt;
    return wire;
}

std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
    return text;
}

// Reads on; after one read past the end, bad() and zeros.
class Reader {
public:
    explicit Reader(std::string_view message) : message_(message) {}

    std::uint8_t byte() {
        if (at_ >= message_.size()) {
            bad_ = true;
            return 0;
        }
        return static_cast<std::uint8_t>(message_[at_++]);
    }
    std::uint16_t number() {
        const unsigned high = byte();
        return static_cast<std::uint16_t>(high << 8U | byte());
    }
    void skip(std::size_t bytes) {
        if (bytes > message_.size() - at_) {
            bad_ = true;
            at_ = message_.size();
        } else {
            at_ += bytes;
        }
    }
    // In the form of wire_name(). A pointer leads before the name that it ends, and each further
    // one before the last: no loop is possible, and no chain longer than the message.
    std::string name() {
        std::string wire;
        std::size_t limit = at_;
        std::optional<std::size_t> after;
        for (;;) {
            const std::size_t here = at_;
            const std::uint8_t length = byte();
            if (bad_) return {};
            if (length == 0) break;
            if (length >= 0xc0) {
                const std::size_t target = static_cast<std::size_t>(length & 0x3fU) << 8U | byte();
                if (bad_ || target >= limit) return fail();
                if (!after) after = here + 2;
                at_ = limit = target;
                continue;
            }
            if (length > kMostLabel || wire.size() + length + 2 > kMostName) return fail();
            if (length > message_.size() - at_) return fail();
            wire.push_back(static_cast<char>(length));
            wire.append(message_.substr(at_, length));
            at_ += length;
        }
        if (after) at_ = *after;
        wire.push_back('\0');
        return wire;
    }
    [[nodiscard]] bool bad() const { return bad_; }

private:
    std::string fail() {
        bad_ = true;
        return {};
    }

    std::string_view message_;
    std::size_t at_ = 0;
    bool bad_ = false;
};

// How many of `claimed` records are whole.
std::size_t count_records(Reader& reader, std::size_t claimed) {
    for (std::size_t i = 0; i < claimed; ++i) {
        reader.name();
        reader.skip(8);  // type, class, time to live
        reader.skip(reader.number());
        if (reader.bad()) return i;
    }
    return claimed;
}

}  // namespace

std::optional<std::string> write_question(const DnsQuestion& question) {
    const auto name = wire_name(question.name);
    if (!name) return std::nullopt;
    std::string message = two_bytes(question.id);
    message += two_bytes(0x0100);  // recursion desired
    message += two_bytes(1);       // one question
    message.append(6, '\0');       // nothing else
    return message + *name + two_bytes(question.type) + two_bytes(kInternet);
}

std::optional<DnsAnswer> read_answer(std::string_view message, const DnsQuestion& question) {
    const auto wanted = wire_name(question.name);
    if (!wanted || message.size() < kHeader) return std::nullopt;
    Reader reader(message);
    if (reader.number() != question.id) return std::nullopt;
    const std::uint16_t flags = reader.number();
    const std::uint16_t questions = reader.number();
    const std::uint16_t answers = reader.number();
    reader.skip(4);
    const bool is_answer = (flags & 0x8000U) != 0 && (flags & 0x7800U) == 0;  // QR, opcode QUERY
    if (!is_answer || questions > 1) return std::nullopt;
    DnsAnswer answer{.code = flags & 0x0fU, .truncated = (flags & 0x0200U) != 0};
    // A server that could not read the question does not repeat it.
    if (questions == 0) return answer.code == 0 ? std::nullopt : std::optional(answer);
    const std::string name = reader.name();
    const std::uint16_t type = reader.number();
    const std::uint16_t kind = reader.number();
    if (reader.bad() || lower(name) != lower(*wanted) || type != question.type ||
        kind != kInternet) {
        return std::nullopt;
    }
    answer.records = count_records(reader, answers);
    if (answer.records < answers && !answer.truncated) return std::nullopt;
    return answer;
}

std::string dns_code_name(unsigned code) {
    static constexpr std::array<std::string_view, 6> kNames{"NOERROR",  "FORMERR", "SERVFAIL",
                                                            "NXDOMAIN", "NOTIMP",  "REFUSED"};
    if (code < kNames.size()) return std::string(kNames.at(code));
    return fmt::format("code {}", code);
}

}  // namespace isobar::health
