// SPDX-License-Identifier: Apache-2.0
#include "isobard/notifier.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <boost/asio/io_context.hpp>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "base/temporary_folder.h"

namespace isobar::isobard {
namespace {

using control::Event;
using Kind = Event::Kind;

// What the programs have written, a line each.
class NotifierTest : public testing::Test {
protected:
    // A program of these lines; $TOLD is the file.
    std::vector<std::string> program(const std::string& name, const std::string& lines) {
        const auto path = folder_.path() / name;
        std::ofstream(path) << "#!/bin/sh\nTOLD=" << told_.string() << '\n' << lines << '\n';
        ::chmod(path.c_str(), 0755);
        return {path.string(), "%h", "%p"};
    }
    static model::Config config(model::Notify of_server, model::Notify of_service = {}) {
        of_server.user = of_service.user = "root";
        model::ServerConfig server(model::RealServer{*model::Endpoint::parse("10.1.1.1:80")});
        server.notify = std::move(of_server);
        model::ServiceConfig service;
        service.name = "web";
        service.servers = {server};
        service.notify = std::move(of_service);
        model::Config made;
        made.services = {service};
        return made;
    }
    std::string told() {
        loop_.run();
        std::stringstream text;
        text << std::ifstream(told_).rdbuf();
        return text.str();
    }
    static Event event(Kind kind, const std::string& server = "10.1.1.1:80") {
        return {kind, "web", server, "because"};
    }

    TemporaryFolder folder_;
    std::filesystem::path told_ = folder_.path() / "told";
    boost::asio::io_context loop_;
};

TEST_F(NotifierTest, TellsWhatHasBecomeOfServersAndQuorum) {
    model::Notify server, service;
    server.up = program("up", "echo up \"$@\" $ISOBAR_SERVICE >> $TOLD");
    server.down = program(
        "down", "echo $ISOBAR_EVENT $ISOBAR_SERVICE $ISOBAR_SERVER $ISOBAR_REASON >> $TOLD");
    service.quorum_down = program("lost", "sleep 0.2; echo lost >> $TOLD");
    Notifier notifier(loop_);
    notifier.follow(config(server, service));

    notifier.tell(event(Kind::Down));
    EXPECT_EQ(told(), "down web 10.1.1.1:80 because\n");
    loop_.restart();
    notifier.tell(event(Kind::NoQuorum, ""));
    notifier.tell(event(Kind::Quorum, ""));  // nobody is told
    notifier.tell(event(Kind::Up));          // does not wait for that of the service
    notifier.tell(event(Kind::Wish));
    EXPECT_EQ(told(), "down web 10.1.1.1:80 because\nup 10.1.1.1 80 web\nlost\n");
}

TEST_F(NotifierTest, OneAtATimeAndTheLastWordCounts) {
    model::Notify server;
    server.up = program("up", "echo up >> $TOLD; sleep 0.2; echo end >> $TOLD");
    server.down = program("down", "echo down >> $TOLD");
    Notifier notifier(loop_);
    notifier.follow(config(server));

    notifier.tell(event(Kind::Up));
    loop_.run_for(std::chrono::milliseconds(100));
    for (int i = 0; i < 3; ++i) {
        notifier.tell(event(Kind::Down));
        notifier.tell(event(Kind::Up));
    }
    EXPECT_EQ(told(), "up\nend\n") << "it is up, as was told";
    loop_.restart();
    notifier.tell(event(Kind::Up));
    loop_.run_for(std::chrono::milliseconds(100));
    notifier.tell(event(Kind::Down));
    EXPECT_EQ(told(), "up\nend\nup\nend\ndown\n");
}

TEST_F(NotifierTest, GoesOnAfterOneThatHangsOrIsNotThere) {
    model::Notify server;
    server.up = program("up", "trap '' TERM; echo up >> $TOLD; sleep 600");
    server.down = {"/nonexistent/program"};
    Notifier notifier(loop_, std::chrono::milliseconds(300));
    notifier.follow(config(server));

    const auto begun = std::chrono::steady_clock::now();
    notifier.tell(event(Kind::Up));
    EXPECT_EQ(told(), "up\n");
    EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(60));
    loop_.restart();
    notifier.tell(event(Kind::Down));
    EXPECT_EQ(told(), "up\n");
    loop_.restart();
    notifier.tell(event(Kind::Up));
    EXPECT_EQ(told(), "up\nup\n");
}

TEST_F(NotifierTest, WhoIsNotConfiguredIsNotTold) {
    model::Notify server;
    server.up = program("up", "echo up >> $TOLD");
    Notifier notifier(loop_);
    notifier.follow(config(server));
    notifier.follow(config({}));

    notifier.tell(event(Kind::Up));
    notifier.tell(event(Kind::Up, "10.9.9.9:80"));

    EXPECT_EQ(told(), "");
}

}  // namespace
}  // namespace isobar::isobard
