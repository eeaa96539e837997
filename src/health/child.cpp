// SPDX-License-Identifier: Apache-2.0
#include "health/child.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <pwd.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "health/socket.h"

namespace isobar::health {
namespace {

// What the new process begins with. All of it is made before the fork: afterwards nothing may be
// allocated, for another thread may have held the allocator's lock.
struct Beginning {
    std::vector<char*> arguments;
    std::vector<const char*> environment;
    User user;
    bool change_user;
    int input;
    int output;
    int errors;
    int trouble;
};

[[noreturn]] void give_up(int trouble, const char* what) {
    const char* why = ::strerrordesc_np(errno);
    for (const char* part : {what, ": ", why == nullptr ? "unknown error" : why}) {
        (void)!::write(trouble, part, std::strlen(part));
    }
    ::_exit(127);
}

// By the system calls themselves: the C library's setuid() wants to tell all threads.
bool become(const User& user) {
    const gid_t group = user.gid;
    if (::syscall(SYS_setgroups, 1, &group) != 0) return false;
    if (::syscall(SYS_setresgid, user.gid, user.gid, user.gid) != 0) return false;
    return ::syscall(SYS_setresuid, user.uid, user.uid, user.uid) == 0;
}

void drop_capabilities() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> none{};
    (void)::syscall(SYS_capset, &header, none.data());
    (void)::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

void reset_signals() {
    struct sigaction action{};
    action.sa_handler = SIG_DFL;
    for (int signal = 1; signal < NSIG; ++signal) (void)::sigaction(signal, &action, nullptr);
    sigset_t none;
    ::sigemptyset(&none);
    (void)::sigprocmask(SIG_SETMASK, &none, nullptr);
}

[[noreturn]] void run(const Beginning& beginning) {
    (void)::setpgid(0, 0);
    reset_signals();
    // Not 0 to 2 among those that are moved there: Child::start() sees to it.
    if (::dup2(beginning.input, STDIN_FILENO) < 0 || ::dup2(beginning.output, STDOUT_FILENO) < 0 ||
        ::dup2(beginning.errors, STDERR_FILENO) < 0) {
        give_up(beginning.trouble, "dup2");
    }
    (void)::syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC);
    // A daemon with room for many descriptors would slow down programs that close them all.
    rlimit files{};
    if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = std::min<rlim_t>(files.rlim_cur, 1024);
        (void)::setrlimit(RLIMIT_NOFILE, &files);
    }
    if (::chdir("/") != 0) give_up(beginning.trouble, "chdir");
    if (beginning.change_user && !become(beginning.user)) {
        give_up(beginning.trouble, "cannot become that user");
    }
    if (beginning.user.uid != 0) drop_capabilities();
    (void)::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    // It ends with us, should we be killed.
    (void)::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    ::execvpe(beginning.arguments[0], beginning.arguments.data(),
              const_cast<char* const*>(beginning.environment.data()));
    give_up(beginning.trouble, "cannot run it");
}

// Both ends close on exec, and none is 0, 1 or 2.
Result<std::pair<Fd, Fd>> make_pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
        return failure(Fault::System, lower_case_error(errno));
    }
    std::pair<Fd, Fd> pipe{Fd(ends[0]), Fd(ends[1])};
    for (Fd* end : {&pipe.first, &pipe.second}) {
        if (end->get() > STDERR_FILENO) continue;
        *end = Fd(::fcntl(end->get(), F_DUPFD_CLOEXEC, 3));
        if (!end->valid()) return failure(Fault::System, lower_case_error(errno));
    }
    (void)::fcntl(pipe.first.get(), F_SETFL, O_NONBLOCK);
    return pipe;
}

}  // namespace

Result<User> find_user(const std::string& name) {
    std::vector<char> room(std::size_t{16} << 10U);
    passwd entry{};
    passwd* found = nullptr;
    const int code = ::getpwnam_r(name.c_str(), &entry, room.data(), room.size(), &found);
    if (found == nullptr) {
        return failure(Fault::NotFound, "user '" + name + "': " +
                                            (code == 0 ? "no such user" : lower_case_error(code)));
    }
    return User{.uid = entry.pw_uid, .gid = entry.pw_gid};
}

void Graveyard::collect() {
    std::erase_if(dying_, [](const Fd& process) {
        siginfo_t end{};
        const int code =
            ::waitid(P_PIDFD, static_cast<id_t>(process.get()), &end, WEXITED | WNOHANG);
        return code != 0 || end.si_pid != 0;
    });
}

