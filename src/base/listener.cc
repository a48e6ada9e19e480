// SPDX-License-Identifier: Apache-2.0
#include "base/listener.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "molmo/error.h"

namespace molmo {

Listener::~Listener() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

int Listener::release() {
  const int descriptor = descriptor_;
  descriptor_ = -1;
  return descriptor;
}

int Listener::port() const {
  sockaddr_storage own{};
  socklen_t size = sizeof own;
  if (::getsockname(descriptor_, reinterpret_cast<sockaddr*>(&own), &size) != 0) {
    throw Error("[net] listening socket, got descriptor " + std::to_string(descriptor_) + " (" + std::strerror(errno) +
                "), expected an open socket");
  }
  // The port lies at the same place in both kinds of address.
  return ntohs(reinterpret_cast<const sockaddr_in*>(&own)->sin_port);
}

Listener listen_on_loopback() {
  constexpr int kBacklog = 4096;  // the kernel's own limit cuts it
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  Listener listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const bool is_open =
      listener.descriptor() >= 0 &&
      ::bind(listener.descriptor(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      ::listen(listener.descriptor(), kBacklog) == 0;
  if (!is_open)
    throw Error(std::string("[net] no free port on 127.0.0.1 (") + std::strerror(errno) + "), expected one");
  return listener;
}

}  // namespace molmo
