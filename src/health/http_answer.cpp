// SPDX-License-Identifier: Apache-2.0
#include "health/http_answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <limits>
#include <utility>

#include "base/text.h"

namespace isobar::health {
namespace {

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

bool same(std::string_view text, std::string_view lower) {
    return std::equal(text.begin(), text.end(), lower.begin(), lower.end(),
                      [](char left, char right) {
                          return std::tolower(static_cast<unsigned char>(left)) == right;
                      });
}

// The last coding of a list: "gzip, chunked".
std::string_view last_of(std::string_view list) {
    const std::size_t comma = list.rfind(',');
    return trimmed(comma == std::string_view::npos ? list : list.substr(comma + 1));
}

std::string_view without_line_end(std::string_view line) {
    if (line.ends_with('\n')) line.remove_suffix(1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

constexpr std::uint64_t kUntilClose = std::numeric_limits<std::uint64_t>::max();

}  // namespace

HttpAnswer::Verdict HttpAnswer::broken(std::string why) {
    trouble_ = std::move(why);
    part_ = Part::Over;
    line_.clear();
    return over_ = Verdict::Broken;
}

HttpAnswer::Verdict HttpAnswer::complete() {
    part_ = Part::Over;
    line_.clear();
    return over_ = Verdict::Complete;
}

HttpAnswer::Verdict HttpAnswer::feed(std::string_view bytes) {
    Verdict verdict = over_;
    while (verdict == Verdict::More && !bytes.empty()) {
        switch (part_) {
            case Part::Header:
                verdict = read_header(bytes);
                break;
            case Part::Body:
            case Part::ChunkBody:
                verdict = read_body(bytes);
                break;
            case Part::ChunkSize:
                verdict = read_chunk_size(bytes);
                break;
            case Part::ChunkEnd:
                verdict = read_chunk_end(bytes);
                break;
            case Part::Trailer:
                verdict = read_trailer(bytes);
                break;
            case Part::Over:
                return over_;
        }
    }
    return verdict;
}

HttpAnswer::Verdict HttpAnswer::end() {
    if (part_ == Part::Over) return over_;
    if (part_ == Part::Body && left_ == kUntilClose) return complete();
    if (part_ == Part::Header && line_.empty()) return broken("closed without an answer");
    return broken("closed in the middle of its answer");
}

bool HttpAnswer::take_line(std::string_view& bytes) {
    const std::size_t end = bytes.find('\n');
    const bool whole = end != std::string_view::npos;
    // One byte more than is allowed is enough to see that it is too long.
    const std::size_t room = kMostHeader + 1 - std::min(line_.size(), kMostHeader);
    const std::string_view taken = bytes.substr(0, whole ? end + 1 : bytes.size());
    line_.append(taken.substr(0, room));
    bytes.remove_prefix(taken.size());
    return whole;
}

HttpAnswer::Verdict HttpAnswer::read_header(std::string_view& bytes) {
    // line_ holds the whole header so far.
    const bool whole = take_line(bytes);
    if (line_.size() > kMostHeader) {
        return broken(fmt::format("header longer than {} bytes", kMostHeader));
    }
    // What is no HTTP is seen at its first bytes, however long its line gets.
    constexpr std::string_view kBegin = "HTTP/1.";
    const std::size_t common = std::min(line_.size(), kBegin.size());
    if (line_.compare(0, common, kBegin, 0, common) != 0) return broken("no HTTP/1.x answer");
    if (!whole) return Verdict::More;
    // The line that ends here began after the line end before it.
    const std::size_t previous = line_.rfind('\n', line_.size() - 2);
    const std::size_t begin = previous == std::string::npos ? 0 : previous + 1;
    if (!without_line_end(std::string_view(line_).substr(begin)).empty()) return Verdict::More;
    const std::string header = std::exchange(line_, {});
    return use_header(header);
}

HttpAnswer::Verdict HttpAnswer::use_header(std::string_view header) {
    has_length_ = chunked_ = false;
    left_ = 0;
    bool first = true;
    while (!header.empty()) {
        const std::size_t end = std::min(header.find('\n'), header.size() - 1) + 1;
        const std::string_view line = without_line_end(header.substr(0, end));
        header.remove_prefix(end);
        if (line.empty()) break;
        if (first ? !use_status_line(line) : !use_field(line)) return over_;
        first = false;
    }
    return choose_body();
}

bool HttpAnswer::use_status_line(std::string_view line) {
    // "HTTP/1.1 200 OK"
    const bool formed = line.size() >= 12 && (line[7] == '0' || line[7] == '1') && line[8] == ' ' &&
                        (line.size() == 12 || line[12] == ' ');
    const auto status = formed ? parse_unsigned<unsigned>(line.substr(9, 3)) : std::nullopt;
    if (!status || *status < 100) {
        broken("malformed status line");
        return false;
    }
    status_ = *status;
    return true;
}

bool HttpAnswer::use_field(std::string_view line) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) {
        broken("malformed header");
        return false;
    }
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (!wanted_.field.empty() && same(name, wanted_.field)) field_ = value;
    if (same(name, "transfer-encoding")) chunked_ = same(last_of(value), "chunked");
    if (!same(name, "content-length")) return true;
    const auto length = parse_unsigned<std::uint64_t>(value);
    if (!length || (has_length_ && *length != left_)) {
        broken("malformed Content-Length");
        return false;
    }
    has_length_ = true;
    left_ = *length;
    return true;
}

HttpAnswer::Verdict HttpAnswer::choose_body() {
    if (status_ < 200) {
        if (status_ == 101) return broken("status 101, which was not asked for");
        if (++informative_ > kMostInformative) return broken("too many informative answers");
        return Verdict::More;  // the real one follows
    }
    if (wanted_.no_body || status_ == 204 || status_ == 304) return complete();
    if (chunked_) {
        part_ = Part::ChunkSize;
        return Verdict::More;
    }
    part_ = Part::Body;
    if (!has_length_) left_ = kUntilClose;
    if (left_ == 0) return complete();
    if (has_length_ && left_ > wanted_.most_bytes) {
        return broken(
            fmt::format("body of {} bytes, at most {} wanted", left_, wanted_.most_bytes));
    }
    return Verdict::More;
}

HttpAnswer::Verdict HttpAnswer::read_body(std::string_view& bytes) {
    const auto taken = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
    if (taken > wanted_.most_bytes - body_bytes_) {
        return broken(fmt::format("body longer than {} bytes", wanted_.most_bytes));
    }
    body_bytes_ += taken;
    if (wanted_.body) wanted_.body(bytes.substr(0, taken));
    bytes.remove_prefix(taken);
    if (left_ != kUntilClose) left_ -= taken;
    if (left_ != 0) return Verdict::More;
    if (part_ == Part::Body) return complete();
    part_ = Part::ChunkEnd;
    return Verdict::More;
}

HttpAnswer::Verdict HttpAnswer::read_chunk_size(std::string_view& bytes) {
    const bool whole = take_line(bytes);
    if (line_.size() > kMostLine) return broken("chunk size too long");
    if (!whole) return Verdict::More;
    std::string_view size = without_line_end(line_);
    size = trimmed(size.substr(0, size.find(';')));
    const auto number = parse_unsigned<std::uint64_t>(size, 16);
    // kUntilClose is no size, and none that large would be taken.
    if (!number || *number == kUntilClose) return broken("malformed chunk size");
    left_ = *number;
    line_.clear();
    part_ = left_ == 0 ? Part::Trailer : Part::ChunkBody;
    return Verdict::More;
}

HttpAnswer::Verdict HttpAnswer::read_chunk_end(std::string_view& bytes) {
    const bool whole = take_line(bytes);
    if (line_.size() > 2 || (whole && !without_line_end(line_).empty())) {
        return broken("malformed end of chunk");
    }
    if (!whole) return Verdict::More;
    line_.clear();
    part_ = Part::ChunkSize;
    return Verdict::More;
}

HttpAnswer::Verdict HttpAnswer::read_trailer(std::string_view& bytes) {
    const std::size_t before = bytes.size();
    const bool whole = take_line(bytes);
    trailer_bytes_ += before - bytes.size();
    if (trailer_bytes_ > kMostHeader) return broken("trailer too long");
    if (!whole) return Verdict::More;
    const bool last = without_line_end(line_).empty();
    line_.clear();
    return last ? complete() : Verdict::More;
}

}  // namespace isobar::health
