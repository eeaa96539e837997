// SPDX-License-Identifier: Apache-2.0
// --pe sip: clients of a persistent service are told apart by the Call-ID of SIP. At tc; XDP leaves
// what is new to it.
#include <bpf/bpf.h>

#include "fixture6.h"

namespace isobar::test {
namespace {

const model::ServiceKey kSip = service(model::Protocol::Udp, 5060);
constexpr V4 kOtherClient = v4(10, 0, 0, 77);

// A request with these lines for headers.
std::string invite(const std::string& headers) {
    return "INVITE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.100\r\n" + headers +
           "\r\nv=0\r\n";
}

class Calls : public DatapathOnHook {
protected:
    void serve(const model::ServiceKey& key, std::uint8_t prefix, bool one_packet = false,
               std::optional<std::chrono::seconds> timeout = std::chrono::minutes(5)) {
        std::optional<model::Persistence> persistence;
        if (timeout) persistence = model::Persistence{*timeout, prefix};
        std::vector<model::Change> changes{
            model::AddService{.key = key,
                              .scheduler = model::Scheduler::Rr,
                              .persistence = persistence,
                              .one_packet = one_packet,
                              .engine = model::PersistenceEngine::Sip}};
        for (const Host& server : kServers)
            changes.emplace_back(model::AddServer{key, {endpoint(server.address, 5060), 1}});
        bed().apply(std::move(changes));
    }
    Outcome says(const std::string& words, V4 from = kClient.address, std::uint16_t to = 5060) {
        const auto datagram = packet(Ip{from, kVip}, Udp{++port_, to, text(words)});
        return bed().send(hook(), Side::Outside, arriving(kClient, datagram));
    }
    int calls(const std::string& id, V4 from = kClient.address, std::uint16_t to = 5060) {
        return server_of(says(invite("Call-ID: " + id + "\r\n"), from, to).frame);
    }
    std::vector<model::ConnectionStatus> templates() {
        auto all = bed().plane().connections().value();
        std::erase_if(all, [](const auto& each) { return each.client.port != 0; });
        return all;
    }
    std::size_t noted() {
        const int map = bed().maps().fd("isobar_calls");
        std::size_t count = 0;
        isobar_address key{};
        for (const isobar_address* before = nullptr; bpf_map_get_next_key(map, before, &key) == 0;
             before = &key)
            ++count;
        return count;
    }
    // First the connections, then their templates.
    void forget_all() {
        for (int i = 0; i < 2; ++i) {
            for (auto* conn : bed().connections()) conn->expires = bed().jiffies() - 1;
            (void)bed().plane().services();  // sweeps
        }
    }
    std::uint16_t port_ = 40000;  // each datagram is of a connection of its own
};
INSTANTIATE_TEST_SUITE_P(Hook, Calls, testing::Values(Hook::Ingress), hook_name);

TEST_P(Calls, ACallHasItsServerWhereverItIsFrom) {
    serve(kSip, 0);

    const int first = calls("one@example.com");
    const int second = calls("two@example.com");

    EXPECT_NE(0, first);
    EXPECT_NE(first, second);
    EXPECT_EQ(first, calls("one@example.com", kOtherClient));
    EXPECT_EQ(second, calls("two@example.com", kOtherClient));
    EXPECT_NE(second, calls("three@example.com"));
    EXPECT_EQ(3u, templates().size());
}

TEST_P(Calls, TheClientsNetworkCountsAsFarAsTheMaskGoes) {
    serve(kSip, 32);

    const int here = calls("one@example.com");

    EXPECT_NE(here, calls("one@example.com", kOtherClient));
    EXPECT_EQ(here, calls("one@example.com"));
    ASSERT_EQ(2u, templates().size());
}

TEST_P(Calls, TheSameCallElsewhereIsAnotherOne) {
    const auto other = service(model::Protocol::Udp, 5070);
    serve(kSip, 0);
    serve(other, 0);

    (void)calls("one@example.com");
    (void)calls("one@example.com", kClient.address, 5070);

    EXPECT_EQ(2u, templates().size());
    EXPECT_EQ(2u, noted());
}

TEST_P(Calls, AreListedAndForgotten) {
    serve(kSip, 24);
    (void)calls("one@example.com");

    const auto listed = templates();

    ASSERT_EQ(1u, listed.size());
    EXPECT_EQ("10.0.0.0:0", listed[0].client.text());
    EXPECT_EQ("one@example.com", listed[0].call_id);
    EXPECT_EQ(1u, noted());
    forget_all();
    EXPECT_EQ(0u, templates().size());
    EXPECT_EQ(0u, noted());
}

TEST_P(Calls, TheIdIsFoundInEverySpelling) {
    serve(kSip, 0);
    const std::string longest(255, 'x');
    const struct {
        std::string headers;
        std::string id;
    } cases[] = {
        {"Call-ID: a84b4c76e66710@pc33.atlanta.com\r\n", "a84b4c76e66710@pc33.atlanta.com"},
        {"call-id:x\r\n", "x"},
        {"CALL-ID  :  x\r\n", "x"},
        {"i: x\r\n", "x"},
        {"I:x\r\n", "x"},
        {"Call-ID:\r\n\t x\r\n", "x"},
        {"Call-ID\r\n :\n  x\r\n", "x"},
        {"Call-ID: x\n", "x"},
        {"Contact: c\rCall-ID: x\r", "x"},
        {"Cal\r\nC\r\nCall-ID: x\r\n", "x"},
        {"Info: y\r\n Call-ID: y\r\nCall-ID: x\r\n", "x"},
        {"Call-ID: {a}'\r\nCall-ID: b\r\n", "{a}'"},
        {"Call-ID: @y\r\nCall-ID: x@y\r\n", "x@y"},
        {"Call-ID: \"!%*_+`~()<>:\\/[]?{}.-\r\n", "\"!%*_+`~()<>:\\/[]?{}.-"},
        {"Call-ID: " + longest + "\r\n", longest},
    };
    for (const auto& [headers, id] : cases) {
        SCOPED_TRACE(headers);
        forget_all();

        EXPECT_EQ(ISOBAR_FORWARDED, says(invite(headers)).verdict);

        const auto listed = templates();
        ASSERT_EQ(1u, listed.size());
        EXPECT_EQ(id, listed[0].call_id);
    }
}

TEST_P(Calls, WhatHasNoneIsDropped) {
    serve(kSip, 0);
    const std::string cases[] = {
        "",
        "x",
        "Call-ID: x\r\n",  // the first line is no header
        invite(""),
        invite("Call-ID: \r\n"),
        invite("Call-ID: x y\r\n"),
        invite("Call-ID: x@y@z\r\n"),
        invite("Call-ID: " + std::string(256, 'x') + "\r\n"),
        invite("Call-ID\r\n: x\r\n"),
        invite("Call-ID-2: x\r\n"),
        invite("Call\rID: x\r\n"),
        invite("id: x\r\n"),
        invite(" Call-ID: x\r\n"),
        "INVITE\r\nCall-ID: x",  // who knows whether it goes on
        "INVITE\r\nCall-ID: x@",
        "INVITE\r\nCall-",
        "INVITE\r\n" + std::string(1536, 'x') + "\r\nCall-ID: x\r\n",
    };
    for (const auto& words : cases) {
        SCOPED_TRACE(words);
        EXPECT_EQ(ISOBAR_NO_CALL_ID, says(words).verdict);
    }
    EXPECT_EQ(0u, bed().connections().size());
}

TEST_P(Calls, AConnectionGoesOnWhateverItSays) {
    serve(kSip, 0);
    const int server = calls("one@example.com");
    --port_;
    EXPECT_EQ(server, calls("two@example.com"));
    --port_;
    EXPECT_EQ(server, server_of(says("\r\n\r\n").frame));
}

TEST_P(Calls, OnePacketSchedulingFollowsTheCall) {
    serve(kSip, 0, true);
    const int first = calls("one@example.com");
    --port_;
    const int second = calls("two@example.com");
    EXPECT_NE(first, second);
    for (int i = 0; i < 4; ++i) {
        --port_;
        EXPECT_EQ(i % 2 ? first : second, calls(i % 2 ? "one@example.com" : "two@example.com"));
    }
}

TEST_P(Calls, WithoutPersistenceThereAreNone) {
    serve(kSip, 0, false, std::nullopt);
    EXPECT_NE(calls("one@example.com"), calls("one@example.com"));
    EXPECT_EQ(0u, templates().size());
    EXPECT_EQ(model::PersistenceEngine::Sip, bed().plane().services().value().at(0).engine);
}

TEST_P(Calls, TcpHasNone) {
    serve(kWeb, 32);
    EXPECT_EQ(ISOBAR_NO_CALL_ID, bed().send(hook(), Side::Outside, request(40000, kSyn)).verdict);
}

class CallsAtXdp : public Calls {};
INSTANTIATE_TEST_SUITE_P(Hook, CallsAtXdp, testing::Values(Hook::Xdp), hook_name);

TEST_P(CallsAtXdp, AreLeftToTcWhenTheyBegin) {
    serve(kSip, 0);
    const auto begins =
        arriving(kClient, packet(Ip{kClient.address, kVip},
                                 Udp{40000, 5060, text(invite("Call-ID: one@example.com\r\n"))}));

    EXPECT_TRUE(passed(bed().send(hook(), Side::Outside, begins), ISOBAR_TO_TC, begins));
    EXPECT_EQ(ISOBAR_FORWARDED, bed().send(Hook::Ingress, Side::Outside, begins).verdict);
    EXPECT_EQ(ISOBAR_FORWARDED, bed().send(hook(), Side::Outside, begins).verdict);
}

class Calls6 : public WithIpv6<Datapath> {};

TEST_F(Calls6, AreListedWithTheClientsNetwork) {
    const model::ServiceKey key{model::Protocol::Udp, {kVip6, 5060}};
    bed().apply({model::AddService{.key = key,
                                   .scheduler = model::Scheduler::Rr,
                                   .persistence = model::Persistence{std::chrono::minutes(5), 64},
                                   .engine = model::PersistenceEngine::Sip},
                 model::AddServer{key, {{kServers6[0], 5060}, 1}}});

    const auto outcome = bed().send(
        Hook::Ingress, Side::Outside,
        arriving(kClient, packet(Ip6{kClient6, kVip6},
                                 Udp{40000, 5060, text(invite("i: one@example.com\r\n"))})));

    EXPECT_EQ(ISOBAR_FORWARDED, outcome.verdict);
    const auto all = bed().plane().connections().value();
    EXPECT_TRUE(std::any_of(all.begin(), all.end(), [](const auto& each) {
        return each.client.text() == "[2001:db8::]:0" && each.call_id == "one@example.com";
    }));
}

}  // namespace
}  // namespace isobar::test
