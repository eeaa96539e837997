// SPDX-License-Identifier: Apache-2.0
#include "scheduling/simulation.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <queue>
#include <tuple>
#include <utility>

#include "scheduling/data_plane.h"
#include "scheduling/set.h"

namespace isobar::scheduling {
namespace {

constexpr std::uint32_t kHz = 1000;
constexpr std::uint32_t kSet = 1;     // element where the set stands
constexpr Moment kBegun = 1'000'000;  // on the data plane's clocks: nothing is from before
constexpr std::uint32_t kNobody = ISOBAR_NOBODY;

isobar_address to_abi(const model::Address& address) {
    isobar_address out{};
    if (address.family == model::Family::V4) {
        constexpr std::uint8_t kMapped[] = {0xff, 0xff};
        std::memcpy(reinterpret_cast<std::uint8_t*>(&out) + 10, kMapped, sizeof(kMapped));
        std::memcpy(&out.word[3], address.bytes.data(), sizeof(out.word[3]));
    } else {
        std::memcpy(&out, address.bytes.data(), sizeof(out));
    }
    return out;
}

__be16 to_network(model::Port port) {
    return __builtin_bswap16(port);
}

// Servers stand newest first, in the set and in the map of servers alike.
class Running {
public:
    Running(const model::VirtualService& service, std::uint64_t seed, const Remembered& remembered)
        : service_(service),
          is_active_(service.key.protocol != model::Protocol::Udp),
          remembered_(static_cast<Moment>((is_active_ ? remembered.tcp : remembered.udp).count())) {
        std::vector<SetMember> members;
        for (auto server = service.servers.rbegin(); server != service.servers.rend(); ++server) {
            isobar_server record{};
            record.address = to_abi(server->address.address);
            record.flags = ISOBAR_SERVER_USED | ISOBAR_SERVER_AVAILABLE;
            record.weight = server->weight;
            record.upper_threshold = server->upper_threshold;
            record.lower_threshold = server->lower_threshold;
            members.push_back({static_cast<std::uint32_t>(records_.size()), server->address,
                               server->weight, std::max(server->weight, 1U),
                               server->upper_threshold != 0});
            records_.push_back(record);
        }
        set_ = make_set(service.scheduler, service.scheduler_flags, members, first_cursor(members));
        tallies_.resize(records_.size());
        if (service.scheduler == model::Scheduler::Lblc ||
            service.scheduler == model::Scheduler::Lblcr) {
            set_[0].head.state |= 1;  // the number of its memory
            caches_.resize(ISOBAR_DESTINATIONS);
            world_.caches = caches_.data();
        }
        world_.settings.hz = kHz;
        world_.settings.lblc_expiration = world_.settings.lblcr_expiration = 86400;
        world_.sets = set_.data();
        world_.first_set = kSet;
        world_.set_elements = static_cast<std::uint32_t>(set_.size());
        world_.servers = records_.data();
        world_.server_count = static_cast<std::uint32_t>(records_.size());
        world_.random = seed * 2 + 1;
    }

    void begin(const Arrival& arrival);
    // All that ends until then has ended.
    void go_on_to(Moment until);
    [[nodiscard]] Simulated result(Moment length);

private:
    struct Tally {
        std::uint64_t connections = 0;
        std::uint32_t open = 0;
        std::uint32_t peak = 0;
        Moment since = 0;  // so many are open
        double area = 0;   // connections, times seconds
    };
    struct Template {
        std::uint32_t server = 0;
        Moment expires = 0;
        std::uint32_t connections = 0;
    };
    enum class What : std::uint8_t { Closes, Forgotten };
    struct Ending {
        Moment at = 0;
        std::uint64_t number = 0;  // two at a time: the first that was known
        std::uint32_t server = 0;
        Template* held = nullptr;
        What what = What::Closes;
        bool operator<(const Ending& other) const {  // the next one is the greatest
            return std::tie(other.at, other.number) < std::tie(at, number);
        }
    };

    [[nodiscard]] std::uint32_t choose(const model::Endpoint& client);
    Template* template_of(const Arrival& arrival, const model::Persistence& persistence);
    void count(std::uint32_t server, int active, int inactive);
    void tally(std::uint32_t server, int opened, Moment at);
    void expect(Ending ending);
    [[nodiscard]] const Ending* next() const;
    void take_next();
    void end(const Ending& ending);

