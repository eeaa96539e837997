// SPDX-License-Identifier: Apache-2.0
// What the data plane would do with the next packet of a five-tuple, step by step, and why.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/service.h"

namespace isobar::model {

// A packet that may begin a connection: of TCP a SYN, of SCTP an INIT.
struct Question {
    Protocol protocol = Protocol::Tcp;
    Endpoint source;
    Endpoint destination;
    std::uint32_t mark = 0;  // that a tc filter before ours has set

    bool operator==(const Question&) const = default;
};

// A server of the service, as the scheduler sees it.
struct Candidate {
    Endpoint address;
    Weight weight = 0;
    std::uint32_t active = 0;
    std::uint32_t inactive = 0;
    std::uint32_t upper_threshold = 0;
    bool overloaded = false;
    std::string measure;  // what is compared: "load 513 / 2 = 256.5"; "" if nothing is
    std::string why_not;  // "" of the one that is chosen

    bool operator==(const Candidate&) const = default;
};

// How a new connection would get its server.
struct Choice {
    Scheduler scheduler = Scheduler::Wlc;
    std::optional<Endpoint> server;  // none: nobody takes it, or it is up to chance
    bool certain = true;             // false: another one is possible
    std::string why;
    std::vector<Candidate> candidates;  // in the order that they are looked at

    bool operator==(const Choice&) const = default;
};

// The template of a persistent service's client.
struct KnownTemplate {
    Endpoint server;
    std::string state;  // "NONE", "ASSURED"
    std::chrono::seconds expires{0};
    std::uint32_t connections = 0;  // that it holds

    bool operator==(const KnownTemplate&) const = default;
};

struct KnownConnection {
    bool from_server = false;  // the packet is a reply
    Endpoint client, virtual_address, server;
    ForwardingMethod method = ForwardingMethod::Nat;
    std::string state;
    std::chrono::seconds expires{0};
    std::vector<std::string> flags;  // "ftp", "inactive"
    std::string controlled_by;       // "template", "ftp connection"; "": by nobody
    // Why a packet that begins a connection does not belong to it: it is scheduled anew, as all
    // further steps say. "": it belongs to it.
    std::string over;

    bool operator==(const KnownConnection&) const = default;
};

struct FoundService {
    ServiceKey key;
    std::string found_by;  // "its port", "all ports", "mark 7", "mark 7, by a rule of the host"
    std::optional<Persistence> persistence;
    PersistenceEngine engine = PersistenceEngine::None;
    bool one_packet = false;

    bool operator==(const FoundService&) const = default;
};

// The way out.
struct NextHop {
    std::string interface;
    Address gateway;  // the destination itself if it is on the link
    bool on_link = true;
    std::string mac;        // "": not known yet
    std::string neighbour;  // its state: "reachable", "unknown"
    std::uint32_t mtu = 0;
    std::uint32_t overhead = 0;  // of a tunnel, within the MTU

    bool operator==(const NextHop&) const = default;
};

struct Decision {
    Question question;
    std::string verdict;  // as `isobar status -j` counts them: "forwarded", "no_server"
    std::string meaning;  // of it, a clause
    std::string source_is, destination_is;  // "virtual", "real", "virtual and real", "unknown"
    std::optional<KnownConnection> connection;
    std::optional<FoundService> service;
    std::optional<KnownTemplate> known_template;
    std::optional<Choice> choice;
    std::optional<ForwardingMethod> method;
    std::optional<Endpoint> goes_to;  // the server, or the client that a reply is for
    std::optional<NextHop> next_hop;
    std::vector<std::string> doubts;  // why it may come otherwise

    bool operator==(const Decision&) const = default;
};

}  // namespace isobar::model
