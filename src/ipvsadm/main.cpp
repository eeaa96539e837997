// SPDX-License-Identifier: Apache-2.0
// isobar-ipvsadm: ipvsadm for the data plane of Isobar.
#include <iostream>
#include <string>
#include <vector>

#include "ipvsadm/data_plane_kernel.h"
#include "ipvsadm/execute.h"
#include "ipvsadm/names.h"

int main(int argc, char** argv) {
    using namespace isobar::ipvsadm;
    std::ios::sync_with_stdio(false);

    const std::string program = argc > 0 ? argv[0] : "ipvsadm";
    const std::vector<std::string> words(argv + (argc > 0 ? 1 : 0), argv + argc);
    SystemNames names;
    DataPlaneKernel kernel;
    const int status = execute(program, words, kernel, names, {std::cin, std::cout, std::cerr});

    std::cout.flush();
    if (!std::cout) {  // half a file of saved rules must not pass for a whole one
        std::cerr << "isobar-ipvsadm: cannot write the output\n";
        return 1;
    }
    return status;
}
