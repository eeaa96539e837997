// SPDX-License-Identifier: Apache-2.0
// What stands in a command line beside the command's name.
#pragma once

#include <filesystem>
#include <span>
#include <string>

namespace isobar::cli {

inline constexpr const char* kDefaultSocket = "/run/isobar/isobar.sock";

// Where isobard is asked, and whether for people or programs: what most commands want to know.
struct Asking {
    std::filesystem::path socket = kDefaultSocket;
    bool json = false;
};

// One field for each option, before or after the command. Which command takes which is in the
// tables: options.cpp, commands.cpp.
struct Given {
    std::string socket = kDefaultSocket;
    bool json = false;
    bool watch = false;
    std::string format, why, confirm, by, then;
    bool wait = false;
    bool dry_run = false;
    bool yes = false;
    std::string service, server, client, state, protocol, top, limit;  // of conns
    std::string port, verdict, count, write;                           // of trace
    bool drops = false;
    bool all = false;
    std::string sort;
    bool follow = false;
    std::string mark;                                                             // of explain
    std::string scheduler, weights, from, rate, duration, length, clients, seed;  // of simulate
    bool help = false;
    bool version = false;

    [[nodiscard]] Asking asking() const { return {socket, json}; }
};

// Options that not every command takes.
enum Takes : unsigned {
    Json = 1,
    Again = 2,
    FormatName = 4,
    Reason = 8,
    Confirmation = 16,
    Question = 32,  // --yes, --dry-run
    Patience = 64,  // --by, --then, --wait
    Filter = 128,
    Limit = 256,
    Sort = 512,
    Follow = 1024,
    Counting = 1U << 16U,  // --state, --top: of what connections are
    Tracing = 1U << 17U,
    PacketMark = 1U << 18U,
    Simulation = 1U << 19U,
};

// The words that are no options.
using Words = std::span<char*>;

}  // namespace isobar::cli
