// SPDX-License-Identifier: Apache-2.0
// How a real server is asked whether it is fit to serve. Values only; src/health asks.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "model/address.h"

namespace isobar::model {

// What an answer must be. Nothing expected: any answer will do, or none where none is due.
struct Expectation {
    enum class Match : std::uint8_t {
        Prefix,  // the answer begins with the text; "*": at least one byte
        Regex,   // POSIX extended, anywhere in the answer
    };
    std::string text;
    Match match = Match::Prefix;
    bool operator==(const Expectation&) const = default;
};

// TCP: a connection that opens is enough.
struct TcpProbe {
    bool operator==(const TcpProbe&) const = default;
};

// A TLS handshake, alone or under HTTP.
struct TlsProbe {
    bool verify = false;      // the certificate's chain and name; if not, any will do
    std::string server_name;  // SNI, and the name that is verified; empty: none is sent
    std::string ca_file;      // PEM; empty: those of the system
    std::chrono::days expiry_warning{14};  // a certificate that ends earlier is warned about
    bool operator==(const TlsProbe&) const = default;
};

// Status codes from first to last.
struct StatusRange {
    std::uint16_t first = 200;
    std::uint16_t last = 399;
    bool operator==(const StatusRange&) const = default;
};

// Where in an HTTP answer the load of the server stands. Neither: the whole body is the number.
struct LoadPlace {
    std::string header;
    std::string field;  // of a JSON body, "a.b"
    bool operator==(const LoadPlace&) const = default;
};

// HTTP/1.0 or 1.1 (RFC 9112).
struct HttpProbe {
    std::optional<TlsProbe> tls;
    std::string method = "GET";
    std::string path = "/";
    std::string host;  // of the Host header; empty: the address
    bool http_1_0 = false;
    std::vector<std::pair<std::string, std::string>> headers;
    std::vector<StatusRange> status{StatusRange{}};
    std::string body;          // POSIX extended regex that is found in the body; empty: any
    bool body_absent = false;  // the server is fit if it is *not* found
    std::string digest;  // of the body, hexadecimal: MD5 (32 digits), SHA-256 (64); empty: any
    std::uint32_t most_bytes = std::uint32_t{64} << 10U;  // a longer answer is a failure
    std::optional<LoadPlace> load;                        // an answer without it is bad
    bool operator==(const HttpProbe&) const = default;
};

// Over TCP: send, then read until the expected is there, or cannot come any more.
struct TalkProbe {
    std::string send;
    std::optional<Expectation> expect;  // none: sending is enough
    bool operator==(const TalkProbe&) const = default;
};

// One datagram. Without an answer, only an ICMP error says that nobody is there.
struct UdpProbe {
    std::string send;
    std::optional<Expectation> expect;
    bool require_reply = false;
    bool operator==(const UdpProbe&) const = default;
};

// A question to a name server, by UDP (RFC 1035): fit if it answers with NOERROR.
struct DnsProbe {
    std::string name = ".";
    std::uint16_t type = 6;       // SOA
    bool require_answer = false;  // at least one record in the answer section
    bool operator==(const DnsProbe&) const = default;
};

// RFC 5321: greeting 220, HELO answered by 250, QUIT.
struct SmtpProbe {
    std::string helo = "localhost";
    bool operator==(const SmtpProbe&) const = default;
};

// ICMP or ICMPv6 echo.
struct PingProbe {
    bool operator==(const PingProbe&) const = default;
};

// A program, never through a shell. Of its arguments, %h is the server's address, %p its port.
struct ProgramProbe {
    std::vector<std::string> command;
    // Its whole output (the first 4 KiB, one line end at the end taken off) must be this; none:
    // exit code 0 is enough. With it, exit codes do not matter, as with Piranha's send_program.
    std::optional<std::string> expect;
    // Exit codes from 2 on are fit, too, with the weight code - 2: keepalived's misc_dynamic.
    bool sets_weight = false;
    std::string user = "nobody";
    bool prints_load = false;  // as uptime(1) does; without it, its end is bad
    bool operator==(const ProgramProbe&) const = default;
};

// HAProxy's agent-check, as its client: connects, and reads a line.
struct AgentProbe {
    bool operator==(const AgentProbe&) const = default;
};

using Probe = std::variant<TcpProbe, TlsProbe, HttpProbe, TalkProbe, UdpProbe, DnsProbe, SmtpProbe,
                           PingProbe, ProgramProbe, AgentProbe>;

// What isobar.toml calls it: "https".
std::string_view type_name(const Probe& probe);

// A probe, and when it is made and believed.
struct Check {
    Probe probe;
    std::chrono::milliseconds interval{5000};
    std::chrono::milliseconds timeout{2000};  // of one attempt
    std::uint32_t rise = 1;                   // good ones in a row that bring a server in
    std::uint32_t fall = 1;                   // bad ones in a row that take it out
    std::uint32_t retries = 1;                // attempts after a failed one, before it is a bad one
    std::chrono::milliseconds retry_delay{500};
    std::chrono::milliseconds reentry{0};  // good for so long before it comes in again
    bool begins_up = false;                // before the first verdict; if not: unknown
    std::optional<Address> address;        // other than the server's
    Port port = 0;                         // other than the server's
    bool through_service = false;          // by the service's own way to that server
    bool operator==(const Check&) const = default;
};

}  // namespace isobar::model
