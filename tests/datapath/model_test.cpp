// SPDX-License-Identifier: Apache-2.0
// Random commands, packets and time, on the data plane and on a plain model of IPVS. After
// every step all that can be seen is equal. A failure is shrunk to a short sequence; its
// RC_PARAMS run it again.
#include <rapidcheck.h>
#include <rapidcheck/state.h>

#include <algorithm>
#include <chrono>
#include <ostream>
#include <sstream>

#include "dataplane/convert.h"
#include "fixture.h"
#include "support/model_ipvs.h"

namespace isobar::test {
namespace {

using model::Scheduler;
using Fate = ModelIpvs::Fate;
using ConnectionId = ModelIpvs::ConnectionId;
using Persistence = std::optional<model::Persistence>;

constexpr Scheduler kSchedulers[] = {Scheduler::Rr,  Scheduler::Lc,   Scheduler::Wlc,
                                     Scheduler::Sed, Scheduler::Nq,   Scheduler::Fo,
                                     Scheduler::Ovf, Scheduler::Lblc, Scheduler::Lblcr};
constexpr std::uint8_t kFlags[] = {kSyn, kFin | kAck, kAck, kRst};
constexpr const char* kEvents[] = {"SYN", "FIN", "ACK", "RST"};

model::ServiceKey key_of(int service) {
    return is_udp(service) ? kDns
                           : isobar::test::service(model::Protocol::Tcp,
                                                   static_cast<model::Port>(80 + service));
}
// Each service has a port of its own on the servers, so that a reply belongs to one connection.
model::Port server_port(int service) {
    return static_cast<model::Port>(8000 + service);
}
Host client_of(const ConnectionId& id) {
    return {kClient.address + static_cast<V4>(std::get<1>(id)), Side::Outside};
}
std::uint16_t port_of(const ConnectionId& id) {
    return static_cast<std::uint16_t>(40000 + std::get<2>(id));
}

// The director, and how far its clock was bent.
class Director {
public:
    explicit Director(Testbed& bed) : bed_(bed), real_(bed.jiffies()) {}
    Testbed& bed() { return bed_; }

    // Nothing of an earlier case is left.
    void begin() {
        std::vector<model::Change> changes;
        const auto services = bed_.plane().services().value();
        for (const auto& service : services)
            changes.emplace_back(model::RemoveService{service.key});
        bed_.apply(std::move(changes));
        for (int round = 0; round < 2; ++round) {  // connections first, then their templates
            for (auto& conn : bed_.conns()) conn.expires = bed_.jiffies() - 1;
            (void)bed_.plane().services().value();
        }
        real_ = bed_.jiffies();
    }

