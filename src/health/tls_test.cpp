// SPDX-License-Identifier: Apache-2.0
// TLS beside servers with certificates that are made here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <csignal>
#include <cstdio>
#include <memory>
#include <string>

#include "base/temporary_folder.h"
#include "health/probe_fixture.h"
#include "health/test_servers.h"

namespace isobar::health {
namespace {

using Kind = Outcome::Kind;
using std::chrono::milliseconds;
using testing::HasSubstr;

constexpr long kDay = 24L * 60 * 60;

template <typename Value, auto Free>
struct Freed {
    void operator()(Value* value) const { Free(value); }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY, &EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509, &X509_free>>;
using Context = std::unique_ptr<SSL_CTX, Freed<SSL_CTX, &SSL_CTX_free>>;
using Ssl = std::unique_ptr<SSL, Freed<SSL, &SSL_free>>;

struct Identity {
    Key key;
    Certificate certificate;
};

// Signed by itself. `names`: "DNS:www.example.org,IP:127.0.0.1".
Identity make_identity(const char* names, long begins, long ends) {
    Identity made{Key(::EVP_EC_gen("P-256")), Certificate(::X509_new())};
    X509* certificate = made.certificate.get();
    ::X509_set_version(certificate, 2);
    ::ASN1_INTEGER_set(::X509_get_serialNumber(certificate), 1);
    ::X509_gmtime_adj(::X509_getm_notBefore(certificate), begins);
    ::X509_gmtime_adj(::X509_getm_notAfter(certificate), ends);
    ::X509_set_pubkey(certificate, made.key.get());
    X509_NAME* name = ::X509_get_subject_name(certificate);
    ::X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                 reinterpret_cast<const unsigned char*>("test"), -1, -1, 0);
    ::X509_set_issuer_name(certificate, name);
    X509_EXTENSION* alternative =
        ::X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names);
    ::X509_add_ext(certificate, alternative, -1);
    ::X509_EXTENSION_free(alternative);
    ::X509_sign(certificate, made.key.get(), ::EVP_sha256());
    return made;
}

class TlsTest : public testing::Test {
protected:
    // Of the server's side, which has OpenSSL write to a client that is gone.
    void SetUp() override { std::signal(SIGPIPE, SIG_IGN); }

    // Answers each request by HTTP, over TLS, with that certificate.
    void start(const char* names, long begins = -kDay, long ends = 365 * kDay) {
        identity = make_identity(names, begins, ends);
        std::FILE* out = std::fopen(file.c_str(), "w");
        ::PEM_write_X509(out, identity.certificate.get());
        std::fclose(out);
        context.reset(::SSL_CTX_new(::TLS_server_method()));
        ::SSL_CTX_use_certificate(context.get(), identity.certificate.get());
        ::SSL_CTX_use_PrivateKey(context.get(), identity.key.get());
        server = std::make_unique<TestServer>([this](const Peer& peer) { serve(peer); });
    }

    void serve(const Peer& peer) {
        const Ssl ssl(::SSL_new(context.get()));
        ::SSL_set_fd(ssl.get(), peer.get());
        if (::SSL_accept(ssl.get()) != 1) return;
        const char* name = ::SSL_get_servername(ssl.get(), TLSEXT_NAMETYPE_host_name);
        std::string request(4096, '\0');
        if (::SSL_read(ssl.get(), request.data(), static_cast<int>(request.size())) <= 0) return;
        const std::string answer =
            "HTTP/1.1 200 OK\r\n\r\nfor " + std::string(name == nullptr ? "nobody" : name);
        ::SSL_write(ssl.get(), answer.data(), static_cast<int>(answer.size()));
    }

    model::TlsProbe verified(std::string name) {
        model::TlsProbe probe;
        probe.verify = true;
        probe.server_name = std::move(name);
        probe.ca_file = file;
        return probe;
    }
    Outcome ask(const model::TlsProbe& probe) { return outcome_of_one(server->endpoint(), probe); }

