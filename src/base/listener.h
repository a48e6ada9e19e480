// Sockets that listen.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace molmo {

/// In which `molmo launch` tells rank 0 the number of the descriptor that it listens on.
inline constexpr const char* kListenerVariable = "MOLMO_LISTENER";

/// A listening socket. Processes that this one starts do not get it.
class Listener {
 public:
  explicit Listener(int descriptor) : descriptor_(descriptor) {}  ///< takes it over
  ~Listener();
  Listener(Listener&& other) noexcept : descriptor_(other.release()) {}
  Listener& operator=(Listener&&) = delete;

  int port() const;  ///< Error if the descriptor is no open socket.
  int descriptor() const { return descriptor_; }
  int release();  ///< who calls it closes the descriptor

 private:
  int descriptor_;
};

/// Listens on 127.0.0.1, at a port that the system chooses.
Listener listen_on_loopback();

}  // namespace molmo
