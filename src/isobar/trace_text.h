// SPDX-License-Identifier: Apache-2.0
// A traced packet for people, for programs, and as a packet's comment in a file.
#pragma once

#include <string>

#include "isobar/table.h"
#include "model/trace.h"

namespace isobar::cli {

// "04:55:09.123456 eth0 xdp  tcp 10.0.0.100:40000 > 10.0.0.2:80 [S], 74 bytes: forwarded -> ..."
std::string trace_text(const model::TracedPacket& packet, Colours colours);

// What was decided, why, and what became of the packet.
std::string trace_comment(const model::TracedPacket& packet);

// On one line, without its end.
std::string trace_json(const model::TracedPacket& packet);

}  // namespace isobar::cli
