// SPDX-License-Identifier: Apache-2.0
// What libbpf and the kernel say about BPF programs. Loading them is their owners' business.
#pragma once

#include <map>
#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace isobar::kernel {

// libbpf prints nothing of its own. What it complains about from now on, in this thread, is
// kept: the first of it is the cause of a failure.
void listen_to_libbpf();
[[nodiscard]] const std::string& libbpf_words();

// As bpftool shows it; empty if there is no such program.
std::string program_name(int program);

// The maps that a program uses, by name.
Result<std::map<std::string, Fd>> maps_of(int program);

}  // namespace isobar::kernel
