// SPDX-License-Identifier: Apache-2.0
// SCTP: ports and their checksum rewritten, IPVS's states, what does not begin an association.
#include <sstream>

#include "fixture.h"

namespace isobar::test {
namespace {

constexpr V4 kClientIp = kClient.address;
constexpr V4 kServerIp = kServers[0].address;
constexpr std::uint8_t kProtocolSctp = 132;
constexpr std::size_t kChecksumAt = 8, kChunkAt = 12;

// Numbers of chunks (RFC 9260, 3.2).
constexpr std::uint8_t kData = 0, kInit = 1, kInitAck = 2, kAbort = 6, kShutdown = 7,
                       kShutdownAck = 8, kError = 9, kCookieEcho = 10, kCookieAck = 11,
                       kShutdownComplete = 14;

const model::ServiceKey kDiameter = service(model::Protocol::Sctp, 3868);

// Bit by bit (RFC 9260, appendix A): nothing in common with the data plane's way.
std::uint32_t crc32c(const Bytes& bytes) {
    std::uint32_t crc = 0xffffffff;
    for (const auto byte : bytes) {
        crc ^= byte;
        for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
    }
    return ~crc;
}

Bytes chunk(std::uint8_t type, std::size_t value = 12) {
    Bytes out{type, 0, 0, 0};
    set16(out, 2, static_cast<std::uint16_t>(4 + value));
    for (std::size_t i = 0; i < (value + 3) / 4 * 4; ++i)
        out.push_back(static_cast<std::uint8_t>(i * 7));
    return out;
}

Bytes sctp(const Ip& ip, std::uint16_t source, std::uint16_t destination, const Bytes& chunks) {
    Bytes body(kChunkAt);
    set16(body, 0, source);
    set16(body, 2, destination);
    set16(body, 4, 0xbeef);
    body.insert(body.end(), chunks.begin(), chunks.end());
    const auto crc = crc32c(body);
    for (std::size_t i = 0; i < 4; ++i)
        body[kChecksumAt + i] = static_cast<std::uint8_t>(crc >> 8 * i);
    return packet(ip, Raw{kProtocolSctp, body});
}

class Sctp : public DatapathOnHook {
protected:
    void serve(model::ForwardingMethod method = model::ForwardingMethod::Nat) {
        const model::Port port = method == model::ForwardingMethod::Nat ? 9868 : 3868;
        bed().apply({model::AddService{kDiameter, model::Scheduler::Rr},
                     model::AddServer{kDiameter, {endpoint(kServerIp, port), 1, method}}});
    }
    Outcome from_client(const Bytes& chunks) {
        return bed().send(hook(), Side::Outside,
                          arriving(kClient, sctp({kClientIp, kVip}, 40000, 3868, chunks)));
    }
    Outcome from_server(const Bytes& chunks) {
        return bed().send(hook(), Side::Inside,
                          arriving(kServers[0], sctp({kServerIp, kClientIp}, 9868, 40000, chunks)));
    }
    isobar_conn& connection() { return *bed().connections().at(0); }
    std::string state() { return bed().plane().connections().value().at(0).state; }
    model::ServerStatus server() { return bed().plane().services().value().at(0).servers.at(0); }
};
ISOBAR_ON_BOTH_HOOKS(Sctp);

TEST_P(Sctp, NatChangesPortsAndChecksumInBothDirections) {
    serve();
    for (const std::size_t size : {0, 1, 2, 3, 4, 100, 255, 1000, 1400}) {
        SCOPED_TRACE(size);
        const auto chunks = chunk(kInit, size);
        EXPECT_TRUE(became(from_client(chunks), ISOBAR_FORWARDED, Action::Redirect,
                           leaving(hook(), kClient, kServers[0],
                                   sctp({kClientIp, kServerIp, 63}, 40000, 9868, chunks))));
        EXPECT_TRUE(became(from_server(chunks), ISOBAR_REPLIED, Action::Redirect,
                           leaving(hook(), kServers[0], kClient,
                                   sctp({kVip, kClientIp, 63}, 3868, 40000, chunks))));
    }
}

// A sender that leaves it to its device sends 0.
TEST_P(Sctp, AChecksumThatIsToBeFilledInStaysSo) {
    serve();
    auto frame = arriving(kClient, sctp({kClientIp, kVip}, 40000, 3868, chunk(kInit)));
    for (std::size_t i = 0; i < 4; ++i) frame[kL4At + kChecksumAt + i] = 0;

    const auto outcome = bed().send(hook(), Side::Outside, frame);

    EXPECT_EQ(9868, get16(outcome.frame, kL4At + 2));
    EXPECT_EQ(0, get16(outcome.frame, kL4At + kChecksumAt));
    EXPECT_EQ(0, get16(outcome.frame, kL4At + kChecksumAt + 2));
}

TEST_P(Sctp, DirectRoutingChangesNothing) {
    serve(model::ForwardingMethod::Dr);
    EXPECT_TRUE(became(from_client(chunk(kInit)), ISOBAR_FORWARDED, Action::Redirect,
                       leaving(hook(), kClient, kServers[0],
                               sctp({kClientIp, kVip, 63}, 40000, 3868, chunk(kInit)))));
}

TEST_P(Sctp, AnAssociationIsActiveFromItsEstablishmentToItsShutdown) {
    serve();
    const struct {
        bool client;
        std::uint8_t type;
        const char* state;
        std::uint32_t active;
    } steps[] = {{true, kInit, "INIT1", 0},           {false, kInitAck, "C-SENT", 0},
                 {true, kCookieEcho, "C-REPLIED", 0}, {false, kCookieAck, "ESTABLISHED", 1},
                 {true, kData, "ESTABLISHED", 1},     {false, kShutdown, "S-SENT", 0},
                 {true, kShutdownAck, "CLOSED", 0},   {false, kShutdownComplete, "CLOSED", 0}};
    for (const auto& step : steps) {
        (void)(step.client ? from_client(chunk(step.type)) : from_server(chunk(step.type)));
        EXPECT_EQ(step.state, state());
        EXPECT_EQ(step.active, server().active);
        EXPECT_EQ(1 - step.active, server().inactive);
    }
}

// sctp_states[] of ip_vs_proto_sctp.c.
TEST_P(Sctp, StatesFollowIpvssTable) {
    const std::vector<std::string> columns{"NO", "I1", "IN", "CS", "CR", "CW", "CO",
                                           "CE", "ES", "SS", "SR", "SA", "RJ", "CL"};
    const struct {
        int direction;  // 0: client, 1: server, 2: client, direct routing
        std::uint8_t type;
        const char* next;
    } rows[] = {
        {0, kData, "ES I1 IN CS CR CW CO CE ES SS SR SA RJ CL"},
        {0, kInit, "I1 IN IN CS CR CW CO CE ES SS SR SA IN I1"},  // CLOSED: a new association
        {0, kInitAck, "CW CW CW CS CR CO CO CE ES SS SR SA RJ CL"},
        {0, kCookieEcho, "CR IN IN CR CR CW CO CE ES SS SR SA RJ CL"},
        {0, kCookieAck, "ES I1 IN CS CR CW CO ES ES SS SR SA RJ CL"},
        {0, kShutdown, "SR I1 IN CS CR CW CO CE SR SS SR SA RJ CL"},
        {0, kShutdownAck, "CL IN IN CS CR CW CO CE ES CL SR CL RJ CL"},
        {0, kShutdownComplete, "CL CL CL CS CR CW CO CE ES SS SR CL RJ CL"},
        {0, kError, "CL I1 IN CS CR CW CO CL ES SS SR SA RJ CL"},
        {0, kAbort, "CL CL CL CL CL RJ CL CL CL CL CL CL CL CL"},
        {1, kData, "ES I1 IN CS CR CW CO CE ES SS SR SA RJ CL"},
        {1, kInit, "CW CW CW CW CW CW CW CW ES CW CW CW CW CW"},
        {1, kInitAck, "CS CS CS CS CR CW CO CE ES SS SR SA RJ CL"},
        {1, kCookieEcho, "CE CE CE CE CE CE CE CE ES SS SR SA RJ CL"},
        {1, kCookieAck, "ES ES ES ES ES ES ES ES ES SS SR SA RJ CL"},
        {1, kShutdown, "SS SS SS SS SS SS SS SS SS SS SR SA RJ CL"},
        {1, kShutdownAck, "SA SA SA SA SA CW CO CE ES SA SA SA RJ CL"},
        {1, kShutdownComplete, "CL I1 IN CS CR CW CO CE ES SS SR SA RJ CL"},
        {1, kError, "CL CL CL CL CL CW CO CE ES SS SR SA RJ CL"},
        {1, kAbort, "CL RJ CL CL CL CL CL CL CL CL CL CL CL CL"},
        {2, kData, "ES I1 IN CS CR ES CO CE ES SS SR SA RJ CL"},
        {2, kInit, "I1 IN IN IN IN IN CO CE ES SS SR SA IN I1"},
        {2, kInitAck, "CE CE CE CE CE CE CO CE ES SS SR SA RJ CL"},
        {2, kCookieEcho, "ES ES ES ES ES ES CO CE ES SS SR SA RJ CL"},
        {2, kCookieAck, "ES I1 IN ES ES CW ES ES ES SS SR SA RJ CL"},
        {2, kShutdown, "SR I1 IN CS CR CW CO CE SR SS SR SA RJ CL"},
        {2, kShutdownAck, "CL IN IN CS CR CW CO CE CL CL SR CL RJ CL"},
        {2, kShutdownComplete, "CL CL CL CL CL CW CO CE ES SS CL CL RJ CL"},
        {2, kError, "CL I1 IN CS CR CW CO CE ES SS SR SA RJ CL"},
        {2, kAbort, "CL CL CL CL CL RJ CL CL CL CL CL CL CL CL"},
    };
    for (const bool direct : {false, true}) {
        serve(direct ? model::ForwardingMethod::Dr : model::ForwardingMethod::Nat);
        (void)from_client(chunk(kInit));
        for (const auto& row : rows) {
            if ((row.direction == 2) != direct) continue;
            std::istringstream wanted(row.next);
            for (std::uint32_t column = 0; column < columns.size(); ++column) {
                SCOPED_TRACE(columns[column] + " by chunk " + std::to_string(row.type) +
                             ", direction " + std::to_string(row.direction));
                connection().life = ISOBAR_LIFE_LIVE | (ISOBAR_STATE_SCTP_NONE + column);
                (void)(row.direction == 1 ? from_server(chunk(row.type))
                                          : from_client(chunk(row.type)));
                std::string next;
                wanted >> next;
                EXPECT_EQ(next, columns.at((connection().life & ISOBAR_LIFE_STATE) -
                                           ISOBAR_STATE_SCTP_NONE));
            }
        }
        connection().expires = bed().jiffies() - 1;
        (void)bed().plane().connections();  // sweeps
        bed().apply({model::RemoveService{kDiameter}});
    }
}

TEST_P(Sctp, AnAbortBehindACookieCounts) {
    serve();
    (void)from_client(chunk(kInit));
    (void)from_server(chunk(kInitAck));
    auto bundle = chunk(kCookieEcho, 13);
    const auto abort = chunk(kAbort, 0);
    bundle.insert(bundle.end(), abort.begin(), abort.end());

    (void)from_client(bundle);

    EXPECT_EQ("CLOSED", state());
}

TEST_P(Sctp, OnlyAnInitBeginsAnAssociation) {
    serve();
    for (const std::uint8_t type : {kData, kInitAck, kAbort, kCookieEcho, std::uint8_t{200}})
        EXPECT_STREQ("NO_CONNECTION", name(from_client(chunk(type)).verdict));
    EXPECT_EQ(0u, bed().connections().size());
}

// sctp_conn_schedule()
TEST_P(Sctp, WithSloppySctpAnyPacketButAnAbortBeginsOne) {
    serve();
    ASSERT_TRUE(bed().plane().set_switches({.sloppy_sctp = 1}));

    EXPECT_STREQ("NO_CONNECTION", name(from_client(chunk(kAbort)).verdict));
    EXPECT_STREQ("FORWARDED", name(from_client(chunk(kData)).verdict));
}

TEST_P(Sctp, WhatCannotBeReadIsRefusedByName) {
    serve();
    const auto without_chunk =
        arriving(kClient, packet(Ip{kClientIp, kVip}, Raw{kProtocolSctp, Bytes(12)}));
    Ip cut_up{kClientIp, kVip};
    cut_up.fragment = kMoreFragments;
    const auto fragment = arriving(kClient, sctp(cut_up, 40000, 3868, chunk(kInit)));

    EXPECT_STREQ("MALFORMED", name(bed().send(hook(), Side::Outside, without_chunk).verdict));
    EXPECT_TRUE(passed(bed().send(hook(), Side::Outside, fragment), ISOBAR_FRAGMENT, fragment));
}

}  // namespace
}  // namespace isobar::test
