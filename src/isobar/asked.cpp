// SPDX-License-Identifier: Apache-2.0
#include "isobar/asked.h"

#include "api/client.h"
#include "isobar/complaint.h"

namespace isobar::cli {
namespace {

Asked body_of(tl::expected<api::Answer, api::AskError> answer) {
    if (!answer) return tl::unexpected(complain(answer.error()));
    if (answer->code != 200) return tl::unexpected(complain(*answer));
    return std::move(answer->body);
}

}  // namespace

Asked asked(const Asking& asking, const std::string& target, std::chrono::milliseconds patience) {
    return body_of(api::ask(asking.socket, target, patience));
}

Asked posted(const Asking& asking, const std::string& target, const std::string& json,
             std::chrono::milliseconds patience) {
    return body_of(api::post(asking.socket, target, json, patience));
}

int not_understood(const Error& error) {
    fmt::print(stderr, "isobar: {}\n", error.message);
    return kFailed;
}

}  // namespace isobar::cli
