// SPDX-License-Identifier: Apache-2.0
#include "config/notify.h"

#include <string>
#include <utility>
#include <vector>

namespace isobar::config {
namespace {

using model::Notify;

std::vector<Field<Notify>> server_fields() {
    return {
        optional(
            "up", &Notify::up, program(),
            "Run when a server comes in: a program and its arguments, without a shell. %h is the "
            "server's address, %p its port; isobar.toml(5) says what is in its "
            "environment.",
            "none"),
        optional("down", &Notify::down, program(), "Run when a server goes out.", "none")};
}

Field<Notify> user() {
    return optional("user", &Notify::user, one_line("a user"),
                    "Whom they run as. After 60 s they are killed.");
}

}  // namespace

Kind<Notify> service_notify() {
    auto fields = server_fields();
    fields.push_back(optional("quorum_up", &Notify::quorum_up, program(),
                              "Run when the service has its quorum again.", "none"));
    fields.push_back(optional("quorum_down", &Notify::quorum_down, program(),
                              "Run when it has lost its quorum.", "none"));
    fields.push_back(user());
    return table_of<Notify>("notify", std::move(fields));
}

Kind<Notify> server_notify() {
    auto fields = server_fields();
    fields.push_back(user());
    auto kind = table_of<Notify>("notify", std::move(fields));
    kind.keys.clear();  // the same as the service's
    return kind;
}

}  // namespace isobar::config
