// SPDX-License-Identifier: Apache-2.0
#include "ipvsadm/help.h"

namespace isobar::ipvsadm {

// The line of the program whose place this one takes, to the letter: configuration tools
// read the version from it to learn which options there are.
std::string_view version_text() {
    return "ipvsadm v1.31 2019/12/24 (compiled with popt and IPVS v1.2.1)\n";
}

std::string_view help_text() {
    return R"(isobar-ipvsadm: the command lines of ipvsadm 1.31 for the data plane of Isobar

  ipvsadm -A|-E SERVICE [-s SCHEDULER] [-b FLAGS]    add, change a virtual service
  ipvsadm -D SERVICE                                 remove it with its real servers
  ipvsadm -a|-e SERVICE -r SERVER -m [-w WEIGHT]     add, change a real server of it
  ipvsadm -d SERVICE -r SERVER                       remove a real server
  ipvsadm -L|-l [SERVICE] [LISTING]                  list; also without any argument
  ipvsadm -Z [SERVICE]                               set the counters to zero
  ipvsadm -C                                         remove everything
  ipvsadm -S [-n]                                    print the rules that make all this anew
  ipvsadm -R                                         read such rules from standard input
  ipvsadm --set TCP TCPFIN UDP                       timeouts in seconds; 0 keeps the old one
  ipvsadm --set-switch NAME=VALUE...                 what net.ipv4.vs.NAME is for IPVS
  ipvsadm --switches                                 print them all
  ipvsadm -h                                         this text
  ipvsadm -v                                         the version

SERVICE
  -t, --tcp-service HOST:PORT
  -u, --udp-service HOST:PORT
      --sctp-service HOST:PORT

Of services
  -s, --scheduler NAME      rr, wrr, lc, wlc, sed, nq, fo, ovf, dh, sh, mh, twos, lblc, lblcr, lrt
                            (default wlc)
  -o, --ops                 schedule each packet of UDP anew
  -b, --sched-flags FLAGS   sh-port, sh-fallback, mh-port, mh-fallback, flag-1 to flag-3
  -p, --persistent [SECONDS]   clients stay with their server (default 360)
      --local-address ADDRESS,...   of this host, for --fullnat
      --local-ports FIRST-LAST      of these (default 1025-65535)
      --client-address WAY  how servers learn it: none, toa or proxy (default none)
  -M, --netmask MASK        with it, clients of one network together
      --pe sip              with it, each call of SIP is a client

Of real servers
  -r, --real-server HOST[:PORT]   default port: that of the service
  -g, --gatewaying          by its MAC address (VS/DR; the default)
  -i, --ipip                in a tunnel (VS/TUN)
  -m, --masquerading        rewrite addresses (VS/NAT)
      --fullnat             rewrite both ends: the server answers a local address
      --tun-type TYPE       ipip, gue or gre (default ipip)
      --tun-port PORT       UDP port of gue
      --tun-nocsum          no checksum over the tunnel, as without
      --tun-csum            a checksum over the tunnel (gue, gre)
      --tun-remcsum         the same, for receivers of remote checksums (gue)
  -w, --weight NUMBER       share of new connections; 0: none (default 1)
  -x, --u-threshold NUMBER  connections from which on it gets no new clients; 0: no limit
  -y, --l-threshold NUMBER  and below which it does again

LISTING
  -c, --connection          connections in place of services
      --timeout             timeouts in place of services
      --daemon              synchronisation daemons in place of services
      --stats               what was counted
      --rate                the same per second
      --thresholds          overload thresholds
      --persistent-conn     persistent connections
      --tun-info            tunnels
  -n, --numeric             addresses and ports as numbers
  -X, --exact               large numbers in full, not as 100000K
      --nosort              in the order of the kernel, newest first

Long names of the commands: --add-service, --edit-service, --delete-service, --add-server,
--edit-server, --delete-server, --list, --zero, --clear, --save, --restore, --help, --version.

Understood, but refused until a later version of Isobar: --start-daemon.
)";
}

}  // namespace isobar::ipvsadm
