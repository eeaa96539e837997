// SPDX-License-Identifier: Apache-2.0
// FTP: what client and server tell each other about data connections, and the connections.
#include <arpa/inet.h>

#include <fmt/format.h>

#include "fixture6.h"

namespace isobar::test {
namespace {

constexpr std::uint16_t kControl = 40000;        // the client's port
constexpr V4 kLongVip = v4(198, 151, 100, 222);  // longer than any server's, as text
const std::string kPasvReply = "227 Entering Passive Mode (192,168,10,100,156,65).\r\n";

// One control connection, as both ends see it: each counts the other's bytes in its own way.
class Ftp : public Datapath {
protected:
    // Servers 1 and 2, of which the control connection gets number 1.
    void serve(model::Port port = 21, V4 vip = kVip, model::Port server_port = 21) {
        vip_ = vip;
        port_ = port;
        server_port_ = server_port;
        const auto key = service(model::Protocol::Tcp, port, vip);
        bed().apply({model::AddService{key, model::Scheduler::Fo},
                     model::AddServer{key, {endpoint(kServers[0].address, server_port), 2}},
                     model::AddServer{key, {endpoint(kServers[1].address, server_port), 1}}});
        login();
    }
    void login() {
        ASSERT_EQ(ISOBAR_FORWARDED, send(from_client({}, kSyn)).verdict);
        ASSERT_EQ(ISOBAR_REPLIED, reply(from_server({}, kSyn | kAck)).verdict);
        ASSERT_EQ(ISOBAR_FORWARDED, send(from_client({}, kAck)).verdict);
    }

    [[nodiscard]] Bytes from_client(const std::string& words, std::uint8_t flags = kAck | kPsh,
                                    const Bytes& options = {}, V4 to = 0,
                                    std::uint32_t acknowledged = 0, std::uint8_t ttl = 64) const {
        const bool arrives = to == 0;
        return packet(
            Ip{kClient.address, arrives ? vip_ : to, ttl},
            Tcp{kControl, arrives ? port_ : server_port_, flags, text(words), options, client_,
                acknowledged != 0 ? acknowledged
                : arrives         ? server_ + shift_
                                  : server_});
    }
    [[nodiscard]] Bytes from_server(const std::string& words,
                                    std::uint8_t flags = kAck | kPsh) const {
        return packet(Ip{kServers[0].address, kClient.address},
                      Tcp{server_port_, kControl, flags, text(words), {}, server_, client_});
    }
    // The same as the client gets it.
    [[nodiscard]] Bytes to_client(const std::string& words, std::uint32_t sequence) const {
        return arriving(
            kServers[0],
            packet(Ip{vip_, kClient.address, 63},
                   Tcp{port_, kControl, kAck | kPsh, text(words), {}, sequence, client_}));
    }
    Outcome send(const Bytes& packet, Hook hook = Hook::Ingress) {
        return bed().send(hook, Side::Outside, arriving(kClient, packet), 0, mark_);
    }
    Outcome reply(const Bytes& packet, std::uint32_t segment = 0) {
        return bed().send(Hook::Ingress, Side::Inside, arriving(kServers[0], packet), segment);
    }
    // A command that leaves as it is; its verdict.
    isobar_verdict say(const std::string& words) {
        const auto outcome = send(from_client(words));
        EXPECT_EQ("", difference(arriving(kClient, from_client(words, kAck | kPsh, {},
                                                               kServers[0].address, 0, 63)),
                                 outcome.frame));
        client_ += static_cast<std::uint32_t>(words.size());
        return outcome.verdict;
    }
    // An answer that comes to the client in these words.
    isobar_verdict answer(const std::string& words, const std::string& arrives) {
        const auto outcome = reply(from_server(words));
        EXPECT_EQ("", difference(to_client(arrives, server_ + shift_), outcome.frame));
        server_ += static_cast<std::uint32_t>(words.size());
        shift_ += static_cast<std::uint32_t>(arrives.size() - words.size());
        return outcome.verdict;
    }

