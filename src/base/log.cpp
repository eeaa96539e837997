// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>

#include <fmt/format.h>

#include "base/printable.h"

namespace isobar::log {
namespace {

std::atomic<Level> largest_level{Level::Info};

constexpr std::array kLevels = {Level::Error, Level::Warning, Level::Notice, Level::Info,
                                Level::Debug};

Style style_of_stderr() {
    // Found once: the environment and stderr of a daemon do not change.
    static const Style style =
        style_of(STDERR_FILENO, std::getenv("JOURNAL_STREAM"), std::getenv("INVOCATION_ID"));
    return style;
}

// Nobody is left to tell if stderr does not take it.
void write_out(std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return;
        text.remove_prefix(static_cast<std::size_t>(written));
    }
}

void write_message(Level level, std::string_view message) {
    if (enabled(level)) write_out(line(style_of_stderr(), level, message));
}

}  // namespace

std::string_view name(Level level) {
    switch (level) {
        case Level::Error:
            return "error";
        case Level::Warning:
            return "warning";
        case Level::Notice:
            return "notice";
        case Level::Info:
            return "info";
        case Level::Debug:
            return "debug";
    }
    return "?";
}

std::optional<Level> level_named(std::string_view text) {
    for (const Level level : kLevels) {
        if (name(level) == text) return level;
    }
    return std::nullopt;
}

void set_level(Level level) {
    largest_level = level;
}
bool enabled(Level level) {
    return level <= largest_level.load();
}

void error(std::string_view message) {
    write_message(Level::Error, message);
}
void warning(std::string_view message) {
    write_message(Level::Warning, message);
}
void notice(std::string_view message) {
    write_message(Level::Notice, message);
}
void info(std::string_view message) {
    write_message(Level::Info, message);
}
void debug(std::string_view message) {
    write_message(Level::Debug, message);
}

std::string line(Style style, Level level, std::string_view message) {
    // A notice or an information needs no label for a reader at a terminal.
    const bool labelled = level <= Level::Warning || level == Level::Debug;
    std::string prefix;
    if (style == Style::Journal) {
        prefix = fmt::format("<{}>", static_cast<unsigned>(level));
    } else if (labelled) {
        prefix = fmt::format("{}: ", name(level));
    }

    std::string out;
    while (true) {
        const std::size_t end = message.find('\n');
        out += prefix + printable(message.substr(0, end)) + "\n";
        if (end == std::string_view::npos || end + 1 == message.size()) return out;
        message.remove_prefix(end + 1);
    }
}

Style style_of(int fd, const char* journal_stream, const char* invocation_id) {
    // A shell started under systemd (a desktop's terminal, say) inherits the variables, so
    // they alone prove nothing; systemd.exec(5): compare with the device and inode of fd.
    if (journal_stream != nullptr) {
        struct stat status{};
        if (::fstat(fd, &status) != 0) return Style::Plain;
        const std::string ours = fmt::format("{}:{}", status.st_dev, status.st_ino);
        return ours == journal_stream ? Style::Journal : Style::Plain;
    }
    return invocation_id != nullptr && ::isatty(fd) == 0 ? Style::Journal : Style::Plain;
}

}  // namespace isobar::log
