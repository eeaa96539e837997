// SPDX-License-Identifier: Apache-2.0
#include "model/frame.h"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>
#include <utility>

namespace isobar::model {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::uint16_t kIp4 = 0x0800, kIp6 = 0x86dd, kArp = 0x0806;
constexpr std::size_t kEthernet = 14;
// In a tunnel what an error quotes: more is of no interest, and hostile.
constexpr std::size_t kMostLayers = 4;

std::uint16_t word(Bytes bytes, std::size_t at) {
    return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

std::uint32_t longer_word(Bytes bytes, std::size_t at) {
    return std::uint32_t{word(bytes, at)} << 16 | word(bytes, at + 2);
}

Bytes behind(Bytes bytes, std::size_t at) {
    return bytes.subspan(std::min(at, bytes.size()));
}

Address address_at(Bytes bytes, std::size_t at, Family family) {
    Address address{family, {}};
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), family == Family::V4 ? 4 : 16,
                address.bytes.begin());
    return address;
}

std::string tcp_flags(std::uint8_t flags) {
    constexpr std::array<std::pair<std::uint8_t, char>, 8> kFlags{
        {{2, 'S'}, {1, 'F'}, {4, 'R'}, {8, 'P'}, {16, '.'}, {32, 'U'}, {64, 'E'}, {128, 'W'}}};
    std::string text = "[";
    for (const auto& [bit, letter] : kFlags)
        if ((flags & bit) != 0) text += letter;
    return text + "]";
}

std::string icmp_name(std::uint8_t type, std::uint8_t code) {
    constexpr std::array<const char*, 5> kUnreachable{"net unreachable", "host unreachable",
                                                      "protocol unreachable", "port unreachable",
                                                      "fragmentation needed"};
    if (type == 3 && code < kUnreachable.size()) return kUnreachable.at(code);
    if (type == 0) return "echo reply";
    if (type == 8) return "echo";
    if (type == 11) return "time exceeded";
    return fmt::format("type {} code {}", type, code);
}

std::string icmp6_name(std::uint8_t type, std::uint8_t code) {
    if (type == 1 && code == 4) return "port unreachable";
    if (type == 1 && code == 3) return "address unreachable";
    if (type == 1 && code == 0) return "no route";
    if (type == 2) return "packet too big";
    if (type == 3) return "time exceeded";
    if (type == 128) return "echo";
    if (type == 129) return "echo reply";
    if (type == 135) return "neighbour solicitation";
    if (type == 136) return "neighbour advertisement";
    return fmt::format("type {} code {}", type, code);
}

class Reader {
public:
    explicit Reader(UdpMayBe udp) : udp_(udp) {}

    std::vector<FrameLayer> frame(Bytes bytes) {
        if (bytes.size() < kEthernet) return {{.protocol = "cut off"}};
        const auto type = word(bytes, 12);
        if (type == kIp4 || type == kIp6) {
            ip(behind(bytes, kEthernet), type);
        } else {
            layers_.push_back(
                {.protocol = type == kArp ? "arp" : fmt::format("ethertype 0x{:04x}", type)});
        }
        return std::move(layers_);
    }

private:
    void ip(Bytes bytes, std::uint16_t type) {
        if (layers_.size() == kMostLayers) return;
        if (type == kIp4)
            ip4(bytes);
        else
            ip6(bytes);
    }

    void ip4(Bytes bytes) {
        if (bytes.size() < 20 || bytes[0] >> 4 != 4) {
            layers_.push_back({.protocol = "ip, malformed"});
            return;
        }
        layers_.push_back({.source = address_at(bytes, 12, Family::V4),
                           .destination = address_at(bytes, 16, Family::V4)});
        const auto own = layers_.size() - 1;
        const auto fragment = word(bytes, 6);
        if ((fragment & 0x1fff) != 0) {
            layers_.back().detail = fmt::format("fragment at {}", (fragment & 0x1fff) * 8);
            layers_.back().protocol = protocol_name(bytes[9]);
            return;
        }
        transport(bytes[9], behind(bytes, std::size_t{bytes[0] & 15u} * 4));
        std::string& detail = layers_[own].detail;
        if ((fragment & 0x2000) != 0)
            detail += detail.empty() ? "first fragment" : " first fragment";
    }

    void ip6(Bytes bytes) {
        if (bytes.size() < 40 || bytes[0] >> 4 != 6) {
            layers_.push_back({.protocol = "ipv6, malformed"});
            return;
        }
        layers_.push_back({.source = address_at(bytes, 8, Family::V6),
                           .destination = address_at(bytes, 24, Family::V6)});
        std::uint8_t next = bytes[6];
        Bytes rest = behind(bytes, 40);
        while ((next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS ||
                next == IPPROTO_FRAGMENT) &&
               rest.size() >= 8) {
            const bool later = next == IPPROTO_FRAGMENT && (word(rest, 2) & 0xfff8) != 0;
            if (later) {
                layers_.back().protocol = protocol_name(rest[0]);
                layers_.back().detail = fmt::format("fragment at {}", word(rest, 2) & 0xfff8);
                return;
            }
            const std::size_t length =
                next == IPPROTO_FRAGMENT ? 8 : (std::size_t{rest[1]} + 1) * 8;
            next = rest[0];
            rest = behind(rest, length);
        }
        transport(next, rest);
    }