Result<Child> Child::start(const std::vector<std::string>& command, const User& user,
                           std::shared_ptr<Graveyard> graveyard,
                           const std::vector<std::string>& environment) {
    graveyard->collect();
    auto output = make_pipe();
    if (!output) return tl::unexpected(output.error());
    auto errors = make_pipe();
    if (!errors) return tl::unexpected(errors.error());
    auto trouble = make_pipe();
    if (!trouble) return tl::unexpected(trouble.error());
    // A pipe that nobody writes to: at its end at once, and no path is needed.
    auto input = make_pipe();
    if (!input) return tl::unexpected(input.error());
    input->second.reset();

    Beginning beginning{.arguments = {},
                        .environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
                                        "/sbin:/bin"},
                        .user = user,
                        .change_user = user.uid != ::geteuid() || user.gid != ::getegid(),
                        .input = input->first.get(),
                        .output = output->second.get(),
                        .errors = errors->second.get(),
                        .trouble = trouble->second.get()};
    for (const std::string& argument : command) {
        beginning.arguments.push_back(const_cast<char*>(argument.c_str()));  // exec only reads it
    }
    beginning.arguments.push_back(nullptr);
    for (const std::string& variable : environment)
        beginning.environment.push_back(variable.c_str());
    beginning.environment.push_back(nullptr);

    Child child;
    child.graveyard_ = std::move(graveyard);
    child.output_.fd = std::move(output->first);
    child.errors_.fd = std::move(errors->first);
    child.trouble_.fd = std::move(trouble->first);
    child.pid_ = ::fork();
    if (child.pid_ == 0) run(beginning);
    if (child.pid_ < 0) return failure(Fault::System, lower_case_error(errno));
    // Here, too: it may have to be killed before it came to that.
    (void)::setpgid(child.pid_, child.pid_);
    const auto watched = child.watch();
    if (!watched) return tl::unexpected(watched.error());
    return child;
}

Result<void> Child::watch() {
    process_ = Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    events_ = Fd(::epoll_create1(EPOLL_CLOEXEC));
    if (!process_.valid() || !events_.valid()) {
        return failure(Fault::System, lower_case_error(errno));
    }
    for (const Fd* fd : {&process_, &output_.fd, &errors_.fd}) {
        epoll_event event{.events = EPOLLIN, .data = {.fd = fd->get()}};
        if (::epoll_ctl(events_.get(), EPOLL_CTL_ADD, fd->get(), &event) != 0) {
            return failure(Fault::System, lower_case_error(errno));
        }
    }
    return {};
}

Child::~Child() {
    if (pid_ <= 0) return;
    // Its leader is not collected yet, so the number is still its own.
    (void)::kill(-pid_, SIGKILL);
    (void)::kill(pid_, SIGKILL);
    if (!process_.valid()) {
        while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
        }
        return;
    }
    graveyard_->bury(std::move(process_));
    graveyard_->collect();
}

void Child::Pipe::drain(int events) {
    if (!fd.valid()) return;
    std::array<char, kMostOutput> block;
    const ssize_t got = ::read(fd.get(), block.data(), block.size());
    if (got < 0) return;
    if (got == 0) {
        // Else it would be readable for ever.
        if (events >= 0) (void)::epoll_ctl(events, EPOLL_CTL_DEL, fd.get(), nullptr);
        fd.reset();
        return;
    }
    text.append(block.data(), std::min(static_cast<std::size_t>(got), kMostOutput - text.size()));
}

bool Child::look(int events) {
    std::array<epoll_event, 3> ready{};
    const int count = ::epoll_wait(events, ready.data(), static_cast<int>(ready.size()), 0);
    bool ended = false;
    for (int i = 0; i < count; ++i) {
        const int fd = ready.at(static_cast<std::size_t>(i)).data.fd;
        if (fd == process_.get()) {
            ended = true;
        } else if (fd == output_.fd.get()) {
            output_.drain(events);
        } else {
            errors_.drain(events);
        }
    }
    return ended;
}

Child::End Child::collect() {
    // What it wrote last; and no more than that of those that it left behind.
    for (Pipe* pipe : {&output_, &errors_, &trouble_}) {
        for (int i = 0; i < 16 && pipe->fd.valid(); ++i) pipe->drain(-1);
    }
    (void)::kill(-pid_, SIGKILL);
    siginfo_t end{};
    (void)::waitid(P_PIDFD, static_cast<id_t>(process_.get()), &end, WEXITED | WNOHANG);
    pid_ = -1;
    return End{.exited = end.si_code == CLD_EXITED, .status = end.si_status};
}

}  // namespace isobar::health
