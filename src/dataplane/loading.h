// SPDX-License-Identifier: Apache-2.0
// What loading any of our BPF objects takes: maps that are there already, and why it failed.
#pragma once

#include <bpf/libbpf.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace isobar::dataplane {

// The map's name in abi/abi.h ("isobar_settings"), by the kernel's: that of a section if the map is
// made of one. Nothing: it is no part of the state, such as "isobar_t.rodata".
std::optional<std::string> state_map_name(std::string_view name);

using MapFds = std::map<std::string, Fd>;

// For an operation that begins: what is said from now on is about it.
bpf_object_open_opts listening_options();
tl::unexpected<Error> load_failure(const std::string& what, int code);

// The object's maps become those of the living state.
Result<void> reuse_maps(bpf_object* object, const MapFds& maps);

}  // namespace isobar::dataplane
