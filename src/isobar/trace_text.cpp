// SPDX-License-Identifier: Apache-2.0
#include "isobar/trace_text.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/printable.h"
#include "model/frame.h"

namespace isobar::cli {
namespace {

using Json = nlohmann::ordered_json;
using model::FrameLayer;
using model::read_frame;
using model::TracedPacket;
using std::chrono::nanoseconds;
using std::chrono::seconds;

// Ours may be in GUE, whose port is configured.
std::vector<FrameLayer> layers_as_it_went(const TracedPacket& packet) {
    return read_frame(packet.went.bytes, model::UdpMayBe::Gue);
}

// "tcp 10.0.0.100:40000 > 192.168.10.100:80 [S] by eth1 to 192.168.10.100"; empty if it is as it
// was, and goes nowhere.
std::string outcome(const TracedPacket& packet) {
    std::string text;
    const auto went = layers_as_it_went(packet);
    if (went != read_frame(packet.came.bytes)) text = model::text(went);
    if (!packet.way) return text;
    if (!text.empty()) text += ' ';
    text += "by " + printable(packet.way->interface);
    if (packet.way->neighbour) text += " to " + packet.way->neighbour->text();
    return text;
}

auto whole_seconds(const TracedPacket& packet) {
    return std::chrono::floor<seconds>(packet.at);
}

Json json_of(const FrameLayer& layer) {
    Json json{{"protocol", layer.protocol}};
    const auto put_end = [&](const char* name, const auto& address, const auto& port) {
        if (!address) return;
        json[name] = {{"address", address->text()}};
        if (port) json[name]["port"] = *port;
    };
    put_end("source", layer.source, layer.source_port);
    put_end("destination", layer.destination, layer.destination_port);
    if (!layer.detail.empty()) json["detail"] = layer.detail;
    return json;
}

Json json_of(const std::vector<FrameLayer>& layers, std::size_t length) {
    Json json{{"length", length}, {"layers", Json::array()}};
    for (const FrameLayer& layer : layers) json["layers"].push_back(json_of(layer));
    return json;
}

}  // namespace

std::string trace_comment(const TracedPacket& packet) {
    const std::string became = outcome(packet);
    return fmt::format("{}: {}{}{}", packet.verdict, packet.meaning, became.empty() ? "" : "; -> ",
                       became);
}

std::string trace_text(const TracedPacket& packet, Colours colours) {
    const auto micros =
        std::chrono::duration_cast<std::chrono::microseconds>(packet.at - whole_seconds(packet));
    const std::string what =
        fmt::format("{:%H:%M:%S}.{:06} {} {:<7} {}, {} bytes: ", fmt::gmtime(whole_seconds(packet)),
                    micros.count(), printable(packet.interface), name(packet.hook),
                    model::text(read_frame(packet.came.bytes)), packet.came.length);
    return what + paint(trace_comment(packet), packet.lost ? Tone::Warning : Tone::Plain, colours) +
           "\n";
}

std::string trace_json(const TracedPacket& packet) {
    Json json{
        {"version", 1},
        {"at", fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:09}Z", fmt::gmtime(whole_seconds(packet)),
                           nanoseconds(packet.at - whole_seconds(packet)).count())},
        {"interface", packet.interface},
        {"hook", name(packet.hook)},
        {"packet", json_of(read_frame(packet.came.bytes), packet.came.length)},
        {"verdict", packet.verdict},
        {"meaning", packet.meaning},
        {"lost", packet.lost},
        {"became", nullptr},
        {"out", nullptr},
    };
    const auto went = layers_as_it_went(packet);
    if (went != read_frame(packet.came.bytes)) json["became"] = json_of(went, packet.went.length);
    if (packet.way) {
        json["out"] = {{"interface", packet.way->interface}};
        if (packet.way->neighbour) json["out"]["neighbour"] = packet.way->neighbour->text();
    }
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace isobar::cli