    [[nodiscard]] Bytes syn_to(std::uint16_t port, std::uint16_t client_port) const {
        return packet(Ip{kClient.address, vip_}, Tcp{client_port, port, kSyn});
    }
    // The frame in which the server at `from` port makes a connection to the client.
    [[nodiscard]] static Bytes syn_from(std::uint16_t from, std::uint16_t client_port) {
        return packet(Ip{kServers[0].address, kClient.address}, Tcp{from, client_port, kSyn});
    }
    // Does a connection of the client to that port get to server 1, at the same port?
    testing::AssertionResult reaches_server(std::uint16_t port, std::uint16_t client_port,
                                            Hook hook = Hook::Ingress) {
        return became(send(syn_to(port, client_port), hook), ISOBAR_FORWARDED, Action::Redirect,
                      leaving(hook, kClient, kServers[0],
                              packet(Ip{kClient.address, kServers[0].address, 63},
                                     Tcp{client_port, port, kSyn})));
    }
    // Does a connection of server 1 from port 20 get to the client?
    testing::AssertionResult reaches_client(std::uint16_t client_port, std::uint16_t from = 20,
                                            std::uint16_t as = 20) {
        return became(reply(syn_from(from, client_port)), ISOBAR_REPLIED, Action::Redirect,
                      arriving(kServers[0],
                               packet(Ip{vip_, kClient.address, 63}, Tcp{as, client_port, kSyn})));
    }

