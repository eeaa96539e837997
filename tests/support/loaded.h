// SPDX-License-Identifier: Apache-2.0
// The data plane's programs, loaded once for many tests: to verify them takes seconds. Each test
// gets them in a network namespace of its own, with all maps as if they had just been made.
#pragma once

#include "dataplane/maps.h"
#include "dataplane/programs.h"

namespace isobar::test {

class Loaded {
public:
    // Of the data plane in this namespace, to which nothing has been done yet but that XDP was
    // attached to the interface.
    static Result<Loaded> take(int ifindex);

    // In another namespace, where there is no data plane: empties the maps, attaches the programs
    // to lo (where a data plane is found) and XDP to all other interfaces.
    Result<void> attach();

private:
    Loaded(dataplane::Maps maps, Fd tc, Fd xdp);

    dataplane::Maps maps_;
    Fd tc_;
    Fd xdp_;
    isobar_settings settings_;
};

}  // namespace isobar::test
