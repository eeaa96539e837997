// SPDX-License-Identifier: Apache-2.0
#include "config/schema.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>
#include <vector>

#include "config/address_kind.h"
#include "config/health_check.h"
#include "config/load_feedback.h"
#include "config/notify.h"

namespace isobar::config {
namespace {

using model::HookChoice;
using model::Timeouts;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

// What the data plane can be made with.
constexpr std::uint32_t kFewestConnections = 1U << 10U;
constexpr std::uint32_t kMostConnections = 1U << 24U;
constexpr std::uint32_t kMostThreshold = 2147483647;  // as ipvsadm accepts it
constexpr seconds kLongestTimeout = hours(31 * 24);   // as the data plane keeps them

// Fields of a T, or of what a T begins with.
template <typename T, typename Base>
void append(std::vector<Field<T>>& fields, std::vector<Field<Base>> more) {
    for (Field<Base>& field : more) fields.push_back({std::move(field.doc), std::move(field.read)});
}

Kind<HookChoice> hook() {
    return choice<HookChoice>({{"auto", "xdp", "tc"}, {}},
                              {HookChoice::Auto, HookChoice::Xdp, HookChoice::Tc});
}

Kind<model::Scheduler> scheduler() {
    Words words;
    std::vector<model::Scheduler> values;
    for (const std::string_view name : model::scheduler_names()) {
        const auto scheduler = model::scheduler_named(name);
        if (!scheduler) continue;
        words.now.emplace_back(name);
        values.push_back(*scheduler);
    }
    return choice<model::Scheduler>(words, values);
}

Kind<const model::SchedulerFlag*> scheduler_flag() {
    Words words;
    std::vector<const model::SchedulerFlag*> values;
    for (const auto& flag : model::all_scheduler_flags()) {
        words.now.emplace_back(flag.name);
        values.push_back(&flag);
    }
    return choice<const model::SchedulerFlag*>(words, values);
}

Kind<model::ForwardingMethod> forward() {
    using enum model::ForwardingMethod;
    return choice<model::ForwardingMethod>({{"nat", "dr", "tun", "fullnat"}, {}},
                                           {Nat, Dr, Tun, FullNat});
}

Kind<model::ClientAddress> client_address() {
    using enum model::ClientAddress;
    return choice<model::ClientAddress>({{"none", "toa", "proxy"}, {}}, {None, Toa, Proxy});
}

Kind<model::PersistenceEngine> engine() {
    using enum model::PersistenceEngine;
    return choice<model::PersistenceEngine>({{"none", "sip"}, {}}, {None, Sip});
}

Kind<PortsDraft> local_ports() {
    using P = PortsDraft;
    return table_of<P>("local_ports",
                       {optional("first", &P::first, number(1024, 65535, ""), "The first port."),
                        optional("last", &P::last, number(1024, 65535, ""), "The last one.")});
}

Kind<model::Encapsulation> encapsulation() {
    using enum model::Encapsulation;
    return choice<model::Encapsulation>({{"ipip", "gue", "gre"}, {}}, {Ipip, Gue, Gre});
}

Kind<model::TunnelChecksum> tunnel_checksum() {
    using enum model::TunnelChecksum;
    return choice<model::TunnelChecksum>({{"none", "full", "remote"}, {}}, {None, Full, Remote});
}

// "eth0", or { name = "eth0", hook = "tc" }
Kind<InterfaceDraft> interface() {
    auto kind = table_of<InterfaceDraft>(
        "an interface",
        {required("name", &InterfaceDraft::name, interface_name(), "Name of the interface.",
                  "\"eth0\""),
         optional("hook", &InterfaceDraft::hook, hook(),
                  "Where packets of this interface are caught.", "that of [director]")});
    kind.type = "text or table";
    kind.read = [name = interface_name().read, table = kind.read](
                    const Value& value, Reading& reading) -> std::optional<InterfaceDraft> {
        if (value.as<Table>() != nullptr) return table(value, reading);
        auto got = name(value, reading);
        if (!got) return std::nullopt;
        return InterfaceDraft{std::move(*got), std::nullopt};
    };
    return kind;
}

Kind<Timeouts> timeouts() {
    const auto timeout = duration(seconds(1), kLongestTimeout);
    return table_of<Timeouts>(
        "timeouts", {optional("tcp", &Timeouts::tcp, timeout,
                              "How long an established TCP connection without packets is kept."),
                     optional("tcp_fin", &Timeouts::tcp_fin, timeout,
                              "How long a TCP connection is kept after its first FIN."),
                     optional("udp", &Timeouts::udp, timeout,
                              "How long a UDP connection without packets is kept.")});
}

Kind<PersistenceDraft> persistence() {
    using P = PersistenceDraft;
    return table_of<P>(
        "persistence",
        {optional("timeout", &P::timeout, duration(seconds(1), model::kMaxPersistence),
                  "How long after its last new connection a client stays with its server; as long "
                  "as it has connections, it stays."),
         optional(
             "mask", &P::mask, located(number(0, 128, "bits")),
             "Length of the prefix that makes addresses one client: 24 is a network of 256, 64 "
             "that of an IPv6 link.",
             "the whole address"),
         optional(
             "engine", &P::engine, located(engine()),
             "sip, for UDP only: each call, by the Call-ID of SIP, is a client of its own; with "
             "mask = 0 wherever it comes from. What has none is dropped.",
             "\"none\"")});
}

// One of IPVS's: true or false, or a number.
Field<DirectorDraft> switch_field(const char* name, std::string sentence) {
    const model::SwitchSpec& spec = *model::switch_named(name);
    const auto describe = [&](const auto& kind, const auto& initial) {
        Field<DirectorDraft> field;
        field.doc.key = name;
        field.doc.type = kind.type;
        field.doc.range = kind.range;
        field.doc.sentence = std::move(sentence);
        field.doc.default_value = kind.show(initial);
        field.read = [which = spec.value, read = kind.read](const Value& value, Reading& reading,
                                                            DirectorDraft& into) {
            if (const auto got = read(value, reading))
                into.switches.*which = static_cast<std::uint16_t>(*got);
        };
        return field;
    };
    const std::uint16_t initial = DirectorDraft{}.switches.*spec.value;
    return spec.most == 1 ? describe(boolean(), initial != 0)
                          : describe(number(0, spec.most, ""), std::uint32_t{initial});
}

// The sysctls of these names.
std::vector<Field<DirectorDraft>> switches() {
    return {
        switch_field("conn_reuse_mode",
                     "What a SYN begins a new connection in place of: 0: none; 1: one in TIME_WAIT "
                     "or CLOSE; 2, 3: with dr and tun also one in FIN_WAIT. Not for persistent "
                     "clients."),
        switch_field("expire_quiescent_template",
                     "Whether a client of a persistent service leaves its server when that is "
                     "quiesced (weight 0). If not, it still makes new connections to it."),
        switch_field("expire_nodest_conn",
                     "Whether a connection to a removed server ends with its next packet, and one "
                     "to a quiesced server with the next SYN. If not, packets for a removed server "
                     "are lost until it returns."),
        switch_field("sloppy_tcp",
                     "Whether a connection may begin with any packet of TCP but a reset, as after "
                     "a failover. If not, with a SYN."),
        switch_field("sloppy_sctp", "The same for SCTP. If not, with an INIT."),
        switch_field("drop_entry",
                     "Ends half-open connections, and templates that nobody uses and whose server "
                     "never answered, in 1/32 of the table each second. 0: never; 1, 2: while the "
                     "table is fuller than amemthresh; 3: always."),
        switch_field("drop_packet",
                     "Drops new connections. 0: never; 1, 2: while the table is fuller than "
                     "amemthresh, the more the fuller it is, up to every other one; 3: one of "
                     "am_droprate."),
        switch_field("secure_tcp",
                     "Whether a TCP connection counts as established only when its server has "
                     "acknowledged it (nat). 0: never; 1, 2: while the table is fuller than "
                     "amemthresh; 3: always."),
        switch_field("am_droprate", "With drop_packet = 3: one of so many is dropped; 0: none."),
        switch_field("amemthresh",
                     "How many per cent of the connection table's records are in use when the "
                     "modes 1 and 2 begin to act. With IPVS it is pages of free memory."),
        switch_field("pmtu_disc",
                     "Whether a packet that must not be cut up, and is too big for its tunnel, is "
                     "refused with the size that fits. If not, it is cut up in its tunnel."),
        switch_field("nat_icmp_send",
                     "Whether a real server by nat that sends what belongs to no connection, as "
                     "after a failover, is told so (ICMP port unreachable). If not, that goes on "
                     "as it is."),
        switch_field("schedule_icmp",
                     "Whether an ICMP error about a service's packet that belongs to no connection "
                     "goes to a real server, chosen as for a new connection. If not, it is left "
                     "to the stack.")};
}

Kind<DirectorDraft> director() {
    using D = DirectorDraft;
    std::vector<Field<D>> fields;
    const auto add = [&](std::vector<Field<D>> more) { append(fields, std::move(more)); };
    add({optional("interfaces", &D::interfaces, list_of(located(interface())),
                  "Interfaces whose packets are balanced: those towards the clients and those "
                  "towards the real servers.",
                  "all interfaces"),
         optional("hook", &D::hook, hook(),
                  "Where packets are caught: xdp is faster and needs a driver that supports it, tc "
                  "works everywhere, auto takes xdp where it is a gain."),
         optional(
             "connections", &D::connections,
             power_of_two(kFewestConnections, kMostConnections, "connections"),
             "Connections that surely find room at a time. The table begins with room for 65536, "
             "and grows to this when it fills; it never becomes smaller."),
         optional("timeouts", &D::timeouts, timeouts(),
                  "When connections without packets are forgotten.")});
    add(switches());
    add({optional("ftp_ports", &D::ftp_ports, located(list_of(number(1, 65535, ""))),
                  "Ports on which FTP is spoken, at most 8: the data connections of FTP clients, "
                  "which commands there announce, get through NAT. Empty: FTP is like any other "
                  "protocol.",
                  "[21]"),
         optional(
             "lblc_expiration", &D::lblc_expiration, duration(seconds(1), kLongestTimeout),
             "How long the scheduler lblc remembers the server of a destination to which there "
             "are no new connections."),
         optional("lblcr_expiration", &D::lblcr_expiration, duration(seconds(1), kLongestTimeout),
                  "The same of lblcr; and how long a destination's servers stay the same before "
                  "the one with the most load leaves them."),
         optional("manage_sysctls", &D::manage_sysctls, boolean(),
                  "Whether the director sets ip_forward, rp_filter and accept_local as it needs "
                  "them, and puts them back at the end."),
         optional("on_drift", &D::on_drift,
                  choice<model::OnDrift>({{"repair", "report"}, {}},
                                         {model::OnDrift::Repair, model::OnDrift::Report}),
                  "What becomes of services and servers of the configuration, timeouts and "
                  "switches that "
                  "are changed by hand (isobar-ipvsadm): put back within a second, or reported and "
                  "left until there is news of them."),
         optional("agents", &D::agents, list_of(located(agent_address())),
                  "Where isobar-agent asks what comes to its host and how, port 10539 if none is "
                  "given. The address may come and go, as one that moves to a backup.",
                  "none")});
    return table_of<D>("[director]", std::move(fields));
}

Kind<model::OnFailure> on_failure() {
    using enum model::OnFailure;
    return choice<model::OnFailure>({{"remove", "quiesce"}, {}}, {Remove, Quiesce});
}

// Of a service; of a server the defaults are the service's.
std::vector<Field<ForwardDraft>> forward_fields(const std::string& theirs) {
    using F = ForwardDraft;
    const auto default_is = [&](const char* text) { return theirs.empty() ? text : theirs; };
    return {optional("forward", &F::forward, located(forward()),
                     "How packets reach the real servers: by MAC address (dr), in a tunnel (tun), "
                     "rewritten (nat; replies come back by the director), or rewritten at both "
                     "ends (fullnat; and need no route for that).",
                     default_is("\"nat\"")),
            optional("tunnel", &F::tunnel, located(encapsulation()),
                     "With forward = \"tun\": what packets are wrapped in, IP in IP, GUE or GRE.",
                     default_is("\"ipip\"")),
            optional("tunnel_port", &F::tunnel_port, located(number(1, 65535, "")),
                     "With tunnel = \"gue\": the UDP port that the servers expect it at.",
                     default_is("6080")),
            optional("tunnel_checksum", &F::tunnel_checksum, located(tunnel_checksum()),
                     "With tunnel = \"gue\" or \"gre\": a checksum over the packet in its "
                     "tunnel. remote is ipvsadm's --tun-remcsum, for gue; isobar-ipvsadm(8) says "
                     "what it does.",
                     default_is("\"none\""))};
}

const std::string kAsService = "that of the service";

Kind<ServerDraft> server() {
    using S = ServerDraft;
    std::vector<Field<S>> fields{
        required("address", &S::address, server_address(),
                 "Address of the real server; its port is that of the service if none is given.",
                 "\"192.168.10.100\""),
        optional("weight", &S::weight, number(0, model::kMaxWeight, ""),
                 "Its share compared with the other servers. 0: no new connections, those it has "
                 "go on."),
        optional("upper_threshold", &S::upper_threshold, number(0, kMostThreshold, "connections"),
                 "With so many connections, active and inactive, it gets no new clients. 0: no "
                 "limit."),
        optional("lower_threshold", &S::lower_threshold, number(0, kMostThreshold, "connections"),
                 "Below so many it gets new clients again. 0: below three quarters of "
                 "upper_threshold."),
        optional("enabled", &S::enabled, boolean(), "If not, it gets nothing and is not checked."),
        optional("host", &S::host, one_line("a name"),
                 "What it is called where its load is asked for by a command: ruptime knows no "
                 "addresses.",
                 "its address")};
    append(fields, forward_fields(kAsService));
    auto checks = health_checks();
    checks.keys.clear();  // the same as the service's
    fields.push_back(optional("check", &S::checks, checks,
                              "As the service's check, for this server alone. []: none.",
                              kAsService));
    fields.push_back(optional("on_failure", &S::on_failure, on_failure(),
                              "What becomes of it when a check has failed.", kAsService));
    fields.push_back(optional("notify", &S::notify, server_notify(),
                              "Programs that are told when it comes and goes. {}: none.",
                              kAsService));
    return table_of<S>("a server", std::move(fields));
}

// Where clients go who find no server.
Kind<ServerDraft> sorry_server() {
    using S = ServerDraft;
    std::vector<Field<S>> fields{required(
        "address", &S::address, server_address(),
        "Its address; its port is that of the service if none is given.", "\"192.168.10.109\"")};
    append(fields, forward_fields(kAsService));
    return table_of<S>("the sorry server", std::move(fields));
}

std::vector<Field<ServiceDraft>> health_fields() {
    using S = ServiceDraft;
    const auto weight = number(0, model::kMaxWeight, "weight");
    return {
        optional("check", &S::checks, health_checks(),
                 "How a server is asked whether it is fit. All checks of a list must be good. "
                 "Equal checks of one server are made once, however many services have them.",
                 "none: servers are taken for good"),
        optional("on_failure", &S::on_failure, on_failure(),
                 "What becomes of a server whose check has failed: it leaves the service (remove), "
                 "or gets no new connections (quiesce)."),
        optional("quorum", &S::quorum, number(1, model::kMaxWeight, "weight"),
                 "So much weight must be up. With less, the sorry server serves alone, if there is "
                 "one."),
        optional("quorum_hysteresis", &S::quorum_hysteresis, located(weight),
                 "So much more than quorum makes it, so much less loses it."),
        optional("sorry", &S::sorry, located(sorry_server()),
                 "Serves while there is no quorum. Nobody checks it.", "none"),
        optional("slow_start", &S::slow_start, fine_duration(milliseconds(0), hours(24)),
                 "A server that comes in begins with 1/32 of its weight and has all of it after "
                 "this.")};
}

// Who serves, and who stays with whom.
std::vector<Field<ServiceDraft>> server_fields() {
    using S = ServiceDraft;
    return {
        optional("servers", &S::servers, list_of(located(server())),
                 "The real servers. A service may have none for a while: its clients are refused.",
                 "none"),
        optional("persistence", &S::persistence, persistence(),
                 "A client stays with the server of its first connection. Needed by a service on "
                 "port 0, all ports.",
                 "none"),
        optional("one_packet", &S::one_packet, located(boolean()),
                 "Only UDP: every datagram gets a server anew and no connection stays. Replies of "
                 "servers behind nat are not translated then, as with IPVS.",
                 "false"),
        optional("local_addresses", &S::local_addresses, list_of(located(host_address())),
                 "With forward = \"fullnat\": addresses of the director, at most 64, that servers "
                 "see instead of clients. Each has room for one connection per port and server. "
                 "Better not those it speaks from itself.",
                 "none"),
        optional("local_ports", &S::local_ports, located(local_ports()),
                 "With forward = \"fullnat\": the ports of local_addresses that are used.",
                 "1025 to 65535"),
        optional("client_address", &S::client_address, located(client_address()),
                 "With forward = \"fullnat\", TCP: how servers learn the client's address: by the "
                 "TCP option 254 (toa), by a PROXY protocol header, version 2, in front of the "
                 "data (proxy), or not at all.",
                 "\"none\"")};
}

Kind<ServiceDraft> service() {
    using S = ServiceDraft;
    std::vector<Field<S>> fields{
        required("name", &S::name, located(service_name()),
                 "What commands and metrics call the service; no other has this name.", "\"web\""),
        optional("listen", &S::listen,
                 not_empty(list_of(located(listen_address())), "as in [\"10.0.0.2:80/tcp\"]"),
                 "The virtual addresses that clients connect to. Several are one service: with "
                 "persistence, a client has one server for all of them. ipvsadm shows such a "
                 "service by a mark of its own.",
                 "none"),
        optional("mark", &S::mark, located(number(1, model::kFirstGroupMark - 1, "")),
                 "Instead of listen: the firewall mark of the packets, which the host's nft or "
                 "iptables sets in PREROUTING, or a tc filter.",
                 "none"),
        optional("scheduler", &S::scheduler, scheduler(),
                 "How the server of a new connection is chosen: as IPVS does, or (lrt) by response "
                 "time. isobar-ipvsadm(8) has a word on each."),
        optional("scheduler_flags", &S::scheduler_flags, list_of(located(scheduler_flag())),
                 "sh-port, mh-port: the client's port counts, too. sh-fallback, mh-fallback: if "
                 "the client's server is quiesced, another one takes the connection. flag-1 to "
                 "flag-3: the same by number.",
                 "none"),
        optional("enabled", &S::enabled, boolean(), "If not, there is no such service.")};
    append(fields, forward_fields(""));
    append(fields, server_fields());
    append(fields, health_fields());
    fields.push_back(optional("load", &S::load, located(load_feedback()),
                              "Weights follow the load of the servers. With the controller damped, "
                              "they are 100 times the configured ones in the data plane. A weight "
                              "given by hand wins.",
                              "none"));
    fields.push_back(optional("notify", &S::notify, service_notify(),
                              "Programs that are told when servers come and go, and when the "
                              "quorum does: one at a time of each, and the last word counts.",
                              "none"));
    return table_of<S>("[[service]]", std::move(fields));
}

Kind<model::MasqueradeConfig> masquerade() {
    using M = model::MasqueradeConfig;
    return table_of<M>("[[masquerade]]",
                       {required("from", &M::from, network(),
                                 "The inside network that reaches out through the director.",
                                 "\"192.168.10.0/24\""),
                        required("out", &M::out, interface_name(),
                                 "The interface whose address it has outside.", "\"eth0\"")});
}

}  // namespace

const std::vector<Field<FileDraft>>& file_fields() {
    using F = FileDraft;
    static const std::vector<Field<F>> fields = {
        optional("director", &F::director, director(), "The load balancer as a whole."),
        optional("service", &F::services, tables_of("service", service()),
                 "A virtual service: the same servers behind one or more addresses."),
        optional("masquerade", &F::masquerades, tables_of("masquerade", located(masquerade())),
                 "An inside network whose hosts reach the outside with the director's address."),
        later<F>("instance", "Addresses that move from a failed director to its backup."),
    };
    return fields;
}

}  // namespace isobar::config
