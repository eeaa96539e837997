// SPDX-License-Identifier: Apache-2.0
#include "agent/kernel_host.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "agent/netlink.h"
#include "agent/sysctls.h"
#include "kernel/clsact.h"

namespace isobar::agent {
namespace {

// Nothing if there is no such interface.
Result<std::optional<Link>> link_named(const std::string& name) {
    const auto links = list_links();
    if (!links) return tl::unexpected(links.error());
    const Link* const link = find_link(*links, name);
    return link == nullptr ? std::optional<Link>{} : std::optional<Link>{*link};
}

Result<bool> has_address(int link, const model::Address& address) {
    const auto addresses = list_addresses();
    if (!addresses) return tl::unexpected(addresses.error());
    return std::any_of(addresses->begin(), addresses->end(), [&](const HostAddress& each) {
        return each.address == address && each.link == link;
    });
}

int number(const std::string& text) {
    int value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

Result<model::Address> address_of(const Step& step) {
    if (const auto address = model::Address::parse(step.value)) return *address;
    return failure(Fault::Invalid, fmt::format("'{}' is no address", step.value));
}

Result<void> put_on(const Link& link, const model::Address& address) {
    auto done = add_address(link.index, address);
    if (!done && done.error().fault == Fault::Permission && address.family == model::Family::V6)
        return failure(
            Fault::Unsupported,
            fmt::format("IPv6 is off there: sysctl -w net.ipv6.conf.{}.disable_ipv6=0", link.name));
    return done;
}

// A prefix other than ours would stay: so says the kernel, too.
Result<void> take_off(int link, const model::Address& address) {
    const auto there = has_address(link, address);
    if (!there) return tl::unexpected(there.error());
    return *there ? remove_address(link, address) : Result<void>{};
}

Result<Host::Seen> look_at_sysctl(const Step& step) {
    const auto value = read_sysctl(step.on);
    if (!value) return tl::unexpected(value.error());
    const std::string text = fmt::format("{}", *value);
    return Host::Seen{text == step.value, text};
}

// Who changed it after us meant it.
Result<void> undo_sysctl(const Step& step) {
    const auto value = read_sysctl(step.on);
    if (!value) {
        if (value.error().fault == Fault::NotFound) return {};  // the interface has gone
        return tl::unexpected(value.error());
    }
    return *value == number(step.value) ? write_sysctl(step.on, number(step.before))
                                        : Result<void>{};
}

Result<void> apply_at(const Link& link, const Step& step, const Programs* programs) {
    switch (step.kind) {
        case StepKind::RaiseLink:
            return set_link_up(link.index, true);
        case StepKind::Clsact:
            return kernel::make_clsact(link.index).map([](bool) {});
        case StepKind::Filters:
            if (programs == nullptr) return failure(Fault::Invalid, "no programs to attach");
            return programs->attach(link.index);
        case StepKind::Address: {
            const auto address = address_of(step);
            if (!address) return tl::unexpected(address.error());
            return put_on(link, *address);
        }
        case StepKind::Sysctl:
        case StepKind::MakeLink:
            break;
    }
    return {};
}

// Others may have filters there by now.
Result<void> remove_unused_clsact(int link) {
    const auto used = kernel::has_filters(link);
    if (!used) return tl::unexpected(used.error());
    return *used ? Result<void>{} : kernel::remove_clsact(link);
}

Result<void> undo_at(const Link& link, const Step& step) {
    switch (step.kind) {
        case StepKind::MakeLink:
            return remove_link(link.index);
        case StepKind::RaiseLink:
            return set_link_up(link.index, false);
        case StepKind::Clsact:
            return remove_unused_clsact(link.index);
        case StepKind::Filters:
            return detach_filters(link.index);
        case StepKind::Address: {
            const auto address = address_of(step);
            if (!address) return tl::unexpected(address.error());
            return take_off(link.index, *address);
        }
        case StepKind::Sysctl:
            break;
    }
    return {};
}

Result<void> in_words_of(const Step& step, Result<void> done) {
    if (done) return done;
    const std::string what = step.kind == StepKind::Address
                                 ? fmt::format("{} on {}", step.value, step.on)
                                 : fmt::format("{}", step.on);
    return tl::unexpected(std::move(done.error()).in(what));
}

}  // namespace

Result<Host::Seen> KernelHost::look(const Step& step) {
    if (step.kind == StepKind::Sysctl) return look_at_sysctl(step);
    const auto link = link_named(step.on);
    if (!link) return tl::unexpected(link.error());
    if (step.kind == StepKind::MakeLink) return Seen{link->has_value(), ""};
    if (!*link) return failure(Fault::NotFound, fmt::format("{}: no such interface", step.on));
    Result<bool> done = false;
    if (step.kind == StepKind::RaiseLink) done = (*link)->up;
    if (step.kind == StepKind::Clsact) done = has_clsact((*link)->index);
    if (step.kind == StepKind::Address) {
        const auto address = address_of(step);
        if (!address) return tl::unexpected(address.error());
        done = has_address((*link)->index, *address);
    }
    // Filters: an earlier agent's may be older than these, they are attached anyway.
    if (!done) return tl::unexpected(done.error());
    return Seen{*done, ""};
}

Result<void> KernelHost::apply(const Step& step) {
    if (step.kind == StepKind::Sysctl) return write_sysctl(step.on, number(step.value));
    if (step.kind == StepKind::MakeLink) return in_words_of(step, make_tunl0());
    const auto link = link_named(step.on);
    if (!link) return tl::unexpected(link.error());
    if (!*link) return failure(Fault::NotFound, fmt::format("{}: no such interface", step.on));
    return in_words_of(step, apply_at(**link, step, programs_));
}

Result<void> KernelHost::undo(const Step& step) {
    if (step.kind == StepKind::Sysctl) return undo_sysctl(step);
    const auto link = link_named(step.on);
    if (!link) return tl::unexpected(link.error());
    return *link ? in_words_of(step, undo_at(**link, step)) : Result<void>{};
}

}  // namespace isobar::agent
