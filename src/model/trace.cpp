// SPDX-License-Identifier: Apache-2.0
#include "model/trace.h"

namespace isobar::model {

std::string_view name(TracedPacket::Hook hook) {
    switch (hook) {
        case TracedPacket::Hook::Xdp:
            return "xdp";
        case TracedPacket::Hook::Ingress:
            return "ingress";
        case TracedPacket::Hook::Egress:
            break;
    }
    return "egress";
}

}  // namespace isobar::model
