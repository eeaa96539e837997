// SPDX-License-Identifier: Apache-2.0
// A terminal that a program has to itself for a while: another screen, keys as they are typed. It
// is left as it was however the program ends, but by SIGKILL.
#pragma once

#include <termios.h>

#include <chrono>
#include <cstddef>
#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace isobar::cli {

class Screen {
public:
    // Takes stdin and stdout, and from then on SIGINT, SIGTERM, SIGHUP and SIGWINCH.
    static Result<Screen> open();

    Screen(Screen&& other) noexcept;
    Screen& operator=(Screen&&) = delete;
    Screen(const Screen&) = delete;
    Screen& operator=(const Screen&) = delete;
    ~Screen();

    struct Size {
        std::size_t columns = 80, rows = 24;
    };
    [[nodiscard]] Size size() const;

    // Over what stood there; lines are not longer than the screen is wide.
    void draw(const std::string& text) const;

    static constexpr char kNothing = 0;  // the time is over, or the size is another
    static constexpr char kEnd = 'q';    // also what a signal to end is
    [[nodiscard]] char key(std::chrono::steady_clock::time_point until) const;

private:
    Screen(Fd signals, const termios& before) : signals_(std::move(signals)), before_(before) {}

    Fd signals_;
    termios before_;
    bool ours_ = true;
};

}  // namespace isobar::cli
