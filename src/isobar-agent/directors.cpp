// SPDX-License-Identifier: Apache-2.0
#include "isobar-agent/directors.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "api/client.h"
#include "api/routes.h"
#include "base/log.h"
#include "base/printable.h"
#include "isobar-agent/told.h"

namespace isobar::agent {
namespace {

// 4,096 services, and a group with some thousand addresses.
constexpr std::uint64_t kLongestAnswer = std::uint64_t{4} << 20;
constexpr std::size_t kLongestQuote = 200;

// What others say may be anything.
std::string shown(std::string_view text) {
    return printable(text.substr(0, kLongestQuote));
}

bool comes_here(const api::Served& served) {
    return served.forward == model::ForwardingMethod::Dr ||
           served.forward == model::ForwardingMethod::Tun;
}

Result<api::RealServer> understand(const model::Endpoint& director, const api::Answer& answer) {
    if (answer.code != 200)
        return failure(Fault::Unreachable, fmt::format("status {}: {}", answer.code,
                                                       shown(api::problem_detail(answer.body))));
    auto told = api::parse_real_server(answer.body);
    if (!told) {
        told.error().message = shown(told.error().message);
        return told;
    }
    const bool cuts_off =
        std::any_of(told->services.begin(), told->services.end(), [&](const api::Served& served) {
            return comes_here(served) && served.address.address == director.address;
        });
    if (cuts_off)
        return failure(Fault::Invalid,
                       "it names its own address as a VIP of this host, which could "
                       "not reach it any more");
    return told;
}

}  // namespace

namespace {

constexpr const char* kTarget = "/api/v1/real-server";

Result<api::RealServer> told_by(const model::Endpoint& director,
                                const tl::expected<api::Answer, api::AskError>& answer) {
    // a failed connection names the address already
    if (!answer && answer.error().message.starts_with(director.text()))
        return failure(Fault::Unreachable, "director " + answer.error().message);
    auto told = answer
                    ? understand(director, *answer)
                    : Result<api::RealServer>(failure(Fault::Unreachable, answer.error().message));
    if (!told) return tl::unexpected(std::move(told.error()).in("director " + director.text()));
    return told;
}

}  // namespace

Result<api::RealServer> ask_director(const model::Endpoint& director,
                                     std::chrono::milliseconds limit) {
    return told_by(director, api::ask(director, kTarget, limit, kLongestAnswer));
}

Result<api::RealServer> ask_and_tell_director(const model::Endpoint& director,
                                              const std::string& report,
                                              std::chrono::milliseconds limit) {
    const auto answer = api::post(director, kTarget, report, limit, kLongestAnswer);
    if (!answer || answer->code / 100 == 4) return ask_director(director, limit);
    return told_by(director, answer);
}

Directors::Directors(const std::vector<model::Endpoint>& places) {
    for (const model::Endpoint& place : places) directors_.push_back({place});
}

void Directors::ask(Director& director, const std::string& report) {
    auto told = report.empty() ? ask_director(director.place)
                               : ask_and_tell_director(director.place, report);
    if (!told) {
        if (director.trouble != told.error().message)
            log::warning(fmt::format(
                "{}; asked again, {}", told.error().message,
                director.told ? "meanwhile all stays as it is" : "nothing is known from it yet"));
        director.trouble = told.error().message;
        return;
    }
    if (!director.trouble.empty())
        log::info(fmt::format("director {} answers", director.place.text()));
    director.trouble.clear();
    director.told = settled(director.said, *told);
    director.said = *std::move(told);
}

void Directors::ask_all(const std::string& report) {
    for (Director& director : directors_) ask(director, report);
}

bool Directors::all_known() const {
    return std::all_of(directors_.begin(), directors_.end(),
                       [](const Director& director) { return director.told.has_value(); });
}

std::vector<api::RealServer> Directors::told() const {
    std::vector<api::RealServer> told;
    for (const Director& director : directors_)
        if (director.told) told.push_back(*director.told);
    return told;
}

}  // namespace isobar::agent
