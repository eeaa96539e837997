// SPDX-License-Identifier: Apache-2.0
// The director of the datapath tests with IPv6 beside its IPv4: same hosts, same sides.
#pragma once

#include <string>
#include <vector>

#include "fixture.h"
#include "support/packet6.h"

namespace isobar::test {

inline const auto kClient6 = v6("2001:db8::100"), kVip6 = v6("2001:db8::2"),
                  kRouterOutside6 = v6("2001:db8::7"), kRouterInside6 = v6("fd00::7");
inline const model::Address kServers6[] = {v6("fd00::100"), v6("fd00::101"), v6("fd00::102")};
inline const model::ServiceKey kWeb6{model::Protocol::Tcp, {kVip6, 80}};
inline const model::ServiceKey kDns6{model::Protocol::Udp, {kVip6, 53}};

// Routes and neighbours of IPv6. No addresses: nothing is to be sent by the kernel itself.
void enable_ipv6();

template <typename Base>
class WithIpv6 : public Base {
protected:
    void SetUp() override {
        Base::SetUp();
        if (!this->IsSkipped()) enable_ipv6();
    }
    // Servers 1, 2 .. with these weights.
    void add_service6(const model::ServiceKey& key, const std::vector<model::Weight>& weights,
                      model::Port port,
                      model::ForwardingMethod method = model::ForwardingMethod::Nat,
                      model::Scheduler scheduler = model::Scheduler::Rr) {
        std::vector<model::Change> changes{model::AddService{key, scheduler}};
        for (std::size_t i = 0; i < weights.size(); ++i)
            changes.emplace_back(model::AddServer{key, {{kServers6[i], port}, weights[i], method}});
        this->bed().apply(std::move(changes));
    }
};

}  // namespace isobar::test
