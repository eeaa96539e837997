// SPDX-License-Identifier: Apache-2.0
// The living director: keeps the data plane of this namespace as the configuration says,
// and answers what it does. Knows neither sockets nor signals: the event loop calls it. A
// director that somebody took the data plane from does not make a new one on its own: only
// set_config() does.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "api/explanation.h"
#include "api/real_server.h"
#include "api/routes.h"
#include "api/status.h"
#include "base/result.h"
#include "control/effects.h"
#include "control/event_log.h"
#include "control/plan.h"
#include "control/reconciler.h"
#include "control/server_watch.h"
#include "control/wishes.h"
#include "dataplane/dataplane.h"
#include "isobard/connection_listing.h"
#include "isobard/notifier.h"
#include "model/config.h"

namespace isobar::isobard {

class Director {
public:
    // Takes over the data plane that is there, or makes one, and applies `config`. What cannot
    // be done (an interface that refuses, no nft) is logged and shown in the status; only without
    // data plane or services it does not start. Servers are checked in `loop`, which outlives the
    // director.
    static Result<Director> start(boost::asio::io_context& loop, const model::Config& config,
                                  control::OwnedFile owned, control::WishFile wishes);

    // This configuration from now on: all of it, or nothing is changed. What has changed in the
    // data plane, a line each.
    Result<std::vector<std::string>> set_config(const model::Config& config);
    // What set_config() would do to open connections. Servers that nobody has checked yet are
    // taken for unknown.
    Result<std::vector<control::Effect>> outlook(const model::Config& config);
    // Takes in interfaces that have appeared.
    void network_changed();
    // Lets the connection table grow if it fills, and servers in and out as their checks say. To be
    // called several times a second.
    void tend();
    Result<api::Status> status();
    // What concerns the host that has this address. At most a second old.
    Result<api::RealServer> real_server(const model::Address& address);
    // What agents have said of themselves last.
    void take(api::AgentReport report);
    [[nodiscard]] std::vector<api::AgentReport> agent_reports() const;

    // What an operator wants of a server from now on; what became of it. Fault::NotFound for a
    // server that there is not.
    Result<api::ServerStanding> wish(const api::WishRequest& request);
    // What the checks of a server have found. Fault::NotFound as above.
    Result<api::HealthView> health(const std::string& service, const model::Endpoint& server);

    // The checks of a server, or of all of a service, at once.
    Result<api::Checking> check(const api::CheckRequest& request);
    // What has happened.
    [[nodiscard]] control::EventLog& events() const { return *events_; }
    // Connections, or who has most of them.
    Result<api::Listing> connections(const api::ConnectionQuery& query);
    // What would become of a packet.
    Result<api::Explanation> explain(const model::Question& question);

    [[nodiscard]] std::size_t service_count() const;
    // Where agents are answered, by the configuration that is applied.
    [[nodiscard]] const std::vector<model::Endpoint>& agents() const {
        return config_.director.agents;
    }

private:
    Director(boost::asio::io_context& loop, control::OwnedFile owned, control::WishFile wishes)
        : reconciler_(std::move(owned)),
          wish_file_(std::move(wishes)),
          watch_(std::make_unique<control::ServerWatch>(loop)),
          notifier_(std::make_unique<Notifier>(loop)),
          listing_connections_(ConnectionListing::make(loop)) {}

    // What is attached now. Others can take the data plane away and make it anew
    // (isobar-ipvsadm -C, then -A): none is held from one look to the next.
    Result<dataplane::Dataplane> open_plane();
    Result<dataplane::Dataplane> open_or_create_plane(const model::Config& config);
    void meet(const dataplane::Dataplane& plane);

