// SPDX-License-Identifier: Apache-2.0
#include "import/host.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <glob.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <memory>

#include "base/fd.h"
#include "config/source.h"

namespace isobar::importer {
namespace {

std::vector<std::string> find_files(const std::string& pattern) {
    glob_t found{};
    std::vector<std::string> paths;
    if (::glob(pattern.c_str(), GLOB_BRACE, nullptr, &found) == 0) {
        paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
    }
    ::globfree(&found);
    return paths;
}

// One byte more than is allowed, at most: the reader complains.
std::optional<std::string> read_file(const std::string& path) {
    // Non-blocking: a FIFO must not hold anybody up.
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat status{};
    if (!fd.valid() || ::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
        return std::nullopt;
    }
    std::string text;
    std::array<char, 16384> buffer{};
    while (text.size() <= config::kLargestFile) {
        const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return std::nullopt;
        if (got == 0) break;
        text.append(buffer.data(), static_cast<std::size_t>(got));
    }
    return text;
}

// The first IPv4 address, as Piranha and ldirectord take it.
std::optional<model::Address> find_address(const std::string& host) {
    addrinfo wanted{};
    wanted.ai_family = AF_INET;
    wanted.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (::getaddrinfo(host.c_str(), nullptr, &wanted, &found) != 0) return std::nullopt;
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, ::freeaddrinfo);
    const auto& in = reinterpret_cast<const sockaddr_in*>(found->ai_addr)->sin_addr;
    model::Address address;
    std::copy_n(reinterpret_cast<const std::uint8_t*>(&in), 4, address.bytes.begin());
    return address;
}

std::optional<model::Port> find_port(const std::string& name, model::Protocol protocol) {
    servent entry{};
    servent* found = nullptr;
    std::array<char, 4096> buffer{};
    const std::string of(model::name(protocol));
    ::getservbyname_r(name.c_str(), of.c_str(), &entry, buffer.data(), buffer.size(), &found);
    if (found == nullptr) return std::nullopt;
    return ntohs(static_cast<std::uint16_t>(found->s_port));
}

// The first part of the node's name.
std::string config_id() {
    utsname names{};
    if (::uname(&names) != 0) return {};
    const std::string node(static_cast<const char*>(names.nodename));
    return node.substr(0, node.find('.'));
}

}  // namespace

Surroundings surroundings_of_host() {
    return {find_files, read_file, find_address, find_port, config_id()};
}

}  // namespace isobar::importer
