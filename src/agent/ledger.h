// SPDX-License-Identifier: Apache-2.0
// Remembers what the agent changed on its host, in a file that outlives a killed agent: each
// step is written down before it is done. The next agent goes on from there: what it wants,
// too, stays without a gap, the rest is undone.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "agent/step.h"
#include "base/fd.h"
#include "base/result.h"

namespace isobar::agent {

// The file's content. `scope` (one line) names the boot and the network namespace: elsewhere
// the same names are somebody else's.
std::string ledger_text(const std::vector<Step>& steps, std::string_view scope);
// The reverse. A file of another scope holds nothing of ours: no steps, no error.
Result<std::vector<Step>> parse_ledger(std::string_view text, std::string_view scope);

// The network namespace that we are in: its cookie, which the kernel never gives twice.
Result<std::string> namespace_cookie();

class Ledger {
public:
    // One agent at a time: Fault::Exists if another one has it. Makes the folder if need be.
    static Result<Ledger> open(const std::filesystem::path& folder);

    // Sees to it that `step` is done. What was so before, and not by us, is not ours.
    Result<void> ensure(Host& host, Step step);
    // Other wishes from now on: what was asked for so far no longer counts as such.
    void ask_anew() { asked_for_.clear(); }
    // Undoes what nobody asks for now: what an earlier agent did, or this one before ask_anew().
    Result<void> undo_others(Host& host);
    // Undoes everything, and removes the file. What fails does not keep the rest from being
    // undone, and stays written down; all failures are in the error.
    Result<void> undo_all(Host& host);

    [[nodiscard]] const std::vector<Step>& steps() const { return steps_; }

private:
    Ledger(std::filesystem::path path, std::string scope, Fd lock)
        : path_(std::move(path)), scope_(std::move(scope)), lock_(std::move(lock)) {}
    [[nodiscard]] Result<void> store() const;
    Result<void> undo(Host& host, const std::vector<Step>& which);

    std::filesystem::path path_;
    std::string scope_;
    Fd lock_;
    std::vector<Step> steps_;
    std::vector<Step> asked_for_;
};

}  // namespace isobar::agent