    std::uint32_t mark_ = 0;  // of what the client sends
    V4 vip_ = kVip;
    std::uint16_t port_ = 21;
    std::uint16_t server_port_ = 21;
    std::uint32_t client_ = 0xfffffff0;  // numbers wrap round soon
    std::uint32_t server_ = 0xffffffe0;
    std::uint32_t shift_ = 0;
};

TEST_F(Ftp, AnAnswerToPasvNamesTheVirtualAddressToTheClient) {
    serve();
    ASSERT_EQ(ISOBAR_FORWARDED, say("PASV\r\n"));

    EXPECT_EQ(ISOBAR_REPLIED,
              answer(kPasvReply, "227 Entering Passive Mode (10,0,0,2,156,65).\r\n"));
}

TEST_F(Ftp, ThePassiveDataConnectionFindsTheServerOfItsControlConnection) {
    serve();
    (void)say("PASV\r\n");
    (void)answer(kPasvReply, "227 Entering Passive Mode (10,0,0,2,156,65).\r\n");

    EXPECT_TRUE(reaches_server(40001, 50000));
    EXPECT_TRUE(became(
        reply(packet(Ip{kServers[0].address, kClient.address}, Tcp{40001, 50000, kSyn | kAck})),
        ISOBAR_REPLIED, Action::Redirect,
        arriving(kServers[0],
                 packet(Ip{kVip, kClient.address, 63}, Tcp{40001, 50000, kSyn | kAck}))));
    // one client, one connection
    EXPECT_EQ(ISOBAR_NO_SERVICE, send(syn_to(40001, 50001)).verdict);
}

TEST_F(Ftp, XdpLeavesTheControlConnectionToTcAndForwardsTheData) {
    serve();
    const Bytes pasv = arriving(kClient, from_client("PASV\r\n"));
    EXPECT_TRUE(
        became(bed().send(Hook::Xdp, Side::Outside, pasv), ISOBAR_TO_TC, Action::Pass, pasv));
    (void)say("PASV\r\n");
    (void)answer(kPasvReply, "227 Entering Passive Mode (10,0,0,2,156,65).\r\n");

    EXPECT_TRUE(reaches_server(40001, 50000, Hook::Xdp));
}

// The control connection and what it expects are in an older generation when the client comes, and
// the control connection goes on from there.
TEST_F(Ftp, DataIsExpectedWhileTheTableGrows) {
    serve();
    (void)say("PASV\r\n");
    (void)answer(kPasvReply, "227 Entering Passive Mode (10,0,0,2,156,65).\r\n");
    ASSERT_TRUE(bed().growth().grow());
    EXPECT_TRUE(reaches_server(40001, 50000));

    ASSERT_TRUE(bed().growth().look());
    (void)say("PASV\r\n");
    (void)answer(kPasvReply, "227 Entering Passive Mode (10,0,0,2,156,65).\r\n");
    ASSERT_TRUE(bed().growth().grow());
    ASSERT_TRUE(bed().growth().look());
    EXPECT_TRUE(reaches_server(40001, 50001));
    EXPECT_EQ(3u, bed().connections().size());
}

// As IPVS: it begins as a record with client port 0, and does not count as a new connection.
TEST_F(Ftp, AnExpectedConnectionIsListedAndUnderItsControlConnection) {
    serve();
    (void)say("PASV\r\n");
    (void)answer(kPasvReply, "227 Entering Passive Mode (10,0,0,2,156,65).\r\n");

    const auto listed = bed().plane().connections().value();
    ASSERT_EQ(2u, listed.size());
    const auto& data = listed[0].client.port == 0 ? listed[0] : listed[1];
    EXPECT_EQ("LISTEN", data.state);
    EXPECT_EQ("10.0.0.2:40001", data.virtual_address.text());
    EXPECT_EQ("192.168.10.100:40001", data.server.text());
    EXPECT_EQ(1u, bed().server(kServers[0]).active);
    EXPECT_EQ(1u, bed().server(kServers[0]).inactive);
    (void)send(syn_to(40001, 50000));
    EXPECT_EQ(2u, bed().connections().size());
    EXPECT_EQ(2u, bed().server(kServers[0]).active);
    EXPECT_EQ(0u, bed().server(kServers[0]).inactive);
    EXPECT_EQ(
        1u,
        bed().maps().traffic(bed().connections().front()->server).value().item[ISOBAR_CONNECTIONS]);
}

TEST_F(Ftp, TheControlConnectionLivesAsLongAsItsData) {
    serve();
    (void)say("PORT 10,0,0,100,195,80\r\n");
    ASSERT_EQ(2u, bed().connections().size());
    const auto control = [&] {
        for (auto* conn : bed().connections())
            if (conn->client_port == htons(kControl)) return conn;
        return static_cast<isobar_conn*>(nullptr);
    };

    control()->expires = bed().jiffies() - 1;
    ASSERT_TRUE(bed().plane().services());  // sweeps
    ASSERT_EQ(2u, bed().connections().size());
    for (auto* conn : bed().connections()) conn->expires = bed().jiffies() - 1;
    ASSERT_TRUE(bed().plane().services());
    if (control() != nullptr) control()->expires = bed().jiffies() - 1;
    ASSERT_TRUE(bed().plane().services());

    EXPECT_EQ(0u, bed().connections().size());
    EXPECT_EQ(0u, bed().server(kServers[0]).active + bed().server(kServers[0]).inactive);
}

TEST_F(Ftp, WhatFollowsAChangedAnswerIsRenumberedBothWays) {
    serve();
    (void)say("PASV\r\n");
    const auto text_at = server_ + 27;
    (void)answer(kPasvReply, "227 Entering Passive Mode (10,0,0,2,156,65).\r\n");
    ASSERT_EQ(static_cast<std::uint32_t>(-6), shift_);

    EXPECT_EQ(ISOBAR_REPLIED, answer("150 Here it comes.\r\n", "150 Here it comes.\r\n"));
    const struct {
        const char* what;
        std::uint32_t client, server;
    } cases[] = {
        {"all", server_ + shift_, server_},
        {"up to the text", text_at, text_at},
        {"long before", text_at - 100, text_at - 100},
        {"up to behind the text", text_at + 15, text_at + 21},
        {"in the midst of the text", text_at + 4, text_at},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.what);
        const auto outcome = send(from_client("", kAck, {}, 0, c.client));
        EXPECT_EQ("", difference(arriving(kClient, from_client("", kAck, {}, kServers[0].address,
                                                               c.server, 63)),
                                 outcome.frame));
    }
}

Bytes sack(std::initializer_list<std::uint32_t> edges, std::size_t noops) {
    Bytes options(noops, 1);
    options.push_back(5);
    options.push_back(static_cast<std::uint8_t>(2 + 4 * edges.size()));
    for (const auto edge : edges)
        for (int bits = 24; bits >= 0; bits -= 8)
            options.push_back(static_cast<std::uint8_t>(edge >> bits));
    while (options.size() % 4 != 0) options.push_back(0);
    return options;
}

TEST_F(Ftp, SelectiveAcknowledgementsAreRenumberedWhereverTheyStand) {
    serve();
    (void)say("PASV\r\n");
    const auto text_at = server_ + 27;
    (void)answer(kPasvReply, "227 Entering Passive Mode (10,0,0,2,156,65).\r\n");
    const auto behind = server_;

    for (const std::size_t noops : {0u, 1u, 2u, 3u}) {
        SCOPED_TRACE(noops);
        const auto outcome = send(from_client(
            "", kAck, sack({text_at - 9, text_at, behind + shift_, behind + shift_ + 40}, noops), 0,
            text_at));

        EXPECT_EQ("",
                  difference(
                      arriving(kClient,
                               from_client("", kAck,
                                           sack({text_at - 9, text_at, behind, behind + 40}, noops),
                                           kServers[0].address, text_at, 63)),
                      outcome.frame));
    }
}

TEST_F(Ftp, ALongerAddressMakesTheAnswerLonger) {
    serve(21, kLongVip);
    (void)say("PASV\r\n");

    EXPECT_EQ(ISOBAR_REPLIED,
              answer("227 (192,168,10,100,156,65)\r\n", "227 (198,151,100,222,156,65)\r\n"));
    EXPECT_EQ(1u, shift_);
}

TEST_F(Ftp, SeveralAnswersOfOneConnectionAddUp) {
    serve();
    for (int i = 0; i < 3; ++i) {
        (void)say("PASV\r\n");
        EXPECT_EQ(ISOBAR_REPLIED, answer(fmt::format("227 (192,168,10,100,200,{})\r\n", i),
                                         fmt::format("227 (10,0,0,2,200,{})\r\n", i)));
        EXPECT_EQ(ISOBAR_REPLIED, answer("226 Done.\r\n", "226 Done.\r\n"));
    }
    EXPECT_EQ(static_cast<std::uint32_t>(-18), shift_);
    for (std::uint16_t i = 0; i < 3; ++i)
        EXPECT_TRUE(reaches_server(static_cast<std::uint16_t>(200 * 256 + i), 50000));
}

TEST_F(Ftp, AnAnswerThatIsSentAgainIsChangedAgain) {
    serve();
    (void)say("PASV\r\n");
    const auto first = server_;
    const std::string changed = "227 Entering Passive Mode (10,0,0,2,156,65).\r\n";
    (void)answer(kPasvReply, changed);
    (void)answer("150 Here it comes.\r\n", "150 Here it comes.\r\n");

    server_ = first;
    const auto again = reply(from_server(kPasvReply));
    const auto with_more = reply(from_server(kPasvReply + "150 Here it comes.\r\n"));

    EXPECT_EQ("", difference(to_client(changed, first), again.frame));
    EXPECT_EQ("",
              difference(to_client(changed + "150 Here it comes.\r\n", first), with_more.frame));
}

TEST_F(Ftp, APieceOfAChangedAnswerComesAgainWhole) {
    serve();
    (void)say("PASV\r\n");
    const auto first = server_;
    (void)answer(kPasvReply, "227 Entering Passive Mode (10,0,0,2,156,65).\r\n");

    server_ = first;
    const auto outcome = reply(from_server(kPasvReply.substr(0, 30)));

    EXPECT_EQ(ISOBAR_FTP_AGAIN, outcome.verdict);
    EXPECT_EQ(Action::Drop, outcome.action);
}

TEST_F(Ftp, ASuperPacketIsRenumberedAndChangedToo) {
    serve();
    (void)say("PASV\r\n");
    const std::string lines = "200 Type set to I.\r\n" + kPasvReply;
    const std::string changed =
        "200 Type set to I.\r\n227 Entering Passive Mode (10,0,0,2,156,65).\r\n";

    const auto answer = reply(from_server(lines), 20);
    EXPECT_EQ(ISOBAR_REPLIED, answer.verdict);
    EXPECT_EQ("", difference(to_client(changed, server_), answer.frame));

    server_ += static_cast<std::uint32_t>(lines.size());
    const std::string more(2800, 'x');
    const auto rest = reply(from_server(more), 1400);
    EXPECT_EQ("", difference(to_client(more, server_ - 6), rest.frame));
}

TEST_F(Ftp, ActiveModeLetsTheServerReachItsClient) {
    serve();
    EXPECT_EQ(ISOBAR_NO_SERVICE, reply(syn_from(20, 50000)).verdict);
    ASSERT_EQ(ISOBAR_FORWARDED, say("PORT 10,0,0,100,195,80\r\n"));

    EXPECT_TRUE(reaches_client(50000));
    EXPECT_TRUE(became(send(packet(Ip{kClient.address, kVip}, Tcp{50000, 20, kSyn | kAck})),
                       ISOBAR_FORWARDED, Action::Redirect,
                       arriving(kClient, packet(Ip{kClient.address, kServers[0].address, 63},
                                                Tcp{50000, 20, kSyn | kAck}))));
    // from elsewhere it is not the announced one
    EXPECT_EQ(ISOBAR_NO_SERVICE, reply(syn_from(1234, 50000)).verdict);
}

TEST_F(Ftp, OnAnotherPortTheDataPortIsTheOneBelow) {
    ASSERT_TRUE(bed().plane().set_ftp_ports(std::vector<model::Port>{21, 2121}));
    serve(2121, kVip, 8021);
    ASSERT_EQ(ISOBAR_FORWARDED, say("PORT 10,0,0,100,195,80\r\n"));

    EXPECT_TRUE(reaches_client(50000, 8020, 2120));
    const auto connections = bed().plane().connections().value();
    for (const auto& listed : connections) {
        if (listed.client.port == 50000) {
            EXPECT_EQ("192.168.10.100:8020", listed.server.text());
        }
    }
}

TEST_F(Ftp, OnAPortThatIsNotForFtpNothingIsFollowed) {
    serve(2121);
    EXPECT_EQ(ISOBAR_FORWARDED, say("PORT 10,0,0,100,195,80\r\n"));
    (void)say("PASV\r\n");
    EXPECT_EQ(ISOBAR_REPLIED, answer(kPasvReply, kPasvReply));
    EXPECT_EQ(1u, bed().connections().size());
}

TEST_F(Ftp, CommandsMayBeWrittenInManyWays) {
    serve();
    const struct {
        const char* command;
        std::uint16_t port;
    } cases[] = {
        {"PORT 10,0,0,100,195,80\r\n", 50000},         {"port 10,0,0,100,195,81\n", 50001},
        {" Port   10,0,0,100,195,82 \r\n", 50002},     {"\tPORT\t10,0,0,100,195,83\r\n", 50003},
        {"NOOP\r\nPORT 10,0,0,100,195,84\r\n", 50004}, {"PORT 010,000,00,100,195,085\r\n", 50005},
        {"EPRT |1|10.0.0.100|50006|\r\n", 50006},      {"eprt  !1!10.0.0.100!50007!\r\n", 50007},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.command);
        EXPECT_EQ(ISOBAR_FORWARDED, say(c.command));
        EXPECT_TRUE(reaches_client(c.port));
    }
}

