// SPDX-License-Identifier: Apache-2.0
// Each kind of probe beside a server that is fit, and some that are not. tls_test.cpp has those
// with TLS, program_test.cpp the programs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <string>
#include <string_view>

#include "health/probe_fixture.h"
#include "health/test_servers.h"

namespace isobar::health {

// For messages of GoogleTest.
void PrintTo(const Outcome& outcome, std::ostream* out) {
    *out << static_cast<int>(outcome.kind) << " '" << outcome.reason << "'";
}

namespace {

using std::chrono::milliseconds;
using std::string_literals::operator""s;
using testing::AllOf;
using testing::Field;
using testing::HasSubstr;
using testing::Lt;

auto is_good(const std::string& reason) {
    return AllOf(Field(&Outcome::kind, Outcome::Kind::Good), Field(&Outcome::reason, reason));
}
auto is_bad(const std::string& reason) {
    return AllOf(Field(&Outcome::kind, Outcome::Kind::Bad), Field(&Outcome::reason, reason));
}
auto is_not_made(const std::string& reason) {
    return AllOf(Field(&Outcome::kind, Outcome::Kind::NotMade),
                 Field(&Outcome::reason, HasSubstr(reason)));
}

void accept_and_be_mute(const Peer& peer) {
    peer.wait_for_close();
}

// Says `text` a byte at a time, as slowly as it takes to be late.
TestServer::Serve trickle(std::string text) {
    return [text = std::move(text)](const Peer& peer) {
        for (std::size_t i = 0;; i = (i + 1) % text.size()) {
            if (!peer.say(text.substr(i, 1)) || !peer.pass(milliseconds(5))) return;
        }
    };
}

TestServer::Serve answer(std::string text) {
    return [text = std::move(text)](const Peer& peer) {
        peer.read_until("\r\n\r\n");
        (void)peer.say(text);
    };
}

// ---- TCP ----

TEST(TcpProbe, AConnectionIsEnough) {
    const TestServer server(accept_and_be_mute);
    EXPECT_THAT(outcome_of_one(server.endpoint(), model::TcpProbe{}), is_good("connected"));
}

TEST(TcpProbe, OverIpv6Too) {
    const TestServer server(accept_and_be_mute, "::1");
    EXPECT_THAT(outcome_of_one(server.endpoint(), model::TcpProbe{}), is_good("connected"));
}

TEST(TcpProbe, NobodyThereIsBad) {
    EXPECT_THAT(outcome_of_one(closed_port(SOCK_STREAM), model::TcpProbe{}),
                is_bad("connection refused"));
}

TEST(TcpProbe, AQueueThatIsFullIsNoConnection) {
    // A listener that never accepts, its queue filled by others.
    const Fd listening(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(::bind(listening.get(), reinterpret_cast<sockaddr*>(&any), sizeof any), 0);
    ASSERT_EQ(::listen(listening.get(), 0), 0);
    socklen_t size = sizeof any;
    ::getsockname(listening.get(), reinterpret_cast<sockaddr*>(&any), &size);
    std::vector<Fd> others;
    for (int i = 0; i < 4; ++i) {
        others.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        (void)::connect(others.back().get(), reinterpret_cast<sockaddr*>(&any), sizeof any);
    }

    const model::Endpoint full{model::Address::v4(127, 0, 0, 1), ntohs(any.sin_port)};
    EXPECT_THAT(outcome_of_one(full, model::TcpProbe{}, kShort),
                is_bad("no connection within 50ms"));
}

// ---- send/expect ----

TEST(TalkProbe, ReadsUntilWhatIsExpectedIsThere) {
    const TestServer server([](const Peer& peer) {
        const std::string said = peer.read_until("PING\n");
        for (const char byte : "+" + said) {
            if (!peer.say({&byte, 1})) return;
        }
        peer.wait_for_close();
    });
    const Tried tried = try_once(subject_of(server.endpoint(), talk("PING\n", "+PING")));
    EXPECT_THAT(tried.outcome, is_good("expected answer"));
    EXPECT_THAT(tried.transcript, HasSubstr("> PING\\n\n< +"));
}

TEST(TalkProbe, SendingIsEnoughIfNothingIsExpected) {
    const TestServer server(accept_and_be_mute);
    model::TalkProbe probe;
    probe.send = "x";
    EXPECT_THAT(outcome_of_one(server.endpoint(), probe), is_good("sent"));
}

TEST(TalkProbe, AnotherAnswerIsBadAtOnce) {
    const TestServer server([](const Peer& peer) {
        (void)peer.say("-ERR");
        peer.wait_for_close();
    });
    EXPECT_THAT(outcome_of_one(server.endpoint(), talk("", "+OK")), is_bad("another answer"));
}

TEST(TalkProbe, ARegularExpressionIsLookedForUntilTheEnd) {
    const TestServer server([](const Peer& peer) { (void)peer.say("a\0b ready 7"s); });
    model::TalkProbe probe = talk("", "ready [0-9]");
    probe.expect->match = model::Expectation::Match::Regex;
    EXPECT_THAT(outcome_of_one(server.endpoint(), probe), is_good("expected answer"));
    probe.expect->text = "ready [0-6]";
    EXPECT_THAT(outcome_of_one(server.endpoint(), probe), is_bad("another answer"));
}

TEST(TalkProbe, AServerThatIsMuteIsLate) {
    const TestServer server(accept_and_be_mute);
    EXPECT_THAT(outcome_of_one(server.endpoint(), talk("", "*"), kShort),
                is_bad("no expected answer within 50ms"));
}

TEST(TalkProbe, AServerThatTricklesIsHeldNoLonger) {
    const TestServer server(trickle("x"));
    const Outcome outcome =
        outcome_of_one(server.endpoint(), talk("", std::string(4000, 'x')), milliseconds(100));
    EXPECT_THAT(outcome, is_bad("no expected answer within 100ms"));
    EXPECT_THAT(outcome.took, Lt(milliseconds(2000)));
}

TEST(TalkProbe, AServerThatNeverStopsIsCutOff) {
    const TestServer server([](const Peer& peer) {
        while (peer.say(std::string(4096, 'x'))) {
        }
    });
    model::TalkProbe probe = talk("", "ready");
    probe.expect->match = model::Expectation::Match::Regex;
    EXPECT_THAT(outcome_of_one(server.endpoint(), probe).reason, HasSubstr("another answer, in"));
}

TEST(TalkProbe, AServerThatHangsUpIsBad) {
    const TestServer ends([](const Peer&) {});
    EXPECT_THAT(outcome_of_one(ends.endpoint(), talk("", "*")),
                is_bad("closed, no expected answer"));
    const TestServer resets([](const Peer& peer) {
        peer.read_until("x");
        peer.reset();
    });
    EXPECT_THAT(outcome_of_one(resets.endpoint(), talk("x", "*")),
                is_bad("connection reset by peer"));
}

TEST(TalkProbe, AHalfClosedServerMayStillAnswer) {
    const TestServer server([](const Peer& peer) {
        (void)peer.say("+OK");
        ::shutdown(peer.get(), SHUT_WR);
        peer.wait_for_close();
    });
    EXPECT_THAT(outcome_of_one(server.endpoint(), talk("x", "+OK")), is_good("expected answer"));
}

// ---- HTTP ----

TEST(HttpProbe, SendsItsRequestAndLooksAtTheStatus) {
    const TestServer server(answer("HTTP/1.1 204 None\r\n\r\n"));
    model::HttpProbe probe;
    probe.path = "/health?x";
    probe.host = "www.example.org";
    probe.headers = {{"Authorization", "Basic c2VjcmV0"}};

    const Tried tried = try_once(subject_of(server.endpoint(), probe));

    EXPECT_THAT(tried.outcome, is_good("status 204"));
    EXPECT_EQ(tried.transcript,
              "> GET /health?x HTTP/1.1\\r\\n\n> Host: www.example.org\\r\\n\n"
              "> User-Agent: isobar\\r\\n\n> Connection: close\\r\\n\n"
              "> Authorization: (hidden)\\r\\n\n> \\r\\n\n"
              "< HTTP/1.1 204 None\\r\\n\n< \\r\\n\n");
}

TEST(HttpProbe, SaysWhichStatusWasWanted) {
    const TestServer server(answer("HTTP/1.1 503 Busy\r\n\r\n"));
    model::HttpProbe probe;
    EXPECT_THAT(outcome_of_one(server.endpoint(), probe), is_bad("status 503, wanted 200-399"));
    probe.status = {{200, 200}, {500, 503}};
    EXPECT_THAT(outcome_of_one(server.endpoint(), probe), is_good("status 503"));
}

TEST(HttpProbe, LooksIntoTheBody) {
    const TestServer server(answer("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nall is well"));
    model::HttpProbe probe;
    probe.body = "is (well|good)$";
    EXPECT_THAT(outcome_of_one(server.endpoint(), probe), is_good("status 200"));
    probe.body_absent = true;
    EXPECT_THAT(outcome_of_one(server.endpoint(), probe), is_bad("body matches 'is (well|good)$'"));
    probe.body = "error";
    EXPECT_THAT(outcome_of_one(server.endpoint(), probe), is_good("status 200"));
    probe.body_absent = false;
    EXPECT_THAT(outcome_of_one(server.endpoint(), probe), is_bad("body does not match 'error'"));
}

TEST(HttpProbe, FindsTheLoadOfTheServer) {
    const TestServer server(answer("HTTP/1.1 200 OK\r\nx-load: 1.5\r\n\r\n{\"cpu\": [0.25]}"));
    model::HttpProbe probe;
    const auto load_at = [&](const char* header, const char* field) {
        probe.load = model::LoadPlace{header, field};
        return outcome_of_one(server.endpoint(), probe);
    };
    EXPECT_THAT(load_at("X-Load", ""), is_good("load 1.50"));
    EXPECT_EQ(load_at("X-Load", "").load, 1.5);
    EXPECT_EQ(load_at("", "cpu.0").load, 0.25);
    EXPECT_THAT(load_at("X-Other", ""), is_bad("no load in the header X-Other"));
    EXPECT_THAT(load_at("", "cpu.1"), is_bad("no load in the field cpu.1"));
    EXPECT_THAT(load_at("", ""), is_bad("the body is no load"));
}

// ---- agents ----

TestServer::Serve say(std::string text) {
    return [text = std::move(text)](const Peer& peer) { (void)peer.say(text); };
}

TEST(AgentProbe, ReadsALine) {
    const TestServer server(say("75% up\n"));
    const Outcome outcome = outcome_of_one(server.endpoint(), model::AgentProbe{});
    EXPECT_THAT(outcome, is_good("agent said '75% up'"));
    EXPECT_EQ(outcome.agent->percent, 75);
}

TEST(AgentProbe, DoesNotBelieveEverything) {
    const TestServer other(say("SSH-2.0\x1b\r\n"));
    EXPECT_THAT(outcome_of_one(other.endpoint(), model::AgentProbe{}),
                is_bad("agent said 'SSH-2.0\\x1b'"));
    const TestServer mute(say(""));
    EXPECT_THAT(outcome_of_one(mute.endpoint(), model::AgentProbe{}), is_bad("closed, no answer"));
    const TestServer endless([](const Peer& peer) {
        while (peer.say(std::string(65536, 'x'))) {
        }
    });
    EXPECT_THAT(outcome_of_one(endless.endpoint(), model::AgentProbe{}).reason,
                HasSubstr("agent said 'xxx"));
    const TestServer slow(trickle("7"));
    EXPECT_THAT(outcome_of_one(slow.endpoint(), model::AgentProbe{}, kShort),
                is_bad("no answer within 50ms"));
}

TEST(HttpProbe, ComparesTheDigestOfTheBody) {
    const TestServer server(answer("HTTP/1.1 200 OK\r\n\r\nhello"));
    model::HttpProbe probe;
    probe.digest = "5D41402abc4b2a76b9719d911017c592";
    EXPECT_THAT(outcome_of_one(server.endpoint(), probe), is_good("status 200"));
    probe.digest = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    EXPECT_THAT(outcome_of_one(server.endpoint(), probe), is_good("status 200"));
    probe.digest[0] = '3';
    EXPECT_THAT(outcome_of_one(server.endpoint(), probe).reason, HasSubstr("digest 2cf24d"));
}

TEST(HttpProbe, AHeaderWithoutEndIsGivenUp) {
    const TestServer server([](const Peer& peer) {
        (void)peer.say("HTTP/1.1 200 OK\r\nX: ");
        while (peer.say(std::string(65536, 'x'))) {  // a GiB and more, if it were read
        }
    });
    EXPECT_THAT(outcome_of_one(server.endpoint(), model::HttpProbe{}),
                is_bad("header longer than 8192 bytes"));
}

TEST(HttpProbe, AnEndlessBodyIsGivenUp) {
    const TestServer server([](const Peer& peer) {
        (void)peer.say("HTTP/1.1 200 OK\r\n\r\n");
        while (peer.say(std::string(65536, 'x'))) {
        }
    });
    model::HttpProbe probe;
    probe.body = "never";
    EXPECT_THAT(outcome_of_one(server.endpoint(), probe), is_bad("body longer than 65536 bytes"));
}

TEST(HttpProbe, AServerThatTricklesIsLate) {
    const TestServer server(trickle("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(outcome_of_one(server.endpoint(), model::HttpProbe{}, milliseconds(100)).reason,
                HasSubstr("no answer within 100ms"));
}

TEST(HttpProbe, WhatIsNoHttpIsBad) {
    const TestServer server([](const Peer& peer) { (void)peer.say("220 ftp\r\n"); });
    EXPECT_THAT(outcome_of_one(server.endpoint(), model::HttpProbe{}),
                is_bad("no HTTP/1.x answer"));
}

TEST(HttpProbe, ARequestThatWouldBeTwoIsNotMade) {
    model::HttpProbe probe;
    probe.path = "/ HTTP/1.1\r\nX: y";
    EXPECT_THAT(outcome_of_one({model::Address::v4(127, 0, 0, 1), 1}, probe),
                is_not_made("blank or line end"));
}

// ---- UDP ----

model::UdpProbe udp(std::string send) {
    model::UdpProbe probe;
    probe.send = std::move(send);
    return probe;
}

TEST(UdpProbe, AnAnswerIsGood) {
    const auto server = TestServer::datagrams([](std::string_view) { return "pong"s; });
    model::UdpProbe probe = udp("ping");
    EXPECT_THAT(outcome_of_one(server.endpoint(), probe), is_good("4 bytes answered"));
    probe.expect = model::Expectation{.text = "pong"};
    EXPECT_THAT(outcome_of_one(server.endpoint(), probe), is_good("4 bytes answered"));
    probe.expect = model::Expectation{.text = "pang"};
    EXPECT_THAT(outcome_of_one(server.endpoint(), probe), is_bad("another answer"));
}

TEST(UdpProbe, NobodyThereIsToldByIcmp) {
    EXPECT_THAT(outcome_of_one(closed_port(SOCK_DGRAM), udp("ping")), is_bad("connection refused"));
    EXPECT_THAT(outcome_of_one(closed_port(SOCK_DGRAM), udp("")), is_bad("connection refused"));
}

TEST(UdpProbe, AMuteServerIsGoodUnlessItMustAnswer) {
    const auto server = TestServer::datagrams([](std::string_view) { return ""s; });
    model::UdpProbe probe = udp("ping");
    const Outcome outcome = outcome_of_one(server.endpoint(), probe, kShort);
    EXPECT_THAT(outcome, is_good("no ICMP error"));
    EXPECT_FALSE(outcome.answered);
    probe.require_reply = true;
    EXPECT_THAT(outcome_of_one(server.endpoint(), probe, kShort), is_bad("no answer within 50ms"));
}

// ---- DNS ----

// The question back as an answer: QR, with that code.
std::string dns_answer(std::string_view question, int code) {
    std::string answer(question);
    answer[2] = static_cast<char>(0x81);
    answer[3] = static_cast<char>(0x80 | code);
    return answer;
}

TEST(DnsProbe, NoErrorIsGood) {
    const auto server =
        TestServer::datagrams([](std::string_view question) { return dns_answer(question, 0); });
    model::DnsProbe probe;
    EXPECT_THAT(outcome_of_one(server.endpoint(), probe), is_good("NOERROR, 0 records"));
    probe.require_answer = true;
    EXPECT_THAT(outcome_of_one(server.endpoint(), probe), is_bad("no record in the answer"));
}

TEST(DnsProbe, ARefusalIsBad) {
    const auto server =
        TestServer::datagrams([](std::string_view question) { return dns_answer(question, 2); });
    EXPECT_THAT(outcome_of_one(server.endpoint(), model::DnsProbe{}), is_bad("SERVFAIL"));
}

TEST(DnsProbe, WhatIsNoAnswerIsNotHeard) {
    const auto server = TestServer::datagrams([](std::string_view) { return "nonsense"s; });
    EXPECT_THAT(outcome_of_one(server.endpoint(), model::DnsProbe{}, kShort),
                is_bad("no answer within 50ms"));
}

// ---- SMTP ----

TestServer::Serve smtp(std::string greeting, std::string reply) {
    return [greeting = std::move(greeting), reply = std::move(reply)](const Peer& peer) {
        (void)peer.say(greeting);
        peer.read_until("\r\n");
        (void)peer.say(reply);
        peer.read_until("QUIT\r\n");
    };
}

TEST(SmtpProbe, GreetsAndTakesItsLeave) {
    const TestServer server(smtp("220-mail\r\n220 ready\r\n", "250 hello\r\n"));
    const Tried tried = try_once(subject_of(server.endpoint(), model::SmtpProbe{}));
    EXPECT_THAT(tried.outcome, is_good("250 hello"));
    EXPECT_EQ(tried.transcript,
              "< 220-mail\\r\\n\n< 220 ready\\r\\n\n> HELO localhost\\r\\n\n< 250 hello\\r\\n\n"
              "> QUIT\\r\\n\n");
}

TEST(SmtpProbe, ARefusalIsBad) {
    const TestServer busy(smtp("421 \x1b[31m busy\r\n", ""));
    EXPECT_THAT(outcome_of_one(busy.endpoint(), model::SmtpProbe{}),
                is_bad("421 \\x1b[31m busy, wanted 220"));
    const TestServer strict(smtp("220 x\r\n", "550 who?\r\n"));
    EXPECT_THAT(outcome_of_one(strict.endpoint(), model::SmtpProbe{}),
                is_bad("550 who?, wanted 250"));
    const TestServer other(answer("SSH-2.0\r\n"));
    EXPECT_THAT(outcome_of_one(other.endpoint(), model::SmtpProbe{}, kShort),
                is_bad("no greeting within 50ms"));
}

// ---- ping ----

// Without the right to a socket there is nothing to test.
bool may_ping(const Outcome& outcome) {
    return outcome.kind != Outcome::Kind::NotMade;
}

TEST(PingProbe, IsAnswered) {
    for (const char* address : {"127.0.0.1", "::1"}) {
        const Outcome outcome =
            outcome_of_one({*model::Address::parse(address), 0}, model::PingProbe{});
        if (!may_ping(outcome)) GTEST_SKIP() << outcome.reason;
        EXPECT_THAT(outcome, is_good("answered")) << address;
    }
}

}  // namespace
}  // namespace isobar::health
