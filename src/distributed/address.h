// Where ranks meet: names and addresses of machines, and sockets on them. No torch here.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/socket.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/listener.h"

namespace molmo::distributed {

/// One address of a machine, with a port.
struct Address {
  sockaddr_storage value{};
  socklen_t size = 0;
};

std::string text_of(const Address& address);  ///< without the port: "10.0.0.7", "fe80::1%eth0"
bool is_loopback(const Address& address);

/// The addresses of a name, or the one that `host` spells. An unknown name is looked up again until `patience`
/// is over: a cluster's name service may learn of a machine after its job has begun. Errors name the host.
std::vector<Address> resolve(const std::string& host, int port, std::chrono::seconds patience);

/// Listens on the first of `addresses` that is this machine's; nothing if none is. A port that is taken may be that of
/// a run that is just ending: it is tried again until `patience` is over. Errors name the port.
std::optional<Listener> listen_at(const std::vector<Address>& addresses, std::chrono::seconds patience);

/// Listens on all interfaces.
Listener listen_everywhere(int port, std::chrono::seconds patience);

/// The address by which this machine's own processes reach a listener.
std::string own_host(const Listener& listener);

/// This machine's address that other machines reach it by: the one from which packets go to `to`; where that is the
/// loopback (this machine itself, under a name that /etc/hosts gives a loopback address), the one of the default route,
/// else the first that is no loopback. Nothing if there is none.
std::optional<Address> address_towards(const Address& to);

}  // namespace molmo::distributed