TEST_F(Ftp, ACommandMayComeInPieces) {
    serve();
    const std::string command = "PORT 10,0,0,100,195,80\r\n";
    for (const char letter : command) EXPECT_EQ(ISOBAR_FORWARDED, say({letter}));
    EXPECT_TRUE(reaches_client(50000));

    (void)say("PA");
    (void)say("SV\r");
    EXPECT_EQ(ISOBAR_REPLIED,
              answer(kPasvReply, "227 Entering Passive Mode (10,0,0,2,156,65).\r\n"));
}

TEST_F(Ftp, AnAnswerInPiecesIsNotChanged) {
    serve();
    (void)say("PASV\r\n");
    EXPECT_EQ(ISOBAR_FTP_IGNORED, answer(kPasvReply.substr(0, 35), kPasvReply.substr(0, 35)));
    EXPECT_EQ(ISOBAR_REPLIED, answer(kPasvReply.substr(35), kPasvReply.substr(35)));
    EXPECT_EQ(1u, bed().connections().size());
}

// "FTP bounce": a server that is sent elsewhere by its client.
TEST_F(Ftp, WhatLeadsElsewhereIsNotFollowed) {
    serve();
    for (const char* command :
         {"PORT 10,0,0,101,195,80\r\n", "PORT 192,168,10,101,0,22\r\n", "PORT 10,0,0,100,3,255\r\n",
          "PORT 10,0,0,100,0,0\r\n", "EPRT |1|10.0.0.101|50000|\r\n",
          "EPRT |1|10.0.0.100|1023|\r\n", "EPRT |1|10.0.0.100|65536|\r\n",
          "EPRT |2|2001:db8::1|50000|\r\n", "EPRT ||10.0.0.100|50000|\r\n"}) {
        SCOPED_TRACE(command);
        const auto verdict = say(command);
        EXPECT_TRUE(verdict == ISOBAR_FTP_IGNORED || verdict == ISOBAR_FORWARDED);
        EXPECT_EQ(1u, bed().connections().size());
    }
    EXPECT_GE(bed().count(ISOBAR_FTP_IGNORED), 7u);
}

