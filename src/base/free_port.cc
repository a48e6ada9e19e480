// SPDX-License-Identifier: Apache-2.0
#include "base/free_port.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "molmo/error.h"

namespace molmo {

int find_free_port() {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const bool is_bound = listener >= 0 && ::bind(listener, reinterpret_cast<const sockaddr*>(&address), size) == 0 &&
                        ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  if (listener >= 0) ::close(listener);
  if (!is_bound) throw Error("[net] no free port on 127.0.0.1, expected one");
  return ntohs(address.sin_port);
}

}  // namespace molmo
