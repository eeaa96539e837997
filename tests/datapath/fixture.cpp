// SPDX-License-Identifier: Apache-2.0
#include "fixture.h"

namespace isobar::test {

testing::AssertionResult became(const Outcome& outcome, isobar_verdict verdict, Action action,
                                const Bytes& frame) {
    static constexpr const char* kActions[] = {"pass", "redirect", "drop", "unknown"};
    std::string words;
    if (outcome.verdict != verdict)
        words += std::string("  verdict: expected ") + name(verdict) + ", is " +
                 name(outcome.verdict) + "\n";
    if (outcome.action != action)
        words += std::string("  action: expected ") + kActions[static_cast<int>(action)] + ", is " +
                 kActions[static_cast<int>(outcome.action)] + "\n";
    words += difference(frame, outcome.frame);
    if (words.empty()) return testing::AssertionSuccess();
    return testing::AssertionFailure() << "the frame became something else:\n" << words;
}

Bytes request(std::uint16_t client_port, std::uint8_t flags, std::uint16_t port) {
    return arriving(kClient, packet(Ip{.source = kClient.address, .destination = kVip},
                                    Tcp{client_port, port, flags}));
}

Bytes reply(const Host& server, std::uint16_t client_port, std::uint8_t flags, std::uint16_t port) {
    return arriving(server, packet(Ip{.source = server.address, .destination = kClient.address},
                                   Tcp{port, client_port, flags}));
}

Bytes question(std::uint16_t client_port) {
    return arriving(kClient, packet(Ip{.source = kClient.address, .destination = kVip},
                                    Udp{client_port, 53, text("who is it?")}));
}

Bytes answer(const Host& server, std::uint16_t client_port) {
    return arriving(server, packet(Ip{.source = server.address, .destination = kClient.address},
                                   Udp{53, client_port, text("it is me")}));
}

int server_of(const Bytes& frame) {
    for (int i = 0; i < 3; ++i) {
        const auto address = kServers[i].address;
        if (frame.size() >= kL4At && get16(frame, kIpAt + 16) == address >> 16 &&
            get16(frame, kIpAt + 18) == (address & 0xffff))
            return i + 1;
    }
    return 0;
}

void Datapath::make(const Testbed::Sizes& sizes) {
    bed_.reset();
    auto made = Testbed::make(sizes);
    if (!made &&
        (made.error().fault == Fault::Permission || made.error().fault == Fault::Unsupported))
        GTEST_SKIP() << made.error().message;
    ASSERT_TRUE(made) << made.error().message;
    bed_ = std::move(*made);
}

int Datapath::connect(std::uint16_t client_port, Hook hook) {
    const auto outcome = bed().send(hook, Side::Outside, request(client_port, kSyn));
    return outcome.verdict == ISOBAR_FORWARDED ? server_of(outcome.frame) : 0;
}

}  // namespace isobar::test