TEST_F(Ftp, NonsenseIsNoCommand) {
    serve();
    for (const char* command :
         {"PORT10,0,0,100,195,80\r\n", "PORT 10,0,0,100,195\r\n", "PORT 10,0,0,100,195,80,1\r\n",
          "PORT 10,0,0,100,195,256\r\n", "PORT 10,0,0,100,195,1111111111111111111\r\n",
          "PORT 10,,0,100,195,80\r\n", "PORT ten\r\n", "EPRT |1|10.0.0.100|\r\n",
          "EPRT |1|10.0.0.100|5000000001|\r\n", "EPRT |1|10.0.0.256|50000|\r\n",
          "EPRT |1|10.0.0.100.1|50000|\r\n", "EPRT |12|10.0.0.100|50000|\r\n", "EPRT\r\n",
          "SPORT 10,0,0,100,195,80\r\n", "STOR PORT 10,0,0,100,195,80\r\n"}) {
        SCOPED_TRACE(command);
        EXPECT_EQ(ISOBAR_FORWARDED, say(command));
        EXPECT_EQ(1u, bed().connections().size());
    }
}

TEST_F(Ftp, AnAnswerThatNamesNotTheServerIsNotFollowed) {
    serve();
    for (const char* words : {"227 (192,168,10,101,156,65)\r\n", "227 (192,168,10,100,3,1)\r\n",
                              "227 (10,0,0,100,156,65)\r\n"}) {
        SCOPED_TRACE(words);
        (void)say("PASV\r\n");
        EXPECT_EQ(ISOBAR_FTP_IGNORED, answer(words, words));
    }
    EXPECT_EQ(1u, bed().connections().size());
    EXPECT_EQ(ISOBAR_REPLIED, answer(kPasvReply, kPasvReply)) << "nobody has asked";
    EXPECT_EQ(1u, bed().connections().size());
}

