// SPDX-License-Identifier: Apache-2.0
// An address as BPF maps have it.
#pragma once

#include "abi/abi.h"
#include "model/address.h"

namespace isobar::kernel {

isobar_address to_abi(const model::Address& address);
model::Address from_abi(const isobar_address& address);

}  // namespace isobar::kernel
