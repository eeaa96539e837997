// SPDX-License-Identifier: Apache-2.0
// The server and the client over a real socket, in this process.
#include "api/server.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cstdlib>
#include <cstring>
#include <future>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "api/client.h"
#include "api/socket_address.h"
#include "api/socket_claim.h"
#include "base/temporary_folder.h"
#include "model/socket_address.h"

namespace isobar::api {
namespace {

using Kind = AskError::Kind;
constexpr std::chrono::seconds kLimit{10};

class ServerTest : public testing::Test {
protected:
    void TearDown() override {
        loop.stop();
        if (thread.joinable()) thread.join();
    }

    void start(Handler handler) {
        auto taken = SocketClaim::take(path);
        ASSERT_TRUE(taken.has_value());
        auto socket = taken->listen();
        ASSERT_TRUE(socket.has_value());
        claim.emplace(*std::move(taken));
        serving.emplace(serve(loop, *std::move(socket), std::move(handler)));
        thread = std::thread([this] { loop.run(); });
    }

    // At a TCP port of its own.
    void start_tcp(const char* address, Handler handler, Limits limits = {}) {
        auto socket = listen_tcp({*model::Address::parse(address), 0});
        ASSERT_TRUE(socket.has_value()) << socket.error().message;
        sockaddr_storage bound{};
        socklen_t length = sizeof bound;
        ::getsockname(socket->get(), reinterpret_cast<sockaddr*>(&bound), &length);
        // sin_port and sin6_port lie in the same place
        tcp = {*model::Address::parse(address),
               ntohs(reinterpret_cast<const sockaddr_in*>(&bound)->sin_port)};
        serving.emplace(serve(loop, *std::move(socket), std::move(handler), limits));
        thread = std::thread([this] { loop.run(); });
    }

    [[nodiscard]] Fd connect() const {
        Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
        const auto* target = reinterpret_cast<const sockaddr*>(&address);
        EXPECT_EQ(::connect(socket.get(), target, sizeof address), 0);
        return socket;
    }

    // What the server says to these bytes until it hangs up.
    [[nodiscard]] std::string talk(const std::string& bytes) const {
        const Fd socket = connect();
        (void)::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        ::shutdown(socket.get(), SHUT_WR);
        std::string said;
        char block[4096];
        for (ssize_t got = 1; got > 0;) {
            got = ::read(socket.get(), block, sizeof block);
            if (got > 0) said.append(block, static_cast<std::size_t>(got));
        }
        return said;
    }

