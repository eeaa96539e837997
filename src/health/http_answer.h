// SPDX-License-Identifier: Apache-2.0
// HTTP/1.x answers (RFC 9112), read as they come in, from servers that are not trusted: the header
// and each line are bounded, the body is kept only if wanted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace isobar::health {

class HttpAnswer {
public:
    struct Wanted {
        std::size_t most_bytes = std::size_t{64} << 10U;  // of the body
        bool no_body = false;                             // an answer to HEAD
        std::function<void(std::string_view)> body{};     // each part of it; may be empty
        std::string field{};  // of the header, in small letters: its value is kept
    };
    explicit HttpAnswer(Wanted wanted) : wanted_(std::move(wanted)) {}

    enum class Verdict : std::uint8_t { More, Complete, Broken };
    // More bytes. After Complete and Broken nothing is read any more.
    Verdict feed(std::string_view bytes);
    // The server has closed its side.
    Verdict end();

    [[nodiscard]] unsigned status() const { return status_; }
    [[nodiscard]] const std::string& field() const { return field_; }
    [[nodiscard]] std::size_t body_bytes() const { return body_bytes_; }
    // Why it is broken.
    [[nodiscard]] const std::string& trouble() const { return trouble_; }

    static constexpr std::size_t kMostHeader = 8192;
    static constexpr std::size_t kMostLine = 256;       // of a chunk's size, with its extensions
    static constexpr std::size_t kMostInformative = 8;  // answers 1xx before the real one

private:
    enum class Part : std::uint8_t { Header, Body, ChunkSize, ChunkBody, ChunkEnd, Trailer, Over };

    Verdict broken(std::string why);
    Verdict complete();
    Verdict read_header(std::string_view& bytes);
    Verdict use_header(std::string_view header);
    bool use_status_line(std::string_view line);
    bool use_field(std::string_view line);
    Verdict choose_body();
    Verdict read_body(std::string_view& bytes);
    Verdict read_chunk_size(std::string_view& bytes);
    Verdict read_chunk_end(std::string_view& bytes);
    Verdict read_trailer(std::string_view& bytes);
    // Takes bytes up to a line end into line_; true when there was one.
    bool take_line(std::string_view& bytes);

    Wanted wanted_;
    Part part_ = Part::Header;
    Verdict over_ = Verdict::More;
    std::string line_;  // the header, or the line that is being read
    unsigned status_ = 0;
    std::size_t informative_ = 0;
    std::size_t body_bytes_ = 0;
    std::uint64_t left_ = 0;  // of the body or of the chunk
    std::size_t trailer_bytes_ = 0;
    bool has_length_ = false;
    bool chunked_ = false;
    std::string field_;
    std::string trouble_;
};

}  // namespace isobar::health
