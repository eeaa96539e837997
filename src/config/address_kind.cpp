// SPDX-License-Identifier: Apache-2.0
#include "config/address_kind.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "base/printable.h"
#include "config/suggest.h"

namespace isobar::config {
namespace {

using model::Address;
using model::Endpoint;
using model::Family;
using model::Network;
using model::ServiceKey;

constexpr std::size_t kLongestInterface = 15;  // IFNAMSIZ without the final zero
constexpr std::size_t kLongestServiceName = 63;

const std::string* read_text(const Value& value, Reading& reading, const std::string& example) {
    const auto* text = value.as<std::string>();
    if (text == nullptr) reading.wrong_type(value, "text", "as in " + example);
    return text;
}

bool is_digits(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

void complain_later(Position at, std::string_view what, Reading& reading) {
    reading.error(at, fmt::format("{} come with a later version of Isobar", what));
}

// An address that a host can have; where it is none, says why.
std::optional<Address> read_host(std::string_view text, Position at, Reading& reading) {
    const auto address = Address::parse(text);
    if (!address) {
        const bool name = std::any_of(text.begin(), text.end(),
                                      [](unsigned char c) { return std::isalpha(c) != 0; });
        reading.error(at, fmt::format("'{}' is not an address", printable(text)),
                      name ? "names are not looked up: write the address" : "");
        return std::nullopt;
    }
    if (is_link_local(*address)) {
        reading.error(at, fmt::format("{} is an address of one link only", text),
                      "one that can be reached through routers, as in fd00::/8 or 2000::/3");
        return std::nullopt;
    }
    if (!model::is_unicast(*address)) {
        reading.error(at, fmt::format("{} is not the address of a host", text),
                      "an address that one machine can have, no multicast or broadcast");
        return std::nullopt;
    }
    return address;
}

std::string_view without_brackets(std::string_view host) {
    const bool has = host.starts_with('[') && host.ends_with(']');
    return has ? host.substr(1, host.size() - 2) : host;
}

// An address and a port in 1..65535. `text` looks like "10.0.0.2:80" or "[fd00::2]:80".
std::optional<Endpoint> read_endpoint(std::string_view text, Position at, Reading& reading) {
    const std::size_t colon = text.rfind(':');
    if (!read_host(without_brackets(text.substr(0, colon)), at, reading)) return std::nullopt;

    const std::string_view port = text.substr(colon + 1);
    if (const auto endpoint = Endpoint::parse(text); endpoint && endpoint->port > 0) {
        return endpoint;
    }
    reading.error(at, fmt::format("'{}' is not a port", printable(port)),
                  "a number from 1 to 65535");
    return std::nullopt;
}

std::optional<model::Protocol> read_protocol(std::string_view name, Position at, Reading& reading) {
    if (const auto protocol = model::protocol_named(name)) return protocol;
    reading.error(at, fmt::format("unknown protocol '{}'", printable(name)),
                  suggestion(name, {"tcp", "udp", "sctp"}));
    return std::nullopt;
}

// "10.0.0.2:0", "[fd00::2]:0"
std::optional<Endpoint> read_all_ports(std::string_view text, Position at, Reading& reading) {
    const auto host = read_host(without_brackets(text.substr(0, text.size() - 2)), at, reading);
    if (!host) return std::nullopt;
    return Endpoint{*host, 0};
}

// "10.0.0.2:8000-8010"
std::optional<std::pair<Endpoint, model::Port>> read_range(std::string_view text, Position at,
                                                           Reading& reading) {
    const std::size_t dash = text.rfind('-');
    const auto first = read_endpoint(text.substr(0, dash), at, reading);
    const std::string_view number = text.substr(dash + 1);
    if (!first) return std::nullopt;
    model::Port last = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), last);
    if (error == std::errc{} && end == number.data() + number.size() && last > first->port)
        return std::pair(*first, last);
    reading.error(
        at,
        fmt::format("'{}' is not a range of ports", printable(text.substr(text.rfind(':') + 1))),
        "two numbers from 1 to 65535, the smaller first");
    return std::nullopt;
}

bool is_range(std::string_view address) {
    const std::string_view ports = address.substr(address.rfind(':') + 1);
    const std::size_t dash = ports.find('-');
    return ports.size() < address.size() && dash != std::string_view::npos &&
           is_digits(ports.substr(0, dash)) && is_digits(ports.substr(dash + 1));
}

std::optional<model::Listen> read_listen(const Value& value, Reading& reading) {
    const std::string* text = read_text(value, reading, "\"10.0.0.2:80/tcp\"");
    if (text == nullptr) return std::nullopt;
    const std::string_view all = *text;
    const std::size_t slash = all.rfind('/');
    const std::string_view address = all.substr(0, slash);
    if (slash == std::string_view::npos) {
        const bool complete = Endpoint::parse(all).has_value();
        const std::string shown = complete ? printable(all) : "10.0.0.2:80";
        reading.error(value.at, fmt::format("'{}' has no protocol", printable(all)),
                      fmt::format("write \"{0}/tcp\" or \"{0}/udp\"", shown));
        return std::nullopt;
    }
    const auto protocol = read_protocol(all.substr(slash + 1), value.at, reading);
    if (!protocol) return std::nullopt;
    const auto bare = Address::parse(address);
    if (bare) {
        reading.error(
            value.at, fmt::format("'{}' has no port", printable(all)),
            fmt::format("as in \"{}/{}\"", Endpoint{*bare, 80}.text(), model::name(*protocol)));
        return std::nullopt;
    }
    if (is_range(address)) {
        const auto range = read_range(address, value.at, reading);
        if (!range) return std::nullopt;
        return model::Listen({*protocol, range->first}, range->second);
    }
    const bool all_ports = address.ends_with(":0");
    auto endpoint = all_ports ? read_all_ports(address, value.at, reading)
                              : read_endpoint(address, value.at, reading);
    if (!endpoint) return std::nullopt;
    return model::Listen({*protocol, *endpoint});
}

// An address, with a port or without (0).
std::optional<Endpoint> read_place(std::string_view text, Position at, Reading& reading) {
    if (text.find(':') != std::string_view::npos && !Address::parse(text))
        return read_endpoint(text, at, reading);
    const auto host = read_host(text, at, reading);
    if (!host) return std::nullopt;
    return Endpoint{*host, 0};
}

std::optional<Endpoint> read_server(const Value& value, Reading& reading) {
    const std::string* text = read_text(value, reading, "\"192.168.10.100\"");
    if (text == nullptr) return std::nullopt;
    if (text->ends_with(":0") && !Address::parse(*text)) {
        reading.error(value.at, "a server has no port 0",
                      "leave it out to use the port of the service");
        return std::nullopt;
    }
    return read_place(*text, value.at, reading);
}

std::optional<Endpoint> read_agent_address(const Value& value, Reading& reading) {
    const std::string* text = read_text(value, reading, "\"192.168.10.1\"");
    if (text == nullptr) return std::nullopt;
    return read_place(*text, value.at, reading);
}

std::optional<Address> read_address(const Value& value, Reading& reading) {
    const std::string* text = read_text(value, reading, "\"192.168.10.254\"");
    if (text == nullptr) return std::nullopt;
    return read_host(*text, value.at, reading);
}

// What the author of "192.168.10.1/24" or "192.168.10.1" probably meant.
std::string network_hint(std::string_view text) {
    const std::size_t slash = text.find('/');
    const auto address = Address::parse(text.substr(0, slash));
    if (!address) return "an address and the length of its prefix, as in \"192.168.10.0/24\"";
    if (slash == std::string_view::npos) return fmt::format("for this one host: \"{}/32\"", text);
    for (unsigned prefix = 0; prefix <= 32; ++prefix) {
        if (text.substr(slash + 1) == std::to_string(prefix)) {
            return fmt::format("did you mean \"{}\"?", Network::around(*address, prefix).text());
        }
    }
    return "the length of the prefix is a number from 0 to 32";
}

std::optional<Network> read_network(const Value& value, Reading& reading) {
    const std::string* text = read_text(value, reading, "\"192.168.10.0/24\"");
    if (text == nullptr) return std::nullopt;
    const auto address = Address::parse(text->substr(0, text->find('/')));
    if (address && address->family == Family::V6) {
        complain_later(value.at, "IPv6 networks", reading);
        return std::nullopt;
    }
    const auto network = Network::parse(*text);
    if (!network) {
        reading.error(value.at, fmt::format("'{}' is not a network", printable(*text)),
                      network_hint(*text));
    }
    return network;
}

std::optional<std::string> read_interface(const Value& value, Reading& reading) {
    const std::string* text = read_text(value, reading, "\"eth0\"");
    if (text == nullptr) return std::nullopt;
    // The kernel's dev_valid_name().
    const bool allowed = !text->empty() && *text != "." && *text != ".." &&
                         std::none_of(text->begin(), text->end(), [](unsigned char c) {
                             return c == '/' || c == ':' || c <= ' ' || c == 0x7f;
                         });
    if (!allowed) {
        reading.error(value.at, fmt::format("'{}' cannot name an interface", printable(*text)),
                      "`ip link` lists the interfaces");
        return std::nullopt;
    }
    if (text->size() > kLongestInterface) {
        reading.error(value.at,
                      fmt::format("'{}' is too long for an interface: {} characters, at most {}",
                                  printable(*text), text->size(), kLongestInterface),
                      "`ip link` lists the interfaces");
        return std::nullopt;
    }
    return *text;
}

std::optional<std::string> read_service_name(const Value& value, Reading& reading) {
    const std::string* text = read_text(value, reading, "\"web\"");
    if (text == nullptr) return std::nullopt;
    const bool allowed = std::all_of(text->begin(), text->end(), [](unsigned char c) {
        return (std::isalnum(c) != 0 && c < 0x80) || c == '-' || c == '_' || c == '.';
    });
    if (text->empty() || text->size() > kLongestServiceName || !allowed || text->front() == '-') {
        reading.error(value.at, fmt::format("'{}' cannot name a service", printable(*text)),
                      fmt::format("1 to {} letters, digits, '-', '_' and '.', no '-' in front",
                                  kLongestServiceName));
        return std::nullopt;
    }
    return *text;
}

}  // namespace

