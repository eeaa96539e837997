# SPDX-License-Identifier: Apache-2.0
# cmake -DOBJECTS=a.o;b.o -DOUTPUT=build_id.h -P BuildId.cmake
# Writes a header with a number that tells one build of the BPF objects from another.
cmake_minimum_required(VERSION 3.25)
set(hashes "")
foreach(object IN LISTS OBJECTS)
  file(SHA256 ${object} hash)
  string(APPEND hashes ${hash})
endforeach()
string(SHA256 id "${hashes}")
string(SUBSTRING ${id} 0 16 id)
file(CONFIGURE OUTPUT ${OUTPUT} @ONLY CONTENT
"// Generated from the content of the BPF objects.
#pragma once

#include <cstdint>

namespace isobar {
inline constexpr std::uint64_t kBpfBuild = 0x@id@ull;
}
")
