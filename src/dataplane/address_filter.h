// SPDX-License-Identifier: Apache-2.0
// The filter that lets packets pass which have nothing to do with any service: two bits for the
// hash of an address (ISOBAR_FILTER_*), as bpf/filter.h looks them up.
#pragma once

#include <cstdint>

#include "abi/abi.h"
#include "model/address.h"

namespace isobar::dataplane {

// Of the filter in use; packets read it meanwhile.
void add_to_filter(isobar_filter& living, const model::Address& address, std::uint64_t kind);

// A filter worked out anew, because addresses are gone.
class AddressFilter {
public:
    void add(const model::Address& address, std::uint64_t kind);
    void add_all_as_virtual();

    // `living` becomes this. No bit that both have is ever 0.
    void put_into(isobar_filter& living) const;

private:
    isobar_filter filter_{};
};

}  // namespace isobar::dataplane
