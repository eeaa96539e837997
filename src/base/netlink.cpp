// SPDX-License-Identifier: Apache-2.0
#include "base/netlink.h"

#include <libmnl/libmnl.h>

#include <array>
#include <cerrno>
#include <ctime>
#include <memory>

namespace isobar {
namespace {

struct CloseSocket {
    void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
};
using Socket = std::unique_ptr<mnl_socket, CloseSocket>;

}  // namespace

int ask_netlink(nlmsghdr* request, NetlinkCallback callback, void* data) {
    const Socket socket{mnl_socket_open(NETLINK_ROUTE)};
    if (!socket || mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0) return errno;
    const auto sequence = static_cast<unsigned>(std::time(nullptr));
    request->nlmsg_seq = sequence;
    if (mnl_socket_sendto(socket.get(), request, request->nlmsg_len) < 0) return errno;
    const auto port = mnl_socket_get_portid(socket.get());
    std::array<char, 32768> answer{};
    int more = MNL_CB_OK;
    while (more == MNL_CB_OK) {
        const auto length = mnl_socket_recvfrom(socket.get(), answer.data(), answer.size());
        if (length < 0) return errno;
        more = mnl_cb_run(answer.data(), static_cast<std::size_t>(length), sequence, port, callback,
                          data);
    }
    return more < 0 ? errno : 0;
}

}  // namespace isobar
