// SPDX-License-Identifier: Apache-2.0
// Lists connections in the daemon's loop without keeping it: a slice at a time, with whatever else
// is to be done in between, and one listing after the other.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "api/connections.h"
#include "base/result.h"
#include "dataplane/dataplane.h"

namespace boost::asio {
class io_context;
}

namespace isobar::isobard {

class ConnectionListing : public std::enable_shared_from_this<ConnectionListing> {
public:
    // What is listed, and how far its walk has come.
    struct Begun {
        dataplane::Dataplane plane;
        dataplane::ConnectionWalk walk;
    };
    using Begin = std::function<Result<Begun>()>;
    using Done = std::function<void(Result<std::string>)>;

    // Shared with what waits in the loop, which may outlive it.
    static std::shared_ptr<ConnectionListing> make(boost::asio::io_context& loop) {
        return std::shared_ptr<ConnectionListing>(new ConnectionListing(loop));
    }

    // `done` gets the JSON. Fault::Full if too many wait already.
    Result<void> list(api::ConnectionReport report, Begin begin, Done done);

private:
    explicit ConnectionListing(boost::asio::io_context& loop) : loop_(loop) {}

    struct Job {
        api::ConnectionReport report;
        Begin begin;
        Done done;
    };
    void post();
    void go_on();
    Result<bool> slice();
    void end(Result<std::string> answer);

    boost::asio::io_context& loop_;
    std::deque<Job> jobs_;          // the first is under way
    std::unique_ptr<Begun> begun_;  // its
};

}  // namespace isobar::isobard
