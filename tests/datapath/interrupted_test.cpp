// SPDX-License-Identifier: Apache-2.0
// Several processes change one state, and some are killed while they do. A test cannot kill at a
// given store, so these make the maps look as if it had been.
#include <bpf/bpf.h>

#include <algorithm>

#include "fixture.h"

#include "dataplane/convert.h"

namespace isobar::test {
namespace {

const model::ServiceKey kAllPorts = service(model::Protocol::Tcp, 0);

class Interrupted : public Datapath {
protected:
    void SetUp() override {
        make({});
        bed().add_service(kWeb, model::Scheduler::Rr, {1, 1}, 80);
    }
    // Some writer was killed before it said that it is done.
    void kill_writer() { bed().maps().settings().generation |= 1; }
    void forget_key(const model::ServiceKey& key) {
        const auto abi_key = dataplane::to_abi(key);
        ASSERT_EQ(0, bpf_map_delete_elem(bed().maps().fd("isobar_keys"), &abi_key));
    }
    std::size_t servers_with(std::uint16_t flags) {
        const auto servers = bed().maps().servers();
        return static_cast<std::size_t>(
            std::count_if(servers.begin(), servers.end(),
                          [&](const auto& server) { return (server.flags & flags) == flags; }));
    }
    std::size_t services() { return bed().plane().services().value().size(); }
    bool is_whole() { return bed().maps().settings().generation % 2 == 0; }
};

// Killed before its key was there, or after its key was taken away: the same for packets.
TEST_F(Interrupted, AServiceThatNoPacketFindsIsNoServiceAndCanBeAdded) {
    forget_key(kWeb);
    kill_writer();

    EXPECT_EQ(0u, services());
    EXPECT_TRUE(is_whole());
    bed().add_service(kWeb, model::Scheduler::Rr, {1, 1}, 80);

    EXPECT_EQ(1u, services());
    EXPECT_NE(0, connect(10001));
    EXPECT_EQ(2u, servers_with(ISOBAR_SERVER_USED));  // those of the first one, and no others
}

TEST_F(Interrupted, AKeyThatLeadsToNoServiceGoes) {
    bed().maps().services()[0].in_use = 0;
    kill_writer();

    EXPECT_EQ(0u, services());
    bed().add_service(kWeb, model::Scheduler::Rr, {1, 1}, 80);

    EXPECT_NE(0, connect(10001));
}

TEST_F(Interrupted, AServerThatNoSetHasIsRetired) {
    auto& stray = bed().maps().servers()[100];
    stray = bed().server(kServers[0]);
    stray.address.word[3] ^= 0xff000000;
    kill_writer();

    EXPECT_EQ(1u, services());

    EXPECT_EQ(ISOBAR_SERVER_USED, stray.flags);
    EXPECT_EQ(2u, servers_with(ISOBAR_SERVER_AVAILABLE));
}

// Killed while it removed the service, whose servers go first.
TEST_F(Interrupted, ServersOfALivingSetAreAvailable) {
    EXPECT_NE(0, connect(10001));
    const auto before = bed().plane().services().value().at(0).traffic;
    for (const auto& host : {kServers[0], kServers[1]})
        bed().server(host).flags = ISOBAR_SERVER_USED;
    auto& gone = bed().maps().services()[0].gone;
    gone[ISOBAR_CONNECTIONS] = before.connections;
    gone[ISOBAR_IN_PACKETS] = before.in_packets;
    gone[ISOBAR_IN_BYTES] = before.in_bytes;
    kill_writer();

    const auto traffic = bed().plane().services().value().at(0).traffic;

    EXPECT_EQ(before.connections, traffic.connections);
    EXPECT_EQ(before.in_bytes, traffic.in_bytes);
    EXPECT_NE(0, connect(10002));
}

TEST_F(Interrupted, ServicesThatWereNotCountedAreFound) {
    bed().apply({model::AddService{kAllPorts, model::Scheduler::Rr, {}, model::Persistence{}},
                 model::AddServer{kAllPorts, {endpoint(kServers[0].address, 0)}}});
    bed().maps().settings().all_ports = 0;
    kill_writer();

    EXPECT_EQ(2u, services());

    EXPECT_EQ(1u, bed().maps().settings().all_ports);
}

TEST_F(Interrupted, WhoKnewTheTablesBeforeLooksAgain) {
    auto other = dataplane::Dataplane::open().value();
    ASSERT_EQ(1u, other.services().value().size());
    forget_key(kWeb);
    kill_writer();

    const model::Change added = model::AddService{kWeb};
    EXPECT_TRUE(other.apply(std::span(&added, 1)));
    EXPECT_EQ(1u, services());
}

// It was opened before, and has waited for the one who cleared.
TEST_F(Interrupted, AStateThatWasClearedIsNotAttachedAgain) {
    auto other = dataplane::Dataplane::open().value();
    ASSERT_TRUE(bed().plane().clear());

    EXPECT_EQ(Fault::NotFound, other.attach_all().error().fault);
    EXPECT_EQ(Fault::NotFound, other.set_hook("outside", dataplane::Hook::Xdp).error().fault);
    EXPECT_EQ(Fault::NotFound, other.set_sysctl("net.ipv4.ip_forward", "0").error().fault);
    EXPECT_EQ(Fault::NotFound, dataplane::Dataplane::open().error().fault);
}

}  // namespace
}  // namespace isobar::test