// Many a server is told the virtual address, for want of a director that knows FTP.
TEST_F(Ftp, AServerMayNameTheVirtualAddressItself) {
    serve();
    (void)say("PASV\r\n");
    EXPECT_EQ(ISOBAR_REPLIED, answer("227 (10,0,0,2,156,65)\r\n", "227 (10,0,0,2,156,65)\r\n"));
    EXPECT_TRUE(reaches_server(40001, 50000));
}

TEST_F(Ftp, ExtendedPassiveModeStaysAsItIsUnlessItNamesTheServer) {
    serve();
    (void)say("EPSV\r\n");
    EXPECT_EQ(ISOBAR_REPLIED,
              answer("229 Extended (|||40001|)\r\n", "229 Extended (|||40001|)\r\n"));
    EXPECT_TRUE(reaches_server(40001, 50000));
    (void)say("EPSV 1\r\n");
    EXPECT_EQ(ISOBAR_REPLIED, answer("229 Extended (|1|192.168.10.100|40002|)\r\n",
                                     "229 Extended (|||40002|)\r\n"));
    EXPECT_TRUE(reaches_server(40002, 50000));
    (void)say("EPSV 2\r\n");
    EXPECT_EQ(ISOBAR_REPLIED, answer("229 (|||40003|)\r\n", "229 (|||40003|)\r\n"));
    EXPECT_EQ(ISOBAR_NO_SERVICE, send(syn_to(40003, 50000)).verdict);
}

TEST_F(Ftp, EveryBeginningOfWhatIsSaidIsHarmless) {
    serve();
    const std::string commands[] = {"PORT 10,0,0,100,195,80\r\n", "EPRT |1|10.0.0.100|50000|\r\n",
                                    "EPSV 1\r\n", "PASV\r\n"};
    for (const auto& command : commands)
        for (std::size_t length = 1; length < command.size(); ++length) {
            SCOPED_TRACE(command.substr(0, length));
            EXPECT_EQ(ISOBAR_FORWARDED, say(command.substr(0, length)));
            client_ += 1000;  // what came between is lost
        }
    for (std::size_t length = 1; length < kPasvReply.size(); ++length) {
        SCOPED_TRACE(kPasvReply.substr(0, length));
        (void)say("PASV\r\n");
        const auto outcome = reply(from_server(kPasvReply.substr(0, length)));
        EXPECT_TRUE(outcome.verdict == ISOBAR_REPLIED || outcome.verdict == ISOBAR_FTP_IGNORED)
            << name(outcome.verdict);
        shift_ += static_cast<std::uint32_t>(outcome.frame.size() - kL4At - 20 - length);
        server_ += 1000;
    }
}

TEST_F(Ftp, IpOptionsAreNoObstacle) {
    serve();
    Ip in{kClient.address, kVip};
    in.options = Bytes(8, 1);
    (void)send(packet(
        in,
        Tcp{kControl, 21, kAck | kPsh, text("PORT 10,0,0,100,195,80\r\n"), {}, client_, server_}));

    EXPECT_TRUE(reaches_client(50000));
}

TEST_F(Ftp, ANewControlConnectionFromTheSamePortBeginsAnew) {
    serve();
    (void)say("PASV\r\n");
    (void)answer(kPasvReply, "227 Entering Passive Mode (10,0,0,2,156,65).\r\n");
    (void)send(from_client("", kRst));
    client_ = 5;
    server_ = 7;
    shift_ = 0;
    login();

    EXPECT_EQ(ISOBAR_REPLIED, answer("220 Hello.\r\n", "220 Hello.\r\n"));
}

