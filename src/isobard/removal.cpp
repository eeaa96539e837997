// SPDX-License-Identifier: Apache-2.0
#include "isobard/removal.h"

#include <fmt/format.h>

#include <optional>
#include <system_error>
#include <utility>

#include "api/socket_claim.h"
#include "control/masquerade.h"
#include "control/owned_file.h"
#include "dataplane/dataplane.h"

namespace isobar::isobard {
namespace {

// True if there was one.
Result<bool> remove_data_plane() {
    auto plane = dataplane::Dataplane::open();
    if (!plane) {
        if (plane.error().fault == Fault::NotFound) return false;
        return tl::unexpected(std::move(plane.error()));
    }
    if (auto cleared = plane->clear(); !cleared) {
        return tl::unexpected(std::move(cleared.error()));
    }
    return true;
}

void gather(Result<void> done, std::optional<Error>& failed) {
    if (done) return;
    if (failed) {
        failed->message += "; " + done.error().message;
    } else {
        failed = std::move(done.error());
    }
}

}  // namespace

Result<std::string> remove_all(const std::filesystem::path& socket,
                               const std::filesystem::path& state_dir) {
    auto claim = api::SocketClaim::take(socket);
    if (!claim) {
        Error error = std::move(claim.error());
        if (error.fault == Fault::Exists) error.message += ": stop it first";
        return tl::unexpected(std::move(error));
    }
    std::optional<Error> failed;
    const auto removed = remove_data_plane();
    if (!removed) gather(tl::unexpected(removed.error()), failed);
    gather(control::apply_masquerade({}), failed);
    gather(control::OwnedFile(state_dir, "").remove(), failed);
    // Only if nothing else is in there.
    std::error_code ignored;
    std::filesystem::remove(state_dir, ignored);
    if (failed) return tl::unexpected(*std::move(failed));
    return *removed ? "removed the data plane of this network namespace"
                    : "there was no data plane in this network namespace";
}

}  // namespace isobar::isobard
