// SPDX-License-Identifier: Apache-2.0
// A probe made ready for one subject: expressions compiled, requests written, users looked up.
// One file for each kind; add a kind: its file, and its line in prober.cpp.
#pragma once

#include <memory>

#include "base/result.h"
#include "health/attempt.h"
#include "health/outcome.h"
#include "health/subject.h"
#include "health/task.h"
#include "model/check.h"

namespace isobar::health {

class Prober {
public:
    Prober() = default;
    Prober(const Prober&) = delete;
    Prober& operator=(const Prober&) = delete;
    virtual ~Prober() = default;

    // The prober and the attempt live until it is over. At most one at a time.
    virtual Task<Outcome> probe(Attempt& attempt) = 0;
};

using MadeProber = Result<std::unique_ptr<Prober>>;

MadeProber make_prober(const Subject& subject);

MadeProber make_tcp_prober();
MadeProber make_tls_prober(const model::TlsProbe& probe);
MadeProber make_http_prober(const Subject& subject, const model::HttpProbe& probe);
MadeProber make_talk_prober(const model::TalkProbe& probe);
MadeProber make_udp_prober(const model::UdpProbe& probe);
MadeProber make_dns_prober(const model::DnsProbe& probe);
MadeProber make_smtp_prober(const model::SmtpProbe& probe);
MadeProber make_ping_prober();
MadeProber make_agent_prober();
MadeProber make_program_prober(const Subject& subject, const model::ProgramProbe& probe);

}  // namespace isobar::health
