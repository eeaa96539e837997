// SPDX-License-Identifier: Apache-2.0
// Looks over the shoulder of the data plane of this namespace, whoever made it: what it does with
// each packet that is wanted (bpf/trace.bpf.c). The programs that look are there as long as the
// object is, or its process. Needs root. Not thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "base/result.h"
#include "model/trace.h"

namespace isobar::dataplane {

class Trace {
public:
    // Fault::NotFound if there is no data plane.
    static Result<Trace> open(const model::TraceWish& wish);

    Trace(const Trace&) = delete;
    Trace& operator=(const Trace&) = delete;
    Trace(Trace&&) noexcept;
    Trace& operator=(Trace&&) noexcept;
    ~Trace();

    // Gives what has come to `take`, until that says no; waits so long for the first. Interrupted
    // by a signal it comes back early.
    Result<void> read(std::chrono::milliseconds patience,
                      const std::function<bool(const model::TracedPacket&)>& take);

    // To be called about once a second: goes along with programs that are replaced, interfaces that
    // come, servers that move. Fault::NotFound: the data plane is gone, or another one is there.
    Result<void> follow();

    // Packets that came faster than they were read.
    [[nodiscard]] std::uint64_t lost() const;

private:
    struct Impl;
    explicit Trace(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace isobar::dataplane
