// SPDX-License-Identifier: Apache-2.0
#include "health/http_request.h"

#include <fmt/format.h>
#include <strings.h>

#include <algorithm>
#include <string_view>

namespace isobar::health {
namespace {

bool has_control(std::string_view text) {
    return std::any_of(text.begin(), text.end(), [](char byte) {
        return (static_cast<unsigned char>(byte) < 0x20 && byte != '\t') || byte == 0x7f;
    });
}

bool has_blank(std::string_view text) {
    return text.find_first_of(" \t") != std::string_view::npos;
}

bool same(const std::string& left, const char* right) {
    return ::strcasecmp(left.c_str(), right) == 0;
}

bool is_secret(const std::string& name) {
    return same(name, "Authorization") || same(name, "Proxy-Authorization") ||
           same(name, "Cookie") || same(name, "X-Api-Key");
}

// Without the port if it is the scheme's own (RFC 9110, 7.2).
std::string host_of(const model::HttpProbe& probe, const model::Endpoint& target) {
    if (!probe.host.empty()) return probe.host;
    if (target.port != (probe.tls ? 443 : 80)) return target.text();
    return target.address.family == model::Family::V6 ? "[" + target.address.text() + "]"
                                                      : target.address.text();
}

}  // namespace

Result<HttpRequest> write_request(const model::HttpProbe& probe, const model::Endpoint& target) {
    const std::string host = host_of(probe, target);
    bool formed = !probe.method.empty() && !probe.path.empty();
    for (const std::string_view word :
         {std::string_view(probe.method), std::string_view(probe.path), std::string_view(host)}) {
        formed = formed && !has_control(word) && !has_blank(word);
    }
    const auto named = [&](const char* name) {
        return std::any_of(probe.headers.begin(), probe.headers.end(),
                           [&](const auto& header) { return same(header.first, name); });
    };
    HttpRequest request;
    const auto add = [&](const std::string& name, const std::string& value) {
        request.text += fmt::format("{}: {}\r\n", name, value);
        request.shown += fmt::format("{}: {}\r\n", name, is_secret(name) ? "(hidden)" : value);
    };
    request.text = request.shown =
        fmt::format("{} {} HTTP/1.{}\r\n", probe.method, probe.path, probe.http_1_0 ? 0 : 1);
    if (!named("Host")) add("Host", host);
    if (!named("User-Agent")) add("User-Agent", "isobar");
    if (!named("Connection")) add("Connection", "close");
    for (const auto& [name, value] : probe.headers) {
        formed = formed && !name.empty() && !has_control(name) && !has_blank(name) &&
                 name.find(':') == std::string::npos && !has_control(value);
        add(name, value);
    }
    if (!formed) return failure(Fault::Invalid, "the request has a blank or line end in a field");
    request.text += "\r\n";
    request.shown += "\r\n";
    return request;
}

}  // namespace isobar::health
