// SPDX-License-Identifier: Apache-2.0
// One thing that the agent changes on its host and takes back later, and who does so.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace isobar::agent {

// In the order in which they are done: a VIP goes on last, when ARP is quiet; and comes off
// first.
enum class StepKind : std::uint8_t { Sysctl, MakeLink, RaiseLink, Clsact, Filters, Address };
std::string_view name(StepKind kind);  // "sysctl"

struct Step {
    StepKind kind = StepKind::Sysctl;
    std::string on;      // the path of a sysctl, the name of an interface
    std::string value;   // of a sysctl; the address; else empty
    std::string before;  // what a sysctl was

    // The same change, whatever was before.
    [[nodiscard]] bool same_as(const Step& other) const {
        return kind == other.kind && on == other.on && value == other.value;
    }
    bool operator==(const Step&) const = default;
};

class Host {
public:
    struct Seen {
        bool done = false;   // it is so already
        std::string before;  // for Step::before
    };
    virtual ~Host() = default;
    virtual Result<Seen> look(const Step& step) = 0;
    virtual Result<void> apply(const Step& step) = 0;
    // What somebody else has undone or changed meanwhile is left as it is, and no error.
    virtual Result<void> undo(const Step& step) = 0;
};

}  // namespace isobar::agent
