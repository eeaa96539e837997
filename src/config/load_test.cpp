// SPDX-License-Identifier: Apache-2.0
// What good files mean, and what happens with things that are no configuration file.
#include "config/load.h"

#include <gtest/gtest.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>

namespace isobar::config {
namespace {

using model::Address;
using model::HookChoice;
using model::Protocol;
using std::chrono::seconds;

model::Config good(const std::string& text) {
    const Loaded loaded = parse(text, "test.toml");
    for (const Diagnostic& error : loaded.errors) ADD_FAILURE() << error.text();
    return loaded.config.value_or(model::Config{});
}

const std::string kService = "[[service]]\nname = \"web\"\nlisten = [\"10.0.0.2:80/tcp\"]\n";

TEST(Load, AServiceNeedsANameAndAnAddressOnly) {
    const auto config = good(kService);

    ASSERT_EQ(config.services.size(), 1U);
    model::ServiceConfig web;
    web.name = "web";
    web.listen = {model::ServiceKey{Protocol::Tcp, {Address::v4(10, 0, 0, 2), 80}}};
    EXPECT_EQ(config.services[0], web);
    EXPECT_EQ(config.director, model::DirectorConfig{});
}

TEST(Load, AServiceHasEverythingThatIsWritten) {
    const auto config = good(R"(
[[service]]
name = "web-1.x_y"
listen = ["10.0.0.2:80/tcp", "10.0.0.2:443/udp"]
scheduler = "sh"
scheduler_flags = ["sh-port", "flag-3"]
forward = "nat"
servers = [
    { address = "192.168.10.100", weight = 0 },
    { address = "192.168.10.101:8080", weight = 2147483647 },
    { address = "192.168.10.102" },
]
)");

    ASSERT_EQ(config.services.size(), 1U);
    const auto& web = config.services[0];
    EXPECT_EQ(web.name, "web-1.x_y");
    EXPECT_EQ(web.scheduler, model::Scheduler::Sh);
    EXPECT_EQ(web.scheduler_flags, model::SchedulerFlags{6});
    ASSERT_EQ(web.listen.size(), 2U);
    EXPECT_EQ(web.listen[1].text(), "UDP 10.0.0.2:443");
    ASSERT_EQ(web.servers.size(), 3U);
    EXPECT_EQ(web.servers[0].address.text(), "192.168.10.100:0");
    EXPECT_EQ(web.servers[0].weight, 0U);
    EXPECT_EQ(web.servers[1].address.text(), "192.168.10.101:8080");
    EXPECT_EQ(web.servers[1].weight, model::kMaxWeight);
    EXPECT_EQ(web.servers[2].weight, 1U);
}

TEST(Load, SctpIsRead) {
    const auto config = good(R"(
[[service]]
name = "diameter"
listen = ["10.0.0.2:3868/sctp"]
)");

    EXPECT_EQ(config.services.at(0).listen.at(0).protocol, model::Protocol::Sctp);
}

TEST(Load, OnePacketIsRead) {
    const auto config = good(R"(
[[service]]
name = "dns"
listen = ["10.0.0.2:53/udp"]
one_packet = true
)");

    EXPECT_TRUE(config.services.at(0).one_packet);
}

TEST(Load, APersistenceEngineIsRead) {
    const auto config = good(R"(
[[service]]
name = "phone"
listen = ["10.0.0.2:5060/udp"]
persistence = { mask = 0, engine = "sip" }
)");

    EXPECT_EQ(model::PersistenceEngine::Sip, config.services.at(0).engine);
    EXPECT_EQ(0, config.services.at(0).persistence->prefix);
}

TEST(Load, FullNatIsRead) {
    const auto config = good(R"(
[[service]]
name = "web"
listen = ["10.0.0.2:80/tcp"]
forward = "fullnat"
local_addresses = ["192.168.10.254", "192.168.10.253"]
local_ports = { first = 20000 }
servers = [ { address = "192.168.10.100:8080" } ]
)");

    const auto& service = config.services.at(0);
    EXPECT_EQ(service.servers.at(0).method, model::ForwardingMethod::FullNat);
    EXPECT_EQ(service.local, (model::LocalPool{{model::Address::v4(192, 168, 10, 254),
                                                model::Address::v4(192, 168, 10, 253)},
                                               20000,
                                               65535}));
}

TEST(Load, ExpirationOfDestinationsIsRead) {
    const auto config = good(R"(
[director]
lblc_expiration = "2h"
lblcr_expiration = "90s"

[[service]]
name = "proxies"
mark = 1
scheduler = "lblcr"
)");

    EXPECT_EQ(config.director.locality.lblc_expiration, std::chrono::hours(2));
    EXPECT_EQ(config.director.locality.lblcr_expiration, std::chrono::seconds(90));
    EXPECT_EQ(config.services.at(0).scheduler, model::Scheduler::Lblcr);
}

TEST(Load, SwitchesAreReadByTheNamesOfIpvs) {
    const auto config = good(R"(
[director]
conn_reuse_mode = 3
expire_quiescent_template = true
expire_nodest_conn = true
sloppy_tcp = true
drop_entry = 2
amemthresh = 75
ftp_ports = [21, 2121]

[[service]]
name = "web"
listen = ["10.0.0.2:80/tcp"]
)");

    EXPECT_EQ(config.director.switches, (model::Switches{.conn_reuse_mode = 3,
                                                         .expire_nodest_conn = 1,
                                                         .expire_quiescent_template = 1,
                                                         .sloppy_tcp = 1,
                                                         .drop_entry = 2,
                                                         .amemthresh = 75}));
    EXPECT_EQ(config.director.ftp_ports, (std::vector<model::Port>{21, 2121}));
}

TEST(Load, AgentsAreAnsweredWhereTheFileSays) {
    const auto config = good(R"(
[director]
agents = ["192.168.10.254", "[fd00::1]:9000", "fd00::2"]

[[service]]
name = "web"
listen = ["10.0.0.2:80/tcp"]
)");

    EXPECT_EQ(config.director.agents, (std::vector{*model::Endpoint::parse("192.168.10.254:10539"),
                                                   *model::Endpoint::parse("[fd00::1]:9000"),
                                                   *model::Endpoint::parse("[fd00::2]:10539")}));
}

TEST(Load, ARangeOfPortsIsAGroup) {
    const auto config = good(R"(
[[service]]
name = "media"
listen = ["10.0.0.2:8000-8010/udp"]
servers = [{ address = "192.168.10.100" }, { address = "192.168.10.100:9000" }]
)");

    const auto& media = config.services.at(0);
    EXPECT_EQ(media.listen, std::vector<model::Listen>{model::Listen(
                                {Protocol::Udp, {Address::v4(10, 0, 0, 2), 8000}}, 8010)});
    EXPECT_TRUE(media.is_group());
    EXPECT_NE(media.key().mark, 0U);
}

TEST(Load, PersistenceAndThresholdsAreRead) {
    const auto config = good(R"(
[[service]]
name = "all"
listen = ["10.0.0.2:0/tcp"]
persistence = { timeout = "5m", mask = 24 }
servers = [{ address = "192.168.10.100", upper_threshold = 100, lower_threshold = 80 }]

[[service]]
name = "web"
listen = ["10.0.0.3:80/tcp"]
persistence = {}

[[service]]
name = "six"
listen = ["[fd00::2]:80/tcp"]
persistence = {}
servers = [{ address = "fd00::11" }, { address = "[fd00::12]:8080" }]

[[service]]
name = "link"
listen = ["[fd00::2]:0/tcp"]
persistence = { mask = 64 }
)");

    ASSERT_EQ(config.services.size(), 4U);
    const auto& all = config.services[0];
    EXPECT_EQ(all.listen.at(0).address.port, 0);
    EXPECT_EQ(all.persistence, (model::Persistence{seconds(300), 24}));
    EXPECT_EQ(all.servers.at(0).upper_threshold, 100U);
    EXPECT_EQ(all.servers.at(0).lower_threshold, 80U);
    EXPECT_EQ(config.services[1].persistence, (model::Persistence{seconds(360), 32}));
    const auto& six = config.services[2];
    EXPECT_EQ(six.persistence, (model::Persistence{seconds(360), 128}));
    EXPECT_EQ(six.servers.at(0).address.text(), "[fd00::11]:0");
    EXPECT_EQ(six.servers.at(1).address.text(), "[fd00::12]:8080");
    EXPECT_EQ(config.services[3].persistence, (model::Persistence{seconds(360), 64}));
}

TEST(Load, TheDirectorHasEverythingThatIsWritten) {
    const auto config = good(R"(
[director]
interfaces = ["eth0", { name = "eth1", hook = "xdp" }, { name = "eth2" }]
hook = "tc"
connections = 2097152
timeouts = { tcp = "2h", tcp_fin = "3m", udp = "45s" }
manage_sysctls = false
)" + kService);

    const auto& director = config.director;
    ASSERT_EQ(director.interfaces.size(), 3U);
    EXPECT_EQ(director.interfaces[0], (model::InterfaceConfig{"eth0", HookChoice::Tc}));
    EXPECT_EQ(director.interfaces[1], (model::InterfaceConfig{"eth1", HookChoice::Xdp}));
    EXPECT_EQ(director.interfaces[2], (model::InterfaceConfig{"eth2", HookChoice::Tc}));
    EXPECT_EQ(director.hook, HookChoice::Tc);
    EXPECT_EQ(director.connections, 2097152U);
    EXPECT_EQ(director.timeouts, (model::Timeouts{seconds(7200), seconds(180), seconds(45)}));
    EXPECT_FALSE(director.manage_sysctls);
}

TEST(Load, TimeoutsMayStandUnderAHeaderOfTheirOwn) {
    const auto config = good("[director.timeouts]\nudp = \"60s\"\n" + kService);

    EXPECT_EQ(config.director.timeouts.udp, seconds(60));
    EXPECT_EQ(config.director.timeouts.tcp, seconds(900));
}

TEST(Load, AMasqueradeAloneIsAConfiguration) {
    const auto config = good("[[masquerade]]\nfrom = \"192.168.10.0/24\"\nout = \"eth0\"\n");

    ASSERT_EQ(config.masquerades.size(), 1U);
    EXPECT_EQ(config.masquerades[0].from.text(), "192.168.10.0/24");
    EXPECT_EQ(config.masquerades[0].out, "eth0");
}

TEST(Load, AServiceMayHaveNoServers) {
    EXPECT_TRUE(good(kService + "servers = []\n").services[0].servers.empty());
}

TEST(Load, OneServerMayServeTwoPortsOfAService) {
    const auto config = good(
        "[[service]]\nname = \"web\"\nlisten = [\"10.0.0.2:80/tcp\"]\n"
        "servers = [{ address = \"192.168.10.100\" }, { address = \"192.168.10.100:8080\" }]\n");

    EXPECT_EQ(config.services[0].servers.size(), 2U);
}

TEST(Load, TwoPortsOfAServerAreTwoServersEvenIfTheServiceHasBoth) {
    const auto config = good(
        "[[service]]\nname = \"web\"\nlisten = [\"10.0.0.2:80/tcp\", \"10.0.0.2:81/tcp\"]\n"
        "servers = [{ address = \"10.1.1.1:80\" }, { address = \"10.1.1.1:81\" }]\n");

    EXPECT_EQ(config.services[0].servers.size(), 2U);
}

TEST(Load, TcpAndUdpOfOnePortAreTwoServices) {
    EXPECT_EQ(good("[[service]]\nname = \"a\"\nlisten = [\"10.0.0.2:53/tcp\"]\n"
                   "[[service]]\nname = \"b\"\nlisten = [\"10.0.0.2:53/udp\"]\n")
                  .services.size(),
              2U);
}

TEST(Load, LineEndsOfWindowsAndAByteOrderMarkAreFine) {
    EXPECT_EQ(
        good("\xef\xbb\xbf[[service]]\r\nname = \"web\"\r\nlisten = [\"10.0.0.2:80/tcp\"]\r\n")
            .services[0]
            .name,
        "web");
}

// ---- files ----

class LoadFile : public testing::Test {
protected:
    LoadFile() {
        directory = std::filesystem::temp_directory_path() /
                    ("isobar-load-test-" + std::to_string(::getpid()));
        std::filesystem::create_directory(directory);
    }
    LoadFile(const LoadFile&) = delete;
    LoadFile& operator=(const LoadFile&) = delete;
    ~LoadFile() override {
        std::error_code ignored;
        std::filesystem::remove_all(directory, ignored);
    }
    std::string file(const std::string& content) {
        const auto path = directory / "isobar.toml";
        std::ofstream(path, std::ios::binary) << content;
        return path;
    }
    // The message of the only error.
    std::string refusal(const std::string& path) {
        const Loaded loaded = load_file(path);
        EXPECT_FALSE(loaded.config);
        if (loaded.errors.size() != 1) return "not one error";
        EXPECT_EQ(loaded.errors[0].file, path);
        return loaded.errors[0].message;
    }
    std::filesystem::path directory;
};

TEST_F(LoadFile, GivesTheConfiguration) {
    const Loaded loaded = load_file(file(kService));

    ASSERT_TRUE(loaded.config);
    EXPECT_TRUE(loaded.errors.empty());
    EXPECT_EQ(loaded.config->services[0].name, "web");
}

TEST_F(LoadFile, NamesTheFileInItsErrors) {
    const std::string path = file("[[service]]\nname = 1\nlisten = [\"10.0.0.2:80/tcp\"]\n");

    const Loaded loaded = load_file(path);

    ASSERT_EQ(loaded.errors.size(), 1U);
    EXPECT_EQ(loaded.errors[0].text(), path +
                                           ":2:8: error: name: expected text, found a number\n"
                                           "    name = 1\n"
                                           "           ^\n"
                                           "  hint: as in \"web\"");
}

TEST_F(LoadFile, RefusesWhatIsNotAFile) {
    EXPECT_EQ(refusal(directory), "is a directory, not a file");
    EXPECT_EQ(refusal(directory / "missing"), "cannot open: No such file or directory");
    EXPECT_EQ(refusal("/dev/null"), "is not a regular file");
    EXPECT_EQ(refusal(""), "cannot open: No such file or directory");
    const std::string fifo = directory / "fifo";
    ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
    EXPECT_EQ(refusal(fifo), "is not a regular file");
}

TEST_F(LoadFile, RefusesAFileItMayNotRead) {
    const std::string path = file(kService);
    ASSERT_EQ(::chmod(path.c_str(), 0), 0);

    // Root may read every file, so this thread is nobody to the file system for a moment.
    const int user = ::setfsuid(65534);
    EXPECT_EQ(refusal(path), "cannot open: Permission denied");
    ::setfsuid(static_cast<uid_t>(user));
}

TEST_F(LoadFile, RefusesAnEmptyFile) {
    EXPECT_EQ(refusal(file("")),
              "empty configuration: it has no [[service]] and no [[masquerade]]");
}

TEST_F(LoadFile, RefusesTenMebibytesUnread) {
    // Sparse: all zero bytes. Had it been read, the complaint would be about those.
    const std::string path = file("");
    std::filesystem::resize_file(path, 10U << 20U);

    EXPECT_EQ(refusal(path), "has 10485760 bytes; a configuration has at most 1048576 (1 MiB)");
}

TEST_F(LoadFile, RefusesABinary) {
    const std::string elf(
        "\x7f"
        "ELF\x02\x01\x01\0\0\0",
        10);

    EXPECT_EQ(refusal(file(elf)), "this is not a text file: a zero byte");
}

TEST(Load, AServiceSaysHowItsServersAreChecked) {
    const auto config = good(kService + R"(
check = { type = "http", path = "/up", status = ["200-299", 304], headers = { X-A = "b" }, interval = "500ms", timeout = "2s", rise = 2, fall = 3, reentry = "3m" }
on_failure = "quiesce"
quorum = 3
quorum_hysteresis = 1
slow_start = "30s"
sorry = { address = "192.168.10.109:8080" }
servers = [
    { address = "192.168.10.100" },
    { address = "192.168.10.101", check = [{ type = "ping" }, { type = "tcp", port = 81 }], on_failure = "remove" },
    { address = "192.168.10.102", check = [], enabled = false },
]
)");

    const auto& web = config.services.at(0);
    const auto& first = web.servers.at(0).checks.at(0);
    const auto& http = std::get<model::HttpProbe>(first.probe);
    EXPECT_EQ(http.path, "/up");
    EXPECT_EQ(http.status, (std::vector<model::StatusRange>{{200, 299}, {304, 304}}));
    EXPECT_EQ(http.headers.at(0), (std::pair<std::string, std::string>("X-A", "b")));
    EXPECT_EQ(first.interval, std::chrono::milliseconds(500));
    EXPECT_EQ(first.rise, 2U);
    EXPECT_EQ(first.fall, 3U);
    EXPECT_EQ(first.reentry, seconds(180));
    EXPECT_EQ(web.servers[0].on_failure, model::OnFailure::Quiesce);
    EXPECT_EQ(web.servers[1].checks.size(), 2U);
    EXPECT_EQ(web.servers[1].checks[1].port, 81);
    EXPECT_EQ(web.servers[1].on_failure, model::OnFailure::Remove);
    EXPECT_TRUE(web.servers[2].checks.empty());
    EXPECT_FALSE(web.servers[2].enabled);
    EXPECT_EQ(web.quorum, 3U);
    EXPECT_EQ(web.quorum_hysteresis, 1U);
    EXPECT_EQ(web.slow_start, seconds(30));
    EXPECT_EQ(web.sorry.value().address.port, 8080);
}

TEST(Load, EveryTypeOfCheckHasItsOwnKeys) {
    const auto config = good(kService + R"(
check = [
    { type = "tls", verify = true, server_name = "a.example", expiry_warning = "7d" },
    { type = "https", version = "1.0", body_absent = "error" },
    { type = "talk", send = "PING\r\n", expect_regex = "^.PONG" },
    { type = "udp", send = "x", expect = "*", require_reply = true },
    { type = "dns", name = "example.org", query = "AAAA", require_answer = true },
    { type = "smtp", helo = "lb" },
    { type = "program", command = ["/bin/check", "%h", "%p"], expect = "OK", user = "daemon" },
]
servers = [ { address = "192.168.10.100" } ]
)");

    const auto& checks = config.services.at(0).servers.at(0).checks;
    ASSERT_EQ(checks.size(), 7U);
    EXPECT_EQ(std::get<model::TlsProbe>(checks[0].probe),
              (model::TlsProbe{true, "a.example", "", std::chrono::days(7)}));
    const auto& https = std::get<model::HttpProbe>(checks[1].probe);
    EXPECT_TRUE(https.tls && https.http_1_0 && https.body_absent);
    using Match = model::Expectation::Match;
    EXPECT_EQ(std::get<model::TalkProbe>(checks[2].probe),
              (model::TalkProbe{"PING\r\n", model::Expectation{"^.PONG", Match::Regex}}));
    EXPECT_EQ(std::get<model::UdpProbe>(checks[3].probe),
              (model::UdpProbe{"x", model::Expectation{"*", Match::Prefix}, true}));
    EXPECT_EQ(std::get<model::DnsProbe>(checks[4].probe),
              (model::DnsProbe{"example.org", 28, true}));
    EXPECT_EQ(std::get<model::SmtpProbe>(checks[5].probe).helo, "lb");
    EXPECT_EQ(std::get<model::ProgramProbe>(checks[6].probe),
              (model::ProgramProbe{{"/bin/check", "%h", "%p"}, "OK", false, "daemon"}));
}

TEST(Load, WeightsMayFollowTheLoadOfServers) {
    const auto load_of = [](const std::string& table) {
        return good(kService + "load = " + table + "\nservers = [ { address = \"10.1.1.1\", " +
                    "host = \"www1\", check = { type = \"tcp\" } } ]\n")
            .services.at(0)
            .load.value();
    };
    const auto agent = load_of("{ from = \"agent\", port = 700, least = 5, most = 300 }");
    EXPECT_EQ(agent.from, model::LoadSource::Agent);
    EXPECT_EQ(agent.port, 700);
    EXPECT_EQ(agent.controller, model::LoadController::Damped);
    EXPECT_EQ(agent.interval, std::chrono::seconds(2));
    EXPECT_EQ(std::pair(agent.least, agent.most), std::pair(5U, 300U));

    const auto uptime = load_of(
        "{ from = \"uptime\", command = [\"rsh\"], user = \"root\", controller = \"piranha\" }");
    EXPECT_EQ(uptime.command, std::vector<std::string>{"rsh"});
    EXPECT_EQ(uptime.user, "root");
    EXPECT_EQ(uptime.controller, model::LoadController::Piranha);
    EXPECT_EQ(uptime.interval, std::chrono::seconds(20));

    const auto http = load_of("{ from = \"http\", path = \"/l\", field = \"cpu.0\" }");
    EXPECT_EQ(http.path, "/l");
    EXPECT_EQ(http.place, (model::LoadPlace{"", "cpu.0"}));
    EXPECT_EQ(load_of("{ from = \"ruptime\" }").interval, std::chrono::seconds(180));
    EXPECT_EQ(load_of("{ from = \"response\" }").from, model::LoadSource::Response);
}

TEST(Load, AServerMayBeReachedInAnotherWayThanItsService) {
    const auto config = good(kService + R"(
servers = [
    { address = "192.168.10.100:8080" },
    { address = "192.168.10.101", forward = "dr" },
    { address = "192.168.10.102", forward = "tun", tunnel = "gue", tunnel_port = 7000 },
]
)");

    const auto& servers = config.services.at(0).servers;
    using enum model::ForwardingMethod;
    EXPECT_EQ(servers.at(0).method, Nat);
    EXPECT_EQ(servers.at(1).method, Dr);
    EXPECT_EQ(servers.at(2).method, Tun);
    EXPECT_EQ(servers.at(2).tunnel, (model::Tunnel{model::Encapsulation::Gue, 7000, {}}));
}

}  // namespace
}  // namespace isobar::config
