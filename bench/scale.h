// SPDX-License-Identifier: Apache-2.0
// How long it takes to bring 1,000 services with 10 servers each into the data plane, and
// to change one of the servers then.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace isobar::bench {

struct ScaleRow {
    std::string name;
    double milliseconds = 0;
    double bound = 0;
};

// In new network namespaces. `ipvsadm`: path of isobar-ipvsadm, or empty: not measured.
Result<std::vector<ScaleRow>> measure_scale(const std::string& ipvsadm);

}  // namespace isobar::bench
