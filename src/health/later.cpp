// SPDX-License-Identifier: Apache-2.0
// Kinds that are not there yet.
#include "health/prober.h"

namespace isobar::health {
namespace {
MadeProber later() {
    return failure(Fault::Unsupported, "not there yet");
}
}  // namespace

MadeProber make_udp_prober(const model::UdpProbe& /*probe*/) {
    return later();
}
MadeProber make_dns_prober(const model::DnsProbe& /*probe*/) {
    return later();
}
MadeProber make_smtp_prober(const model::SmtpProbe& /*probe*/) {
    return later();
}
MadeProber make_ping_prober() {
    return later();
}
MadeProber make_program_prober(const Subject& /*subject*/, const model::ProgramProbe& /*probe*/) {
    return later();
}

}  // namespace isobar::health
