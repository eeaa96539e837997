// SPDX-License-Identifier: Apache-2.0
#include "scale.h"

#include <sched.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include <fmt/format.h>

#include "dataplane/dataplane.h"
#include "samples.h"

namespace isobar::bench {
namespace {

constexpr unsigned kServices = 1000;
constexpr unsigned kServers = 10;
constexpr int kTimes = 11;
constexpr double kLoadBound = 3000;
constexpr double kChangeBound = 20;

model::ServiceKey service(unsigned number) {
    return {model::Protocol::Tcp,
            {model::Address::v4(10, 1, static_cast<std::uint8_t>(number / 256),
                                static_cast<std::uint8_t>(number % 256)),
             80}};
}

model::RealServer server(unsigned number, model::Weight weight) {
    return {.address = {model::Address::v4(172, 16, 1, static_cast<std::uint8_t>(number)), 80},
            .weight = weight};
}

template <typename Work>
Result<double> milliseconds(Work&& work) {
    const auto start = std::chrono::steady_clock::now();
    if (auto done = work(); !done) return tl::unexpected(done.error());
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
        .count();
}

Result<double> median_of_times(auto&& work) {
    Samples samples;
    for (int i = 0; i < kTimes; ++i) {
        const auto time = milliseconds([&] { return work(i); });
        if (!time) return time;
        samples.add(*time);
    }
    return samples.median();
}

Result<void> enter_new_network() {
    if (::unshare(CLONE_NEWNET) != 0) return system_failure("make a network namespace", errno);
    return {};
}

Result<std::vector<ScaleRow>> through_dataplane() {
    if (auto done = enter_new_network(); !done) return tl::unexpected(done.error());
    auto plane = dataplane::Dataplane::open_or_create();
    if (!plane) return tl::unexpected(plane.error());
    std::vector<model::Change> changes;
    for (unsigned i = 0; i < kServices; ++i) {
        changes.emplace_back(model::AddService{service(i)});
        for (unsigned k = 0; k < kServers; ++k)
            changes.emplace_back(model::AddServer{service(i), server(k, 1)});
    }
    const auto load = milliseconds([&] { return plane->apply(changes); });
    if (!load) return tl::unexpected(load.error());
    const auto change = median_of_times([&](int i) {
        const model::Change one =
            model::EditServer{service(500), server(5, static_cast<model::Weight>(2 + i))};
        return plane->apply({&one, 1});
    });
    if (!change) return tl::unexpected(change.error());
    return std::vector<ScaleRow>{
        {"1,000 services x 10 servers: load, in one transaction", *load, kLoadBound},
        {"1,000 services x 10 servers: change one weight", *change, kChangeBound}};
}

Result<void> run(const std::string& command, const std::string& input) {
    std::FILE* process = ::popen(command.c_str(), "w");
    if (process == nullptr) return system_failure("run " + command, errno);
    const bool written = std::fputs(input.c_str(), process) >= 0;
    if (::pclose(process) != 0 || !written) return failure(Fault::System, command + " failed");
    return {};
}

Result<std::vector<ScaleRow>> through_ipvsadm(const std::string& ipvsadm) {
    if (auto done = enter_new_network(); !done) return tl::unexpected(done.error());
    std::string rules;
    for (unsigned i = 0; i < kServices; ++i) {
        const auto address = service(i).address.text();
        rules += fmt::format("-A -t {} -s wlc\n", address);
        for (unsigned k = 0; k < kServers; ++k)
            rules += fmt::format("-a -t {} -r {} -m -w 1\n", address, server(k, 1).address.text());
    }
    const auto load = milliseconds([&] { return run(ipvsadm + " -R", rules); });
    if (!load) return tl::unexpected(load.error());
    const auto change = median_of_times([&](int i) {
        return run(fmt::format("{} -e -t {} -r {} -m -w {}", ipvsadm, service(500).address.text(),
                               server(5, 1).address.text(), 2 + i),
                   "");
    });
    if (!change) return tl::unexpected(change.error());
    return std::vector<ScaleRow>{
        {"the same by isobar-ipvsadm: -R, whole process", *load, kLoadBound},
        {"the same by isobar-ipvsadm: -e, whole process", *change, kChangeBound}};
}

}  // namespace

Result<std::vector<ScaleRow>> measure_scale(const std::string& ipvsadm) {
    auto rows = through_dataplane();
    if (!rows || ipvsadm.empty()) return rows;
    auto more = through_ipvsadm(ipvsadm);
    if (!more) return more;
    rows->insert(rows->end(), more->begin(), more->end());
    return rows;
}

}  // namespace isobar::bench
