// SPDX-License-Identifier: Apache-2.0
// The bar for weights by load, on a simulated cluster, and the plot of it in docs/load.svg.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "load/damped.h"
#include "load/piranha.h"
#include "load/simulation.h"

namespace isobar::load {
namespace {

constexpr double kEnds = 900;

// The cluster is half busy, then has more to do than it can, then little, then much again.
double steps(double at) {
    return at < 240 ? 0.5 : at < 480 ? 1.2 : at < 720 ? 0.3 : 0.8;
}

Cluster cluster(double interval, double delay) {
    Cluster made;
    made.interval = interval;
    made.delay = delay;
    made.offered = steps;
    return made;
}

std::unique_ptr<Controller> damped() {
    return std::make_unique<Damped>(10, 1000);
}

std::vector<Sample> run(const Cluster& cluster) {
    return simulate(cluster, damped(), kEnds);
}

double worst(const std::vector<Sample>& samples, double from, double to) {
    double worst = 0;
    for (const Sample& sample : samples)
        if (sample.at >= from && sample.at < to) worst = std::max(worst, sample.worst());
    return worst;
}

// How far any weight goes up and down in that time, relative to the middle.
double swing(const std::vector<Sample>& samples, double from, double to) {
    double largest = 0;
    for (std::size_t i = 0; i < samples.front().weight.size(); ++i) {
        double least = 1e9, most = 0;
        for (const Sample& sample : samples) {
            if (sample.at < from || sample.at >= to) continue;
            least = std::min(least, sample.weight[i]);
            most = std::max(most, sample.weight[i]);
        }
        largest = std::max(largest, (most - least) / (most + least));
    }
    return largest;
}

TEST(SimulatedCluster, HasSharesWithinATenthOfCapacityAfterAMinute) {
    struct Case {
        double interval, delay, connection;
    };
    for (const auto& [interval, delay, connection] :
         {Case{1, 3, 5}, Case{2, 0, 20}, Case{2, 1, 5}, Case{2, 2, 20}, Case{2, 4, 10},
          Case{5, 0, 10}, Case{5, 3, 5}}) {
        Cluster of = cluster(interval, delay);
        of.connection = connection;
        const auto samples = run(of);
        for (const double step : {0.0, 240.0, 480.0, 720.0})
            EXPECT_LT(worst(samples, step + 60, step + 180), 0.1)
                << "interval " << interval << " delay " << delay << " connection " << connection
                << " step at " << step;
    }
}

TEST(SimulatedCluster, SwingsEverLess) {
    for (const double interval : {2.0, 20.0}) {
        for (const double late : {0.0, 1.0, 3.0}) {
            for (const double elasticity : {0.5, 1.0, 4.0}) {
                Cluster of = cluster(interval, late * interval);
                of.offered = [](double) { return 0.7; };
                of.connection = std::max(5.0, interval);
                of.elasticity = elasticity;
                const auto samples = simulate(of, damped(), 240 * interval);
                const double early = swing(samples, 0, 40 * interval);
                const double last = swing(samples, 200 * interval, 240 * interval);
                EXPECT_LT(last, std::max(0.03, early / 8))
                    << "interval " << interval << " late " << late << " elasticity " << elasticity;
            }
        }
    }
}

TEST(SimulatedCluster, IsNotLedAstrayByNoise) {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        Cluster of = cluster(2, 1);
        of.noise = 0.2;
        of.seed = seed;
        const auto samples = simulate(of, damped(), 240);
        EXPECT_LT(worst(samples, 120, 240), 0.15) << seed;
        EXPECT_LT(swing(samples, 120, 240), 0.05) << seed;
    }
}

// Noise changes signs as swings do; the gain that is left must still get there.
TEST(SimulatedCluster, GetsThereInSpiteOfMuchNoise) {
    Cluster of = cluster(2, 1);
    of.noise = 0.4;
    of.offered = [](double) { return 0.7; };

    EXPECT_LT(worst(simulate(of, damped(), 900), 600, 900), 0.1);
}

// What is measured lags by 20 corrections, and grows with the cube of a weight.
TEST(SimulatedCluster, ComesToRestHoweverLateTheFeedback) {
    Cluster of = cluster(2, 1);
    of.smoothing = 40;
    of.elasticity = 3;
    of.offered = [](double) { return 0.7; };

    const auto samples = simulate(of, damped(), 1400);

    EXPECT_GT(swing(samples, 60, 200), 0.5);
    EXPECT_LT(swing(samples, 1200, 1400), 0.03);
}

// What the bar is worth: equal weights miss it all the time, nanny's rule does not find it.
TEST(SimulatedCluster, IsNotBalancedByItself) {
    Cluster of = cluster(2, 1);
    of.configured = 100;
    EXPECT_GT(worst(simulate(of, nullptr, 240), 60, 240), 3);
    EXPECT_GT(worst(simulate(of, std::make_unique<Piranha>(), 240), 60, 240), 0.5);
}

TEST(SimulatedCluster, SettlesWithALoadAverageOfAMinute) {
    Cluster of = cluster(20, 1);
    of.smoothing = 60;
    of.connection = 20;
    of.offered = [](double) { return 0.7; };

    const auto samples = simulate(of, damped(), 1800);

    EXPECT_LT(worst(samples, 900, 1800), 0.2);
    EXPECT_LT(swing(samples, 1500, 1800), 0.03);
}

// ---- the plot ----

constexpr double kLeft = 60, kWidth = 780, kHigh = 190, kGap = 44;
// By hue, from the smallest server to the largest.
constexpr std::array kColours{"#d73027", "#f46d43", "#fdae61", "#c9a227",
                              "#7fbf5f", "#3aa679", "#2b83ba", "#4b4ba8"};

double x_of(double at) {
    return kLeft + at / kEnds * kWidth;
}
// From a quarter to six times the fair share, by its logarithm.
double y_of(double top, double share) {
    const double at = std::log(std::clamp(share, 0.25, 6.0) / 0.25) / std::log(6.0 / 0.25);
    return top + kHigh * (1 - at);
}

std::string panel(double top, const std::string& title, const std::vector<Sample>& samples) {
    std::string svg =
        fmt::format("<text x='{}' y='{}' class='t'>{}</text>\n", kLeft, top - 8, title);
    svg += fmt::format("<rect x='{}' y='{:.1f}' width='{}' height='{:.1f}' class='b'/>\n", kLeft,
                       y_of(top, 1.1), kWidth, y_of(top, 0.9) - y_of(top, 1.1));
    for (const double line : {0.25, 0.5, 1.0, 2.0, 4.0})
        svg += fmt::format(
            "<path d='M{} {:.1f}h{}' class='g'/><text x='{}' y='{:.1f}' class='a'>{}</text>\n",
            kLeft, y_of(top, line), kWidth, kLeft - 6, y_of(top, line) + 4, line);
    for (std::size_t i = 0; i < kColours.size(); ++i) {
        svg += fmt::format("<polyline fill='none' stroke='{}' points='", kColours[i]);
        for (std::size_t at = 0; at < samples.size(); at += 6)
            svg += fmt::format("{:.1f},{:.1f} ", x_of(samples[at].at),
                               y_of(top, samples[at].share[i]));
        svg += "'/>\n";
    }
    for (const double step : {60.0, 240.0, 480.0, 720.0})
        svg += fmt::format("<path d='M{:.1f} {}v{}' class='{}'/>\n", x_of(step), top, kHigh,
                           step == 60 ? "m" : "s");
    return svg;
}

std::string plot() {
    const Cluster of = cluster(2, 1);
    Cluster late = of;  // as nanny asked: every 20 s for a load average
    late.interval = 20;
    late.smoothing = 60;
    late.configured = 100;
    const std::vector<std::pair<std::string, std::vector<Sample>>> panels{
        {"static: wlc, equal weights", simulate(of, nullptr, kEnds)},
        {"piranha: configured weight 100, load average of a minute every 20 s",
         simulate(late, std::make_unique<Piranha>(), kEnds)},
        {"damped: the same load average every 20 s", simulate(late, damped(), kEnds)},
        {"damped: utilisation every 2 s, 1 s late", run(of)}};
    std::string svg = fmt::format(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {} {}' font-family='sans-serif' "
        "font-size='12'>\n"
        "<style>.t{{font-weight:bold}}.a{{text-anchor:end;fill:#555}}.g{{stroke:#ddd}}.b{{fill:#"
        "e8f4e8}}"
        ".s{{stroke:#888;stroke-dasharray:4 3}}.m{{stroke:#2a2;stroke-dasharray:2 "
        "3}}polyline{{stroke-width:1.3}}</style>\n"
        "<rect width='100%' height='100%' fill='white'/>\n"
        "<text x='{}' y='18'>Share of connections over share of capacity; 8 servers, capacities 1 "
        "(red) to 8 (blue). "
        "Green: within 10 %, 60 s.</text>\n",
        kLeft + kWidth + 20, 60 + 4 * (kHigh + kGap), kLeft);
    double top = 60;
    for (const auto& [title, samples] : panels) {
        svg += panel(top, title, samples);
        top += kHigh + kGap;
    }
    for (const double at : {0.0, 240.0, 480.0, 720.0})
        svg += fmt::format("<text x='{:.1f}' y='{}'>{} s: {:.0f} % busy</text>\n", x_of(at) + 3,
                           top - kGap + 18, at, steps(at) * 100);
    return svg + "</svg>\n";
}

// ISOBAR_UPDATE_DOCS=1 writes it anew.
TEST(SimulatedCluster, IsTheOneOfThePlot) {
    const std::string path = ISOBAR_SOURCE_DIR "/docs/load.svg";
    const std::string wanted = plot();
    if (std::getenv("ISOBAR_UPDATE_DOCS") != nullptr) std::ofstream(path) << wanted;
    std::ifstream file(path);
    const std::string found((std::istreambuf_iterator<char>(file)), {});
    EXPECT_EQ(found, wanted) << "ISOBAR_UPDATE_DOCS=1 writes it";
}

}  // namespace
}  // namespace isobar::load
