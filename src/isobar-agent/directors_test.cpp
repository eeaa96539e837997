// SPDX-License-Identifier: Apache-2.0
// Against a server of this process that says whatever a test wants.
#include "isobar-agent/directors.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>

#include "api/socket_address.h"
#include "base/fd.h"

namespace isobar::agent {
namespace {

constexpr std::chrono::seconds kLimit{10};
const std::string kGood = R"({"version":1,"address":"127.0.0.1","services":[{"protocol":"tcp",)"
                          R"("address":"10.0.0.2:80","last_port":0,"forward":"dr"}]})";

std::string http(const std::string& body, const std::string& status = "200 OK") {
    return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + body;
}

// Says the same to everybody, and hangs up.
class Impostor {
public:
    explicit Impostor(std::string said) : said_(std::move(said)) {
        auto socket = api::listen_tcp({*model::Address::parse("127.0.0.1"), 0});
        socket_ = *std::move(socket);
        sockaddr_in bound{};
        socklen_t length = sizeof bound;
        ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&bound), &length);
        place_ = {*model::Address::parse("127.0.0.1"), ntohs(bound.sin_port)};
        const int flags = ::fcntl(socket_.get(), F_GETFL);
        ::fcntl(socket_.get(), F_SETFL, flags & ~O_NONBLOCK);
        thread_ = std::thread([this] { serve(); });
    }
    Impostor(const Impostor&) = delete;
    Impostor& operator=(const Impostor&) = delete;
    ~Impostor() {
        ::shutdown(socket_.get(), SHUT_RDWR);  // ends accept
        thread_.join();
    }
    [[nodiscard]] const model::Endpoint& place() const { return place_; }

private:
    void serve() const {
        for (;;) {
            const Fd caller(::accept(socket_.get(), nullptr, nullptr));
            if (!caller.valid()) return;
            char request[4096];
            (void)::recv(caller.get(), request, sizeof request, 0);
            for (std::size_t sent = 0; sent < said_.size();) {
                const ssize_t put =
                    ::send(caller.get(), said_.data() + sent, said_.size() - sent, MSG_NOSIGNAL);
                if (put <= 0) break;
                sent += static_cast<std::size_t>(put);
            }
        }
    }

    std::string said_;
    Fd socket_;
    model::Endpoint place_;
    std::thread thread_;
};

std::string complaint(const std::string& said) {
    const Impostor impostor(said);
    const auto told = ask_director(impostor.place(), kLimit);
    if (told) return "";
    const std::string where = "director " + impostor.place().text() + ": ";
    EXPECT_TRUE(told.error().message.starts_with(where)) << told.error().message;
    return told.error().message.substr(where.size());
}

TEST(AskDirector, UnderstandsOne) {
    const Impostor director(http(kGood));

    const auto told = ask_director(director.place(), kLimit);

    ASSERT_TRUE(told) << told.error().message;
    EXPECT_EQ(told->services.size(), 1U);
}

TEST(AskDirector, NobodyThere) {
    EXPECT_EQ(ask_director(*model::Endpoint::parse("127.0.0.1:1"), kLimit).error().message,
              "director 127.0.0.1:1: Connection refused");
}

TEST(AskDirector, EveryTruncationIsRefused) {
    const std::string whole = http(kGood);
    for (std::size_t length = 0; length < whole.size(); ++length)
        EXPECT_EQ(complaint(whole.substr(0, length)), "isobard hung up before it answered");
}

TEST(AskDirector, WhatIsNoAnswerIsRefused) {
    EXPECT_EQ(complaint("SSH-2.0-x\r\n\r\n").substr(0, 26), "what answers is no isobard");
    EXPECT_EQ(complaint(http("<html>")).substr(0, 23), "no answer of a director");
    EXPECT_EQ(complaint(http(R"({"detail":"there\u001b is no /"})", "404 Not Found")),
              "status 404: there\\x1b is no /");
    EXPECT_EQ(complaint(http(std::string(100000, '['))).size() < 300, true);
}

TEST(AskDirector, AnAnswerWithoutEndIsRefused) {
    EXPECT_NE(complaint(http(std::string(std::size_t{5} << 20, ' '))), "");
    EXPECT_NE(complaint("HTTP/1.1 200 OK\r\nX: " + std::string(100000, 'x')), "");
    EXPECT_NE(complaint("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n500000\r\n" +
                        std::string(0x500000, 'x')),
              "");
}

TEST(AskDirector, ItsOwnAddressAsAVipWouldCutThisHostOff) {
    std::string body = kGood;
    body.replace(body.find("10.0.0.2"), 8, "127.0.0.1");

    EXPECT_NE(complaint(http(body)).find("could not reach it any more"), std::string::npos);
}

TEST(Directors, WhatOneSaidLastCountsOn) {
    Directors directors({});
    EXPECT_TRUE(directors.all_known());

    auto impostor = std::make_unique<Impostor>(http(kGood));
    Directors two({impostor->place(), *model::Endpoint::parse("127.0.0.1:1")});
    two.ask_all();
    EXPECT_EQ(two.told().size(), 1U);
    EXPECT_FALSE(two.all_known());
    impostor.reset();
    two.ask_all();

    EXPECT_EQ(two.told().size(), 1U);
}

}  // namespace
}  // namespace isobar::agent
