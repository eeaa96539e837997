// SPDX-License-Identifier: Apache-2.0
#include "dataplane/local_pool.h"

#include <algorithm>

#include <fmt/format.h>

#include "dataplane/convert.h"
#include "scheduling/lookup_table.h"

namespace isobar::dataplane {

Result<void> check_local_pool(const model::ServiceKey& key, const model::LocalPool& pool) {
    if (pool.addresses.size() > model::kMostLocalAddresses)
        return failure(Fault::OutOfRange, fmt::format("{}: at most {} local addresses", key.text(),
                                                      model::kMostLocalAddresses));
    if (pool.first_port == 0 || pool.first_port > pool.last_port)
        return failure(Fault::OutOfRange, fmt::format("{}: the local ports {} to {} are none",
                                                      key.text(), pool.first_port, pool.last_port));
    for (auto address = pool.addresses.begin(); address != pool.addresses.end(); ++address) {
        if (address->family != key.address.address.family || !model::is_unicast(*address))
            return failure(Fault::Unsupported, fmt::format("{} cannot be a local address of {}",
                                                           address->text(), key.text()));
        if (std::find(pool.addresses.begin(), address, *address) != address)
            return failure(Fault::Unsupported, fmt::format("{} is a local address of {} twice",
                                                           address->text(), key.text()));
    }
    return {};
}

model::LocalPool read_local_pool(const isobar_service& service,
                                 std::span<const isobar_set_element> set) {
    const auto& head = set.front().head;
    model::LocalPool pool;
    pool.client_address = client_address_of(service.tells_client);
    const auto first = 1 + head.count + scheduling::lookup_elements(head.slots);
    for (const auto& element : set.subspan(first, head.locals)) {
        pool.addresses.push_back(from_abi(element.local.address));
        pool.first_port = element.local.first_port;
        pool.last_port = element.local.last_port;
    }
    return pool;
}

void write_local_pool(const model::LocalPool& pool, std::span<isobar_set_element> elements) {
    std::transform(pool.addresses.begin(), pool.addresses.end(), elements.begin(),
                   [&](const model::Address& address) {
                       isobar_set_element element{};
                       element.local.address = to_abi(address);
                       element.local.first_port = pool.first_port;
                       element.local.last_port = pool.last_port;
                       return element;
                   });
}

}  // namespace isobar::dataplane
