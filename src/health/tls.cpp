// SPDX-License-Identifier: Apache-2.0
#include "health/tls.h"

#include <arpa/inet.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <cerrno>
#include <ctime>
#include <limits>
#include <map>
#include <utility>

namespace isobar::health {
namespace {

template <auto Free>
struct Freeing {
    template <typename Value>
    void operator()(Value* value) const {
        Free(value);
    }
};
using Context = std::unique_ptr<SSL_CTX, Freeing<&SSL_CTX_free>>;
using Ssl = std::unique_ptr<SSL, Freeing<&SSL_free>>;

// What a server may send as its chain of certificates.
constexpr long kMostChain = 32L << 10;

// The last reason in OpenSSL's queue, which is then empty.
std::string openssl_reason(const char* otherwise) {
    const unsigned long code = ::ERR_peek_last_error();
    ::ERR_clear_error();
    const char* reason = code == 0 ? nullptr : ::ERR_reason_error_string(code);
    return reason == nullptr ? otherwise : reason;
}

// OpenSSL's own socket BIO would raise SIGPIPE. The socket is the BIO's data.
int bio_write(BIO* bio, const char* bytes, int size) {
    const int fd = static_cast<const Socket*>(::BIO_get_data(bio))->get();
    const ssize_t put = ::send(fd, bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL);
    ::BIO_clear_retry_flags(bio);
    if (put < 0 && (errno == EAGAIN || errno == EINTR)) ::BIO_set_retry_write(bio);
    return static_cast<int>(put);
}

int bio_read(BIO* bio, char* bytes, int size) {
    const int fd = static_cast<const Socket*>(::BIO_get_data(bio))->get();
    const ssize_t got = ::recv(fd, bytes, static_cast<std::size_t>(size), 0);
    ::BIO_clear_retry_flags(bio);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) ::BIO_set_retry_read(bio);
    return static_cast<int>(got);
}

long bio_control(BIO* /*bio*/, int command, long /*number*/, void* /*pointer*/) {
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO* make_bio(Socket& socket) {
    static BIO_METHOD* const isobars = [] {
        BIO_METHOD* method = ::BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "isobar");
        ::BIO_meth_set_write(method, &bio_write);
        ::BIO_meth_set_read(method, &bio_read);
        ::BIO_meth_set_ctrl(method, &bio_control);
        return method;
    }();
    BIO* bio = ::BIO_new(isobars);
    ::BIO_set_data(bio, &socket);
    ::BIO_set_init(bio, 1);
    return bio;
}

Result<Context> make_context(bool verify, const std::string& ca_file) {
    Context context(::SSL_CTX_new(::TLS_client_method()));
    if (!context) return failure(Fault::System, openssl_reason("OpenSSL"));
    ::SSL_CTX_set_max_cert_list(context.get(), kMostChain);
    ::SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                          SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    // Each check is a handshake of its own: no session is used again, none is kept.
    ::SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
    // Servers that just close are as fit as those that take leave.
    ::SSL_CTX_set_options(
        context.get(), SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
    if (!verify) return context;
    const int loaded = ca_file.empty() ? ::SSL_CTX_set_default_verify_paths(context.get())
                                       : ::SSL_CTX_load_verify_file(context.get(), ca_file.c_str());
    if (loaded != 1) {
        return failure(Fault::System, fmt::format("authorities of {}: {}",
                                                  ca_file.empty() ? "the system" : ca_file,
                                                  openssl_reason("cannot be read")));
    }
    ::SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    return context;
}

bool is_address(const std::string& name) {
    in6_addr ignored{};
    return ::inet_pton(AF_INET, name.c_str(), &ignored) == 1 ||
           ::inet_pton(AF_INET6, name.c_str(), &ignored) == 1;
}

// SNI, and the name that the certificate must have; without one it is the address's, for a chain
// alone would let everybody in who has any certificate. RFC 6066: an address is never sent.
bool set_name(SSL* ssl, const model::TlsProbe& probe, const model::Address& address) {
    const std::string name = probe.server_name.empty() ? address.text() : probe.server_name;
    if (is_address(name)) {
        return !probe.verify ||
               ::X509_VERIFY_PARAM_set1_ip_asc(::SSL_get0_param(ssl), name.c_str()) == 1;
    }
    if (::SSL_set_tlsext_host_name(ssl, name.c_str()) != 1) return false;
    return !probe.verify || ::SSL_set1_host(ssl, name.c_str()) == 1;
}

}  // namespace

struct TlsContexts::Cache {
    std::map<std::pair<bool, std::string>, Context> contexts;
};

TlsContexts::TlsContexts() : cache_(std::make_unique<Cache>()) {}
TlsContexts::~TlsContexts() = default;

struct TlsSession::State {
    Attempt& attempt;
    Socket& socket;
    Ssl ssl;
    std::string trouble;

