// SPDX-License-Identifier: Apache-2.0
// Small servers on loopback for unit tests, each in a thread of its own with plain system calls;
// and a loop that runs until something is so.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "base/fd.h"
#include "model/address.h"

namespace boost::asio {
class io_context;
}

namespace isobar::health {

// One connection, from the server's side. Every call ends early when the server is stopped.
class Peer {
public:
    Peer(int socket, int stopped) : socket_(socket), stopped_(stopped) {}
    // Up to a text, or the other's end; what came until then.
    std::string read_until(std::string_view text) const;
    // False: nobody takes it any more.
    bool say(std::string_view bytes) const;  // NOLINT(modernize-use-nodiscard)
    void wait_for_close() const;
    // Time passes; false: stopped.
    [[nodiscard]] bool pass(std::chrono::milliseconds time) const;
    void reset() const;  // the close to come is a RST
    [[nodiscard]] int get() const { return socket_; }

private:
    int socket_;
    int stopped_;
};

class TestServer {
public:
    using Serve = std::function<void(const Peer&)>;
    // Stream server: `serve` for each connection in turn, which is closed then.
    explicit TestServer(Serve serve, const char* address = "127.0.0.1");
    // Datagram server: what it answers to each datagram; empty: nothing.
    static TestServer datagrams(std::function<std::string(std::string_view)> answer);
    TestServer(TestServer&&) noexcept = default;
    TestServer& operator=(TestServer&&) = delete;
    TestServer(const TestServer&) = delete;
    TestServer& operator=(const TestServer&) = delete;
    ~TestServer();

    [[nodiscard]] model::Endpoint endpoint() const { return endpoint_; }

private:
    TestServer(int type, const char* address);
    Fd listening_;
    Fd stopped_;
    model::Endpoint endpoint_;
    std::thread thread_;
};

// A port of `type` on 127.0.0.1 at which nobody is.
model::Endpoint closed_port(int type);

// Runs the loop until `done`; false if that takes longer than `limit`.
bool run_until(boost::asio::io_context& loop, const std::function<bool()>& done,
               std::chrono::milliseconds limit = std::chrono::seconds(10));

}  // namespace isobar::health
