// SPDX-License-Identifier: Apache-2.0
// Exit codes of isobar, the same for every command: scripts rely on them.
#pragma once

namespace isobar::cli {

inline constexpr int kOk = 0;
inline constexpr int kFailed = 1;
inline constexpr int kUsage = 2;
inline constexpr int kConfigInvalid = 3;
inline constexpr int kNotFound = 4;
inline constexpr int kPermission = 5;
inline constexpr int kUnreachable = 6;
inline constexpr int kTimeout = 7;

}  // namespace isobar::cli
