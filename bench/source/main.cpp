// SPDX-License-Identifier: Apache-2.0
// isobar-bench-source: the frames of bench/instructions, and where they end.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <net/if.h>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "flows.h"  // bench_control, before the skeleton that has one

#include "base/result.h"
#include "bpf/bench_source.skel.h"
#include "kernel/program.h"
#include "model/address.h"

namespace isobar::bench {
namespace {

constexpr const char* kUsage =
    "usage: isobar-bench-source send INTERFACE tcp|udp syn|ack CLIENT SERVICE FIRST PACKETS\n"
    "       isobar-bench-source relay INTERFACE TO\n"
    "       isobar-bench-source sink INTERFACE\n"
    "\n"
    "send: PACKETS frames from CLIENT to SERVICE (addresses with ports) out by INTERFACE, as if\n"
    "they came from a driver; prints the nanoseconds that each took, to whatever end it came.\n"
    "FIRST: each frame is another flow, from this number on; or -: all are one flow.\n"
    "relay: frames that come in by INTERFACE go out by TO as they are.\n"
    "sink: frames that come in by INTERFACE end there.\n";

constexpr Mac kDirector{2, 0, 0, 0, 0, 1};
constexpr std::uint32_t kFlows = 1u << 28;
constexpr std::uint32_t kBatch = 64;

using Programs = std::unique_ptr<isobar_bench_source, decltype(&isobar_bench_source__destroy)>;

std::optional<std::uint32_t> number(std::string_view text) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

// What to send, and how much of it.
struct Stream {
    bench_control frames{};
    std::uint32_t packets = 0;
};

std::optional<Stream> stream(std::span<char*> words) {
    const std::string_view protocol = words[0], segment = words[1], first = words[4];
    const auto client = model::Endpoint::parse(words[2]);
    const auto service = model::Endpoint::parse(words[3]);
    const auto start = first == "-" ? 0u : number(first);
    const auto packets = number(words[5]);
    if (!client || !service || !start || !packets || *packets > std::numeric_limits<int>::max() ||
        (protocol != "tcp" && protocol != "udp") || (segment != "syn" && segment != "ack"))
        return std::nullopt;
    auto control =
        requests({client->address, first == "-" ? 1 : kFlows, client->port},
                 {protocol == "tcp" ? model::Protocol::Tcp : model::Protocol::Udp, *service},
                 segment == "syn" ? Segment::Syn : Segment::Ack, Order::AsMade, kDirector);
    control.count = *start;
    return Stream{control, *packets};
}

Result<int> index_of(const char* interface) {
    if (const auto index = ::if_nametoindex(interface); index != 0) return static_cast<int>(index);
    return failure(Fault::NotFound, fmt::format("no interface {}", interface));
}

Result<void> send(const Programs& programs, const Stream& stream) {
    programs->bss->bench_control = stream.frames;
    LIBBPF_OPTS(bpf_test_run_opts, options);
    options.data_in = stream.frames.frame;
    options.data_size_in = bench_frame_length(&stream.frames);
    options.repeat = static_cast<int>(stream.packets);
    options.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
    options.batch_size = kBatch;
    if (bpf_prog_test_run_opts(bpf_program__fd(programs->progs.bench_source), &options) != 0)
        return system_failure("BPF_PROG_TEST_RUN", errno);
    fmt::print("{}\n", options.duration);
    return {};
}

Result<void> attach(const bpf_program* program, int interface) {
    const int error =
        bpf_xdp_attach(interface, bpf_program__fd(program), XDP_FLAGS_DRV_MODE, nullptr);
    if (error != 0) return system_failure("attach to the interface", -error);
    return {};
}

// nullopt: that is no command.
std::optional<Result<void>> run(std::span<char*> words) {
    const std::string_view verb = words.empty() ? "" : words[0];
    const bool sends = verb == "send" && words.size() == 8;
    const bool relays = verb == "relay" && words.size() == 3;
    if (!sends && !relays && !(verb == "sink" && words.size() == 2)) return std::nullopt;
    const auto frames = sends ? stream(words.subspan(2)) : Stream{};
    if (!frames) return std::nullopt;

    const auto interface = index_of(words[1]);
    const auto out = index_of(words[relays ? 2 : 1]);
    for (const auto* index : {&interface, &out})
        if (!*index) return tl::unexpected(index->error());
    const Programs programs(isobar_bench_source__open_and_load(), &isobar_bench_source__destroy);
    if (!programs) return system_failure("load the programs", errno);
    programs->bss->bench_interface = static_cast<std::uint32_t>(*out);
    if (sends) return send(programs, *frames);
    return attach(relays ? programs->progs.bench_relay : programs->progs.bench_sink, *interface);
}

}  // namespace
}  // namespace isobar::bench

int main(int argc, char** argv) {
    isobar::kernel::listen_to_libbpf();
    const auto done =
        isobar::bench::run(std::span(argv, static_cast<std::size_t>(argc)).subspan(1));
    if (!done) {
        fmt::print(stderr, "{}", isobar::bench::kUsage);
        return 2;
    }
    if (!*done) {
        fmt::print(stderr, "isobar-bench-source: {}\n", done->error().message);
        return 3;
    }
    return 0;
}
