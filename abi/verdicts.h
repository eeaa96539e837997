/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How the way of a packet through the data plane can end. The entry program alone
 * turns a verdict into a hook action, and counts it under its name.
 */
#pragma once

enum isobar_action {
	ISOBAR_ACTION_PASS,     /* to the stack of this host */
	ISOBAR_ACTION_REDIRECT, /* out of an interface (route stage has told the kernel where) */
	ISOBAR_ACTION_DROP,
};

/* X(NAME, action, "what it means for the packet") */
#define ISOBAR_VERDICT_LIST(X) \
	X(NOT_OURS, PASS, "neither address belongs to a service: left to the stack") \
	X(NO_SERVICE, PASS, "to or from a known address, but no service and no connection") \
	X(NO_CONNECTION, PASS, "TCP without SYN for a service, no connection: the stack answers") \
	X(FRAGMENT, PASS, "came before the first fragment of its datagram and cannot wait: left to the stack") \
	X(FRAGMENT_HELD, DROP, "came before the first fragment of its datagram: a copy waits for it") \
	X(FRAGMENT_RELEASED, DROP, "first fragment, for which others waited: all come in once more, in order") \
	X(FRAGMENT_LOST, DROP, "as FRAGMENT_RELEASED, but the kernel's input queue has no room for all: its datagram is lost") \
	X(TO_TC, PASS, "XDP cannot finish it: tc sees it next") \
	X(FORWARDED, REDIRECT, "client packet, sent to its real server") \
	X(REPLIED, REDIRECT, "packet of a real server, sent to its client") \
	X(ICMP_FORWARDED, REDIRECT, "ICMP error about a reply, sent to the real server") \
	X(ICMP_REPLIED, REDIRECT, "ICMP error about a request, sent to the client") \
	X(ICMP_SCHEDULED, REDIRECT, "ICMP error that has begun a connection (schedule_icmp): comes in once more") \
	X(TO_STACK, PASS, "rewritten; the stack of this host sends it on (it must be fragmented)") \
	X(TO_LOCAL, REDIRECT, "reply for a client on this host, delivered by way of lo") \
	X(TO_SELF, PASS, "client packet for a real server that is this host: its stack answers") \
	X(TO_FRAGMENT, REDIRECT, "in a tunnel, too big for the way: by lo to the stack, which cuts it up") \
	X(NO_SERVER, REDIRECT, "no real server can take the connection: ICMP port unreachable") \
	X(NO_SERVER_QUIET, DROP, "as NO_SERVER, ICMP over its rate limit, or about an ICMP error") \
	X(LOCAL_PORTS, REDIRECT, "fullnat has no free local port for a new connection: ICMP port unreachable") \
	X(LOCAL_PORTS_QUIET, DROP, "as LOCAL_PORTS, ICMP over its rate limit or impossible") \
	X(NO_ROUTE, REDIRECT, "no route to the real server: ICMP host unreachable") \
	X(NO_ROUTE_QUIET, DROP, "as NO_ROUTE, ICMP over its rate limit or impossible") \
	X(TTL_EXPIRED, REDIRECT, "time to live ended here: ICMP time exceeded") \
	X(TTL_EXPIRED_QUIET, DROP, "as TTL_EXPIRED, ICMP over its rate limit or impossible") \
	X(TOO_BIG, REDIRECT, "larger than the way allows, DF set: ICMP fragmentation needed") \
	X(TOO_BIG_QUIET, DROP, "as TOO_BIG, ICMP over its rate limit or impossible") \
	X(FTP_IGNORED, REDIRECT, "FTP: sent on, but its PORT or 227 is not followed: strange address or port, in pieces, or no room") \
	X(FTP_AGAIN, DROP, "FTP: an answer that is to be changed, in a packet too big or too small for it: comes again") \
	X(REPLY_UNKNOWN, REDIRECT, "of a real server of VS/NAT, but of no connection (nat_icmp_send): ICMP port unreachable") \
	X(REPLY_UNKNOWN_QUIET, DROP, "as REPLY_UNKNOWN, ICMP over its rate limit or impossible") \
	X(REPLY_REFUSED, PASS, "reply that cannot go on (TTL, size, route): the stack tells the server") \
	X(FORWARDING_OFF, PASS, "net.ipv4.ip_forward is 0: the stack drops it") \
	X(SERVER_REMOVED, DROP, "its real server was removed; the connection waits for its return") \
	X(TABLE_FULL, DROP, "new connection that needs a record (VS/NAT), and no room in the connection table") \
	X(TEMPLATE_FULL, DROP, "new client of a persistent service, and no room for its template") \
	X(NO_CALL_ID, DROP, "new, for a persistent service with --pe sip, and without a Call-ID") \
	X(LOAD_SHED, DROP, "new connection, and one of those that drop_packet gives up") \
	X(MALFORMED, DROP, "for a service, but its headers contradict themselves") \
	X(EXTENSIONS, DROP, "for a service, IPv6 extension headers cut off or too many") \
	X(BAD_CHECKSUM, DROP, "for a service, wrong IP header checksum") \
	X(INTERNAL, DROP, "a map lookup failed that cannot fail: a bug, please report")

enum isobar_verdict {
#define X(name, action, meaning) ISOBAR_##name,
	ISOBAR_VERDICT_LIST(X)
#undef X
	ISOBAR_VERDICTS,
};
