// SPDX-License-Identifier: Apache-2.0
#include "health/http_answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace isobar::health {
namespace {

using Verdict = HttpAnswer::Verdict;
using testing::HasSubstr;

// Read in pieces of `step` bytes, then the end.
struct Read {
    Verdict verdict = Verdict::More;
    bool at_end = false;  // the verdict came only with the end
    unsigned status = 0;
    std::string body;
    std::string trouble;
};
Read read(const std::string& text, std::size_t step = 4096, std::size_t most = 65536,
          bool no_body = false) {
    Read read;
    HttpAnswer answer({.most_bytes = most, .no_body = no_body, .body = [&](std::string_view part) {
                           read.body += part;
                       }});
    for (std::size_t at = 0; at < text.size() && read.verdict == Verdict::More; at += step) {
        read.verdict = answer.feed(std::string_view(text).substr(at, step));
    }
    read.at_end = read.verdict == Verdict::More;
    if (read.at_end) read.verdict = answer.end();
    read.status = answer.status();
    read.trouble = answer.trouble();
    return read;
}

class HttpAnswerInPieces : public testing::TestWithParam<std::size_t> {
protected:
    static Read read(const std::string& text) { return health::read(text, GetParam()); }
};
INSTANTIATE_TEST_SUITE_P(Steps, HttpAnswerInPieces, testing::Values(1, 2, 7, 4096));

TEST_P(HttpAnswerInPieces, ByContentLength) {
    const Read got = read("HTTP/1.1 200 OK\r\ncontent-LENGTH: 5\r\n\r\nhello, and more");
    EXPECT_EQ(got.verdict, Verdict::Complete);
    EXPECT_FALSE(got.at_end);
    EXPECT_EQ(got.status, 200U);
    EXPECT_EQ(got.body, "hello");
}

TEST_P(HttpAnswerInPieces, UntilClose) {
    const Read got = read("HTTP/1.0 503 Busy\n\nhello");
    EXPECT_EQ(got.verdict, Verdict::Complete);
    EXPECT_TRUE(got.at_end);
    EXPECT_EQ(got.status, 503U);
    EXPECT_EQ(got.body, "hello");
}

TEST_P(HttpAnswerInPieces, Chunked) {
    const Read got = read(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\nContent-Length: 3\r\n\r\n"
        "5;name=value\r\nhello\r\n00A\r\n, chunked!\r\n0\r\nTrailer: x\r\n\r\n");
    EXPECT_EQ(got.verdict, Verdict::Complete) << got.trouble;
    EXPECT_FALSE(got.at_end);
    EXPECT_EQ(got.body, "hello, chunked!");
}

TEST_P(HttpAnswerInPieces, AfterInformativeOnes) {
    const Read got =
        read("HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 204 None\r\nContent-Length: 9\r\n\r\n");
    EXPECT_EQ(got.verdict, Verdict::Complete);
    EXPECT_EQ(got.status, 204U);
}

TEST_P(HttpAnswerInPieces, CutOff) {
    EXPECT_EQ(read("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell").trouble,
              "closed in the middle of its answer");
    EXPECT_EQ(read("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n").trouble,
              "closed in the middle of its answer");
    EXPECT_EQ(read("HTTP/1.1 200").trouble, "closed in the middle of its answer");
    EXPECT_EQ(read("").trouble, "closed without an answer");
}

TEST_P(HttpAnswerInPieces, WhatIsNone) {
    EXPECT_EQ(read("SSH-2.0-OpenSSH_9.2\r\n").trouble, "no HTTP/1.x answer");
    EXPECT_EQ(read("HTTP/2 200\r\n\r\n").trouble, "no HTTP/1.x answer");
    EXPECT_EQ(read("HTTP/1.1 2000 OK\r\n\r\n").trouble, "malformed status line");
    EXPECT_EQ(read("HTTP/1.1 -20 OK\r\n\r\n").trouble, "malformed status line");
    EXPECT_EQ(read("HTTP/1.1 099 OK\r\n\r\n").trouble, "malformed status line");
    EXPECT_EQ(read("HTTP/1.1 200 OK\r\nfield\r\n\r\n").trouble, "malformed header");
    EXPECT_EQ(read("HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\n").trouble,
              "malformed Content-Length");
    EXPECT_EQ(read("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n").trouble,
              "malformed Content-Length");
    EXPECT_EQ(read("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n").trouble,
              "malformed Content-Length");
    EXPECT_EQ(read("HTTP/1.1 101 Switch\r\n\r\n").trouble, "status 101, which was not asked for");
}

TEST_P(HttpAnswerInPieces, MalformedChunks) {
    const std::string header = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    EXPECT_EQ(read(header + "x\r\n").trouble, "malformed chunk size");
    EXPECT_EQ(read(header + "-1\r\n").trouble, "malformed chunk size");
    EXPECT_EQ(read(header + "ffffffffffffffff\r\n").trouble, "malformed chunk size");
    EXPECT_EQ(read(header + "10000000000000000\r\n").trouble, "malformed chunk size");
    EXPECT_EQ(read(header + "\r\n").trouble, "malformed chunk size");
    EXPECT_EQ(read(header + "1\r\nab\r\n").trouble, "malformed end of chunk");
    EXPECT_EQ(read(header + std::string(300, '0')).trouble, "chunk size too long");
    EXPECT_EQ(read(header + "fffffffffffffffe\r\n" + std::string(70000, 'x')).trouble,
              "body longer than 65536 bytes");
}

TEST(HttpAnswer, HeadHasNoBody) {
    const Read got = read("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 4096, 65536, true);
    EXPECT_EQ(got.verdict, Verdict::Complete);
    EXPECT_FALSE(got.at_end);
}

TEST(HttpAnswer, BodyMayBeAsLongAsWantedAndNotLonger) {
    EXPECT_EQ(read("HTTP/1.1 200 OK\r\n\r\nhello", 1, 5).verdict, Verdict::Complete);
    EXPECT_EQ(read("HTTP/1.1 200 OK\r\n\r\nhello!", 1, 5).trouble, "body longer than 5 bytes");
    EXPECT_EQ(read("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n", 1, 5).trouble,
              "body of 6 bytes, at most 5 wanted");
}

TEST(HttpAnswer, AHeaderWithoutEndIsGivenUpSoon) {
    HttpAnswer answer({.body = {}});
    EXPECT_EQ(answer.feed("HTTP/1.1 200 OK\r\nX: "), Verdict::More);
    const std::string block(4096, 'x');
    EXPECT_EQ(answer.feed(block), Verdict::More);
    EXPECT_EQ(answer.feed(block), Verdict::Broken);
    EXPECT_EQ(answer.trouble(), "header longer than 8192 bytes");
    EXPECT_EQ(answer.feed("more"), Verdict::Broken);
    EXPECT_EQ(answer.end(), Verdict::Broken);
}

TEST(HttpAnswer, ManyShortLinesAreAHeaderTooLong) {
    std::string text = "HTTP/1.1 200 OK\r\n";
    for (int i = 0; i < 3000; ++i) text += "a:\r\n";
    EXPECT_EQ(read(text).trouble, "header longer than 8192 bytes");
}

TEST(HttpAnswer, EndlessInformativeOnesAndTrailersAreGivenUp) {
    std::string text;
    for (int i = 0; i < 100; ++i) text += "HTTP/1.1 100 Continue\r\n\r\n";
    EXPECT_EQ(read(text).trouble, "too many informative answers");

    text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";
    for (int i = 0; i < 3000; ++i) text += "a:b\r\n";
    EXPECT_EQ(read(text).trouble, "trailer too long");
}

}  // namespace
}  // namespace isobar::health
