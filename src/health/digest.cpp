// SPDX-License-Identifier: Apache-2.0
#include "health/digest.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>
#include <utility>

namespace isobar::health {

struct Digest::State {
    State() : context(::EVP_MD_CTX_new()) {}
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() { ::EVP_MD_CTX_free(context); }
    EVP_MD_CTX* context;
};

Digest::Digest(std::unique_ptr<State> state) : state_(std::move(state)) {}
Digest::Digest(Digest&&) noexcept = default;
Digest& Digest::operator=(Digest&&) noexcept = default;
Digest::~Digest() = default;

Result<Digest> Digest::make(std::size_t digits) {
    const EVP_MD* kind = nullptr;
    if (digits == 32) kind = ::EVP_md5();
    if (digits == 64) kind = ::EVP_sha256();
    if (kind == nullptr) {
        return failure(Fault::Invalid, "digest: 32 digits (MD5) or 64 (SHA-256) are wanted");
    }
    auto state = std::make_unique<State>();
    if (::EVP_DigestInit_ex(state->context, kind, nullptr) != 1) {
        return failure(Fault::System, "digest: OpenSSL does not have it");
    }
    return Digest(std::move(state));
}

void Digest::add(std::string_view bytes) {
    (void)::EVP_DigestUpdate(state_->context, bytes.data(), bytes.size());
}

std::string Digest::hexadecimal() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
    unsigned size = 0;
    (void)::EVP_DigestFinal_ex(state_->context, bytes.data(), &size);
    std::string text;
    for (unsigned i = 0; i < size; ++i) text += fmt::format("{:02x}", bytes.at(i));
    return text;
}

}  // namespace isobar::health