    Result<std::vector<std::string>> apply(dataplane::Dataplane& plane,
                                           const model::Config& config);
    Result<std::set<control::ServerName>> presumed_up(dataplane::Dataplane& plane,
                                                      const model::Config& config) const;
    [[nodiscard]] control::Plan plan_now(const model::Config& config,
                                         control::Conditions conditions) const;
    Result<control::Reconciled> reconcile(dataplane::Dataplane& plane, const model::Config& config,
                                          control::Drift drift);
    void tell_drift(std::vector<std::string> drift, control::Drift becomes);
    [[nodiscard]] bool others_have_changed() const;
    [[nodiscard]] control::Drift drift_policy() const;
    [[nodiscard]] api::HealthView health_of(const control::ServerName& name) const;
    [[nodiscard]] std::vector<api::HealthView> just_found(
        const std::vector<control::ServerName>& names) const;
    [[nodiscard]] api::ServerStanding standing_of(const control::ServerName& name) const;
    Result<std::uint32_t> now_of(dataplane::Dataplane& plane);
    Result<ConnectionListing::Begun> begin_listing();
    void tend_table();
    void tend_drains();
    void end_drain(const control::ServerName& server);
    void look_at_room(const dataplane::Dataplane& plane);
    void tend_servers();
    void put_right();
    void prepare_host(dataplane::Dataplane& plane, const model::Config& config);
    void refresh_host_marks(dataplane::Dataplane& plane);
    void attach(dataplane::Dataplane& plane, const model::DirectorConfig& config);
    std::vector<std::string> attach_troubles(dataplane::Dataplane& plane,
                                             const model::DirectorConfig& config);
    void trouble(std::string message);
    using Kind = control::Event::Kind;
    void note(void (*say)(std::string_view), Kind kind, std::string text);
    Result<void> fill(dataplane::Dataplane& plane, api::Status& status);
    Result<void> refresh_listing();

    control::Reconciler reconciler_;
    control::WishFile wish_file_;
    control::Wishes wishes_;
    std::unique_ptr<control::ServerWatch> watch_;  // what it calls back must not move
    std::unique_ptr<Notifier> notifier_;
    std::shared_ptr<ConnectionListing> listing_connections_;
    std::vector<control::ServicePlan> plans_;  // of the configuration that is applied
    std::string reconciling_trouble_;
    std::vector<std::string> drift_;  // that is left
    // What tells that somebody has changed the data plane: as it was at the last look.
    struct Seen {
        std::uint64_t plane = 0;
        std::uint32_t changes = 0;
        model::Timeouts timeouts;
        model::Switches switches;
        model::LocalityExpiry locality;
        bool operator==(const Seen&) const = default;
    };
    static Seen seen(const dataplane::Dataplane& plane);
    Seen seen_;
    std::chrono::steady_clock::time_point next_plan_;  // not before
    std::optional<std::uint64_t> plane_;               // its identity at the last look
    // What is tended is held, for a look several times a second is not to open it each time.
    std::optional<dataplane::Dataplane> tended_;
    std::string tending_trouble_;
    std::uint32_t room_ = 0;  // of what is tended, at the last look
    std::unique_ptr<control::EventLog> events_ = std::make_unique<control::EventLog>();
    model::Config config_;
    std::chrono::sys_seconds applied_at_;
    std::vector<std::string> troubles_;            // of the last attempt to apply
    std::vector<std::string> interface_troubles_;  // of the last look at the interfaces
    // The hook that each attached interface was given; nothing if it refused. By name, and by the
    // number that another interface of the same name does not have.
    struct Attached {
        int index = 0;
        std::optional<dataplane::Hook> hook;
        bool operator==(const Attached&) const = default;
    };
    std::map<std::string, Attached> hooks_;
    // A look at the data plane costs as much as a listing: all agents of a second share one.
    struct Listing {
        std::vector<model::ServiceStatus> services;
        std::vector<model::MarkRule> marks;
        std::chrono::steady_clock::time_point until;  // then it is too old
    };
    Listing listing_;
    api::AgentReports agent_reports_;
};

}  // namespace isobar::isobard
