// SPDX-License-Identifier: Apache-2.0
// What the datapath tests share: a fresh director for each test, and checks of what became
// of a frame that print the header fields that differ.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "support/testbed.h"

namespace isobar::test {

inline const model::ServiceKey kWeb = service(model::Protocol::Tcp, 80);
inline const model::ServiceKey kDns = service(model::Protocol::Udp, 53);

// `packet` is what should have come of it, from the IP header on.
testing::AssertionResult became(const Outcome& outcome, isobar_verdict verdict, Action action,
                                const Bytes& frame);

// A frame that the data plane leaves as it is.
inline testing::AssertionResult passed(const Outcome& outcome, isobar_verdict verdict,
                                       const Bytes& frame) {
    return became(outcome, verdict, Action::Pass, frame);
}

// The four packets of a flow between the client and the server that was chosen for it.
Bytes request(std::uint16_t client_port, std::uint8_t flags, std::uint16_t port = 80);
Bytes reply(const Host& server, std::uint16_t client_port, std::uint8_t flags,
            std::uint16_t port = 80);
Bytes question(std::uint16_t client_port);
Bytes answer(const Host& server, std::uint16_t client_port);

// Which of kServers a frame goes to, counted from 1; 0: none of them.
int server_of(const Bytes& frame);

class Datapath : public testing::Test {
protected:
    void SetUp() override { make({}); }
    // A director without a service; skips where there is no root or no BPF.
    void make(const Testbed::Sizes& sizes);
    Testbed& bed() { return *bed_; }

    // Sends a SYN from that port and tells which server got it.
    int connect(std::uint16_t client_port, Hook hook = Hook::Ingress);

private:
    std::optional<Testbed> bed_;
};

class DatapathOnHook : public Datapath, public testing::WithParamInterface<Hook> {
protected:
    [[nodiscard]] static Hook hook() { return GetParam(); }
    // What tc decides to answer by ICMP or to give to the stack, XDP hands to tc untouched.
    [[nodiscard]] static bool is_tc() { return GetParam() != Hook::Xdp; }
};

inline std::string hook_name(const testing::TestParamInfo<Hook>& info) {
    return info.param == Hook::Xdp ? "Xdp" : info.param == Hook::Ingress ? "Ingress" : "Egress";
}

#define ISOBAR_ON_BOTH_HOOKS(suite) \
    INSTANTIATE_TEST_SUITE_P(Hook, suite, testing::Values(Hook::Ingress, Hook::Xdp), hook_name)

}  // namespace isobar::test
