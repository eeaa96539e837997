// SPDX-License-Identifier: Apache-2.0
// What is wrong with a file is found where it stands, and everything is found.
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "config/load.h"

namespace isobar::config {
namespace {

struct Bad {
    const char* name;
    std::string text;
    unsigned line, column;
    const char* message;
    const char* hint;
};

std::ostream& operator<<(std::ostream& out, const Bad& bad) {
    return out << bad.name;
}

// A service whose fourth line is `line`.
std::string service_with(const std::string& line) {
    return "[[service]]\nname = \"web\"\nlisten = [\"10.0.0.2:80/tcp\"]\n" + line + "\n";
}
// A service with `listen` on its third line.
std::string listening_on(const std::string& listen) {
    return "[[service]]\nname = \"web\"\nlisten = " + listen + "\n";
}
std::string server_with(const std::string& keys) {
    return service_with("servers = [{ " + keys + " }]");
}
// A service whose server, in its fifth line, is checked so.
std::string checked_by(const std::string& keys) {
    return "[[service]]\nname = \"web\"\nlisten = [\"10.0.0.2:80/tcp\"]\ncheck = { " + keys +
           " }\nservers = [{ address = \"10.1.1.1:80\" }]\n";
}
// [director] with `line` as its second line, and a service.
std::string director_with(const std::string& line) {
    return "[director]\n" + line + "\n" + service_with("");
}
std::string masquerade_with(const std::string& from, const std::string& out) {
    return "[[masquerade]]\nfrom = " + from + "\nout = " + out + "\n";
}

const std::vector<Bad> kBad = {
    // the file
    {"Empty", "", 1, 1, "empty configuration: it has no [[service]] and no [[masquerade]]",
     "a file that was cut off must not stop a running director"},
    {"OnlyComments", "# nothing\n\n", 1, 1,
     "empty configuration: it has no [[service]] and no [[masquerade]]", "cut off"},
    {"OnlyDirector", "[director]\nhook = \"tc\"\n", 1, 1,
     "empty configuration: it has no [[service]] and no [[masquerade]]", "cut off"},
    {"EmptyListOfServices", "service = []\n", 1, 1,
     "empty configuration: it has no [[service]] and no [[masquerade]]", "cut off"},
    {"ZeroByte", std::string("[[service]]\nname\0", 17), 2, 5,
     "this is not a text file: a zero byte", "UTF-8"},
    {"NotUtf8", "[[service]]\nname = \"caf\xe9\"\n", 2, 12, "byte 0xe9 is not UTF-8", "UTF-8"},
    {"EscapeCharacter", "[[service]]\nname = \"\x1b[2J\"\n", 2, 9, "control characters", ""},
    {"DeepLists", "a = " + std::string(100000, '['), 1, 21, "nested too deeply", "four levels"},
    {"DeepTables",
     "a = {b = {c = {d = {e = {f = {g = {h = {i = {j = {k = {l = {m = {n = {o = {p = {q = {", 1, 85,
     "nested too deeply", ""},

    // syntax
    {"CurlyQuotesInHeader", "[\u201cdirector\u201d]\n", 1, 2,
     "'\u201c' outside of quotes and comments", "text stands in straight quotes"},
    {"CurlyQuotes", "[[service]]\nname = \u201cweb\u201d\n", 2, 8,
     "'\u201c' outside of quotes and comments", "text stands in straight quotes"},
    {"NonBreakingSpace", "[[service]]\nname\u00a0= \"web\"\n", 2, 5,
     "'\u00a0' outside of quotes and comments", "text stands in straight quotes"},
    {"SeveralLines", "[[service]]\nname = \"\"\"web\n\"\"\"\n", 2, 8,
     "text of several lines is not for this file", "write it as"},
    {"ThreeBrackets", "[[[service]]]\n", 1, 3, "a table header without a name",
     "as in [director] or [[service]]"},
    {"EmptyHeader", "[]\n", 1, 2, "tables with blank bare keys", "a header stands on a line"},
    {"NoQuotes", "[[service]]\nname = web\n", 2, 8, "could not determine value type",
     "text stands in quotes: \"web\""},
    {"OpenQuotes", "[[service]]\nname = \"web\nx = 1\n", 2, 12, "string",
     "is the closing quote missing?"},
    {"OpenHeader", "[[service]\n", 1, 11, "table header: expected ']'", "[[service]]"},
    {"KeyTwice", "[[service]]\nname = \"a\"\nname = \"b\"\n", 3, 8,
     "redefine existing string 'name'", "a key stands once in a table"},
    {"PiranhaSyntax", "virtual lvs {\n active = 1\n}\n", 1, 9, "expected '='",
     "a line is a key and a value"},
    {"NewlineInInlineTable",
     "[[service]]\nservers = [ { address = \"10.0.0.1\",\n weight = 1 } ]\n", 2, 36, "inline table",
     "stands on one line"},

    // keys
    {"UnknownTable", "[[services]]\nname = \"web\"\n", 1, 3, "unknown key 'services'",
     "did you mean 'service'?"},
    {"UnknownKey", service_with("schedular = \"wlc\""), 4, 1,
     "unknown key 'schedular' in [[service]]", "did you mean 'scheduler'?"},
    {"UnknownServerKey", server_with("address = \"10.1.1.1\", wieght = 1"), 4, 36,
     "unknown key 'wieght' in a server", "did you mean 'weight'?"},
    {"UnknownDirectorKey", director_with("vip = \"10.0.0.2\""), 2, 1,
     "unknown key 'vip' in [director]",
     "known here: interfaces, hook, connections, timeouts, conn_reuse_mode, "
     "expire_quiescent_template, expire_nodest_conn, sloppy_tcp, sloppy_sctp, drop_entry, "
     "drop_packet, secure_tcp, am_droprate, amemthresh, pmtu_disc, "
     "nat_icmp_send, schedule_icmp, ftp_ports, lblc_expiration, lblcr_expiration, manage_sysctls, "
     "on_drift, agents"},
    {"AgentsOnAllAddresses", director_with("agents = [\"0.0.0.0:10539\"]"), 2, 11,
     "0.0.0.0 is not the address of a host", "an address that one machine can have"},
    {"AgentsPort", director_with("agents = [\"10.0.0.1:70000\"]"), 2, 11, "'70000' is not a port",
     "a number from 1 to 65535"},
    {"AgentsTwice", director_with("agents = [\"10.0.0.1\", \"10.0.0.1:10539\"]"), 2, 23,
     "10.0.0.1:10539 is listed twice", "first on line 2"},
    {"UnknownTimeout", director_with("timeouts = { tcpfin = \"2s\" }"), 2, 14,
     "unknown key 'tcpfin' in timeouts", "did you mean 'tcp_fin'?"},
    {"UnprintableKey", director_with("\"a\\u001bb\" = 1"), 2, 1,
     "unknown key 'a\\x1bb' in [director]", "known here"},
    {"NoName", "[[service]]\nlisten = [\"10.0.0.2:80/tcp\"]\n", 1, 1, "[[service]] has no 'name'",
     "add: name = \"web\""},
    {"NoListen", "[[service]]\nname = \"web\"\n", 2, 8, "service 'web' has neither listen nor mark",
     "add: listen = [\"10.0.0.2:80/tcp\"]"},
    {"NoServerAddress", server_with("weight = 1"), 4, 12, "a server has no 'address'",
     "add: address = \"192.168.10.100\""},
    {"NoMasqueradeOut", "[[masquerade]]\nfrom = \"10.0.0.0/8\"\n", 1, 1,
     "[[masquerade]] has no 'out'", "add: out = \"eth0\""},
    {"SingleBrackets", "[service]\nname = \"web\"\n", 1, 1,
     "service: expected a list of tables, found a table", "write [[service]]"},
    {"DoubleBrackets", "[[director]]\nhook = \"tc\"\n" + service_with(""), 1, 1,
     "director: expected a table, found a list", "write [director]"},

    // what comes later
    {"LaterInstance", "[[instance]]\nname = \"out\"\nvrrp = { id = 51 }\n" + service_with(""), 1, 3,
     "'instance' comes with a later version of Isobar; remove it for now", ""},
    // health checks
    {"CheckWithoutType", service_with("check = { path = \"/\" }"), 4, 9, "a check has no 'type'",
     "add: type = \"http\""},
    {"CheckOfUnknownType", service_with("check = { type = \"htpp\" }"), 4, 18,
     "type: unknown word 'htpp'", "did you mean 'http'?"},
    {"CheckIsText", service_with("check = \"http\""), 4, 9, "check: expected a table, found text",
     ""},
    {"KeyOfAnotherCheck", service_with("check = { type = \"tcp\", path = \"/\" }"), 4, 25,
     "'path' does not belong to type = \"tcp\"", "it belongs to http, https"},
    {"CheckTooOften", service_with("check = { type = \"tcp\", interval = \"10ms\" }"), 4, 36,
     "interval: 10ms is not within 100ms to 1d", ""},
    {"CheckWithBadRegex", service_with("check = { type = \"http\", body = \"(\" }"), 4, 33,
     "body: '(' is not a regular expression", ""},
    {"CheckWithBadStatus", service_with("check = { type = \"http\", status = [\"399-200\"] }"), 4,
     36, "status: '399-200' is no status code", "100 to 599"},
    {"CheckWithoutStatus", service_with("check = { type = \"http\", status = [] }"), 4, 35,
     "status: the list is empty", ""},
    {"CheckWithTwoExpectations",
     service_with("check = { type = \"talk\", expect = \"a\", expect_regex = \"b\" }"), 4, 55,
     "expect and expect_regex cannot both be", ""},
    {"CheckWithBadHeader",
     service_with("check = { type = \"http\", headers = { \"X Y\" = \"1\" } }"), 4, 38,
     "headers: 'X Y' cannot name a header", ""},
    {"CheckWithLineEndInPath", service_with("check = { type = \"http\", path = \"/\\r\\nX: y\" }"),
     4, 33, "path: '/\\r\\nX: y' has control characters", ""},
    {"CheckWithBadDigest", service_with("check = { type = \"http\", digest = \"abc\" }"), 4, 35,
     "digest: 'abc' is no digest", "32 hexadecimal digits"},
    {"ProgramWithoutCommand", service_with("check = { type = \"program\" }"), 4, 9,
     "a check by a program has no 'command'", "add: command"},
    {"ProgramForAShell", service_with("check = { type = \"program\", command = [\"check\"] }"), 4,
     39, "command: 'check' is not the path of a program", "no shell"},
    {"CheckWithoutPort",
     "[[service]]\nname = \"m\"\nmark = 1\ncheck = { type = \"tcp\" }\n"
     "servers = [{ address = \"10.1.1.1\" }]\n",
     5, 12, "server 10.1.1.1: its check has no port", "add port to the check"},
    {"QuorumBelowItsHysteresis", service_with("quorum_hysteresis = 2"), 4, 21,
     "quorum_hysteresis 2 is not below quorum 1", "never be lost"},
    {"ServerByDrWithAnotherPort", server_with("address = \"10.1.1.1:81\", forward = \"dr\""), 4, 12,
     "server 10.1.1.1:81: with forward = \"dr\" packets keep the port 80", "leave the port out"},
    {"TunnelOfAServerByNat", server_with("address = \"10.1.1.1\", tunnel = \"gre\""), 4, 45,
     "tunnel: this service uses none", "forward = \"tun\""},
    {"LoadByRuptimeOfNobody",
     server_with("address = \"10.1.1.1\" }]\nload = { from = \"ruptime\" }\n#"), 4, 12,
     "server 10.1.1.1 has no host", "ruptime knows hosts by name"},
    {"LoadOfNoCheck", server_with("address = \"10.1.1.1\" }]\nload = { from = \"response\" }\n#"),
     5, 8, "load from response: a server has no check to be measured", "add: check"},
    {"LoadOfAnAgentNowhere", service_with("load = { from = \"agent\" }"), 4, 8,
     "load from an agent has no 'port'", "add: port = 9999"},
    {"LoadOfAnAgentByPiranha",
     service_with("load = { from = \"agent\", port = 9, controller = \"piranha\" }"), 4, 8,
     "controller: piranha goes by a load, an agent gives a weight", "leave controller out"},
    {"LoadWithAKeyOfAnotherSource", service_with("load = { from = \"rup\", header = \"X-Load\" }"),
     4, 24, "'header' does not belong to from = \"rup\"", ""},
    {"LoadFromHeaderAndField",
     service_with("load = { from = \"http\", header = \"X-Load\", field = \"a\" }"), 4, 52,
     "header and field cannot both be", ""},
    {"ServerOfIpv6", server_with("address = \"fd00::1\""), 4, 12,
     "fd00::1 is not of the family of the service", "only a tunnel leads there: forward = \"tun\""},
    {"GroupOfTwoFamilies", listening_on("[\"10.0.0.2:80/tcp\", \"[fd00::2]:80/tcp\"]"), 3, 30,
     "fd00::2 is not of the family of the service", "IPv4 and IPv6 are two services"},
    {"LinkLocal", listening_on("[\"[fe80::1]:80/tcp\"]"), 3, 11,
     "listen: fe80::1 is an address of one link only",
     "one that can be reached through routers, as in fd00::/8 or 2000::/3"},
    {"MulticastIpv6", listening_on("[\"[ff02::1]:80/tcp\"]"), 3, 11,
     "listen: ff02::1 is not the address of a host",
     "an address that one machine can have, no multicast or broadcast"},
    {"PingThroughTheService", checked_by("type = \"ping\", through = \"service\""), 5, 12,
     "server 10.1.1.1: its check by ping does not go through the service", "by tcp, http"},
    {"ProgramThroughTheService",
     checked_by("type = \"program\", command = [\"/bin/true\"], through = \"service\""), 5, 12,
     "server 10.1.1.1: its check by program does not go through the service", "by tcp, http"},
    {"ThroughTheServiceElsewhere",
     checked_by("type = \"tcp\", through = \"service\", address = \"10.1.1.9\""), 5, 12,
     "goes through the service, to its address", "leave address out"},
    {"ThroughAMark",
     "[[service]]\nname = \"m\"\nmark = 1\ncheck = { type = \"tcp\", port = 80, through = "
     "\"service\" "
     "}\nservers = [{ address = \"10.1.1.1\" }]\n",
     5, 12, "server 10.1.1.1: its check by tcp has no virtual address to go through",
     "leave through out"},
    {"ThroughAllPorts",
     "[[service]]\nname = \"m\"\nlisten = [\"10.0.0.2:0/tcp\"]\npersistence = {}\ncheck = { type = "
     "\"tcp\", through = \"service\" }\nservers = [{ address = \"10.1.1.1:80\" }]\n",
     6, 12, "server 10.1.1.1: its check by tcp has no port", "add port to the check"},
    {"ThroughAnotherFamily",
     "[[service]]\nname = \"m\"\nlisten = [\"10.0.0.2:80/tcp\"]\nforward = \"tun\"\ncheck = { type "
     "= \"tcp\", through = \"service\" }\nservers = [{ address = \"fd00::1\" }]\n",
     6, 12, "goes to a virtual address of the other family", "leave through out"},
    {"Ipv6WithoutPort", listening_on("[\"fd00::2/tcp\"]"), 3, 11,
     "listen: 'fd00::2/tcp' has no port", "as in \"[fd00::2]:80/tcp\""},
    {"LaterIpv6Network", masquerade_with("\"fd00::/8\"", "\"eth0\""), 2, 8,
     "from: IPv6 networks come with a later version of Isobar", ""},
    {"PortRangeBackwards", listening_on("[\"10.0.0.2:8100-8000/tcp\"]"), 3, 11,
     "listen: '8100-8000' is not a range of ports",
     "two numbers from 1 to 65535, the smaller first"},
    {"PortRangeTooFar", listening_on("[\"[fd00::2]:8000-65536/tcp\"]"), 3, 11,
     "listen: '8000-65536' is not a range of ports",
     "two numbers from 1 to 65535, the smaller first"},
    {"PortRangeOverAPort",
     listening_on("[\"10.0.0.2:8000-8010/tcp\", \"10.0.0.2:8010/tcp\", \"10.0.0.2:8005/udp\"]"), 3,
     37, "10.0.0.2:8010/tcp has ports of 10.0.0.2:8000-8010/tcp", "first on line 3"},

    // forwarding methods
    {"FullnatWithoutAddresses", service_with("forward = \"fullnat\""), 2, 8,
     "service 'web' has no local_addresses", "fullnat needs some"},
    {"LocalAddressesWithoutFullnat", service_with("local_addresses = [\"192.168.10.254\"]"), 4, 20,
     "local_addresses: this service uses none", "it belongs to forward = \"fullnat\""},
    {"LocalPortsWithoutFullnat", service_with("local_ports = { first = 3000 }"), 4, 15,
     "local_ports: this service uses none", "it belongs to forward = \"fullnat\""},
    {"ClientAddressWithoutFullnat", service_with("client_address = \"toa\""), 4, 18,
     "client_address: this service's servers see it", "it belongs to forward = \"fullnat\""},
    {"LocalAddressTwice",
     service_with("forward = \"fullnat\"\nlocal_addresses = [\"10.0.0.9\", \"10.0.0.9\"]"), 5, 32,
     "10.0.0.9 is listed twice", "first on line 5"},
    {"LocalAddressOfIpv6", service_with("forward = \"fullnat\"\nlocal_addresses = [\"fd00::9\"]"),
     5, 20, "fd00::9 is not of the family of the service",
     "a local address is of the family of the service"},
    {"LocalAddressWithPort",
     service_with("forward = \"fullnat\"\nlocal_addresses = [\"10.0.0.9:1\"]"), 5, 20,
     "local_addresses: '10.0.0.9:1' is not an address", ""},
    {"LocalPortsBackwards",
     service_with("forward = \"fullnat\"\nlocal_addresses = [\"10.0.0.9\"]\n"
                  "local_ports = { first = 3000, last = 2000 }"),
     6, 15, "local_ports: 3000 is above 2000", ""},
    {"FullnatOfSctp",
     listening_on("[\"10.0.0.2:80/sctp\"]") +
         "forward = \"fullnat\"\nlocal_addresses = [\"10.0.0.9\"]\n",
     3, 11, "fullnat is for TCP and UDP, not for SCTP", "give it a service of its own"},
    {"FullnatOfOnePacket",
     listening_on("[\"10.0.0.2:53/udp\"]") +
         "forward = \"fullnat\"\nlocal_addresses = [\"10.0.0.9\"]\none_packet = true\n",
     6, 14, "one_packet: fullnat keeps connections", "without one_packet"},
    {"TunnelWithoutTun", service_with("tunnel = \"gre\""), 4, 10, "tunnel: this service uses none",
     "it belongs to forward = \"tun\""},
    {"PortOfNoGue", service_with("forward = \"tun\"\ntunnel = \"gre\"\ntunnel_port = 6081"), 6, 15,
     "tunnel_port: this service's tunnel has no port", "it belongs to tunnel = \"gue\""},
    {"PortOfNoTunnel", service_with("tunnel_port = 6081"), 4, 15,
     "tunnel_port: this service's tunnel has no port", "it belongs to tunnel = \"gue\""},
    {"TunnelPortZero", service_with("forward = \"tun\"\ntunnel = \"gue\"\ntunnel_port = 0"), 6, 15,
     "tunnel_port: 0 is not within 1 to 65535", ""},
    {"ChecksumOfNoTunnel", service_with("tunnel_checksum = \"full\""), 4, 19,
     "tunnel_checksum: this service uses no tunnel", "it belongs to forward = \"tun\""},
    {"ChecksumOfIpip", service_with("forward = \"tun\"\ntunnel_checksum = \"full\""), 5, 19,
     "tunnel_checksum: ipip has no checksum 'full'", "full: gue, gre; remote: gue"},
    {"RemoteChecksumOfGre",
     service_with("forward = \"tun\"\ntunnel = \"gre\"\ntunnel_checksum = \"remote\""), 6, 19,
     "tunnel_checksum: gre has no checksum 'remote'", "full: gue, gre; remote: gue"},
    {"UnknownTunnel", service_with("forward = \"tun\"\ntunnel = \"vxlan\""), 5, 10,
     "tunnel: unknown word 'vxlan'", "known here: ipip, gue, gre"},
    {"OtherPortByDr",
     service_with("forward = \"dr\"\nservers = [ { address = \"192.168.10.100:8080\" } ]"), 5, 13,
     "server 192.168.10.100:8080: with forward = \"dr\" packets keep the port 80",
     "leave the port out"},
    // persistence, thresholds
    {"AllPortsWithoutPersistence", listening_on("[\"10.0.0.2:0/tcp\"]"), 3, 11,
     "port 0, all ports, needs persistence", "add: persistence = { timeout = \"360s\" }"},
    {"OnePacketOfTcp", service_with("one_packet = true"), 4, 14,
     "one_packet is only for UDP, not for 10.0.0.2:80/tcp",
     "give the others a service of their own"},
    {"EngineOfTcp", service_with("persistence = { engine = \"sip\" }"), 4, 26,
     "engine: sip is only for UDP, not for 10.0.0.2:80/tcp",
     "give the others a service of their own"},
    {"UnknownEngine", service_with("persistence = { engine = \"h323\" }"), 4, 26,
     "engine: unknown word 'h323'", "known here: none, sip"},
    {"PersistenceIsNumber", service_with("persistence = 360"), 4, 15,
     "persistence: expected a table, found a number", "write { timeout = ... }"},
    {"PersistenceTooShort", service_with("persistence = { timeout = \"0s\" }"), 4, 27,
     "timeout: 0s is not within 1s to 31d", ""},
    {"PersistenceMaskTooLong", service_with("persistence = { mask = 33 }"), 4, 24,
     "mask: 33 is not within 0 to 32", ""},
    {"UnknownOfPersistence", service_with("persistence = { netmask = 24 }"), 4, 17,
     "unknown key 'netmask' in persistence", "known here: timeout, mask"},
    {"LowerThresholdAboveUpper",
     server_with("address = \"192.168.10.100\", upper_threshold = 5, lower_threshold = 6"), 4, 12,
     "lower_threshold 6 is above upper_threshold 5", "never get new clients"},
    {"LowerThresholdAlone", server_with("address = \"192.168.10.100\", lower_threshold = 6"), 4, 12,
     "lower_threshold 6 is above upper_threshold 0", ""},

    // services
    {"NameIsNumber", "[[service]]\nname = 5\nlisten = [\"10.0.0.2:80/tcp\"]\n", 2, 8,
     "name: expected text, found a number", "as in \"web\""},
    {"NameWithSpace", "[[service]]\nname = \"my web\"\nlisten = [\"10.0.0.2:80/tcp\"]\n", 2, 8,
     "name: 'my web' cannot name a service", "letters, digits"},
    {"EmptyName", "[[service]]\nname = \"\"\nlisten = [\"10.0.0.2:80/tcp\"]\n", 2, 8,
     "name: '' cannot name a service", ""},
    {"SameName", service_with("") + "[[service]]\nname = \"web\"\nlisten = [\"10.0.0.2:81/tcp\"]\n",
     6, 8, "two services are named 'web'", "first on line 2"},
    {"SameListen",
     service_with("") +
         "[[service]]\nname = \"b\"\nlisten = [\"10.0.0.2:81/tcp\", \"10.0.0.2:80/tcp\"]\n",
     7, 30, "10.0.0.2:80/tcp is listened on twice", "first on line 3"},
    {"SameListenInOneService", listening_on("[\"10.0.0.2:80/tcp\", \"10.0.0.2:80/tcp\"]"), 3, 30,
     "10.0.0.2:80/tcp is listened on twice", "first on line 3"},
    {"ListenIsText", listening_on("\"10.0.0.2:80/tcp\""), 3, 10,
     "listen: expected a list, found text", "put it in brackets: [ ... ]"},
    {"ListenIsEmpty", listening_on("[]"), 3, 10, "listen: the list is empty",
     "as in [\"10.0.0.2:80/tcp\"]"},
    {"ListenOfNumber", listening_on("[80]"), 3, 11, "listen: expected text, found a number", ""},
    {"ListenAndMark", service_with("mark = 1"), 4, 8, "mark: this service has listen addresses",
     "known by the one or the other"},
    {"MarkIsZero", "[[service]]\nname = \"web\"\nmark = 0\n", 3, 8,
     "mark: 0 is not within 1 to 2147483647", ""},
    {"MarkOfAGroup", "[[service]]\nname = \"web\"\nmark = 2147483648\n", 3, 8,
     "mark: 2147483648 is not within", ""},
    {"SameMark", "[[service]]\nname = \"a\"\nmark = 7\n[[service]]\nname = \"b\"\nmark = 7\n", 5, 8,
     "'b' has the mark of another service", "first on line 2"},
    {"NoProtocol", listening_on("[\"10.0.0.2:80\"]"), 3, 11,
     "listen: '10.0.0.2:80' has no protocol", "write \"10.0.0.2:80/tcp\" or \"10.0.0.2:80/udp\""},
    {"UnknownProtocol", listening_on("[\"10.0.0.2:80/tpc\"]"), 3, 11,
     "listen: unknown protocol 'tpc'", "did you mean 'tcp'?"},
    {"NoPort", listening_on("[\"10.0.0.2/tcp\"]"), 3, 11, "listen: '10.0.0.2/tcp' has no port",
     "as in \"10.0.0.2:80/tcp\""},
    {"PortTooLarge", listening_on("[\"10.0.0.2:65536/tcp\"]"), 3, 11,
     "listen: '65536' is not a port", "a number from 1 to 65535"},
    {"PortByName", listening_on("[\"10.0.0.2:http/tcp\"]"), 3, 11, "listen: 'http' is not a port",
     "a number from 1 to 65535"},
    {"ListenByName", listening_on("[\"www.example:80/tcp\"]"), 3, 11,
     "listen: 'www.example' is not an address", "names are not looked up"},
    {"NotAnAddress", listening_on("[\"10.0.0.256:80/tcp\"]"), 3, 11,
     "listen: '10.0.0.256' is not an address", ""},
    {"Multicast", listening_on("[\"224.0.0.1:80/tcp\"]"), 3, 11,
     "listen: 224.0.0.1 is not the address of a host", "no multicast"},
    {"AnyAddress", listening_on("[\"0.0.0.0:80/tcp\"]"), 3, 11,
     "listen: 0.0.0.0 is not the address of a host", ""},
    {"UnknownScheduler", service_with("scheduler = \"wcl\""), 4, 13,
     "scheduler: unknown word 'wcl'", "did you mean 'wlc'?"},
    {"SchedulerIsNumber", service_with("scheduler = 1"), 4, 13,
     "scheduler: expected text, found a number", "rr, wrr, lc, wlc"},
    {"UnknownSchedulerFlag", service_with("scheduler_flags = [\"sh-prt\"]"), 4, 20,
     "scheduler_flags: unknown word 'sh-prt'", "did you mean 'sh-port'?"},
    {"SchedulerFlagsIsText", service_with("scheduler_flags = \"sh-port\""), 4, 19,
     "scheduler_flags: expected a list, found text", "put it in brackets"},
    {"FlagOfAnotherScheduler",
     service_with("scheduler = \"mh\"\nscheduler_flags = [\"mh-port\", \"sh-port\"]"), 5, 31,
     "'sh-port' is a flag of the scheduler sh, not of mh",
     "leave it out, or write scheduler = \"sh\""},
    {"UnknownForward", service_with("forward = \"masq\""), 4, 11, "forward: unknown word 'masq'",
     "known here: nat"},

    // servers
    {"ServersIsTable", service_with("servers = { address = \"192.168.10.100\" }"), 4, 11,
     "servers: expected a list, found a table", "put it in brackets"},
    {"ServerIsText", service_with("servers = [\"192.168.10.100\"]"), 4, 12,
     "servers: expected a table, found text", "write { address = ... }"},
    {"ServerPortZero", server_with("address = \"192.168.10.100:0\""), 4, 24,
     "address: a server has no port 0", "leave it out"},
    {"ServerPortTooLarge", server_with("address = \"192.168.10.100:70000\""), 4, 24,
     "address: '70000' is not a port", ""},
    {"ServerBroadcast", server_with("address = \"255.255.255.255\""), 4, 24,
     "address: 255.255.255.255 is not the address of a host", ""},
    {"NegativeWeight", server_with("address = \"10.1.1.1\", weight = -1"), 4, 45,
     "weight: -1 is not within 0 to 2147483647", ""},
    {"HugeWeight", server_with("address = \"10.1.1.1\", weight = 2147483648"), 4, 45,
     "weight: 2147483648 is not within 0 to 2147483647", ""},
    {"WeightIsText", server_with("address = \"10.1.1.1\", weight = \"3\""), 4, 45,
     "weight: expected a number, found text", "write it without quotes: 3"},
    {"WeightIsFraction", server_with("address = \"10.1.1.1\", weight = 1.5"), 4, 45,
     "weight: expected a number, found a fraction", ""},
    {"SameServer",
     service_with("servers = [\n { address = \"10.1.1.1\" },\n { address = \"10.1.1.1\" }]"), 6, 2,
     "server 10.1.1.1 is listed twice", "first on line 5"},
    {"SameServerWithPort",
     service_with("servers = [\n { address = \"10.1.1.1\" },\n { address = \"10.1.1.1:80\" }]"), 6,
     2, "server 10.1.1.1:80 is listed twice", "first on line 5"},
    {"WeightIsDate", server_with("address = \"10.1.1.1\", weight = 2026-01-01"), 4, 45,
     "weight: expected a number, found a date or time", ""},

    // the director
    {"HookUnknown", director_with("hook = \"xpd\""), 2, 8, "hook: unknown word 'xpd'",
     "did you mean 'xdp'?"},
    {"ConnectionsNoPowerOfTwo", director_with("connections = 100000"), 2, 15,
     "connections: 100000 is not a power of two within 1024 to 16777216", "the nearest is 131072"},
    {"ConnectionsTooFew", director_with("connections = 512"), 2, 15,
     "connections: 512 is not a power of two within 1024 to 16777216", "the nearest is 1024"},
    {"ConnectionsTooMany", director_with("connections = 9223372036854775807"), 2, 15,
     "connections: 9223372036854775807 is not", "the nearest is 16777216"},
    {"ConnectionsIsText", director_with("connections = \"4096\""), 2, 15,
     "connections: expected a number, found text", "write it without quotes: 4096"},
    {"TimeoutWithoutUnit", director_with("timeouts = { tcp = 900 }"), 2, 20,
     "tcp: expected a duration, found a number", "write \"900s\""},
    {"TimeoutWithUnknownUnit", director_with("timeouts = { tcp = \"5y\" }"), 2, 20,
     "tcp: '5y' is not a duration", "a whole number and s, m, h or d"},
    {"TimeoutEmpty", director_with("timeouts = { tcp = \"\" }"), 2, 20, "tcp: '' is not a duration",
     ""},
    {"TimeoutFraction", director_with("timeouts = { tcp = \"1.5h\" }"), 2, 20,
     "tcp: '1.5h' is not a duration", ""},
    {"TimeoutZero", director_with("timeouts = { udp = \"0s\" }"), 2, 20,
     "udp: 0s is not within 1s to 31d", ""},
    {"TimeoutTooLong", director_with("timeouts = { udp = \"745h\" }"), 2, 20,
     "udp: 745h is not within 1s to 31d", ""},
    {"TimeoutOverflow", director_with("timeouts = { udp = \"99999999999999999999h\" }"), 2, 20,
     "udp: '99999999999999999999h' is not a duration", ""},
    {"SysctlsIsNumber", director_with("manage_sysctls = 1"), 2, 18,
     "manage_sysctls: expected true or false, found a number", ""},
    {"LongInterface", director_with("interfaces = [\"abcdefghijklmnop\"]"), 2, 15,
     "interfaces: 'abcdefghijklmnop' is too long for an interface: 16 characters, at most 15",
     "`ip link`"},
    {"InterfaceWithSlash", director_with("interfaces = [\"eth/0\"]"), 2, 15,
     "interfaces: 'eth/0' cannot name an interface", ""},
    {"EmptyInterface", director_with("interfaces = [{ name = \"\" }]"), 2, 24,
     "name: '' cannot name an interface", ""},
    {"InterfaceTableWithoutName", director_with("interfaces = [{ hook = \"tc\" }]"), 2, 15,
     "an interface has no 'name'", "add: name = \"eth0\""},
    {"InterfaceTwice", director_with("interfaces = [\"eth0\", { name = \"eth0\" }]"), 2, 23,
     "interface eth0 is listed twice", "first on line 2"},

    // masquerade
    {"HostBits", masquerade_with("\"192.168.10.1/24\"", "\"eth0\""), 2, 8,
     "from: '192.168.10.1/24' is not a network", "did you mean \"192.168.10.0/24\"?"},
    {"NoPrefix", masquerade_with("\"192.168.10.1\"", "\"eth0\""), 2, 8,
     "from: '192.168.10.1' is not a network", "for this one host: \"192.168.10.1/32\""},
    {"PrefixTooLong", masquerade_with("\"192.168.10.0/33\"", "\"eth0\""), 2, 8,
     "from: '192.168.10.0/33' is not a network", "a number from 0 to 32"},
    {"NetworkByName", masquerade_with("\"inside\"", "\"eth0\""), 2, 8,
     "from: 'inside' is not a network", "as in \"192.168.10.0/24\""},
    {"MasqueradeLongInterface", masquerade_with("\"10.0.0.0/8\"", "\"abcdefghijklmnop\""), 3, 7,
     "out: 'abcdefghijklmnop' is too long", ""},
    {"MasqueradeTwice",
     masquerade_with("\"10.0.0.0/8\"", "\"eth0\"") + masquerade_with("\"10.0.0.0/8\"", "\"eth0\""),
     4, 1, "10.0.0.0/8 is masqueraded to eth0 twice", "first on line 1"},
};

class BadInput : public testing::TestWithParam<Bad> {};

TEST_P(BadInput, IsRefusedWithOneErrorAtItsPlace) {
    const Bad& bad = GetParam();

    const Loaded loaded = parse(bad.text, "bad.toml");

    EXPECT_FALSE(loaded.config);
    std::string all;
    for (const Diagnostic& error : loaded.errors) all += error.text() + "\n";
    ASSERT_EQ(loaded.errors.size(), 1U) << all;
    const Diagnostic& error = loaded.errors[0];
    EXPECT_EQ(error.line, bad.line) << all;
    EXPECT_EQ(error.column, bad.column) << all;
    EXPECT_NE(error.message.find(bad.message), std::string::npos) << all;
    EXPECT_NE(error.hint.find(bad.hint), std::string::npos) << all;
    if (*bad.hint == '\0') return;
    EXPECT_FALSE(error.hint.empty()) << all;
}

INSTANTIATE_TEST_SUITE_P(All, BadInput, testing::ValuesIn(kBad),
                         [](const auto& param_info) { return param_info.param.name; });

TEST(Errors, AreAllReportedInTheOrderOfTheFile) {
    const Loaded loaded = parse(R"([director]
connections = 1000
hok = "tc"

[[service]]
listen = ["10.0.0.2:80"]
servers = [
    { address = "10.1.1.1", weight = -1 },
    { addres = "10.1.1.2" },
    { address = "10.1.1.1" },
]

[[service]]
name = "b"
listen = ["10.0.0.300:80/tcp", "10.0.0.2:81/icmp"]
load = { from = "nowhere" }
)",
                                "f");

