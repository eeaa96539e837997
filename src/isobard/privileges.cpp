// SPDX-License-Identifier: Apache-2.0
#include "isobard/privileges.h"

#include <cap-ng.h>
#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <seccomp.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <optional>

#include "health/child.h"

namespace isobar::isobard {
namespace {

// SYS_ADMIN: the kernel lets nobody else open programs and maps that are there already
// (BPF_PROG_GET_FD_BY_ID), which is how a new isobard takes over. What else it would allow, the
// filter below refuses. SETUID, SETGID, KILL: programs that run as somebody else, and end in time.
constexpr std::array<unsigned, 8> kNeeded{CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF,    CAP_PERFMON,
                                          CAP_SYS_ADMIN, CAP_SETUID,  CAP_SETGID, CAP_KILL};

constexpr std::array kRefused{
    // what is mounted, and where one is
    SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(pivot_root), SCMP_SYS(chroot),
    SCMP_SYS(move_mount), SCMP_SYS(open_tree), SCMP_SYS(fsopen), SCMP_SYS(fsmount),
    SCMP_SYS(fspick), SCMP_SYS(fsconfig), SCMP_SYS(mount_setattr), SCMP_SYS(setns),
    SCMP_SYS(unshare), SCMP_SYS(swapon), SCMP_SYS(swapoff), SCMP_SYS(quotactl), SCMP_SYS(acct),
    // other processes
    SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev), SCMP_SYS(kcmp),
    SCMP_SYS(pidfd_getfd), SCMP_SYS(personality),
    // the machine
    SCMP_SYS(init_module), SCMP_SYS(finit_module), SCMP_SYS(delete_module), SCMP_SYS(kexec_load),
    SCMP_SYS(kexec_file_load), SCMP_SYS(reboot), SCMP_SYS(syslog), SCMP_SYS(settimeofday),
    SCMP_SYS(clock_settime), SCMP_SYS(clock_adjtime), SCMP_SYS(adjtimex), SCMP_SYS(sethostname),
    SCMP_SYS(setdomainname), SCMP_SYS(iopl), SCMP_SYS(ioperm), SCMP_SYS(open_by_handle_at),
    SCMP_SYS(add_key), SCMP_SYS(request_key), SCMP_SYS(keyctl), SCMP_SYS(userfaultfd),
    SCMP_SYS(io_uring_setup)};

Result<void> refuse_calls() {
    const std::unique_ptr<void, decltype(&::seccomp_release)> filter(::seccomp_init(SCMP_ACT_ALLOW),
                                                                     &::seccomp_release);
    if (!filter) return failure(Fault::System, "seccomp: no memory");
    for (const int call : kRefused) {
        const int failed = ::seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(EPERM), call, 0);
        if (failed != 0) return system_failure("seccomp", -failed);
    }
    // for all threads; libseccomp sets no_new_privs by itself
    (void)::seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1);
    const int failed = ::seccomp_load(filter.get());
    return failed == 0 ? Result<void>() : system_failure("seccomp", -failed);
}

// Programs that manage the host for us, as nft, get them too (ambient); those of checks do not.
void choose_capabilities(bool for_another_user) {
    std::array<bool, kNeeded.size()> had{};
    for (std::size_t i = 0; i < kNeeded.size(); ++i)
        had[i] = ::capng_have_capability(CAPNG_PERMITTED, kNeeded[i]) != 0;
    ::capng_clear(CAPNG_SELECT_ALL);
    const auto sets = CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET |
                      (for_another_user ? CAPNG_INHERITABLE | CAPNG_AMBIENT : 0);
    for (std::size_t i = 0; i < kNeeded.size(); ++i)
        if (had[i]) (void)::capng_update(CAPNG_ADD, static_cast<capng_type_t>(sets), kNeeded[i]);
}

}  // namespace

std::vector<std::string> needed_capabilities() {
    std::vector<std::string> names;
    for (const unsigned capability : kNeeded)
        names.emplace_back(::capng_capability_to_name(capability));
    return names;
}

Result<void> give_up_privileges(const std::string& user) {
    std::optional<health::User> wanted;
    if (!user.empty()) {
        const auto found = health::find_user(user);
        if (!found) return tl::unexpected(found.error());
        if (found->uid != ::geteuid()) wanted = *found;
    }
    if (::capng_get_caps_process() != 0) return failure(Fault::System, "cannot read capabilities");
    const bool may_bound = ::capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) != 0;
    choose_capabilities(wanted.has_value() || ::geteuid() != 0);
    if (wanted) {
        const int failed = ::capng_change_id(static_cast<int>(wanted->uid),
                                             static_cast<int>(wanted->gid), CAPNG_INIT_SUPP_GRP);
        if (failed != 0)
            return failure(Fault::Permission,
                           fmt::format("cannot become the user {} (step {})", user, -failed));
        // the kernel has cleared it with the user
        if (::capng_apply(CAPNG_SELECT_AMBIENT) != 0)
            return failure(Fault::Permission, "cannot leave capabilities to nft");
    } else if (::capng_apply(may_bound ? CAPNG_SELECT_ALL : CAPNG_SELECT_CAPS) != 0) {
        return failure(Fault::Permission, "cannot give up capabilities");
    }
    return refuse_calls();
}

}  // namespace isobar::isobard
