// SPDX-License-Identifier: Apache-2.0
// The tables that say which programs are told of changes.
#pragma once

#include "config/field.h"
#include "model/config.h"

namespace isobar::config {

// Of a service: of all its servers, and of its quorum.
Kind<model::Notify> service_notify();
// Of one server.
Kind<model::Notify> server_notify();

}  // namespace isobar::config