    TemporaryFolder temporary;
    std::filesystem::path folder = temporary.path();
    std::filesystem::path path = folder / "isobar.sock";
    boost::asio::io_context loop{1};
    std::optional<SocketClaim> claim;
    std::optional<Serving> serving;
    model::Endpoint tcp;
    std::thread thread;
};

Response echo(const Request& request) {
    return {.body = request.method + " " + request.target};
}

TEST_F(ServerTest, AnswersTheClient) {
    start(echo);

    const auto answer = ask(path, "/some/where", kLimit);

    ASSERT_TRUE(answer.has_value()) << answer.error().message;
    EXPECT_EQ(answer->code, 200);
    EXPECT_EQ(answer->body, "GET /some/where");
}

TEST_F(ServerTest, CarriesALargeAnswer) {
    const std::string large(std::size_t{8} << 20, 'x');
    start([&](const Request&) { return Response{.body = large}; });

    EXPECT_EQ(ask(path, "/", kLimit).value().body, large);
}

TEST_F(ServerTest, AnAnswerMayComeLaterAndOthersAreNotKeptWaiting) {
    std::vector<Answering> waiting;  // of the loop's thread
    start([&](const Request& request) -> Response {
        if (request.target == "/now") return {.body = "now"};
        if (request.target != "/later") {
            for (const Answering& answer : std::exchange(waiting, {})) answer({.body = "later"});
            return {};
        }
        Response response;
        response.later = [&](Answering answer) {
            waiting.push_back(std::move(answer));
            return std::chrono::milliseconds(kLimit);
        };
        return response;
    });

    auto later = std::async(std::launch::async, [&] { return ask(path, "/later", kLimit); });
    EXPECT_EQ(ask(path, "/now", kLimit).value().body, "now");
    while (later.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready)
        ASSERT_EQ(ask(path, "/go", kLimit).value().code, 200);

    EXPECT_EQ(later.get().value().body, "later");
}

TEST_F(ServerTest, AnAnswerThatDoesNotComeIsA504AndMayComeAtLastAllTheSame) {
    Answering kept;
    start([&](const Request& request) -> Response {
        if (request.target != "/never") {
            kept({.body = "too late"});
            return {.body = "done"};
        }
        Response response;
        response.later = [&](Answering answer) {
            kept = std::move(answer);
            return std::chrono::milliseconds(20);
        };
        return response;
    });

    EXPECT_EQ(ask(path, "/never", kLimit).value().code, 504);
    EXPECT_EQ(ask(path, "/", kLimit).value().body, "done");
}

TEST_F(ServerTest, WhatAnAnswerThatDoesNotComeSaysMeanwhileIsTheAnswer) {
    start([](const Request&) {
        Response response{.body = "nothing yet"};
        response.later = [](const Answering&) { return std::chrono::milliseconds(20); };
        return response;
    });

    EXPECT_EQ(ask(path, "/", kLimit).value().body, "nothing yet");
}

TEST_F(ServerTest, HandlerThatThrowsIsA500) {
    start([](const Request&) -> Response { throw std::runtime_error("broken"); });

    EXPECT_EQ(ask(path, "/", kLimit).value().code, 500);
}

TEST_F(ServerTest, SeveralRequestsOnOneConnection) {
    start(echo);

    const std::string said = talk(
        "GET /1 HTTP/1.1\r\nHost: x\r\n\r\n"
        "GET /2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");

    EXPECT_NE(said.find("GET /1"), std::string::npos) << said;
    EXPECT_NE(said.find("GET /2"), std::string::npos) << said;
}

TEST_F(ServerTest, RefusesWhatIsNoHttpOrTooLarge) {
    start(echo);

    EXPECT_EQ(talk("\x16\x03\x01 hello\r\n\r\n").substr(0, 12), "HTTP/1.1 400");
    EXPECT_EQ(talk("GET / HTTP/1.1\r\nX: " + std::string(10000, 'x') + "\r\n\r\n").substr(0, 12),
              "HTTP/1.1 431");
    EXPECT_EQ(talk("POST / HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n").substr(0, 12),
              "HTTP/1.1 413");
    EXPECT_EQ(talk("GET / HT"), "");
    EXPECT_EQ(talk(""), "");
    EXPECT_EQ(ask(path, "/", kLimit).value().code, 200);
}

TEST_F(ServerTest, IdleConnectionsBeyondTheLimitAreClosedAndTheRestServed) {
    start(echo);
    std::vector<Fd> idle;
    for (int i = 0; i < 64; ++i) idle.push_back(connect());

    EXPECT_EQ(ask(path, "/", kLimit).error().kind, Kind::Unreachable);
    idle.clear();

    // The server hears of the ends one after the other.
    const auto deadline = std::chrono::steady_clock::now() + kLimit;
    auto answer = ask(path, "/", kLimit);
    while (!answer && std::chrono::steady_clock::now() < deadline) answer = ask(path, "/", kLimit);
    EXPECT_TRUE(answer.has_value());
}

Response tell_who_asks(const Request& request) {
    return {.body = request.from ? request.from->text() : "a process"};
}

TEST_F(ServerTest, OverTcpTheHandlerKnowsWhoAsks) {
    start_tcp("127.0.0.1", tell_who_asks);

    EXPECT_EQ(ask(tcp, "/", kLimit, 100).value().body, "127.0.0.1");
}

TEST_F(ServerTest, OverTcpOfIpv6Too) {
    start_tcp("::1", tell_who_asks);

    EXPECT_EQ(ask(tcp, "/", kLimit, 100).value().body, "::1");
}

TEST_F(ServerTest, OverTheUnixSocketNobodyHasAnAddress) {
    start(tell_who_asks);

    EXPECT_EQ(ask(path, "/", kLimit).value().body, "a process");
}

TEST_F(ServerTest, AnAnswerThatIsTooLargeIsRefused) {
    start_tcp("127.0.0.1", [](const Request&) { return Response{.body = std::string(101, 'x')}; });

    EXPECT_EQ(ask(tcp, "/", kLimit, 100).error().kind, Kind::Garbage);
}

TEST_F(ServerTest, WhoHasOneRequestIsHungUpOn) {
    start_tcp("127.0.0.1", echo, {.one_request = true});
    const auto address = model::to_socket_address(tcp);
    const Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::connect(socket.get(), address.get(), address.length), 0);
    const std::string request = "GET /1 HTTP/1.1\r\nHost: x\r\n\r\n";
    ASSERT_GT(::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL), 0);

    std::string said;
    char block[4096];
    for (ssize_t got = 1; got > 0;) {
        got = ::read(socket.get(), block, sizeof block);
        if (got > 0) said.append(block, static_cast<std::size_t>(got));
    }

    EXPECT_NE(said.find("GET /1"), std::string::npos) << said;
}

TEST_F(ServerTest, AtTheEndOfServingNobodyIsLetIn) {
    start_tcp("127.0.0.1", echo);
    ASSERT_TRUE(ask(tcp, "/", kLimit, 100).has_value());

    boost::asio::post(loop, [this] { serving.reset(); });

    const auto deadline = std::chrono::steady_clock::now() + kLimit;
    while (ask(tcp, "/", kLimit, 100) && std::chrono::steady_clock::now() < deadline) {
    }
    EXPECT_EQ(ask(tcp, "/", kLimit, 100).error().kind, Kind::Unreachable);
}

TEST_F(ServerTest, TheAddressNeedNotBeHere) {
    EXPECT_TRUE(listen_tcp({*model::Address::parse("192.0.2.1"), 0}).has_value());
    EXPECT_TRUE(listen_tcp({*model::Address::parse("2001:db8::1"), 0}).has_value());
}

TEST_F(ServerTest, NobodyThereIsUnreachable) {
    EXPECT_EQ(ask(path, "/", kLimit).error().kind, Kind::Unreachable);
}

TEST_F(ServerTest, SilenceIsATimeout) {
    auto taken = SocketClaim::take(path);
    const auto socket = taken->listen();  // nobody accepts

    EXPECT_EQ(ask(path, "/", std::chrono::milliseconds(50)).error().kind, Kind::Timeout);
}

}  // namespace
}  // namespace isobar::api