    static std::string protocol_name(std::uint8_t number) {
        switch (number) {
            case IPPROTO_TCP:
                return "tcp";
            case IPPROTO_UDP:
                return "udp";
            case IPPROTO_SCTP:
                return "sctp";
            case IPPROTO_ICMP:
                return "icmp";
            case IPPROTO_ICMPV6:
                return "icmp6";
            case IPPROTO_IPIP:
            case IPPROTO_IPV6:
                return "ipip";
            case IPPROTO_GRE:
                return "gre";
            default:
                return fmt::format("protocol {}", number);
        }
    }

    void transport(std::uint8_t protocol, Bytes bytes) {
        const auto own = layers_.size() - 1;
        layers_[own].protocol = protocol_name(protocol);
        const bool has_ports =
            protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP;
        if (has_ports && bytes.size() >= 4) {
            layers_[own].source_port = word(bytes, 0);
            layers_[own].destination_port = word(bytes, 2);
        }
        if (protocol == IPPROTO_TCP && bytes.size() >= 14)
            layers_[own].detail = tcp_flags(bytes[13]);
        if (protocol == IPPROTO_UDP && udp_ == UdpMayBe::Gue) gue(behind(bytes, 8));
        if (protocol == IPPROTO_IPIP) ip(bytes, kIp4);
        if (protocol == IPPROTO_IPV6) ip(bytes, kIp6);
        if (protocol == IPPROTO_GRE) gre(bytes);
        if (protocol == IPPROTO_ICMP) icmp(bytes, kIp4);
        if (protocol == IPPROTO_ICMPV6) icmp(bytes, kIp6);
    }

    // Version 0, no options that we know; as what it says that it carries.
    void gue(Bytes bytes) {
        if (bytes.size() < 4 || bytes[0] >> 5 != 0) return;
        const Bytes inner = behind(bytes, 4 + std::size_t{bytes[0] & 31u} * 4);
        if (inner.empty()) return;
        const bool ip4_in = bytes[1] == IPPROTO_IPIP && inner[0] >> 4 == 4;
        const bool ip6_in = bytes[1] == IPPROTO_IPV6 && inner[0] >> 4 == 6;
        if (!ip4_in && !ip6_in) return;
        layers_.back().protocol = "gue";
        ip(inner, ip4_in ? kIp4 : kIp6);
    }

    void gre(Bytes bytes) {
        if (bytes.size() < 4) return;
        const auto type = word(bytes, 2);
        const std::size_t header = (bytes[0] & 0x80) != 0 ? 8 : 4;  // with a checksum
        if (type == kIp4 || type == kIp6) ip(behind(bytes, header), type);
    }

    void icmp(Bytes bytes, std::uint16_t type) {
        if (bytes.size() < 8) return;
        layers_.back().detail =
            type == kIp4 ? icmp_name(bytes[0], bytes[1]) : icmp6_name(bytes[0], bytes[1]);
        const bool mtu4 = type == kIp4 && bytes[0] == 3 && bytes[1] == 4;
        if (mtu4) layers_.back().detail += fmt::format(", mtu {}", word(bytes, 6));
        if (type == kIp6 && bytes[0] == 2)
            layers_.back().detail += fmt::format(", mtu {}", longer_word(bytes, 4));
        const bool quotes =
            type == kIp4 ? bytes[0] == 3 || bytes[0] == 11 || bytes[0] == 12 : bytes[0] < 128;
        if (quotes) ip(behind(bytes, 8), type);
    }

    UdpMayBe udp_;
    std::vector<FrameLayer> layers_;
};

std::string end_text(const Address& address, std::optional<Port> port) {
    return port ? Endpoint{address, *port}.text() : address.text();
}

}  // namespace

std::string FrameLayer::text() const {
    std::string text = protocol;
    if (source && destination)
        text += fmt::format(" {} > {}", end_text(*source, source_port),
                            end_text(*destination, destination_port));
    if (!detail.empty()) text += " " + detail;
    return text;
}

std::vector<FrameLayer> read_frame(std::span<const std::uint8_t> bytes, UdpMayBe udp) {
    return Reader(udp).frame(bytes);
}

std::string text(const std::vector<FrameLayer>& layers) {
    std::string text, end;
    for (const FrameLayer& layer : layers) {
        if (!text.empty()) {
            text += " (";
            end += ")";
        }
        text += layer.text();
    }
    return text + end;
}

}  // namespace isobar::model
