// SPDX-License-Identifier: Apache-2.0
#include "distributed/address.h"

#include <fmt/format.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <thread>

#include "base/check.h"
#include "base/log.h"
#include "molmo/error.h"

namespace molmo::distributed {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kPause{250};  // between two tries
constexpr int kBacklog = 4096;                    // the kernel's own limit cuts it

const sockaddr* raw(const Address& address) { return reinterpret_cast<const sockaddr*>(&address.value); }

Address copy_of(const sockaddr* value, socklen_t size) {
  Address address;
  std::memcpy(&address.value, value, size);
  address.size = size;
  return address;
}

int port_of(const Address& address) {
  if (address.value.ss_family == AF_INET6)
    return ntohs(reinterpret_cast<const sockaddr_in6*>(&address.value)->sin6_port);
  return ntohs(reinterpret_cast<const sockaddr_in*>(&address.value)->sin_port);
}

Address all_interfaces(int family, int port) {
  Address address;
  if (family == AF_INET6) {
    auto* six = reinterpret_cast<sockaddr_in6*>(&address.value);
    six->sin6_family = AF_INET6, six->sin6_port = htons(static_cast<uint16_t>(port)), six->sin6_addr = in6addr_any;
    address.size = sizeof(sockaddr_in6);
  } else {
    auto* four = reinterpret_cast<sockaddr_in*>(&address.value);
    four->sin_family = AF_INET, four->sin_port = htons(static_cast<uint16_t>(port));
    address.size = sizeof(sockaddr_in);
  }
  return address;
}

// 0, or the error number.
int try_to_listen(const Address& address, std::optional<Listener>& listener) {
  const int descriptor = ::socket(address.value.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return errno;
  Listener own(descriptor);
  const int on = 1, off = 0;
  ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (address.value.ss_family == AF_INET6) ::setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  if (::bind(descriptor, raw(address), address.size) != 0 || ::listen(descriptor, kBacklog) != 0) return errno;
  listener.emplace(std::move(own));
  return 0;
}

bool is_anothers(int error) { return error == EADDRNOTAVAIL || error == EAFNOSUPPORT; }

// Of a connected datagram socket, which sends nothing, the kernel has chosen its own address.
std::optional<Address> source_of(const Address& to) {
  const int descriptor = ::socket(to.value.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return std::nullopt;
  Address own;
  own.size = sizeof own.value;
  const bool is_known = ::connect(descriptor, raw(to), to.size) == 0 &&
                        ::getsockname(descriptor, reinterpret_cast<sockaddr*>(&own.value), &own.size) == 0;
  ::close(descriptor);
  return is_known && !is_loopback(own) ? std::optional(own) : std::nullopt;
}

std::optional<Address> source_of_default_route() {
  for (const char* elsewhere : {"192.0.2.1", "2001:db8::1"}) {  // for documentation: nobody's
    for (const Address& to : resolve(elsewhere, 9, std::chrono::seconds(0))) {
      if (const auto own = source_of(to)) return own;
    }
  }
  return std::nullopt;
}

std::optional<Address> first_of_interfaces() {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return std::nullopt;
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(list, ::freeifaddrs);
  for (const int family : {AF_INET, AF_INET6}) {
    for (const ifaddrs* each = list; each != nullptr; each = each->ifa_next) {
      if (each->ifa_addr == nullptr || each->ifa_addr->sa_family != family || (each->ifa_flags & IFF_UP) == 0) continue;
      const Address own = copy_of(each->ifa_addr, family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
      if (!is_loopback(own)) return own;
    }
  }
  return std::nullopt;
}

}  // namespace

std::string text_of(const Address& address) {
  char host[NI_MAXHOST] = "";
  if (::getnameinfo(raw(address), address.size, host, sizeof host, nullptr, 0, NI_NUMERICHOST) != 0) return "unknown";
  return host;
}

bool is_loopback(const Address& address) {
  if (address.value.ss_family == AF_INET6) {
    const in6_addr& six = reinterpret_cast<const sockaddr_in6*>(&address.value)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(&six) || (IN6_IS_ADDR_V4MAPPED(&six) && six.s6_addr[12] == 127);
  }
  return (ntohl(reinterpret_cast<const sockaddr_in*>(&address.value)->sin_addr.s_addr) >> 24) == 127;
}

std::vector<Address> resolve(const std::string& host, int port, std::chrono::seconds patience) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  const auto deadline = Clock::now() + patience;
  for (bool is_first = true;; is_first = false) {
    addrinfo* list = nullptr;
    const int status = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list);
    if (status == 0) {
      const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(list, ::freeaddrinfo);
      std::vector<Address> found;
      for (const addrinfo* each = list; each != nullptr; each = each->ai_next)
        found.push_back(copy_of(each->ai_addr, each->ai_addrlen));
      return found;
    }
    if (Clock::now() + kPause >= deadline) {
      throw Error(fmt::format("[dist] machine of rank 0, got '{}': {}; expected a name or an address (MASTER_ADDR)",
                              host, ::gai_strerror(status)));
    }
    if (is_first) {
      log_warning(fmt::format("[dist] machine of rank 0 (MASTER_ADDR) '{}': {}; asking again for {} s", host,
                              ::gai_strerror(status), patience.count()));
    }
    std::this_thread::sleep_for(4 * kPause);
  }
}

std::optional<Listener> listen_at(const std::vector<Address>& addresses, std::chrono::seconds patience) {
  const auto deadline = Clock::now() + patience;
  while (true) {
    int error = 0;
    const Address* refused = nullptr;
    for (const Address& address : addresses) {
      std::optional<Listener> listener;
      const int status = try_to_listen(address, listener);
      if (status == 0) return listener;
      if (is_anothers(status)) continue;
      error = status, refused = &address;
    }
    if (refused == nullptr) return std::nullopt;
    if (error != EADDRINUSE || Clock::now() + kPause >= deadline) {
      const int port = port_of(*refused);
      throw Error(
          fmt::format("[dist] rank 0 cannot listen at {}, port {}: {}, expected a free port: set another MASTER_PORT,"
                      " or end what holds this one (ss -ltnp 'sport = :{}')",
                      text_of(*refused), port, std::strerror(error), port));
    }
    std::this_thread::sleep_for(kPause);
  }
}

Listener listen_everywhere(int port, std::chrono::seconds patience) {
  for (const int family : {AF_INET6, AF_INET}) {  // the first takes both where the machine has it
    if (auto listener = listen_at({all_interfaces(family, port)}, patience)) return std::move(*listener);
  }
  throw Error("[dist] this machine has no network, expected one");
}

std::string own_host(const Listener& listener) {
  Address own;
  own.size = sizeof own.value;
  MOLMO_CHECK(::getsockname(listener.descriptor(), reinterpret_cast<sockaddr*>(&own.value), &own.size) == 0);
  const std::string text = text_of(own);
  return text == "0.0.0.0" || text == "::" ? "localhost" : text;
}

std::optional<Address> address_towards(const Address& to) {
  if (const auto own = source_of(to)) return own;
  if (const auto own = source_of_default_route()) return own;
  return first_of_interfaces();
}

}  // namespace molmo::distributed