    std::vector<std::pair<unsigned, unsigned>> places;
    for (const Diagnostic& error : loaded.errors) places.emplace_back(error.line, error.column);
    const std::vector<std::pair<unsigned, unsigned>> expected = {
        {2, 15},   // not a power of two
        {3, 1},    // unknown key
        {5, 1},    // no name
        {6, 11},   // no protocol
        {8, 38},   // negative weight
        {9, 5},    // no address
        {9, 7},    // unknown key
        {10, 5},   // listed twice
        {15, 11},  // not an address
        {15, 32},  // not a protocol
        {16, 17},  // not a source
    };
    EXPECT_EQ(places, expected);
}

TEST(Errors, OfAFileOfNoiseComeToAnEnd) {
    std::string noise;
    for (unsigned i = 0; noise.size() < 1000000; ++i) noise += "k" + std::to_string(i) + "=1\n";

    const Loaded loaded = parse(noise, "f");

    EXPECT_FALSE(loaded.config);
    EXPECT_EQ(loaded.errors.size(), 1000U);
    EXPECT_EQ(loaded.errors.back().message,
              "there are more than 999 errors; this is the last one shown");
}

TEST(Depth, OfDottedKeysDoesNotEndTheProcess) {
    std::string key = "a";
    for (unsigned i = 0; i < 300000; ++i) key += ".a";

    for (const std::string& text : {key + " = 1", "[" + key + "]", "x = { " + key + " = 1 }"}) {
        const Loaded loaded = parse(text, "f");

        ASSERT_EQ(loaded.errors.size(), 1U);
        EXPECT_EQ(loaded.errors[0].message, "nested too deeply");
    }
}

TEST(Size, AThousandServicesWithTenServersEachAreRead) {
    std::string text;
    for (unsigned i = 0; i < 1000; ++i) {
        text += "[[service]]\nname = \"service-" + std::to_string(i) +
                "\"\nlisten = [\"10.0.0.2:" + std::to_string(10000 + i) + "/tcp\"]\nservers = [\n";
        for (unsigned j = 0; j < 10; ++j) {
            text +=
                "    { address = \"192.168.10." + std::to_string(100 + j) + "\", weight = 1 },\n";
        }
        text += "]\n\n";
    }

    const Loaded loaded = parse(text, "f");

    ASSERT_TRUE(loaded.config);
    EXPECT_EQ(loaded.config->services.size(), 1000U);
    EXPECT_EQ(loaded.config->services[999].servers.size(), 10U);
}

}  // namespace
}  // namespace isobar::config