    // So many seconds have passed since the last time, however long it really took.
    void advance(ModelIpvs::Seconds seconds) {
        const auto now = bed_.jiffies();
        const auto shift = static_cast<std::uint32_t>(seconds) * hz() - (now - real_);
        for (auto& conn : bed_.conns())
            if ((conn.life & ISOBAR_LIFE_KEPT) != 0) conn.expires -= shift;
        real_ = now;
        (void)bed_.plane().services().value();  // sweeps
    }
    [[nodiscard]] std::uint32_t hz() const { return bed_.maps().settings().hz; }

private:
    Testbed& bed_;
    std::uint32_t real_;
};

// ---- all that can be seen ----

std::string listed(const ModelIpvs& model) {
    std::ostringstream out;
    for (const auto& [number, service] : model.services()) {
        out << key_of(number).text() << ' ' << name(service.scheduler) << '\n';
        for (const int server : service.servers) {
            const auto& is = model.server(number, server);
            out << "  " << server << " weight " << is.weight << " active " << is.active
                << " inactive " << is.inactive << " persistent " << is.persistent
                << (is.overloaded ? " overloaded" : "") << '\n';
        }
    }
    return out.str();
}

std::string listed(Testbed& bed) {
    std::ostringstream out;
    auto services = bed.plane().services().value();
    std::ranges::sort(services, {}, &model::ServiceStatus::key);
    for (const auto& service : services) {
        out << service.key.text() << ' ' << name(service.scheduler) << '\n';
        for (const auto& is : service.servers) {
            int server = 0;
            while (endpoint(kServers[server].address, 0).address != is.server.address.address)
                ++server;
            out << "  " << server << " weight " << is.server.weight << " active " << is.active
                << " inactive " << is.inactive << " persistent " << is.persistent
                << (is.overloaded ? " overloaded" : "") << '\n';
        }
    }
    return out.str();
}

std::string short_name(std::uint32_t state) {
    static constexpr const char* kNames[] = {"NO", "ES", "SS", "SR", "FW", "TW",
                                             "CL", "CW", "LA", "LI", "SA", "UDP"};
    return state < std::size(kNames) ? kNames[state] : "?";
}

struct Remembered {
    std::string what;
    ModelIpvs::Seconds left = 0;
    auto operator<=>(const Remembered&) const = default;
};

std::vector<Remembered> remembered(const ModelIpvs& model) {
    std::vector<Remembered> all;
    for (const auto& [id, connection] : model.connections()) {
        std::ostringstream out;
        out << key_of(std::get<0>(id)).text() << " client " << (client_of(id).address & 255) << ':'
            << port_of(id) << ' ' << connection.state << " at server " << connection.server;
        all.push_back({out.str(), connection.deadline - model.now()});
    }
    for (const auto& [number, each] : model.templates()) {
        std::ostringstream out;
        out << key_of(each.service).text() << " template" << (each.is_void ? " (void)" : "")
            << " at server " << each.server << " controls " << each.controlled;
        all.push_back({out.str(), each.deadline - model.now()});
    }
    std::ranges::sort(all);
    return all;
}

std::vector<Remembered> remembered(Director& director) {
    auto& bed = director.bed();
    const auto port = [](__be16 value) { return __builtin_bswap16(value); };
    std::vector<Remembered> all;
    for (const auto& conn : bed.conns()) {
        if ((conn.life & ISOBAR_LIFE_KEPT) == 0 || (conn.life & ISOBAR_LIFE_SIGNPOST) != 0)
            continue;
        const auto& server = bed.maps().servers()[conn.server];
        const auto at = (__builtin_bswap32(server.address.word[3]))-kServers[0].address;
        const bool is_template = (conn.life & ISOBAR_LIFE_TEMPLATE) != 0;
        const auto protocol =
            is_template ? static_cast<std::uint8_t>(~conn.protocol) : conn.protocol;
        std::ostringstream out;
        out << isobar::test::service(protocol == 17 ? model::Protocol::Udp : model::Protocol::Tcp,
                                     port(conn.virtual_port))
                   .text();
        if (is_template)
            out << " template" << ((conn.life & ISOBAR_LIFE_VOID) != 0 ? " (void)" : "")
                << " at server " << at << " controls " << conn.controlled;
        else
            out << " client " << (__builtin_bswap32(conn.client.word[3]) & 255) << ':'
                << port(conn.client_port) << ' ' << short_name(conn.life & ISOBAR_LIFE_STATE)
                << " at server " << at;
        const auto left = static_cast<std::int32_t>(conn.expires - bed.jiffies());
        all.push_back({out.str(), left / static_cast<std::int32_t>(director.hz())});
    }
    std::ranges::sort(all);
    return all;
}

std::string in_words(const std::vector<Remembered>& all) {
    std::string words;
    for (const auto& each : all) words += each.what + ", " + std::to_string(each.left) + " s\n";
    return words;
}

void compare(const ModelIpvs& model, Director& director) {
    RC_ASSERT(listed(director.bed()) == listed(model));
    const auto wanted = remembered(model);
    const auto is = remembered(director);
    // a second: that of rounding, and of a slow machine
    if (!std::ranges::equal(wanted, is, [](const Remembered& a, const Remembered& b) {
            return a.what == b.what && std::abs(a.left - b.left) <= 1;
        }))
        RC_FAIL("in the table:\n" + in_words(is) + "should be:\n" + in_words(wanted));
}

// ---- steps ----

class Step : public rc::state::Command<ModelIpvs, Director> {
public:
    void run(const ModelIpvs& before, Director& director) const final {
        ModelIpvs after = before;
        apply(after);
        act(before, after, director);
        compare(after, director);
    }
    virtual void act(const ModelIpvs& before, const ModelIpvs& after, Director& director) const = 0;
};

int any_service() {
    return *rc::gen::inRange(0, kModelServices);
}
// Mostly one that is there.
int likely_service(const ModelIpvs& model) {
    std::vector<int> there;
    for (const auto& [number, service] : model.services()) there.push_back(number);
    if (there.empty() || *rc::gen::inRange(0, 8) == 0) return any_service();
    return *rc::gen::elementOf(there);
}
Persistence any_persistence() {
    if (*rc::gen::weightedElement<bool>({{2, true}, {1, false}})) return std::nullopt;
    return model::Persistence{std::chrono::seconds(*rc::gen::element(5, 45, 200, 1000)),
                              *rc::gen::element<std::uint8_t>(32, 31, 24)};
}
std::string in_words(const Persistence& persistence) {
    return !persistence ? ""
                        : " -p " + std::to_string(persistence->timeout.count()) + " -M /" +
                              std::to_string(persistence->prefix);
}

template <typename Change, bool kThere>
class ServiceStep : public Step {
public:
    explicit ServiceStep(const ModelIpvs& model) {
        // Services come easily: most of a sequence should have some
        RC_PRE((model.services().contains(service_) == kThere));
    }
    void checkPreconditions(const ModelIpvs& model) const override {
        RC_PRE((model.services().contains(service_) == kThere));
    }
    void apply(ModelIpvs& model) const override {
        if constexpr (kThere)
            model.edit_service(service_, scheduler_, persistence_);
        else
            model.add_service(service_, scheduler_, persistence_);
    }
    void act(const ModelIpvs&, const ModelIpvs&, Director& director) const override {
        director.bed().apply({Change{
            .key = key_of(service_), .scheduler = scheduler_, .persistence = persistence_}});
    }
    void show(std::ostream& out) const override {
        out << (kThere ? "-E " : "-A ") << key_of(service_).text() << " -s " << name(scheduler_)
            << in_words(persistence_);
    }

private:
    int service_ = any_service();
    Scheduler scheduler_ =
        *rc::gen::elementOf(std::vector<Scheduler>(std::begin(kSchedulers), std::end(kSchedulers)));
    Persistence persistence_ = any_persistence();
};
using AddService = ServiceStep<model::AddService, false>;
using EditService = ServiceStep<model::EditService, true>;

class RemoveService : public Step {
public:
    explicit RemoveService(const ModelIpvs& model) { checkPreconditions(model); }
    void checkPreconditions(const ModelIpvs& model) const override {
        RC_PRE(model.services().contains(service_));
    }
    void apply(ModelIpvs& model) const override { model.remove_service(service_); }
    void act(const ModelIpvs&, const ModelIpvs&, Director& director) const override {
        director.bed().apply({model::RemoveService{key_of(service_)}});
    }
    void show(std::ostream& out) const override { out << "-D " << key_of(service_).text(); }

private:
    int service_ = any_service();
};

template <typename Change, bool kThere>
class ServerStep : public Step {
public:
    explicit ServerStep(const ModelIpvs& model) : service_(likely_service(model)) {
        if (upper_ != 0) lower_ = *rc::gen::inRange<std::uint32_t>(0, upper_ + 1);
        checkPreconditions(model);
    }
    void checkPreconditions(const ModelIpvs& model) const override {
        RC_PRE(model.services().contains(service_));
        RC_PRE((model.has(service_, server_) == kThere));
    }
    void apply(ModelIpvs& model) const override {
        if constexpr (kThere)
            model.edit_server(service_, server_, weight_, upper_, lower_);
        else
            model.add_server(service_, server_, weight_, upper_, lower_);
    }
    void act(const ModelIpvs&, const ModelIpvs&, Director& director) const override {
        director.bed().apply(
            {Change{key_of(service_),
                    {.address = endpoint(kServers[server_].address, server_port(service_)),
                     .weight = weight_,
                     .upper_threshold = upper_,
                     .lower_threshold = lower_}}});
    }
    void show(std::ostream& out) const override {
        out << (kThere ? "-e " : "-a ") << key_of(service_).text() << " -r " << server_ << " -w "
            << weight_ << " -x " << upper_ << " -y " << lower_;
    }

private:
    int service_;
    int server_ = *rc::gen::inRange(0, kModelServers);
    model::Weight weight_ = *rc::gen::element<model::Weight>(0, 1, 1, 2, 3, 100);
    std::uint32_t upper_ = *rc::gen::element<std::uint32_t>(0, 0, 1, 2, 3);
    std::uint32_t lower_ = 0;
};
using AddServer = ServerStep<model::AddServer, false>;
using EditServer = ServerStep<model::EditServer, true>;

class RemoveServer : public Step {
public:
    explicit RemoveServer(const ModelIpvs& model) : service_(likely_service(model)) {
        checkPreconditions(model);
    }
    void checkPreconditions(const ModelIpvs& model) const override {
        RC_PRE(model.has(service_, server_));
    }
    void apply(ModelIpvs& model) const override { model.remove_server(service_, server_); }
    void act(const ModelIpvs&, const ModelIpvs&, Director& director) const override {
        director.bed().apply({model::RemoveServer{
            key_of(service_), endpoint(kServers[server_].address, server_port(service_))}});
    }
    void show(std::ostream& out) const override {
        out << "-d " << key_of(service_).text() << " -r " << server_;
    }

private:
    int service_;
    int server_ = *rc::gen::inRange(0, kModelServers);
};

constexpr isobar_verdict kVerdicts[] = {ISOBAR_FORWARDED,  ISOBAR_REPLIED,
                                        ISOBAR_NO_SERVICE, ISOBAR_NO_CONNECTION,
                                        ISOBAR_NO_SERVER,  ISOBAR_SERVER_REMOVED};

class ClientPacket : public Step {
public:
    explicit ClientPacket(const ModelIpvs& model)
        : id_{likely_service(model), *rc::gen::inRange(0, kModelClients),
              *rc::gen::inRange(0, kModelPorts)} {}
    void apply(ModelIpvs& model) const override { (void)model.from_client(id_, event_); }
    void act(const ModelIpvs& before, const ModelIpvs& after, Director& director) const override {
        auto model = before;
        const auto wanted = kVerdicts[static_cast<int>(model.from_client(id_, event_))];

        const auto became = director.bed().send(Hook::Ingress, Side::Outside, frame());

        // the filter may know that there is no service, or not
        if (wanted != ISOBAR_NO_SERVICE || became.verdict != ISOBAR_NOT_OURS)
            RC_ASSERT(std::string(name(became.verdict)) == name(wanted));
        if (wanted == ISOBAR_FORWARDED)
            RC_ASSERT(server_of(became.frame) - 1 == after.connections().at(id_).server);
    }
    void show(std::ostream& out) const override {
        out << "client " << (client_of(id_).address & 255) << ':' << port_of(id_) << " -> "
            << key_of(std::get<0>(id_)).text() << ' '
            << (is_udp(std::get<0>(id_)) ? "" : kEvents[static_cast<int>(event_)]);
    }

private:
    [[nodiscard]] Bytes frame() const {
        const auto client = client_of(id_);
        const Ip ip{.source = client.address, .destination = kVip};
        const auto to = key_of(std::get<0>(id_)).address.port;
        return arriving(client,
                        is_udp(std::get<0>(id_))
                            ? packet(ip, Udp{port_of(id_), to, text("?")})
                            : packet(ip, Tcp{port_of(id_), to, kFlags[static_cast<int>(event_)]}));
    }
    ConnectionId id_;
    TcpEvent event_ = *rc::gen::weightedElement<TcpEvent>(
        {{4, TcpEvent::Syn}, {1, TcpEvent::Fin}, {1, TcpEvent::Ack}, {1, TcpEvent::Rst}});
};

// Of a connection there is: what else servers send is none of IPVS's business.
class ServerPacket : public Step {
public:
    explicit ServerPacket(const ModelIpvs& model) {
        RC_PRE(!model.connections().empty());
        std::vector<ConnectionId> open;
        for (const auto& [id, connection] : model.connections()) open.push_back(id);
        id_ = *rc::gen::elementOf(open);
    }
    void checkPreconditions(const ModelIpvs& model) const override {
        RC_PRE(model.connections().contains(id_));
    }
    void apply(ModelIpvs& model) const override { (void)model.from_server(id_, event_); }
    void act(const ModelIpvs& before, const ModelIpvs&, Director& director) const override {
        const auto service = std::get<0>(id_);
        const auto& server = kServers[before.connections().at(id_).server];
        const Ip ip{.source = server.address, .destination = client_of(id_).address};
        const auto frame = arriving(
            server, is_udp(service) ? packet(ip, Udp{server_port(service), port_of(id_), text("!")})
                                    : packet(ip, Tcp{server_port(service), port_of(id_),
                                                     kFlags[static_cast<int>(event_)]}));

        const auto became = director.bed().send(Hook::Ingress, Side::Inside, frame);

        RC_ASSERT(std::string(name(became.verdict)) == name(ISOBAR_REPLIED));
        RC_ASSERT(get16(became.frame, kL4At) == key_of(service).address.port);
    }
    void show(std::ostream& out) const override {
        out << "server of " << (client_of(id_).address & 255) << ':' << port_of(id_) << " at "
            << key_of(std::get<0>(id_)).text() << ": " << kEvents[static_cast<int>(event_)];
    }

private:
    ConnectionId id_;
    TcpEvent event_ = *rc::gen::element(TcpEvent::Syn, TcpEvent::Fin, TcpEvent::Ack, TcpEvent::Rst);
};

// To shortly before or after the moment when the next one ends, or far away.
class Advance : public Step {
public:
    explicit Advance(const ModelIpvs& model) {
        const auto next = model.next_deadline().value_or(model.now());
        seconds_ = *rc::gen::element<ModelIpvs::Seconds>(next - model.now() - 3,
                                                         next - model.now() + 3, 20, 400);
        checkPreconditions(model);
    }
    void checkPreconditions(const ModelIpvs& model) const override {
        RC_PRE(seconds_ > 0);
        RC_PRE(model.is_clear(model.now() + seconds_));
    }
    void apply(ModelIpvs& model) const override { model.advance(model.now() + seconds_); }
    void act(const ModelIpvs&, const ModelIpvs&, Director& director) const override {
        director.advance(seconds_);
    }
    void show(std::ostream& out) const override { out << seconds_ << " s later"; }

private:
    ModelIpvs::Seconds seconds_ = 0;
};

// Services and servers to begin with: a sequence need not spend its steps on making them.
ModelIpvs populated(Director& director, const std::vector<std::string>& schedulers) {
    ModelIpvs model;
    std::vector<model::Change> changes;
    for (int service = 0; service < kModelServices; ++service) {
        const auto scheduler =
            *model::scheduler_named(schedulers[static_cast<std::size_t>(service)]);
        model.add_service(service, scheduler, std::nullopt);
        changes.emplace_back(model::AddService{.key = key_of(service), .scheduler = scheduler});
        for (int server = 0; server < 2; ++server) {
            const auto weight = static_cast<model::Weight>(server + 1);
            model.add_server(service, server, weight, 0, 0);
            changes.emplace_back(model::AddServer{
                key_of(service),
                {.address = endpoint(kServers[server].address, server_port(service)),
                 .weight = weight}});
        }
    }
    director.bed().apply(std::move(changes));
    return model;
}

TEST_F(Datapath, DoesWhatAPlainModelOfIpvsDoes) {
    ip("neigh add 10.0.0.101 lladdr 02:00:00:00:01:65 nud permanent dev outside\n"
       "neigh add 10.0.0.102 lladdr 02:00:00:00:01:66 nud permanent dev outside\n");
    write_sysctl("ipv4/icmp_ratelimit", "0");
    Director director(bed());
    std::vector<std::string> names;
    for (const auto scheduler : kSchedulers) names.emplace_back(name(scheduler));

    const bool holds = rc::check("the data plane does what a plain model of IPVS does", [&] {
        const auto schedulers = *rc::gen::container<std::vector<std::string>>(
            kModelServices, rc::gen::elementOf(names));
        director.begin();
        rc::state::check(populated(director, schedulers), director,
                         rc::state::gen::execOneOfWithArgs<
                             AddService, EditService, RemoveService, AddServer, AddServer,
                             EditServer, EditServer, RemoveServer, ClientPacket, ClientPacket,
                             ClientPacket, ClientPacket, ClientPacket, ClientPacket, ServerPacket,
                             ServerPacket, ServerPacket, ServerPacket, Advance>());
    });

    EXPECT_TRUE(holds);
}

}  // namespace
}  // namespace isobar::test