Kind<model::Listen> listen_address() {
    return {"text",
            "",
            "address:port/protocol, an IPv6 address in brackets, port 0 (all ports) to 65535 or a "
            "range as 8000-8010, tcp, udp or sctp",
            read_listen,
            {},
            {}};
}

Kind<Endpoint> server_address() {
    return {"text",
            "",
            "address, or address:port with an IPv6 address in brackets, port 1 to 65535",
            read_server,
            {},
            {}};
}

Kind<Endpoint> agent_address() {
    return {"text",
            "",
            "address, or address:port with an IPv6 address in brackets, port 1 to 65535",
            read_agent_address,
            {},
            {}};
}

Kind<Address> host_address() {
    return {"text", "", "address", read_address, {}, {}};
}

Kind<Network> network() {
    return {"text", "", "IPv4 address/prefix, prefix 0 to 32", read_network, {}, {}};
}

Kind<std::string> interface_name() {
    return {"text", "", "1 to 15 characters", read_interface, {}, {}};
}

Kind<std::string> service_name() {
    return {"text", "", "1 to 63 letters, digits, '-', '_' and '.'", read_service_name, {}, {}};
}

std::string listen_text(const model::Listen& listen) {
    const std::string last = listen.is_range() ? fmt::format("-{}", listen.last_port) : "";
    return fmt::format("{}{}/{}", listen.address.text(), last, model::name(listen.protocol));
}

}  // namespace isobar::config
