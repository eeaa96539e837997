// SPDX-License-Identifier: Apache-2.0
#include "isobard/connection_listing.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <utility>

namespace isobar::isobard {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMostWaiting = 16;
// What comes while one is under way waits for that one, and for the next, which stands in the loop
// before it.
constexpr std::chrono::milliseconds kSlice{4};
constexpr std::size_t kStep = 1024;  // records, between two looks at the clock

}  // namespace

Result<void> ConnectionListing::list(api::ConnectionReport report, Begin begin, Done done) {
    if (jobs_.size() >= kMostWaiting)
        return failure(Fault::Full, "too many listings of connections at a time");
    jobs_.push_back({std::move(report), std::move(begin), std::move(done)});
    if (jobs_.size() == 1) post();
    return {};
}

void ConnectionListing::post() {
    boost::asio::post(loop_, [weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->go_on();
    });
}

void ConnectionListing::go_on() {
    const auto more = slice();
    if (more && *more) return post();
    end(more ? Result<std::string>(std::move(jobs_.front().report).json())
             : tl::unexpected(more.error()));
}

Result<bool> ConnectionListing::slice() {
    Job& job = jobs_.front();
    if (!begun_) {
        auto begun = job.begin();
        if (!begun) return tl::unexpected(std::move(begun.error()));
        begun_ = std::make_unique<Begun>(*std::move(begun));
        return true;
    }
    const auto until = Clock::now() + kSlice;
    bool more = true;
    while (more && Clock::now() < until)
        more = begun_->walk.step(kStep, [&](const auto& each) { job.report.add(each); });
    return more;
}

void ConnectionListing::end(Result<std::string> answer) {
    begun_.reset();
    const Done done = std::move(jobs_.front().done);
    jobs_.pop_front();
    if (!jobs_.empty()) post();
    done(std::move(answer));
}

}  // namespace isobar::isobard