// Not as other connections, which stray when their lines are full.
TEST_F(Ftp, AClientMayExpectAsManyConnectionsAsItsTwoLinesHold) {
    serve();
    int expected = 0;
    for (int i = 0; i < 40; ++i) {
        (void)say("PASV\r\n");
        const auto outcome = reply(from_server(fmt::format("227 (192,168,10,100,200,{})\r\n", i)));
        expected += outcome.verdict == ISOBAR_REPLIED;
        EXPECT_TRUE(outcome.verdict == ISOBAR_REPLIED || outcome.verdict == ISOBAR_FTP_IGNORED);
        shift_ = static_cast<std::uint32_t>(-6 * expected);
        server_ +=
            static_cast<std::uint32_t>(fmt::format("227 (192,168,10,100,200,{})\r\n", i).size());
    }

    EXPECT_GE(expected, 28);
    EXPECT_LE(expected, 30);
    EXPECT_EQ(static_cast<std::size_t>(expected) + 1, bed().connections().size());
    for (auto* conn : bed().connections())
        if (conn->client_port == 0) conn->expires = bed().jiffies() - 1;
    (void)say("PASV\r\n");
    EXPECT_EQ(ISOBAR_REPLIED, answer("227 (192,168,10,100,201,1)\r\n", "227 (10,0,0,2,201,1)\r\n"));
}

TEST_F(Ftp, AServiceOnAllPortsKnowsFtpToo) {
    const auto key = service(model::Protocol::Tcp, 0);
    bed().apply({model::AddService{.key = key, .persistence = model::Persistence{}},
                 model::AddServer{key, {endpoint(kServers[0].address, 0)}}});
    login();
    ASSERT_EQ(ISOBAR_FORWARDED, say("PORT 10,0,0,100,195,80\r\n"));
    EXPECT_TRUE(reaches_client(50000));
    (void)say("PASV\r\n");
    EXPECT_EQ(ISOBAR_REPLIED,
              answer(kPasvReply, "227 Entering Passive Mode (10,0,0,2,156,65).\r\n"));
    EXPECT_TRUE(reaches_server(40001, 50001));
}

// Without persistence, whose template would lead there too.
TEST_F(Ftp, AServiceByMarkKnowsFtpToo) {
    const auto key = model::ServiceKey::by_mark(5);
    bed().apply({model::AddService{.key = key, .scheduler = model::Scheduler::Rr},
                 model::AddServer{key, {endpoint(kServers[1].address, 21)}},
                 model::AddServer{key, {endpoint(kServers[0].address, 21)}}});
    mark_ = 5;
    login();
    (void)say("PASV\r\n");
    (void)answer(kPasvReply, "227 Entering Passive Mode (10,0,0,2,156,65).\r\n");

    EXPECT_TRUE(reaches_server(40001, 50000));
}

// ---- persistence; with NAT, for then one sees in the frame who gets it ----

class FtpPersistent : public DatapathOnHook {
protected:
    void serve(bool persistent) {
        const auto key = service(model::Protocol::Tcp, 21);
        std::vector<model::Change> changes{model::AddService{
            .key = key,
            .scheduler = model::Scheduler::Rr,
            .persistence = persistent ? std::optional(model::Persistence{}) : std::nullopt}};
        for (int i = 0; i < 3; ++i) {
            changes.emplace_back(model::AddServer{key, {endpoint(kServers[i].address, 21)}});
        }
        bed().apply(std::move(changes));
    }
    Outcome syn(std::uint16_t client_port, std::uint16_t port, std::uint8_t flags = kSyn) {
        // XDP leaves control connections to tc
        return bed().send(port == 21 ? Hook::Ingress : hook(), Side::Outside,
                          request(client_port, flags, port));
    }
};
ISOBAR_ON_BOTH_HOOKS(FtpPersistent);

TEST_P(FtpPersistent, WhoStaysWithAServerFindsItByAnyHighPort) {
    serve(true);
    const int server = server_of(syn(40000, 21).frame);
    ASSERT_NE(0, server);

    for (const model::Port port : std::initializer_list<model::Port>{20, 1024, 40001, 65535}) {
        SCOPED_TRACE(port);
        const auto outcome = syn(50000, port);
        EXPECT_EQ(ISOBAR_FORWARDED, outcome.verdict);
        EXPECT_EQ(server, server_of(outcome.frame));
        EXPECT_EQ(port, get16(outcome.frame, kL4At + 2));
    }
    EXPECT_EQ(ISOBAR_NO_SERVICE, syn(50000, 1023).verdict);
    EXPECT_EQ(ISOBAR_NO_SERVICE, syn(50000, 80).verdict);
}

// Active mode: the server's SYN does not come this way, only the client's answer does.
TEST_P(FtpPersistent, TheAnswerToAServersOwnConnectionFindsIt) {
    serve(true);
    const int server = server_of(syn(40000, 21).frame);

    const auto outcome = syn(50000, 20, kSyn | kAck);

    EXPECT_EQ(ISOBAR_FORWARDED, outcome.verdict);
    EXPECT_EQ(server, server_of(outcome.frame));
}

