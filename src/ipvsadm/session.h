// SPDX-License-Identifier: Apache-2.0
// Carries out commands against one kernel, saying what ipvsadm says. The state is opened by
// the first command that needs it and kept for the next, which is what makes -R fast.
#pragma once

#include <memory>
#include <optional>
#include <ostream>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ipvsadm/command.h"
#include "ipvsadm/kernel.h"
#include "ipvsadm/names.h"

namespace isobar::ipvsadm {

// Exit codes of ipvsadm.
inline constexpr int kDone = 0;
inline constexpr int kNoSuchService = 1;  // -L of a service that is not there
inline constexpr int kUnusable = 2;       // also: a mistake in the command line
inline constexpr int kRefused = 255;

class Session {
public:
    Session(Kernel& kernel, Names& names, std::ostream& out, std::ostream& err)
        : kernel_(kernel), names_(names), out_(out), err_(err) {}

    // Opens the state if there is some, and lets interfaces that appeared since take part;
    // not for -C, which lets go of them all. kUnusable and a sentence if the kernel refuses.
    int open(Action first);
    // Any command but -R, -h and -v; after open().
    int run(const Command& command);

private:
    int list(const Command& command);
    int list_services(const Command& command);
    int list_connections(const Command& command);
    int save(const Command& command);
    int clear(const Command& command);
    int zero(const Command& command);
    int set_timeouts(const Command& command);
    int set_switches(const Command& command);
    int change_service(const Command& command);
    int change_server(const Command& command);
    int refuse_scheduler(const Command& command);
    int apply(const Command& command, const model::Change& change);
    void follow_host_marks();

    Result<void> create();
    Result<std::vector<model::ServiceStatus>> services();
    bool is_known(const model::ServiceKey& key);
    int conclude(const Command& command, const Result<void>& result);
    std::string refusal(const Command& command, const Error& error);
    void warn(const std::string& message);
    int say(int exit_code, std::string_view message);

    Kernel& kernel_;
    Names& names_;
    std::ostream& out_;
    std::ostream& err_;
    std::unique_ptr<LiveState> state_;  // null: nothing was set up in this namespace yet
    // The services, once a refusal had to be told from another one by them. Reading them for
    // each of thousands of refused lines would take minutes.
    std::optional<std::set<model::ServiceKey>> known_;
    // Making state takes half a second to fail: thousands of lines of -R fail at once.
    std::optional<Error> why_no_state_;
};

}  // namespace isobar::ipvsadm
