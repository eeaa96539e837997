// SPDX-License-Identifier: Apache-2.0
// Names of hosts and ports, both ways. An interface, so that parsing and printing can be
// tested without the machine's own /etc/hosts and name servers.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "ipvsadm/command.h"
#include "model/address.h"

namespace isobar::ipvsadm {

class Names {
public:
    virtual ~Names() = default;
    // The first IPv4 address of `host`.
    virtual std::optional<model::Address> find_address(const std::string& host) = 0;
    // "http" -> 80. The protocol counts: tftp is a name of UDP only.
    virtual std::optional<model::Port> find_port(const std::string& name, ServiceKind kind) = 0;
    virtual std::optional<std::string> find_host(const model::Address& address) = 0;
    virtual std::optional<std::string> find_port_name(model::Port port, ServiceKind kind) = 0;
};

// The names of this machine: /etc/hosts, /etc/services, DNS, whatever nsswitch.conf says.
// Asks for each address once. A name server that does not answer must not hold up a
// listing: after kPatience in all, addresses have no names any more.
class SystemNames final : public Names {
public:
    SystemNames();
    std::optional<model::Address> find_address(const std::string& host) override;
    std::optional<model::Port> find_port(const std::string& name, ServiceKind kind) override;
    std::optional<std::string> find_host(const model::Address& address) override;
    std::optional<std::string> find_port_name(model::Port port, ServiceKind kind) override;

private:
    static constexpr std::chrono::seconds kPatience{5};

    std::chrono::nanoseconds spent_{0};
    std::map<model::Address, std::optional<std::string>> hosts_;
};

}  // namespace isobar::ipvsadm
