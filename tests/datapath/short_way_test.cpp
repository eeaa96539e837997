// SPDX-License-Identifier: Apache-2.0
// XDP has two ways through it, bpf/known.h and bpf/balance.h, and they must do the same with the
// same packet. Here each packet goes both: the first of a jiffy takes the long one.
#include <bpf/bpf.h>

#include <algorithm>
#include <random>
#include <tuple>
#include <utility>

#include "fixture6.h"

namespace isobar::test {
namespace {

using enum model::ForwardingMethod;
using enum model::Encapsulation;

constexpr std::uint16_t kClientPort = 40000, kStranger = 40001, kServerPort = 8080,
                        kLocalPort = 5000;
constexpr std::size_t kFlagsAt = kL4At + 13;
constexpr V4 kLocal = v4(192, 168, 10, 254);
const auto kLocal6 = v6("fd00::254"), kOwnInside6 = v6("fd00::1");

enum class Way : std::uint8_t { Long, Short };

struct Kind {
    const char* name;
    model::ForwardingMethod method;
    model::Tunnel tunnel{};
    bool other_family = false;  // the server is of the other family than the service
};
const Kind kKinds[] = {
    {"Nat", Nat},
    {"Dr", Dr},
    {"FullNat", FullNat},
    {"Ipip", Tun, {Ipip, 0}},
    {"IpipAcross", Tun, {Ipip, 0}, true},
    {"Gue", Tun, {Gue, 6080}},
    {"GueAcross", Tun, {Gue, 6080}, true},
    {"GueChecksum", Tun, {Gue, 6080, model::TunnelChecksum::Full}},
    {"Gre", Tun, {Gre, 0}},
};

enum class Inner : std::uint8_t { V4, V6 };

class ShortWay : public WithIpv6<Datapath>,
                 public testing::WithParamInterface<std::tuple<Kind, Inner>> {
protected:
    // What became of a packet: its own fate, and the books.
    struct Seen {
        Outcome outcome;
        std::vector<isobar_conn> conns{};
        std::vector<model::Traffic> traffic{};
        std::size_t others = 0;  // connections that it began
    };

    void SetUp() override {
        WithIpv6<Datapath>::SetUp();
        if (IsSkipped()) return;
        ip("addr add " + kOwnInside6.text() + "/128 dev lo nodad\n");
        serve({model::Protocol::Tcp, {is_v6() ? kVip6 : endpoint(kVip, 0).address, 80}});
        serve({model::Protocol::Udp, {is_v6() ? kVip6 : endpoint(kVip, 0).address, 80}});
        send(Side::Outside, from_client({}, Tcp{kClientPort, 80, kSyn}));
        send(Side::Outside, from_client({}, Udp{kClientPort, 80}));
        if (replies())
            send(Side::Inside, from_server({}, Tcp{from_port(), to_port(), kSyn | kAck}));
        send(Side::Outside, from_client({}, Tcp{kClientPort, 80, kAck}));
        for (auto* conn : bed().connections()) conns_.emplace_back(conn, *conn);
        ASSERT_EQ(2u, conns_.size());
    }

    static const Kind& kind() { return std::get<Kind>(GetParam()); }
    static bool is_v6() { return std::get<Inner>(GetParam()) == Inner::V6; }
    static bool replies() { return kind().method == Nat || kind().method == FullNat; }
    static bool outer_v4() { return kind().method == Tun && is_v6() == kind().other_family; }
    static std::uint16_t from_port() { return kServerPort; }
    static std::uint16_t to_port() { return kind().method == FullNat ? kLocalPort : kClientPort; }

    void serve(const model::ServiceKey& key) {
        const bool server_v6 = is_v6() != kind().other_family;
        const auto server = server_v6 ? kServers6[0] : endpoint(kServers[0].address, 0).address;
        model::LocalPool local;
        if (kind().method == FullNat)
            local = {{is_v6() ? kLocal6 : endpoint(kLocal, 0).address}, kLocalPort, kLocalPort};
        const model::Port port = replies() ? kServerPort : key.address.port;
        bed().apply(
            {model::AddService{.key = key, .local = local},
             model::AddServer{
                 key,
                 {.address = {server, port}, .method = kind().method, .tunnel = kind().tunnel}}});
    }

    struct Header {
        std::uint8_t ttl = 64;
        std::uint8_t tos = 0;
        std::uint16_t fragment = 0;           // of IPv4
        Bytes options{};                      // of IPv4
        std::vector<Extension> extensions{};  // of IPv6
    };
    template <typename Transport>
    static Bytes between(const Header& header, V4 source, V4 destination,
                         const model::Address& source6, const model::Address& destination6,
                         const Transport& transport) {
        if (is_v6())
            return packet(
                Ip6{source6, destination6, header.ttl, header.tos, 0x12345, header.extensions},
                transport);
        return packet(
            Ip{source, destination, header.ttl, header.tos, 77, header.fragment, header.options},
            transport);
    }
    template <typename Transport>
    static Bytes from_client(const Header& header, const Transport& transport) {
        return arriving(kClient,
                        between(header, kClient.address, kVip, kClient6, kVip6, transport));
    }
    template <typename Transport>
    static Bytes from_server(const Header& header, const Transport& transport) {
        const bool fullnat = kind().method == FullNat;
        return arriving(kServers[0],
                        between(header, kServers[0].address, fullnat ? kLocal : kClient.address,
                                kServers6[0], fullnat ? kLocal6 : kClient6, transport));
    }
    Outcome send(Side side, const Bytes& frame) { return bed().send(Hook::Xdp, side, frame); }

    // Says that this jiffy was swept already, or not yet.
    void choose(Way way) {
        const int map = bed().maps().fd("isobar_sweep");
        const std::uint32_t zero = 0;
        isobar_sweep sweep{};
        ASSERT_EQ(0, bpf_map_lookup_elem(map, &zero, &sweep));
        sweep.tick = bed().jiffies() - (way == Way::Long ? 1 : 0);
        ASSERT_EQ(0, bpf_map_update_elem(map, &zero, &sweep, BPF_ANY));
    }
    Seen see(Way way, Side side, const Bytes& frame) {
        for (const auto& [conn, before] : conns_) *conn = before;
        const auto before = traffic();
        choose(way);
        Seen seen{.outcome = send(side, frame)};
        seen.traffic = traffic();
        for (const auto& [conn, _] : conns_) seen.conns.push_back(*conn);
        seen.others = end_others();
        for (std::size_t i = 0; i < before.size(); ++i) {
            seen.traffic[i].in_packets -= before[i].in_packets;
            seen.traffic[i].out_packets -= before[i].out_packets;
            seen.traffic[i].in_bytes -= before[i].in_bytes;
            seen.traffic[i].out_bytes -= before[i].out_bytes;
        }
        forget_identification(seen.outcome.frame);
        return seen;
    }
    std::size_t end_others() {
        std::size_t others = 0;
        for (auto* conn : bed().connections())
            if (std::ranges::find(conns_, conn, [](const auto& c) { return c.first; }) ==
                conns_.end()) {
                conn->expires = bed().jiffies() - 1;
                ++others;
            }
        if (others != 0) (void)bed().plane().connections();  // sweeps
        return others;
    }
    std::vector<model::Traffic> traffic() {
        std::vector<model::Traffic> all;
        const auto services = bed().plane().services().value();
        for (const auto& service : services)
            for (const auto& server : service.servers) all.push_back(server.traffic);
        return all;
    }
    // Of an outer header of IPv4: may be drawn.
    static void forget_identification(Bytes& frame) {
        if (!outer_v4() || frame.size() < kL4At || get16(frame, 12) != 0x0800) return;
        set16(frame, kIpAt + 4, 0);
        set16(frame, kIpChecksumAt, 0);
    }

    testing::AssertionResult same_both_ways(Side side, const Bytes& frame) {
        const auto expected = see(Way::Long, side, frame);  // knows the next hop afterwards
        const auto seen = see(Way::Short, side, frame);
        if (auto same = became(seen.outcome, expected.outcome.verdict, expected.outcome.action,
                               expected.outcome.frame);
            !same)
            return same;
        if (seen.others != expected.others)
            return testing::AssertionFailure() << "another number of connections";
        for (std::size_t i = 0; i < seen.conns.size(); ++i)
            if (seen.conns[i].life != expected.conns[i].life ||
                seen.conns[i].flags != expected.conns[i].flags ||
                seen.conns[i].expires - expected.conns[i].expires > kSoon)
                return testing::AssertionFailure()
                       << "state " << expected.conns[i].life << " became " << seen.conns[i].life
                       << ", deadline " << expected.conns[i].expires << ' '
                       << seen.conns[i].expires;
        for (std::size_t i = 0; i < seen.traffic.size(); ++i) {
            const auto numbers = [](const model::Traffic& t) {
                return std::tuple{t.in_packets, t.out_packets, t.in_bytes, t.out_bytes};
            };
            if (numbers(seen.traffic[i]) != numbers(expected.traffic[i]))
                return testing::AssertionFailure() << "counted differently";
        }
        return testing::AssertionSuccess();
    }

private:
    static constexpr std::uint32_t kSoon = 2000;  // jiffies; what one packet may be later
    std::vector<std::pair<isobar_conn*, isobar_conn>> conns_;  // as they are before each packet
};

std::string kind_name(const testing::TestParamInfo<std::tuple<Kind, Inner>>& info) {
    return std::string(std::get<Kind>(info.param).name) +
           (std::get<Inner>(info.param) == Inner::V6 ? "6" : "4");
}
INSTANTIATE_TEST_SUITE_P(Xdp, ShortWay,
                         testing::Combine(testing::ValuesIn(kKinds),
                                          testing::Values(Inner::V4, Inner::V6)),
                         kind_name);

TEST_P(ShortWay, WhatLeavesItLeavesItUnchanged) {
    const Tcp ack{kClientPort, 80, kAck, text("data")};
    Tcp large = ack;
    large.payload.resize(1480);
    const auto hop = packet(Ip{}, ack).size();  // of IPv4, without options
    ASSERT_EQ(44u, hop);
    auto cut_short = from_client({}, ack), group = cut_short, bad_sum = cut_short;
    cut_short.resize(cut_short.size() - 1);
    group[0] |= 1;
    bad_sum[kIpChecksumAt] ^= 1;  // of IPv6: a byte of the source
    auto from_group = from_client({}, Tcp{kStranger, 81, kAck});
    from_group[kIpAt + 8] = 0xff;  // where IPv6 has the source, IPv4 the time to live
    const struct {
        const char* description;
        Bytes frame;
    } cases[] = {
        {"whole", from_client({}, ack)},
        {"of a datagram", from_client({}, Udp{kClientPort, 80, text("x"), UdpChecksum::None})},
        {"too big", from_client({}, large)},
        {"last hop", from_client({.ttl = 1}, ack)},
        {"no hop", from_client({.ttl = 0}, ack)},
        {"unknown connection", from_client({}, Tcp{kStranger, 80, kAck})},
        {"another port", from_client({}, Tcp{kClientPort, 81, kAck})},
        {"options", from_client({.options = {1, 1, 1, 0}}, ack)},
        {"extension", from_client({.extensions = {padding(kHopByHop)}}, ack)},
        {"two extensions",
         from_client({.extensions = {padding(kDestination), padding(kDestination)}}, ack)},
        {"whole, with a fragment header", from_client({.extensions = {fragment(0, false)}}, ack)},
        {"first fragment",
         from_client({.fragment = kMoreFragments, .extensions = {fragment(0, true)}}, ack)},
        {"later fragment", from_client({.fragment = 2, .extensions = {fragment(16, false)}}, ack)},
        {"cut short", cut_short},
        {"to a group", group},
        {"from a group", from_group},
        {"wrong checksum", bad_sum},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.description);
        EXPECT_TRUE(same_both_ways(Side::Outside, c.frame));
    }
}

// Without a connection, and with each kind of service that it could be for.
TEST_P(ShortWay, AStrangerIsOneByBothWays) {
    const auto vip = is_v6() ? kVip6 : endpoint(kVip, 0).address;
    const auto by_mark =
        model::ServiceKey::by_mark(5, is_v6() ? model::Family::V6 : model::Family::V4);
    const model::AddService more[] = {
        {{model::Protocol::Tcp, {vip, 81}}},
        {{model::Protocol::Tcp, {vip, 21}}},
        {.key = {model::Protocol::Tcp, {vip, 0}}, .persistence = model::Persistence{}},
        {by_mark},
    };
    const auto compare = [&](std::size_t which) {
        SCOPED_TRACE(which);
        for (const std::uint8_t flags : {kAck, kFin, kRst})
            for (const std::uint16_t port :
                 {std::uint16_t{81}, std::uint16_t{82}, std::uint16_t{2000}})
                EXPECT_TRUE(
                    same_both_ways(Side::Outside, from_client({}, Tcp{kStranger, port, flags})));
        EXPECT_TRUE(same_both_ways(Side::Inside, from_server({}, Tcp{4444, kStranger, kAck})));
        EXPECT_TRUE(same_both_ways(Side::Outside, from_client({}, Udp{kStranger, 81})));
    };

    compare(0);
    EXPECT_LE(18u, bed().count(ISOBAR_NO_SERVICE));
    for (std::size_t i = 0; i < std::size(more); ++i) {
        bed().apply({more[i]});
        compare(i + 1);
        bed().apply({model::RemoveService{more[i].key}});
    }
}

TEST_P(ShortWay, DoesWhatTheLongOneDoesWithAnyPacket) {
    std::mt19937 random(1);
    const auto one_of = [&](auto... values) {
        const std::common_type_t<decltype(values)...> all[] = {values...};
        return all[random() % std::size(all)];
    };
    for (int i = 0; i < 300; ++i) {
        SCOPED_TRACE(i);
        Header header;
        header.ttl = static_cast<std::uint8_t>(one_of(2, 64, 255, 1));
        header.tos = static_cast<std::uint8_t>(random());
        header.fragment = static_cast<std::uint16_t>(one_of(0, 0, 0, 0x4000));
        Bytes payload(one_of(0u, 1u, 2u, 7u, 100u, 1400u, 1430u, 1440u, 1460u, 1480u));
        std::generate(payload.begin(), payload.end(),
                      [&] { return static_cast<std::uint8_t>(random()); });
        const bool reply = replies() && random() % 2 == 0;
        const std::uint16_t source = reply ? from_port() : kClientPort;
        const std::uint16_t destination = reply ? to_port() : 80;
        const auto sent = [&](const auto& transport) {
            return reply ? from_server(header, transport) : from_client(header, transport);
        };
        auto frame = random() % 3 == 0
                         ? sent(Udp{source, destination, payload,
                                    one_of(UdpChecksum::Right, UdpChecksum::None)})
                         : sent(Tcp{source, destination,
                                    static_cast<std::uint8_t>(random() & ~unsigned{kSyn}), payload,
                                    Bytes(one_of(0u, 12u, 40u), 1)});
        if (random() % 8 == 0) frame.resize(frame.size() + 9);  // padding behind the packet
        const auto at = 12 + random() % std::min<std::size_t>(frame.size() - 12, 44);
        if (random() % 4 == 0 && at != kFlagsAt)  // a SYN would end the connection
            frame[at] = static_cast<std::uint8_t>(frame[at] ^ 1u << random() % 8);

        EXPECT_TRUE(same_both_ways(reply ? Side::Inside : Side::Outside, frame));
    }
}

}  // namespace
}  // namespace isobar::test
