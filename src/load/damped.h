// SPDX-License-Identifier: Apache-2.0
// The default law: weights move until all servers are equally loaded, each by a share of what is
// missing, and by a smaller share each time it went too far.
#pragma once

#include "load/controller.h"

namespace isobar::load {

class Damped : public Controller {
public:
    // A configured weight of 1 becomes 100, so that a hundredth can be told from it.
    static constexpr model::Weight kScale = 100;

    // Weights stay within `least` and `most` per cent of the configured one.
    Damped(std::uint32_t least, std::uint32_t most);

    SteeredServers correct(const SeenServers& servers) override;
    [[nodiscard]] model::Weight scale() const override { return kScale; }

private:
    struct Server {
        double factor = 0;         // logarithm of what the configured weight is multiplied with
        double gain = 0;           // share of an error that is made good at once; 0: not yet known
        double sign = 0;           // of the last error that was corrected
        bool asked = false;        // the factor is what its agent asked for
        std::uint32_t missed = 0;  // corrections without a fresh reading
    };
    void adjust(Server& server, double error, double most_gain, double most_step) const;
    void follow(Server& server, const Seen& seen, double mean) const;
    void recentre(const SeenServers& servers);

    double least_;
    double most_;
    std::map<model::Endpoint, Server> servers_;
};

}  // namespace isobar::load
