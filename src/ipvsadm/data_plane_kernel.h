// SPDX-License-Identifier: Apache-2.0
// The data plane of the network namespace this process is in.
#pragma once

#include <memory>

#include "ipvsadm/kernel.h"

namespace isobar::ipvsadm {

class DataPlaneKernel final : public Kernel {
public:
    Result<std::unique_ptr<LiveState>> open() override;
    Result<std::unique_ptr<LiveState>> open_or_create() override;
};

}  // namespace isobar::ipvsadm
