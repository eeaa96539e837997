// SPDX-License-Identifier: Apache-2.0
// Asks directors what concerns this host, and remembers what each said: one that is not to be
// reached, or says nonsense, goes on counting with that.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "api/real_server.h"
#include "base/result.h"
#include "model/address.h"

namespace isobar::agent {

// One question, blocking for so long at most. The error begins with the director's address.
inline constexpr std::chrono::seconds kPatience{2};
Result<api::RealServer> ask_director(const model::Endpoint& director,
                                     std::chrono::milliseconds limit = kPatience);
// The same, and tells it `report` (api/agent_report.h); an older one does not listen.
Result<api::RealServer> ask_and_tell_director(const model::Endpoint& director,
                                              const std::string& report,
                                              std::chrono::milliseconds limit = kPatience);

class Directors {
public:
    explicit Directors(const std::vector<model::Endpoint>& places);

    // One after the other, and tells them `report` if it says anything. Logs what is wrong when
    // that begins, changes or ends.
    void ask_all(const std::string& report = {});

    // Has each of them answered, now or earlier?
    [[nodiscard]] bool all_known() const;
    [[nodiscard]] std::vector<api::RealServer> told() const;

private:
    struct Director {
        model::Endpoint place;
        api::RealServer said{};                 // last
        std::optional<api::RealServer> told{};  // what that comes to, with what it said before
        std::string trouble{};                  // of the last question; empty: it was answered
    };
    static void ask(Director& director, const std::string& report);
    std::vector<Director> directors_;
};

}  // namespace isobar::agent
