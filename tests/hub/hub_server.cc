// SPDX-License-Identifier: Apache-2.0
#include "hub/hub_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>

#include "base/strings.h"
#include "hub/sha256.h"
#include "support/paths.h"

namespace molmo::testing {
namespace {

constexpr const char* kCommit = "0123456789abcdef0123456789abcdef01234567";

std::string sha256_of(const std::string& text) {
  const TemporaryFolder folder;
  std::ofstream(folder / "f", std::ios::binary) << text;
  return hub::sha256_of_file(folder / "f");
}

std::string read_request(int connection) {
  std::string text;
  char buffer[4096];
  while (text.find("\r\n\r\n") == std::string::npos) {
    const ssize_t count = ::recv(connection, buffer, sizeof buffer, 0);
    if (count <= 0) break;
    text.append(buffer, static_cast<size_t>(count));
  }
  return text;
}

void send_all(int connection, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::send(connection, text.data(), text.size(), MSG_NOSIGNAL);
    if (count <= 0) return;
    text.remove_prefix(static_cast<size_t>(count));
  }
}

}  // namespace

HubServer::HubServer(std::string id, std::map<std::string, std::string> files)
    : id_(std::move(id)), files_(std::move(files)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener_, 64) != 0)
    throw std::runtime_error("no port on 127.0.0.1");
  ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { serve(); });
}

HubServer::~HubServer() {
  stops_ = true;
  ::shutdown(listener_, SHUT_RDWR);
  thread_.join();
  for (std::thread& connection : connections_) connection.join();
  ::close(listener_);
}

std::string HubServer::endpoint() const { return fmt::format("http://127.0.0.1:{}", port_); }

void HubServer::fail_next(const std::string& path_end, std::vector<Fault> faults) {
  const std::lock_guard lock(mutex_);
  faults_[path_end] = std::move(faults);
}

std::vector<std::string> HubServer::requests() {
  const std::lock_guard lock(mutex_);
  return requests_;
}

void HubServer::serve() {
  while (!stops_) {
    const int connection = ::accept(listener_, nullptr, nullptr);
    if (connection < 0) return;
    connections_.emplace_back([this, connection] {
      answer(connection);
      ::close(connection);
    });
  }
}

void HubServer::answer(int connection) {
  const std::string request = read_request(connection), lower = lower_ascii(request);
  const std::vector<std::string> words = split_text(request.substr(0, request.find("\r\n")), ' ');
  if (words.size() < 2) return;
  const std::string method = words[0], path = words[1];
  size_t from = 0;
  if (const size_t range = lower.find("range: bytes="); range != std::string::npos && has_ranges_)
    from = std::stoul(lower.substr(range + 13));
  Fault fault;
  {
    const std::lock_guard lock(mutex_);
    requests_.push_back(method + " " + path + (from > 0 ? fmt::format(" from {}", from) : ""));
    for (auto& [end, faults] : faults_) {
      if (method != "GET" || !path.ends_with(end) || faults.empty()) continue;
      fault = faults.front();
      faults.erase(faults.begin());
    }
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(fault.delay_ms));
  const auto status_only = [&](int status, const std::string& more) {
    send_all(connection,
             fmt::format("HTTP/1.1 {} no\r\nContent-Length: 0\r\nConnection: close\r\n{}\r\n", status, more));
  };
  if (fault.status != 0)
    return status_only(fault.status, fault.retry_after.empty() ? "" : "Retry-After: " + fault.retry_after + "\r\n");
  if (!token_.empty() && lower.find("authorization: bearer " + lower_ascii(token_)) == std::string::npos)
    return status_only(401, "");
  if (const size_t old = old_id_.empty() ? std::string::npos : path.find("/" + old_id_ + "/");
      old != std::string::npos) {
    std::string moved = path;
    moved.replace(old + 1, old_id_.size(), id_);
    const std::string notice = "Moved.";
    return send_all(
        connection,
        fmt::format(
            "HTTP/1.1 307 Moved\r\nLocation: {}\r\nContent-Length: {}\r\nETag: \"abc\"\r\nConnection: close\r\n\r\n{}",
            moved, notice.size(), method == "GET" ? notice : ""));
  }
  std::string body, etag;
  if (path == "/api/models/" + id_ + "/revision/main") {
    for (const auto& [name, content] : files_)
      body += fmt::format("{}{{\"rfilename\": \"{}\"}}", body.empty() ? "" : ", ", name);
    body = fmt::format("{{\"sha\": \"{}\", \"siblings\": [{}]}}", kCommit, body);
  } else {
    const std::string prefix = fmt::format("/{}/resolve/{}/", id_, kCommit);
    const auto file = path.starts_with(prefix) ? files_.find(path.substr(prefix.size())) : files_.end();
    if (file == files_.end()) return status_only(404, "");
    body = file->second;
    etag = sha256_of(body);
  }
  if (!fault.wrong_body.empty()) body.replace(0, fault.wrong_body.size(), fault.wrong_body);
  const std::string rest = body.substr(std::min(from, body.size()));
  const std::string range =
      from > 0 ? fmt::format("Content-Range: bytes {}-{}/{}\r\n", from, body.size() - 1, body.size()) : "";
  send_all(connection,
           fmt::format("HTTP/1.1 {} OK\r\nContent-Length: {}\r\nConnection: close\r\n{}{}\r\n", from > 0 ? 206 : 200,
                       rest.size(), range, etag.empty() ? "" : "ETag: \"" + etag + "\"\r\n"));
  if (method == "GET") send_all(connection, fault.cut_after > 0 ? rest.substr(0, fault.cut_after) : rest);
}

}  // namespace molmo::testing
