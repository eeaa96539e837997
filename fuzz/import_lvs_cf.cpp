// SPDX-License-Identifier: Apache-2.0
#include "import_any.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    return isobar::import_any(data, size, isobar::importer::Format::LvsCf);
}
