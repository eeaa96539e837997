// SPDX-License-Identifier: Apache-2.0
// Kinds whose values name something on the network.
#pragma once

#include <string>

#include "config/field.h"
#include "model/address.h"
#include "model/config.h"
#include "model/service.h"

namespace isobar::config {

// "10.0.0.2:80/tcp", "10.0.0.2:8000-8010/tcp"
Kind<model::Listen> listen_address();
// "192.168.10.100" or "192.168.10.100:8080"; without a port it is 0.
Kind<model::Endpoint> server_address();
// The same, of the director.
Kind<model::Endpoint> agent_address();
// "192.168.10.254"
Kind<model::Address> host_address();
// "192.168.10.0/24"
Kind<model::Network> network();
// "eth0", as the kernel allows it
Kind<std::string> interface_name();
// A name that the operator chooses: it becomes an argument of commands and a label of metrics.
Kind<std::string> service_name();

// A service's address as it is written in a file: "10.0.0.2:80/tcp".
std::string listen_text(const model::Listen& listen);

}  // namespace isobar::config