TEST_P(FtpPersistent, TheTemplateIsForAllPorts) {
    serve(true);
    (void)syn(40000, 21);

    const auto connections = bed().plane().connections().value();
    for (const auto& listed : connections) {
        if (listed.client.port != 0) continue;
        EXPECT_EQ("10.0.0.2:0", listed.virtual_address.text());
        EXPECT_EQ(0, listed.server.port);
    }
}

TEST_P(FtpPersistent, WithoutPersistenceOtherPortsAreLeftToTheStack) {
    serve(false);
    bed().apply(
        {model::AddService{.key = service(model::Protocol::Tcp, 0),
                           .persistence = model::Persistence{}},
         model::AddServer{service(model::Protocol::Tcp, 0), {endpoint(kServers[0].address, 0)}}});
    (void)syn(40000, 21);

    EXPECT_EQ(ISOBAR_NO_SERVICE, syn(50000, 40001).verdict);
    EXPECT_EQ(ISOBAR_FORWARDED, syn(50000, 80).verdict);
}

// ---- IPv6 ----

class Ftp6 : public WithIpv6<Datapath> {
protected:
    void serve() {
        add_service6({model::Protocol::Tcp, {kVip6, 21}}, {1}, 21);
        (void)send("", kSyn);
        (void)reply("", kSyn | kAck);
        (void)send("", kAck);
    }
    Outcome send(const std::string& words, std::uint8_t flags = kAck | kPsh) {
        return bed().send(
            Hook::Ingress, Side::Outside,
            on_wire({own_mac(Side::Outside), kClient.mac()},
                    packet(Ip6{kClient6, kVip6}, Tcp{kControl, 21, flags, text(words)}), 0x86dd));
    }
    Outcome reply(const std::string& words, std::uint8_t flags = kAck | kPsh) {
        return from_server(
            packet(Ip6{kServers6[0], kClient6}, Tcp{21, kControl, flags, text(words)}));
    }
    Outcome from_server(const Bytes& packet) {
        return bed().send(Hook::Ingress, Side::Inside,
                          on_wire({own_mac(Side::Inside), kServers[0].mac()}, packet, 0x86dd));
    }
};

TEST_F(Ftp6, EprtLetsTheServerReachItsClient) {
    serve();
    std::uint16_t port = 50000;
    for (const char* address : {"2001:db8::100", "2001:DB8::100", "2001:db8:0:0:0:0:0:100",
                                "2001:0db8::0:0100", "2001:db8:0:0:0:0::100"}) {
        SCOPED_TRACE(address);
        EXPECT_EQ(ISOBAR_FORWARDED, send(fmt::format("EPRT |2|{}|{}|\r\n", address, port)).verdict);

        const auto syn = from_server(packet(Ip6{kServers6[0], kClient6}, Tcp{20, port, kSyn}));

        EXPECT_EQ(ISOBAR_REPLIED, syn.verdict);
        ++port;
    }
    for (const char* address :
         {"2001:db8::101", "2001:db8:100", "::", "2001:db8::100::", "2001:db8::0:0:0:0:0:0:100",
          "10.0.0.100", "2001:db8::10000", "2001:db8::100:0"}) {
        SCOPED_TRACE(address);
        (void)send(fmt::format("EPRT |2|{}|{}|\r\n", address, port));
        EXPECT_EQ(6u, bed().connections().size());
    }
}

TEST_F(Ftp6, EpsvLetsTheClientReachItsServer) {
    serve();
    (void)send("EPSV\r\n");
    const auto answer = reply("229 (|2|fd00::100|40001|)\r\n");
    EXPECT_EQ(ISOBAR_REPLIED, answer.verdict);
    EXPECT_EQ(
        "", difference(on_wire({own_mac(Side::Inside), kServers[0].mac()},
                               packet(Ip6{kVip6, kClient6, 63},
                                      Tcp{21, kControl, kAck | kPsh, text("229 (|||40001|)\r\n")}),
                               0x86dd),
                       answer.frame));

    const auto syn =
        bed().send(Hook::Ingress, Side::Outside,
                   on_wire({own_mac(Side::Outside), kClient.mac()},
                           packet(Ip6{kClient6, kVip6}, Tcp{50000, 40001, kSyn}), 0x86dd));
    EXPECT_EQ(ISOBAR_FORWARDED, syn.verdict);
}

}  // namespace
}  // namespace isobar::test
