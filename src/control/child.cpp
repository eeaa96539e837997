// SPDX-License-Identifier: Apache-2.0
#include "control/child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "base/fd.h"

namespace isobar::control {
namespace {

constexpr std::size_t kMostErrors = 4096;
constexpr std::size_t kMostOutput = std::size_t{4} << 20;

// Files in memory for stdin, stdout and stderr: unlike pipes they cannot fill up, so that neither
// side ever waits for the other.
Result<Fd> memory_file(const char* name, std::string_view content) {
    Fd file(::memfd_create(name, MFD_CLOEXEC));
    if (!file.valid()) return system_failure("memfd_create", errno);
    while (!content.empty()) {
        const ssize_t put = ::write(file.get(), content.data(), content.size());
        if (put < 0) return system_failure("write", errno);
        content.remove_prefix(static_cast<std::size_t>(put));
    }
    if (::lseek(file.get(), 0, SEEK_SET) != 0) return system_failure("lseek", errno);
    return file;
}

std::string read_all(int fd, std::size_t most) {
    struct stat status{};
    if (::fstat(fd, &status) != 0) return {};
    std::string text(std::min(static_cast<std::size_t>(status.st_size), most), '\0');
    const ssize_t got = ::pread(fd, text.data(), text.size(), 0);
    text.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
    return text;
}

std::string read_errors(int fd) {
    auto text = read_all(fd, kMostErrors);
    while (text.ends_with('\n')) text.pop_back();
    return text;
}

class SpawnOptions {
public:
    SpawnOptions() {
        ::posix_spawn_file_actions_init(&files);
        ::posix_spawnattr_init(&attributes);
    }
    SpawnOptions(const SpawnOptions&) = delete;
    SpawnOptions& operator=(const SpawnOptions&) = delete;
    ~SpawnOptions() {
        ::posix_spawn_file_actions_destroy(&files);
        ::posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_t files{};
    posix_spawnattr_t attributes{};
};

Result<pid_t> spawn(const std::vector<std::string>& arguments, int input, int output, int errors) {
    SpawnOptions options;
    ::posix_spawn_file_actions_adddup2(&options.files, input, STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&options.files, output, STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&options.files, errors, STDERR_FILENO);
    // The daemon ignores SIGPIPE; its children start with a clean slate.
    sigset_t all;
    sigset_t none;
    ::sigfillset(&all);
    ::sigemptyset(&none);
    ::posix_spawnattr_setsigdefault(&options.attributes, &all);
    ::posix_spawnattr_setsigmask(&options.attributes, &none);
    ::posix_spawnattr_setflags(&options.attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);

    std::vector<char*> argv;
    for (const std::string& argument : arguments) {
        argv.push_back(const_cast<char*>(argument.c_str()));  // exec does not write to it
    }
    argv.push_back(nullptr);
    pid_t pid = -1;
    const int code =
        ::posix_spawnp(&pid, argv[0], &options.files, &options.attributes, argv.data(), environ);
    if (code != 0) return system_failure(arguments[0], code);
    return pid;
}

// True when the child ended in time. Its exit is still to be collected.
bool ends_within(pid_t pid, std::chrono::milliseconds limit) {
    const Fd handle(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!handle.valid()) return true;  // cannot watch it: wait for it however long it takes
    const auto deadline = std::chrono::steady_clock::now() + limit;
    for (;;) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
            deadline - std::chrono::steady_clock::now());
        if (left.count() <= 0) return false;
        pollfd waited{handle.get(), POLLIN, 0};
        if (::poll(&waited, 1, static_cast<int>(left.count())) > 0) return true;
    }
}

int collect(pid_t pid) {
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

Result<ChildExit> run_child(const std::vector<std::string>& arguments, std::string_view input,
                            std::chrono::milliseconds limit) {
    const auto in = memory_file("stdin", input);
    if (!in) return tl::unexpected(in.error());
    const auto errors = memory_file("stderr", {});
    if (!errors) return tl::unexpected(errors.error());
    const auto output = memory_file("stdout", {});
    if (!output) return tl::unexpected(output.error());
    const auto pid = spawn(arguments, in->get(), output->get(), errors->get());
    if (!pid) return tl::unexpected(pid.error());

    const bool in_time = ends_within(*pid, limit);
    if (!in_time) ::kill(*pid, SIGKILL);
    const int status = collect(*pid);
    if (!in_time) {
        return failure(Fault::System, fmt::format("{}: killed, it took longer than {} s",
                                                  arguments[0], limit.count() / 1000));
    }
    return ChildExit{status, read_errors(errors->get()), read_all(output->get(), kMostOutput)};
}

}  // namespace isobar::control
