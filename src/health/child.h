// SPDX-License-Identifier: Apache-2.0
// A program that runs beside the loop: by its arguments, never through a shell; with nothing of
// ours but its output; as another user, without a way back; in a process group that ends with it.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace isobar::health {

struct User {
    uid_t uid = 0;
    gid_t gid = 0;
};
Result<User> find_user(const std::string& name);

// Those that were killed and are not yet dead (a process can wait for a disk that is gone):
// collected when the next one starts, for waiting would hold up the loop.
class Graveyard {
public:
    void bury(Fd process) { dying_.push_back(std::move(process)); }
    void collect();

private:
    std::vector<Fd> dying_;
};

class Child {
public:
    // `environment`: "NAME=value", beside PATH.
    static Result<Child> start(const std::vector<std::string>& command, const User& user,
                               std::shared_ptr<Graveyard> graveyard,
                               const std::vector<std::string>& environment = {});
    Child(Child&& other) noexcept
        : graveyard_(std::move(other.graveyard_)),
          pid_(std::exchange(other.pid_, -1)),
          process_(std::move(other.process_)),
          events_(std::move(other.events_)),
          output_(std::move(other.output_)),
          errors_(std::move(other.errors_)),
          trouble_(std::move(other.trouble_)) {}
    Child& operator=(Child&&) = delete;
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    // The whole group is killed, whatever it ignores.
    ~Child();

    // Readable when there is output or an end: then look().
    [[nodiscard]] Fd take_events() { return std::move(events_); }
    // Takes what is there, at most a few KiB at a time. True: it has ended.
    bool look(int events);

    // After its end. waitid(2)'s status: the exit code, or the number of the signal.
    struct End {
        bool exited = false;
        int status = 0;
    };
    End collect();

    [[nodiscard]] const std::string& output() const { return output_.text; }
    [[nodiscard]] const std::string& errors() const { return errors_.text; }
    // "cannot run /x: no such file or directory"; empty if it ran.
    [[nodiscard]] const std::string& trouble() const { return trouble_.text; }

    static constexpr std::size_t kMostOutput = 4096;  // the rest is read and thrown away

private:
    struct Pipe {
        Fd fd;
        std::string text;
        void drain(int events);
    };
    Child() = default;
    Result<void> watch();

    std::shared_ptr<Graveyard> graveyard_;
    pid_t pid_ = -1;
    Fd process_;
    Fd events_;
    Pipe output_;
    Pipe errors_;
    Pipe trouble_;
};

}  // namespace isobar::health
