// SPDX-License-Identifier: Apache-2.0
// Messages for the operator, one line each, to stderr. Under systemd each line carries
// its level as sd-daemon(3) wants it ("<4>text"), so that `journalctl -p warning` works;
// elsewhere it is readable as it is ("warning: text"). A line leaves in one write(2):
// threads and processes do not mix their lines. Text from outside is made printable.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace isobar::log {

// Numbers are syslog's.
enum class Level : std::uint8_t { Error = 3, Warning = 4, Notice = 5, Info = 6, Debug = 7 };

std::string_view name(Level level);  // "warning"
std::optional<Level> level_named(std::string_view name);

// Messages above this level are not written. Info at start.
void set_level(Level level);
[[nodiscard]] bool enabled(Level level);

void error(std::string_view message);
void warning(std::string_view message);
void notice(std::string_view message);
void info(std::string_view message);
void debug(std::string_view message);

// ---- the parts, for tests ----

enum class Style : std::uint8_t { Plain, Journal };

// What is written for a message, line end included. Several lines stay one message: each
// has the prefix.
std::string line(Style style, Level level, std::string_view message);

// Does what is written to `fd` end up in the journal? `journal_stream` and `invocation_id`
// are the environment variables of these names, null if not set.
Style style_of(int fd, const char* journal_stream, const char* invocation_id);

}  // namespace isobar::log
