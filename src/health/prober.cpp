// SPDX-License-Identifier: Apache-2.0
#include "health/prober.h"

#include <variant>

namespace isobar::health {
namespace {

struct Maker {
    const Subject& subject;

    MadeProber operator()(const model::TcpProbe& /*probe*/) const { return make_tcp_prober(); }
    MadeProber operator()(const model::TlsProbe& probe) const { return make_tls_prober(probe); }
    MadeProber operator()(const model::HttpProbe& probe) const {
        return make_http_prober(subject, probe);
    }
    MadeProber operator()(const model::TalkProbe& probe) const { return make_talk_prober(probe); }
    MadeProber operator()(const model::UdpProbe& probe) const { return make_udp_prober(probe); }
    MadeProber operator()(const model::DnsProbe& probe) const { return make_dns_prober(probe); }
    MadeProber operator()(const model::SmtpProbe& probe) const { return make_smtp_prober(probe); }
    MadeProber operator()(const model::PingProbe& /*probe*/) const { return make_ping_prober(); }
    MadeProber operator()(const model::AgentProbe& /*probe*/) const { return make_agent_prober(); }
    MadeProber operator()(const model::ProgramProbe& probe) const {
        return make_program_prober(subject, probe);
    }
};

}  // namespace

MadeProber make_prober(const Subject& subject) {
    return std::visit(Maker{subject}, subject.check.probe);
}

}  // namespace isobar::health
