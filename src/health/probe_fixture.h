// SPDX-License-Identifier: Apache-2.0
// For unit tests: one attempt of one probe.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "health/outcome.h"
#include "health/subject.h"

namespace isobar::health {

struct Tried {
    Outcome outcome;
    std::string transcript;
};

// Made by a Checker, as the daemon does.
Tried try_once(const Subject& subject);

inline Subject subject_of(model::Endpoint server, model::Probe probe,
                          std::chrono::milliseconds timeout = std::chrono::seconds(5)) {
    Subject subject{.server = server, .check = {}, .through = {}};
    subject.check.probe = std::move(probe);
    subject.check.timeout = timeout;
    subject.check.retries = 0;
    return subject;
}

inline Outcome outcome_of_one(model::Endpoint server, model::Probe probe,
                              std::chrono::milliseconds timeout = std::chrono::seconds(5)) {
    return try_once(subject_of(server, std::move(probe), timeout)).outcome;
}

inline model::TalkProbe talk(std::string send, std::string expect) {
    model::TalkProbe probe;
    probe.send = std::move(send);
    probe.expect = model::Expectation{.text = std::move(expect)};
    return probe;
}

constexpr std::chrono::milliseconds kShort{50};  // time-out of those that are to come to it

}  // namespace isobar::health
