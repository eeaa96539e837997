// SPDX-License-Identifier: Apache-2.0
// What -L and -S print: values in, text out, in ipvsadm's columns with its trailing blanks.
// Scripts and exporters cut these lines by position.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "ipvsadm/command.h"
#include "ipvsadm/names.h"
#include "model/service.h"

namespace isobar::ipvsadm {

// Services by protocol, address, port; the servers of each by address, port.
void sort_services(std::vector<model::ServiceStatus>& services);

std::string version_header();
std::string column_header(const ListOptions& options);
// One service and its servers, under these columns.
std::string list_service(const model::ServiceStatus& service, const ListOptions& options,
                         Names& names);
std::string list_connections(std::span<const model::ConnectionStatus> connections,
                             const ListOptions& options, Names& names);
std::string list_timeouts(const model::Timeouts& timeouts);
// As sysctl prints them: "net.ipv4.vs.sloppy_tcp = 0".
std::string list_switches(const model::Switches& switches);

// The command lines that make this service anew.
// Of the options: `numeric`, and `thresholds`, which ipvsadm does not save.
std::string save_service(const model::ServiceStatus& service, const ListOptions& options,
                         Names& names);

}  // namespace isobar::ipvsadm
