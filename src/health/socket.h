// SPDX-License-Identifier: Apache-2.0
// A socket, or any descriptor that can be waited for, within an attempt's time. Reads and writes
// are the kernel's own calls; the loop is only asked when they would block.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"
#include "health/attempt.h"
#include "health/outcome.h"
#include "health/task.h"
#include "model/address.h"

namespace isobar::health {

struct Io {
    enum class Kind : std::uint8_t { Done, Ended, Late, Failed };
    Kind kind = Kind::Done;
    int error = 0;          // errno, of Failed
    std::size_t bytes = 0;  // of Done
    [[nodiscard]] bool done() const { return kind == Kind::Done; }
};

// Is it we who are short of something, not the server who is not there?
bool is_ours(int error);
// "connection refused"
std::string lower_case_error(int error);
// Of an Io that is not Done. `missing`: what did not come in time, or before the end.
Outcome outcome_of(const Io& io, const Attempt& attempt, std::string_view missing = "answer");

class Socket {
public:
    // A new one, for `attempt`. The caller's hook is called for it. `type` is SOCK_STREAM, ...
    static Result<Socket> open(Attempt& attempt, int type, int protocol = 0);
    // Any descriptor; it becomes non-blocking.
    static Result<Socket> adopt(Attempt& attempt, Fd fd);
    Socket(Socket&&) noexcept;
    Socket& operator=(Socket&&) noexcept;
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;
    ~Socket();

    [[nodiscard]] int get() const;
    Task<Io> connect();  // to the attempt's target
    // All of them; the text must live until then. The transcript has `shown`, if there is any.
    Task<Io> send(std::string_view bytes, std::string_view shown = {});
    Task<Io> receive(std::span<char> into);  // some; Ended at the end
    Task<Io> readable();
    Task<Io> writable();

private:
    struct Descriptor;
    explicit Socket(std::unique_ptr<Descriptor> descriptor);
    std::unique_ptr<Descriptor> descriptor_;
};

}  // namespace isobar::health