    const model::VirtualService& service_;
    bool is_active_;  // UDP's connections all count as inactive (abi/states.h)
    Moment remembered_;
    Moment now_ = 0;
    std::vector<isobar_server> records_;
    std::vector<Tally> tallies_;
    std::vector<isobar_set_element> set_;
    std::vector<isobar_destination> caches_;
    isobar_world world_{};
    std::map<model::Network, Template> templates_;
    std::priority_queue<Ending> endings_;
    std::queue<Ending> forgotten_;  // of those that have closed, in this order: no heap is needed
    std::uint64_t endings_known_ = 0;
    std::uint64_t connections_ = 0, refused_ = 0;
};

std::uint32_t Running::choose(const model::Endpoint& client) {
    isobar_five_tuple tuple{};
    tuple.source = to_abi(client.address);
    tuple.source_port = to_network(client.port);
    tuple.destination = to_abi(service_.key.address.address);
    tuple.destination_port = to_network(service_.key.address.port);
    tuple.protocol = service_.key.protocol == model::Protocol::Udp ? 17 : 6;
    world_.jiffies = static_cast<std::uint32_t>(
        static_cast<std::uint64_t>((kBegun + now_) * static_cast<Moment>(kHz)));
    world_.ns = static_cast<std::uint64_t>((kBegun + now_) * 1e9);
    return isobar_world_choose(&world_, kSet, &tuple);
}

// In the books that the scheduler looks into.
void Running::count(std::uint32_t server, int active, int inactive) {
    isobar_server& record = records_[server];
    record.active += static_cast<std::uint32_t>(active);
    record.inactive += static_cast<std::uint32_t>(inactive);
    if (record.upper_threshold != 0) isobar_world_weigh(&record);
}

void Running::tally(std::uint32_t server, int opened, Moment at) {
    Tally& tally = tallies_[server];
    tally.area += static_cast<double>(tally.open) * (at - tally.since);
    tally.since = at;
    tally.open += static_cast<std::uint32_t>(opened);
    tally.peak = std::max(tally.peak, tally.open);
}

void Running::expect(Ending ending) {
    if (ending.at == kNever) return;
    ending.number = endings_known_++;
    endings_.push(ending);
}

// As long as a template holds connections, it does not end (bpf/template.h).
Running::Template* Running::template_of(const Arrival& arrival,
                                        const model::Persistence& persistence) {
    const auto client = model::Network::around(arrival.client.address, persistence.prefix);
    auto known = templates_.find(client);
    if (known == templates_.end() ||
        (known->second.connections == 0 && known->second.expires <= arrival.begin)) {
        const auto server = choose(arrival.client);
        if (server == kNobody) return nullptr;
        known = templates_.insert_or_assign(client, Template{server}).first;
    }
    known->second.expires = arrival.begin + static_cast<Moment>(persistence.timeout.count());
    ++known->second.connections;
    return &known->second;
}

void Running::begin(const Arrival& arrival) {
    go_on_to(arrival.begin);
    Template* held = service_.persistence ? template_of(arrival, *service_.persistence) : nullptr;
    const auto server = held != nullptr        ? held->server
                        : service_.persistence ? kNobody
                                               : choose(arrival.client);
    ++connections_;
    if (server == kNobody) {
        ++refused_;
        return;
    }
    ++tallies_[server].connections;
    if (service_.one_packet) {  // leaves no connection
        if (held != nullptr) --held->connections;
        return;
    }
    const bool counts = arrival.active && is_active_;
    count(server, counts ? 1 : 0, counts ? 0 : 1);
    if (arrival.active) tally(server, 1, now_);
    const auto what = arrival.active ? What::Closes : What::Forgotten;
    expect({arrival.active ? arrival.end : arrival.end + remembered_, 0, server, held, what});
}

void Running::end(const Ending& ending) {
    now_ = std::max(now_, ending.at);
    if (ending.what == What::Closes) {
        if (is_active_) count(ending.server, -1, 1);
        tally(ending.server, -1, ending.at);
        forgotten_.push({ending.at + remembered_, endings_known_++, ending.server, ending.held,
                         What::Forgotten});
        return;
    }
    count(ending.server, 0, -1);
    if (ending.held != nullptr) --ending.held->connections;
}

const Running::Ending* Running::next() const {
    if (forgotten_.empty()) return endings_.empty() ? nullptr : &endings_.top();
    if (endings_.empty() || endings_.top() < forgotten_.front()) return &forgotten_.front();
    return &endings_.top();
}

void Running::take_next() {
    if (!forgotten_.empty() && next() == &forgotten_.front())
        forgotten_.pop();
    else
        endings_.pop();
}

void Running::go_on_to(Moment until) {
    for (const Ending* ending = next(); ending != nullptr && ending->at <= until; ending = next()) {
        const Ending taken = *ending;
        take_next();
        end(taken);
    }
    now_ = until;
}

Simulated Running::result(Moment length) {
    go_on_to(std::max(now_, length));
    Simulated result{connections_, refused_, now_, {}};
    double weights = 0;
    for (const model::RealServer& server : service_.servers) weights += server.weight;
    const auto taken = static_cast<double>(connections_ - refused_);
    for (std::size_t i = records_.size(); i-- > 0;) {
        tally(static_cast<std::uint32_t>(i), 0, now_);
        const model::RealServer& server = service_.servers[records_.size() - 1 - i];
        const Tally& tally = tallies_[i];
        result.servers.push_back({server.address, server.weight, tally.connections,
                                  weights == 0 ? 0 : server.weight / weights,
                                  taken == 0 ? 0 : static_cast<double>(tally.connections) / taken,
                                  tally.peak, now_ == 0 ? tally.open : tally.area / now_});
    }
    return result;
}

}  // namespace

std::string cannot_simulate(const model::VirtualService& service) {
    if (service.scheduler == model::Scheduler::Lrt)
        return "lrt goes by how fast the servers answer, which a simulation cannot know";
    if (service.engine != model::PersistenceEngine::None)
        return "with --pe sip, clients are told apart by what they say, which is not recorded";
    return "";
}

Simulated simulate(const model::VirtualService& service, const Arrivals& arrivals,
                   std::uint64_t seed, Moment length, const Remembered& remembered) {
    Running running(service, seed, remembered);
    while (const auto arrival = arrivals()) running.begin(*arrival);
    return running.result(length);
}

}  // namespace isobar::scheduling
