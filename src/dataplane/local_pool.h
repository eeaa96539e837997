// SPDX-License-Identifier: Apache-2.0
// The local addresses of fullnat: the last elements of a service's set.
#pragma once

#include <cstdint>
#include <span>

#include "abi/abi.h"
#include "base/result.h"
#include "model/service.h"

namespace isobar::dataplane {

Result<void> check_local_pool(const model::ServiceKey& key, const model::LocalPool& pool);

// `set`: from its head on.
model::LocalPool read_local_pool(const isobar_service& service,
                                 std::span<const isobar_set_element> set);
// One element for each address.
void write_local_pool(const model::LocalPool& pool, std::span<isobar_set_element> elements);

}  // namespace isobar::dataplane
