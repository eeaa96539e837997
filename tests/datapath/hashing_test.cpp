// SPDX-License-Identifier: Apache-2.0
// dh, sh and mh: which server an address leads to. The expected rows come from a second
// implementation that was held against IPVS's choices on Linux 6.1.
#include <optional>

#include "fixture.h"

namespace isobar::test {
namespace {

using model::Scheduler;
using model::SchedulerFlags;
using Weights = std::vector<model::Weight>;

constexpr SchedulerFlags kFallback{ISOBAR_HASH_FALLBACK};
constexpr SchedulerFlags kPort{ISOBAR_HASH_PORT};
constexpr SchedulerFlags kPortAndFallback{ISOBAR_HASH_PORT | ISOBAR_HASH_FALLBACK};

class Hashing : public DatapathOnHook {
protected:
    void serve(Scheduler scheduler, SchedulerFlags flags, const Weights& weights,
               const model::ServiceKey& key = kWeb) {
        std::vector<model::Change> changes{model::AddService{key, scheduler, flags}};
        for (std::size_t i = 0; i < weights.size(); ++i)
            changes.emplace_back(
                model::AddServer{key, {endpoint(kServers[i].address, 80), weights[i]}});
        bed().apply(changes);
    }
    static model::RealServer server(int number, model::Weight weight) {
        return {endpoint(kServers[number - 1].address, 80), weight};
    }
    // Who gets the clients 10.0.0.10 to .29 with ports 40000 to 40019: "3 2 -".
    std::string clients() {
        std::string sequence;
        for (std::uint32_t i = 0; i < 20; ++i)
            sequence += (i > 0 ? " " : "") +
                        server_for(v4(10, 0, 0, 10) + i, static_cast<std::uint16_t>(40000 + i));
        forget();
        return sequence;
    }
    std::string server_for(V4 client, std::uint16_t port, V4 vip = kVip) {
        const auto syn = packet(Ip{.source = client, .destination = vip}, Tcp{port, 80, kSyn});
        const auto outcome = bed().send(hook(), Side::Outside, arriving(kClient, syn));
        if (outcome.verdict == ISOBAR_FORWARDED) return std::to_string(server_of(outcome.frame));
        EXPECT_EQ(is_tc() ? ISOBAR_NO_SERVER : ISOBAR_TO_TC, outcome.verdict);
        return "-";
    }

private:
    // All connections are over: the same clients are new again.
    void forget() {
        for (auto* conn : bed().connections()) conn->expires = bed().jiffies() - 1;
        (void)bed().plane().services();  // sweeps
    }
};
ISOBAR_ON_BOTH_HOOKS(Hashing);

// In one test, because each begins with a load of the programs.
TEST_P(Hashing, SendsEveryClientWhereIpvsDoes) {
    const struct {
        const char* description;
        Scheduler scheduler;
        SchedulerFlags flags;
        Weights weights;
        std::optional<model::RealServer> edit;  // after that
        const char* sequence;
    } cases[] = {
        {"sh", Scheduler::Sh, {}, {1, 2, 3}, {}, "3 2 3 2 3 3 2 3 2 3 2 1 2 1 3 2 3 2 1 3"},
        {"sh, port",
         Scheduler::Sh,
         kPort,
         {1, 2, 3},
         {},
         "1 2 3 3 3 3 1 2 2 2 3 3 3 3 2 2 3 3 1 1"},
        {"sh, one quiesced",
         Scheduler::Sh,
         {},
         {1, 2, 3},
         server(3, 0),
         "1 2 1 2 2 - 2 - 2 1 2 1 2 1 - 2 - 2 1 2"},
        {"sh, one quiesced, fallback",
         Scheduler::Sh,
         kFallback,
         {1, 2, 3},
         server(3, 0),
         "1 2 1 2 2 2 2 2 2 1 2 1 2 1 2 2 2 2 1 2"},
        {"sh, one quiesced, port and fallback",
         Scheduler::Sh,
         kPortAndFallback,
         {1, 2, 3},
         server(3, 0),
         "1 1 2 2 2 2 2 2 2 1 1 1 2 2 2 2 2 2 1 1"},
        {"sh, another weight",
         Scheduler::Sh,
         {},
         {1, 2, 3},
         server(1, 5),
         "3 1 3 1 3 1 1 1 1 1 1 2 1 2 3 3 3 3 1 1"},
        {"mh", Scheduler::Mh, {}, {1, 2, 3}, {}, "1 3 1 3 3 1 2 1 2 2 2 3 2 3 2 2 3 1 1 3"},
        {"mh, port",
         Scheduler::Mh,
         kPort,
         {1, 2, 3},
         {},
         "2 3 1 2 2 3 3 3 3 1 3 2 2 2 2 2 3 3 3 3"},
        // the others keep their clients: the table is that of the latest weight other than 0
        {"mh, one quiesced",
         Scheduler::Mh,
         {},
         {1, 2, 3},
         server(3, 0),
         "1 - 1 - - 1 2 1 2 2 2 - 2 - 2 2 - 1 1 -"},
        {"mh, one quiesced, fallback",
         Scheduler::Mh,
         kFallback,
         {1, 2, 3},
         server(3, 0),
         "1 2 1 1 1 1 2 1 2 2 2 1 2 2 2 2 1 1 1 1"},
        {"mh, one quiesced, port and fallback",
         Scheduler::Mh,
         kPortAndFallback,
         {1, 2, 3},
         server(3, 0),
         "2 2 1 2 2 2 2 2 1 1 2 2 2 2 2 2 2 2 2 2"},
        {"mh, another weight",
         Scheduler::Mh,
         {},
         {1, 2, 3},
         server(1, 5),
         "1 3 1 3 3 1 1 1 2 2 2 3 2 1 1 2 1 1 1 3"},
        {"mh, one added without weight",
         Scheduler::Mh,
         {},
         {1, 2, 0},
         {},
         "1 2 1 2 2 1 2 1 2 2 2 2 2 1 2 2 1 1 1 2"},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.description);
        serve(c.scheduler, c.flags, c.weights);
        if (c.edit) bed().apply({model::EditServer{kWeb, *c.edit}});
        EXPECT_EQ(c.sequence, clients());
        bed().apply({model::RemoveService{kWeb}});
    }
}

TEST_P(Hashing, SpreadsAnewWhenAServerGoes) {
    const model::RemoveServer removal{kWeb, endpoint(kServers[2].address, 80)};
    serve(Scheduler::Sh, {}, {1, 2, 3});
    bed().apply({removal});
    EXPECT_EQ("2 2 2 2 2 1 2 1 2 2 2 1 2 1 2 2 2 2 1 2", clients());
    bed().apply({model::RemoveService{kWeb}});
    serve(Scheduler::Mh, {}, {1, 2, 3});
    bed().apply({removal});
    EXPECT_EQ("1 2 1 2 2 1 2 1 2 2 2 2 2 1 2 2 1 1 1 2", clients());
}

TEST_P(Hashing, AQuiescedServerThatComesBackGetsItsClientsBack) {
    serve(Scheduler::Mh, {}, {1, 2, 3});
    bed().apply({model::EditServer{kWeb, server(3, 0)}});
    bed().apply({model::EditServer{kWeb, server(3, 3)}});
    EXPECT_EQ("1 3 1 3 3 1 2 1 2 2 2 3 2 3 2 2 3 1 1 3", clients());
}

// The latest weight is known, too, from the time of another scheduler.
TEST_P(Hashing, AnotherSchedulersQuiescedServerKeepsItsSlotsInMaglevHashing) {
    serve(Scheduler::Wlc, {}, {1, 2, 3});
    bed().apply({model::EditServer{kWeb, server(3, 0)}});
    bed().apply({model::EditService{kWeb, Scheduler::Mh, {}}});
    EXPECT_EQ("1 - 1 - - 1 2 1 2 2 2 - 2 - 2 2 - 1 1 -", clients());
}

TEST_P(Hashing, DestinationHashingChoosesByTheVirtualAddress) {
    std::string sequence;
    std::string quiesced;
    for (V4 vip = v4(10, 0, 0, 50); vip < v4(10, 0, 0, 62); ++vip) {
        const auto key = service(model::Protocol::Tcp, 80, vip);
        serve(Scheduler::Dh, {}, {1, 2, 3}, key);
        sequence += server_for(kClient.address, 1000, vip) + " ";
        bed().apply({model::EditServer{key, {endpoint(kServers[1].address, 80), 0}}});
        quiesced += server_for(kClient.address, 1001, vip) + " ";
    }
    EXPECT_EQ("2 2 3 2 3 1 1 2 3 2 1 3 ", sequence);
    EXPECT_EQ("- - 3 - 3 1 1 - 3 - 1 3 ", quiesced);
}

TEST_P(Hashing, NobodyTakesAConnectionWithoutAServerOrAWeight) {
    for (const auto scheduler : {Scheduler::Dh, Scheduler::Sh, Scheduler::Mh}) {
        for (const auto& weights : {Weights{}, Weights{0, 0}}) {
            serve(scheduler, kFallback, weights);
            EXPECT_EQ("-", server_for(kClient.address, 1000));
            bed().apply({model::RemoveService{kWeb}});
        }
    }
}

TEST_P(Hashing, FlagsAloneCanBeEdited) {
    serve(Scheduler::Sh, {}, {1, 2, 3});
    bed().apply({model::EditService{kWeb, Scheduler::Sh, kPort}});
    EXPECT_EQ("1 2 3 3 3 3 1 2 2 2 3 3 3 3 2 2 3 3 1 1", clients());
    EXPECT_EQ(kPort, bed().plane().services().value().at(0).scheduler_flags);
}

// The pool of sets is for so many tables, and a refusal changes nothing.
TEST_F(Datapath, AServiceIsRefusedByNameWhenThereIsNoRoomForItsTable) {
    const auto key = [](std::uint32_t number) {
        return service(model::Protocol::Tcp, static_cast<std::uint16_t>(1000 + number));
    };
    const model::RealServer server{endpoint(kServers[0].address, 80), 1};
    Result<void> applied;
    std::uint32_t count = 0;
    while (applied && count < 128) {
        const std::vector<model::Change> changes{model::AddService{key(count), Scheduler::Mh, {}},
                                                 model::AddServer{key(count), server}};
        applied = bed().plane().apply(changes);
        if (applied) ++count;
    }

    EXPECT_GE(count, 16U);
    ASSERT_LT(count, 128U);
    EXPECT_EQ(Fault::Full, applied.error().fault);
    EXPECT_EQ("no room for the 1 servers of " + key(count).text() + " with scheduler mh",
              applied.error().message);
    EXPECT_EQ(count, bed().plane().services().value().size());

    bed().apply({model::RemoveService{key(0)}});
    const std::vector<model::Change> two{
        model::AddService{key(0), Scheduler::Mh, {}}, model::AddServer{key(0), server},
        model::AddService{key(count), Scheduler::Mh, {}}, model::AddServer{key(count), server}};
    EXPECT_FALSE(bed().plane().apply(two));
    EXPECT_EQ(count - 1, bed().plane().services().value().size());
    bed().apply({two[0], two[1]});
}

}  // namespace
}  // namespace isobar::test
