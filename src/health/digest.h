// SPDX-License-Identifier: Apache-2.0
// MD5 or SHA-256 of bytes as they come, to compare with what the operator has written down.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace isobar::health {

class Digest {
public:
    // By the number of hexadecimal digits that it is compared with: 32 MD5, 64 SHA-256.
    static Result<Digest> make(std::size_t digits);
    Digest(Digest&&) noexcept;
    Digest& operator=(Digest&&) noexcept;
    Digest(const Digest&) = delete;
    Digest& operator=(const Digest&) = delete;
    ~Digest();

    void add(std::string_view bytes);
    // In lower case. Ends it.
    std::string hexadecimal();

private:
    struct State;
    explicit Digest(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace isobar::health