    // After a call of OpenSSL's gave `result`: waits for what it needs. Done: call it again.
    Task<Io> wait(int result) {
        switch (::SSL_get_error(ssl.get(), result)) {
            case SSL_ERROR_WANT_READ:
                co_return co_await socket.readable();
            case SSL_ERROR_WANT_WRITE:
                co_return co_await socket.writable();
            case SSL_ERROR_ZERO_RETURN:
                co_return Io{.kind = Io::Kind::Ended};
            case SSL_ERROR_SYSCALL: {
                const int error = errno;
                ::ERR_clear_error();
                co_return error == 0 || result == 0 ? Io{.kind = Io::Kind::Ended}
                                                    : Io{.kind = Io::Kind::Failed, .error = error};
            }
            default:
                break;
        }
        const long verified = ::SSL_get_verify_result(ssl.get());
        if (verified != X509_V_OK && ::SSL_get_verify_mode(ssl.get()) != SSL_VERIFY_NONE) {
            trouble = fmt::format("certificate: {}", ::X509_verify_cert_error_string(verified));
            ::ERR_clear_error();
        } else {
            trouble = "TLS: " + openssl_reason("protocol error");
        }
        co_return Io{.kind = Io::Kind::Failed, .error = EPROTO};
    }
};

TlsSession::TlsSession(std::unique_ptr<State> state) : state_(std::move(state)) {}
TlsSession::TlsSession(TlsSession&&) noexcept = default;
TlsSession& TlsSession::operator=(TlsSession&&) noexcept = default;
TlsSession::~TlsSession() = default;

Result<TlsSession> TlsSession::make(Attempt& attempt, Socket& socket,
                                    const model::TlsProbe& probe) {
    // A file that is not there yet may be at the next attempt: only what worked is kept.
    auto& contexts = attempt.around().tls->cache().contexts;
    const std::pair<bool, std::string> key{probe.verify, probe.verify ? probe.ca_file : ""};
    auto found = contexts.find(key);
    if (found == contexts.end()) {
        auto made = make_context(key.first, key.second);
        if (!made) return tl::unexpected(std::move(made.error()));
        found = contexts.emplace(key, *std::move(made)).first;
    }
    Ssl ssl(::SSL_new(found->second.get()));
    if (!ssl) return failure(Fault::System, openssl_reason("OpenSSL"));
    if (!set_name(ssl.get(), probe, target_of(attempt.subject()).address)) {
        return failure(Fault::Invalid, "server name: " + openssl_reason("cannot be used"));
    }
    BIO* bio = make_bio(socket);
    ::SSL_set_bio(ssl.get(), bio, bio);
    return TlsSession(std::make_unique<State>(attempt, socket, std::move(ssl), std::string()));
}

const std::string& TlsSession::trouble() const {
    return state_->trouble;
}

std::string TlsSession::version() const {
    return ::SSL_get_version(state_->ssl.get());
}

std::string TlsSession::warning(std::chrono::system_clock::time_point now,
                                std::chrono::days limit) const {
    X509* certificate = ::SSL_get0_peer_certificate(state_->ssl.get());
    std::tm end{};
    if (certificate == nullptr || ::ASN1_TIME_to_tm(::X509_get0_notAfter(certificate), &end) != 1) {
        return {};
    }
    const auto ends = std::chrono::system_clock::from_time_t(::timegm(&end));
    if (ends > now + limit) return {};
    return fmt::format("certificate {} {:%Y-%m-%d}", ends <= now ? "ended" : "ends", end);
}

Task<Io> TlsSession::handshake() {
    for (;;) {
        ::ERR_clear_error();
        errno = 0;
        const int result = ::SSL_connect(state_->ssl.get());
        if (result == 1) co_return Io{};
        const Io io = co_await state_->wait(result);
        if (!io.done()) co_return io;
    }
}

Task<Io> TlsSession::send(std::string_view bytes, std::string_view shown) {
    state_->attempt.transcript.sent(shown.empty() ? bytes : shown);
    std::size_t sent = 0;
    while (sent < bytes.size()) {
        ::ERR_clear_error();
        errno = 0;
        std::size_t put = 0;
        const int result =
            ::SSL_write_ex(state_->ssl.get(), bytes.data() + sent, bytes.size() - sent, &put);
        sent += put;
        if (result == 1) continue;
        const Io io = co_await state_->wait(result);
        if (!io.done()) co_return io;
    }
    co_return Io{.bytes = sent};
}

Task<Io> TlsSession::receive(std::span<char> into) {
    for (;;) {
        if (std::chrono::steady_clock::now() >= state_->attempt.deadline()) {
            co_return Io{.kind = Io::Kind::Late};
        }
        ::ERR_clear_error();
        errno = 0;
        std::size_t got = 0;
        const int result = ::SSL_read_ex(state_->ssl.get(), into.data(), into.size(), &got);
        if (result == 1) {
            state_->attempt.transcript.received({into.data(), got});
            co_return Io{.bytes = got};
        }
        const Io io = co_await state_->wait(result);
        if (!io.done()) co_return io;
    }
}

Outcome outcome_of(const Io& io, const TlsSession& session, const Attempt& attempt) {
    if (!session.trouble().empty()) return bad(session.trouble());
    return outcome_of(io, attempt);
}

}  // namespace isobar::health
