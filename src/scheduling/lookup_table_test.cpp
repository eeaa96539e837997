// SPDX-License-Identifier: Apache-2.0
#include "scheduling/lookup_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "abi/hash.h"

namespace isobar::scheduling {
namespace {

constexpr std::uint32_t kDh = ISOBAR_SCHEDULER_dh;
constexpr std::uint32_t kSh = ISOBAR_SCHEDULER_sh;
constexpr std::uint32_t kMh = ISOBAR_SCHEDULER_mh;

struct Weights {
    std::uint32_t now;
    std::uint32_t last;
};

// Servers 1, 2, 3 of the recorded sequences (10.0.2.11:8080 and so on), newest first.
std::vector<LookupServer> servers(const std::vector<Weights>& weights) {
    std::vector<LookupServer> all;
    std::uint8_t number = 11;
    for (const auto [now, last] : weights)
        all.insert(all.begin(), {{model::Address::v4(10, 0, 2, number++), 8080}, now, last});
    return all;
}

// Who gets the clients 10.0.1.10 to .49 with their ports 30000 to 30039: "3 2 1".
template <typename SlotOf>
std::string chosen(const LookupTable& table, std::size_t servers, bool with_port, SlotOf slot_of) {
    std::string sequence;
    for (std::uint32_t i = 0; i < 40; ++i) {
        const std::uint32_t client = 0x0a00010a + i;
        const auto server = table.at(slot_of(with_port ? client + 30000 + i : client));
        sequence += (i > 0 ? " " : "") + std::to_string(servers - server);
    }
    return sequence;
}

std::string chosen_by_sh(const std::vector<LookupServer>& servers, bool with_port = false) {
    return chosen(make_lookup_table(kSh, servers), servers.size(), with_port,
                  [](auto value) { return isobar_hash_slot(value); });
}

std::string chosen_by_mh(const std::vector<LookupServer>& servers, bool with_port = false) {
    return chosen(make_lookup_table(kMh, servers), servers.size(), with_port, [](auto value) {
        return isobar_siphash(value, ISOBAR_MAGLEV_KEY) % ISOBAR_MAGLEV_SLOTS;
    });
}

std::ptrdiff_t slots_of(const LookupTable& table, std::uint16_t position) {
    return std::count(table.begin(), table.end(), position);
}

// CPython 3.11 hashes bytes by SipHash-1-3, with PYTHONHASHSEED=0 under the key 0:
// hash(b"\x00\x01\x02\x03") & 0xffffffff
TEST(SipHash, IsThatOfOthers) {
    EXPECT_EQ(0x813e4dbdU, isobar_siphash(0x03020100, 0));
}

// The sequences are those of IPVS on Linux 6.1 for these servers and clients.
TEST(SourceHashing, SendsEveryClientWhereIpvsDoes) {
    EXPECT_EQ("3 3 1 3 2 3 2 3 3 2 3 2 1 2 1 2 2 3 2 3 2 1 3 1 3 3 3 3 3 3 2 3 2 1 3 2 3 2 3 2",
              chosen_by_sh(servers({{1, 1}, {2, 2}, {3, 3}})));
    EXPECT_EQ("3 3 2 2 2 2 3 3 1 1 3 3 3 3 3 2 2 2 2 3 3 3 1 2 3 3 3 1 1 2 2 2 3 3 3 3 2 2 3 3",
              chosen_by_sh(servers({{1, 1}, {2, 2}, {3, 3}}), true));
}

TEST(SourceHashing, GivesAServerItsWeightInSlotsAndAQuiescedOneOne) {
    const auto table = make_lookup_table(kSh, servers({{0, 1}, {2, 2}}));
    EXPECT_EQ((LookupTable{0, 0, 1, 0, 0, 1}), LookupTable(table.begin(), table.begin() + 6));
    EXPECT_EQ(ISOBAR_HASH_SLOTS, table.size());
}

TEST(SourceHashing, GivesAllSlotsToAServerOfAHugeWeight) {
    const auto table = make_lookup_table(kSh, servers({{1, 1}, {model::kMaxWeight, 1}}));
    EXPECT_EQ(256, slots_of(table, 0));
}

TEST(DestinationHashing, TakesTheServersInTurnWhateverTheyWeigh) {
    const auto table = make_lookup_table(kDh, servers({{0, 0}, {9, 9}, {1, 1}}));
    EXPECT_EQ((LookupTable{0, 1, 2, 0, 1, 2}), LookupTable(table.begin(), table.begin() + 6));
    EXPECT_EQ(ISOBAR_HASH_SLOTS, table.size());
}

TEST(MaglevHashing, SendsEveryClientWhereIpvsDoes) {
    EXPECT_EQ("2 3 2 2 2 2 3 1 1 2 3 2 3 3 3 2 3 3 3 2 3 1 1 3 3 2 1 3 2 2 1 3 3 2 3 1 3 3 3 3",
              chosen_by_mh(servers({{1, 1}, {2, 2}, {3, 3}})));
    EXPECT_EQ("3 2 2 3 1 3 3 1 2 1 3 2 3 3 2 2 2 2 2 1 2 3 3 2 3 2 1 3 3 1 3 2 2 3 1 3 3 3 3 2",
              chosen_by_mh(servers({{1, 1}, {2, 2}, {3, 3}}), true));
}

TEST(MaglevHashing, WeighsLargeWeightsAsIpvsDoes) {
    EXPECT_EQ("2 3 2 2 2 2 3 1 1 2 3 2 3 3 3 2 3 3 3 2 3 1 1 3 3 2 1 3 2 2 1 3 3 2 3 1 3 3 3 3",
              chosen_by_mh(servers({{100, 100}, {250, 250}, {350, 350}})));
    EXPECT_EQ("1 3 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 3 2 1 1 1 1 1 1 1 1 1 1 1 3 1 1 1 1 1 1 1 1",
              chosen_by_mh(servers({{1000, 1000}, {1, 1}, {77, 77}})));
}

TEST(MaglevHashing, KeepsTheSlotsOfAServerThatIsQuiesced) {
    EXPECT_EQ(make_lookup_table(kMh, servers({{1, 1}, {2, 2}, {3, 3}})),
              make_lookup_table(kMh, servers({{1, 1}, {0, 2}, {0, 3}})));
}

TEST(MaglevHashing, GivesNoSlotToAServerThatNeverHadAWeight) {
    const auto table = make_lookup_table(kMh, servers({{1, 1}, {0, 0}}));
    EXPECT_EQ(0, slots_of(table, 0));
    EXPECT_EQ(ISOBAR_MAGLEV_SLOTS, slots_of(table, 1));
}

TEST(MaglevHashing, DividesTheSlotsByWeight) {
    const auto table = make_lookup_table(kMh, servers({{50, 50}, {100, 100}}));
    EXPECT_EQ(2729, slots_of(table, 0));
    EXPECT_EQ(1364, slots_of(table, 1));
}

TEST(MaglevHashing, MovesFewSlotsWhenAServerGoes) {
    const auto before = make_lookup_table(kMh, servers({{1, 1}, {1, 1}, {1, 1}, {1, 1}}));
    const auto after = make_lookup_table(kMh, servers({{1, 1}, {1, 1}, {1, 1}}));
    int moved = 0;
    for (std::size_t slot = 0; slot < before.size(); ++slot)
        if (before[slot] != 0 && before[slot] != after[slot] + 1) ++moved;
    EXPECT_LT(moved, ISOBAR_MAGLEV_SLOTS / 10);
}

// More servers than slots: IPVS refuses; here the last ones get none.
TEST(MaglevHashing, EndsWithMoreServersThanSlots) {
    std::vector<LookupServer> many;
    for (std::uint32_t i = 0; i < 5000; ++i)
        many.push_back({{model::Address::v4(10, 1, static_cast<std::uint8_t>(i >> 8),
                                            static_cast<std::uint8_t>(i)),
                         80},
                        1,
                        1});
    const auto table = make_lookup_table(kMh, many);
    EXPECT_EQ(1, slots_of(table, 0));
    EXPECT_EQ(0, slots_of(table, 4999));
}

TEST(LookupTable, IsThereOnlyIfThereIsAServerToLookUp) {
    const auto one = servers({{1, 1}});
    for (const std::uint32_t scheduler : {kDh, kSh, kMh}) {
        EXPECT_TRUE(make_lookup_table(scheduler, {}).empty());
        EXPECT_EQ(0U, lookup_slots(scheduler, {}));
        EXPECT_EQ(make_lookup_table(scheduler, one).size(), lookup_slots(scheduler, one));
    }
    EXPECT_TRUE(make_lookup_table(kMh, servers({{0, 0}})).empty());
    EXPECT_TRUE(make_lookup_table(ISOBAR_SCHEDULER_wlc, one).empty());
}

TEST(LookupTable, TakesSixteenSlotsAnElement) {
    EXPECT_EQ(0U, lookup_elements(0));
    EXPECT_EQ(16U, lookup_elements(ISOBAR_HASH_SLOTS));
    EXPECT_EQ(256U, lookup_elements(ISOBAR_MAGLEV_SLOTS));
}

}  // namespace
}  // namespace isobar::scheduling