    TemporaryFolder folder;
    std::string file = folder.path() / "ca.pem";
    Identity identity;
    Context context;
    std::unique_ptr<TestServer> server;
};

TEST_F(TlsTest, AHandshakeIsEnough) {
    start("DNS:www.example.org");
    const Outcome outcome = ask(model::TlsProbe{});
    EXPECT_EQ(outcome.kind, Kind::Good) << outcome.reason;
    EXPECT_EQ(outcome.reason, "TLSv1.3");
    EXPECT_EQ(outcome.warning, "");
}

TEST_F(TlsTest, ChainAndNameAreVerified) {
    start("DNS:www.example.org");
    const Outcome outcome = ask(verified("www.example.org"));
    EXPECT_EQ(outcome.kind, Kind::Good) << outcome.reason;
    EXPECT_EQ(ask(verified("www.example.com")).reason, "certificate: hostname mismatch");
}

TEST_F(TlsTest, WithoutANameItIsTheAddressThatIsVerified) {
    start("IP:127.0.0.1");
    EXPECT_EQ(ask(verified("")).kind, Kind::Good);
    start("IP:127.0.0.2");
    EXPECT_EQ(ask(verified("")).reason, "certificate: IP address mismatch");
}

TEST_F(TlsTest, AnAuthorityThatIsNotKnownIsBad) {
    start("DNS:www.example.org");
    model::TlsProbe probe = verified("www.example.org");
    probe.ca_file.clear();  // the system's
    const Outcome outcome = ask(probe);
    EXPECT_EQ(outcome.kind, Kind::Bad);
    EXPECT_THAT(outcome.reason, HasSubstr("certificate: self-signed certificate"));
}

TEST_F(TlsTest, AFileThatIsNotThereIsOurFault) {
    start("DNS:www.example.org");
    model::TlsProbe probe = verified("www.example.org");
    probe.ca_file = "/no/such/file";
    EXPECT_EQ(ask(probe).kind, Kind::NotMade);
}

TEST_F(TlsTest, ACertificateThatEndsSoonIsWarnedAbout) {
    start("DNS:www.example.org", -kDay, 3 * kDay);
    Outcome outcome = ask(model::TlsProbe{});
    EXPECT_EQ(outcome.kind, Kind::Good);
    EXPECT_THAT(outcome.warning, testing::MatchesRegex("certificate ends 20..-..-.."));
    model::TlsProbe probe;
    probe.expiry_warning = std::chrono::days(2);
    EXPECT_EQ(ask(probe).warning, "");
}

TEST_F(TlsTest, OneThatHasEndedIsBadIfVerified) {
    start("DNS:www.example.org", -10 * kDay, -kDay);
    EXPECT_EQ(ask(verified("www.example.org")).reason, "certificate: certificate has expired");
    const Outcome outcome = ask(model::TlsProbe{});
    EXPECT_EQ(outcome.kind, Kind::Good);
    EXPECT_THAT(outcome.warning, HasSubstr("certificate ended 20"));
}

TEST_F(TlsTest, HttpGoesOverIt) {
    start("DNS:www.example.org");
    model::HttpProbe probe;
    probe.tls = verified("www.example.org");
    probe.body = "^for www.example.org$";
    const Tried tried = try_once(subject_of(server->endpoint(), probe));
    EXPECT_EQ(tried.outcome.reason, "status 200");
    EXPECT_THAT(tried.transcript, HasSubstr("> GET / HTTP/1.1"));
}

TEST_F(TlsTest, TheWarningReachesTheState) {
    start("DNS:www.example.org", -kDay, 3 * kDay);
    model::HttpProbe probe;
    probe.tls.emplace();
    EXPECT_THAT(outcome_of_one(server->endpoint(), probe).warning, HasSubstr("certificate ends"));
}

TEST(TlsProbe, WhatIsNoTlsIsBad) {
    const TestServer server([](const Peer& peer) { (void)peer.say("HTTP/1.0 400 Bad\r\n\r\n"); });
    const Outcome outcome = outcome_of_one(server.endpoint(), model::TlsProbe{});
    EXPECT_EQ(outcome.kind, Kind::Bad);
    EXPECT_EQ(outcome.reason, "TLS: wrong version number");
}

TEST(TlsProbe, OneThatHangsUpOrIsMuteIsBad) {
    const TestServer ends([](const Peer& peer) { peer.read_until("\x16"); });
    EXPECT_EQ(outcome_of_one(ends.endpoint(), model::TlsProbe{}).kind, Kind::Bad);
    const TestServer mute([](const Peer& peer) { peer.wait_for_close(); });
    EXPECT_EQ(outcome_of_one(mute.endpoint(), model::TlsProbe{}, kShort).reason,
              "no answer within 50ms");
}

}  // namespace
}  // namespace isobar::health
