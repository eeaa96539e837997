// SPDX-License-Identifier: Apache-2.0
#include "ipvsadm/execute.h"

#include <sstream>
#include <string_view>

#include "ipvsadm/command_line.h"
#include "ipvsadm/help.h"
#include "ipvsadm/session.h"

namespace isobar::ipvsadm {
namespace {

bool prints_help(const Command& command, std::ostream& out) {
    if (command.action == Action::Help) out << version_text() << help_text();
    if (command.action == Action::Version) out << version_text();
    return command.action == Action::Help || command.action == Action::Version;
}

// Blanks part the words; quotes and backslashes have no meaning. The word "ipvsadm" may
// stand in front, as in rules that were written as a shell script (ipvsadm drops it
// wherever it stands).
std::vector<std::string> words_of(const std::string& line) {
    std::istringstream stream(line);
    std::vector<std::string> words;
    for (std::string word; stream >> word;) {
        if (word != "ipvsadm") words.push_back(std::move(word));
    }
    return words;
}

// A line that the kernel refuses does not stop the others, a mistake in one does. The
// status is that of the last line.
int restore(const std::string& program, Session& session, Names& names, const Streams& streams) {
    int status = kDone;
    for (std::string line; std::getline(streams.in, line);) {
        const auto words = words_of(line);
        if (words.empty()) continue;
        auto command = parse_command_line(program, words, names);
        if (command && command->action == Action::Restore) {
            command = tl::unexpected(unknown_command(program));
        }
        if (!command) {
            const UsageError& error = command.error();
            streams.err << error.message << '\n';
            if (error.ends_restore) return error.exit_code;
            status = error.exit_code;
            continue;
        }
        if (prints_help(*command, streams.out)) return kDone;
        status = session.run(*command);
    }
    return status;
}

}  // namespace

int execute(const std::string& program, const std::vector<std::string>& words, Kernel& kernel,
            Names& names, const Streams& streams) {
    const auto command = parse_command_line(program, words, names);
    if (!command) {
        streams.err << command.error().message << '\n';
        return command.error().exit_code;
    }
    if (prints_help(*command, streams.out)) return kDone;

    Session session(kernel, names, streams.out, streams.err);
    const int opened = session.open(command->action);
    if (opened != kDone) return opened;
    if (command->action == Action::Restore) return restore(program, session, names, streams);
    return session.run(*command);
}

}  // namespace isobar::ipvsadm
