// SPDX-License-Identifier: Apache-2.0
// Any bytes as a frame, to the programs of both hooks: exactly one verdict is counted, the
// answer is the one that belongs to it, and what passes is untouched. Needs root, otherwise it
// exits with EX_UNAVAILABLE; runs in a network namespace of its own. The programs are not
// instrumented: that a verdict was met is what the fuzzer is told as coverage.
//
// Input: a byte of options (see below), then the frame, or the packet in a right frame.
#include <sysexits.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include "support/testbed.h"

namespace {

using namespace isobar;
using namespace isobar::test;

constexpr std::uint8_t kFromInside = 1, kFixChecksum = 2, kSuperPacket = 4, kWholeFrame = 8;
constexpr std::size_t kLongest = 2000;
constexpr useconds_t kSettleMicroseconds = 1000;

__attribute__((section("__libfuzzer_extra_counters"))) std::uint8_t seen[2][ISOBAR_VERDICTS];

std::optional<Testbed> bed;

void require(bool holds, const char* what, const Outcome& outcome) {
    if (holds) return;
    std::fprintf(stderr, "%s (verdict %s)\n", what, name(outcome.verdict));
    std::abort();
}

Action action_of(isobar_verdict verdict) {
    static constexpr isobar_action kActions[] = {
#define X(name, action, meaning) ISOBAR_ACTION_##action,
        ISOBAR_VERDICT_LIST(X)
#undef X
    };
    switch (kActions[verdict]) {
        case ISOBAR_ACTION_PASS:
            return Action::Pass;
        case ISOBAR_ACTION_REDIRECT:
            return Action::Redirect;
        case ISOBAR_ACTION_DROP:
            return Action::Drop;
    }
    return Action::Unknown;
}

bool is_for_us(Side side, const Bytes& frame) {
    const auto own = own_mac(side);
    return std::equal(own.begin(), own.end(), frame.begin());
}

void check(Hook hook, Side side, const Bytes& frame, const Outcome& outcome) {
    if (hook == Hook::Ingress && !is_for_us(side, frame)) {
        // not even looked at, and not counted
        require(outcome.action == Action::Pass && outcome.frame == frame, "not ours", outcome);
        return;
    }
    require(outcome.verdict != ISOBAR_VERDICTS, "not exactly one verdict", outcome);
    require(outcome.verdict != ISOBAR_INTERNAL, "an internal error", outcome);
    require(outcome.action == action_of(outcome.verdict), "not the verdict's action", outcome);
    if (outcome.action == Action::Pass && outcome.verdict != ISOBAR_TO_STACK)
        require(outcome.frame == frame, "passed, but changed", outcome);
    const bool is_error =
        outcome.verdict == ISOBAR_NO_SERVER || outcome.verdict == ISOBAR_NO_ROUTE ||
        outcome.verdict == ISOBAR_TTL_EXPIRED || outcome.verdict == ISOBAR_TOO_BIG;
    if (is_error)  // its own headers, the quoted IP header and 8 bytes
        require(
            outcome.frame.size() >= 14 + 28 + 20 + 8 && outcome.frame.size() <= 14 + 28 + 60 + 8,
            "an ICMP error of an odd length", outcome);
    else if (outcome.action != Action::Drop)
        require(outcome.frame.size() == frame.size(), "another length", outcome);
    if (auto& met = seen[hook == Hook::Xdp ? 1 : 0][outcome.verdict]; met < 255) ++met;
}

void make_testbed() {
    auto made = Testbed::make();
    if (!made) {
        const auto fault = made.error().fault;
        const bool cannot = fault == Fault::Permission || fault == Fault::Unsupported;
        std::fprintf(stderr, "%s: %s\n", cannot ? "skipped" : "failed",
                     made.error().message.c_str());
        std::_Exit(cannot ? EX_UNAVAILABLE : EXIT_FAILURE);  // exit() would look like a finding
    }
    bed.emplace(std::move(*made));
    bed->add_service(service(model::Protocol::Tcp, 80), model::Scheduler::Wlc, {1, 2}, 8080);
    bed->add_service(service(model::Protocol::Udp, 53), model::Scheduler::Rr, {1}, 53);
    bed->add_service(service(model::Protocol::Tcp, 81), model::Scheduler::Rr, {0}, 81);
}

std::uint64_t releases() {
    return bed->count(ISOBAR_FRAGMENT_RELEASED) + bed->count(ISOBAR_FRAGMENT_LOST);
}

// Client port 40000 has a connection to each service, whatever was sent before.
void restore() {
    bed->end_all();
    const Ip ip{kClient.address, kVip};
    for (const auto& packet : {packet(ip, Tcp{40000, 80, kSyn}), packet(ip, Udp{40000, 53})})
        (void)bed->run(Hook::Ingress, Side::Outside, arriving(kClient, packet));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static unsigned inputs = 0;
    if (!bed) make_testbed();
    if (inputs++ % 256 == 0) restore();
    if (size < 1 || size > kLongest) return -1;

    const std::uint8_t options = data[0];
    const Side side = options & kFromInside ? Side::Inside : Side::Outside;
    Bytes frame(data + 1, data + size);
    if (!(options & kWholeFrame))
        frame = arriving(side == Side::Inside ? kServers[0] : kClient, frame);
    if (frame.size() < kIpAt) return -1;
    if ((options & kFixChecksum) && frame.size() >= 34) fix_ip_checksum(frame);

    for (const Hook hook : {Hook::Xdp, Hook::Ingress}) {
        // the kernel makes no skb of less than an IP header
        if (hook == Hook::Ingress && frame.size() < (get16(frame, 12) == 0x86dd ? 54u : kL4At))
            continue;
        const auto released = releases();
        const auto outcome = bed->send(hook, side, frame,
                                       options & kSuperPacket && hook == Hook::Ingress ? 1400 : 0);
        if (releases() == released)
            check(hook, side, frame, outcome);
        else  // it and others came in once more, each with a verdict; some may be on their way
            ::usleep(kSettleMicroseconds);
    }
    return 0;
}
