// SPDX-License-Identifier: Apache-2.0
// From words to exit code: one command line, or with -R one on each line of standard input.
#pragma once

#include <istream>
#include <ostream>
#include <string>
#include <vector>

#include "ipvsadm/kernel.h"
#include "ipvsadm/names.h"

namespace isobar::ipvsadm {

struct Streams {
    std::istream& in;
    std::ostream& out;
    std::ostream& err;
};

// `program`: argv[0], for messages. `words`: the rest.
int execute(const std::string& program, const std::vector<std::string>& words, Kernel& kernel,
            Names& names, const Streams& streams);

}  // namespace isobar::ipvsadm
