// SPDX-License-Identifier: Apache-2.0
#include "dataplane/service_keys.h"

#include <bpf/bpf.h>

namespace isobar::dataplane {

std::vector<isobar_service_key> service_keys_in(int map) {
    std::vector<isobar_service_key> keys;
    isobar_service_key key{};
    const isobar_service_key* before = nullptr;
    while (bpf_map_get_next_key(map, before, &key) == 0) {
        keys.push_back(key);
        before = &keys.back();
    }
    return keys;
}

}  // namespace isobar::dataplane
