// SPDX-License-Identifier: Apache-2.0
#include "support/hub_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <stdexcept>

#include "base/strings.h"
#include "hub/content_hash.h"
#include "support/paths.h"

namespace molmo::testing {
namespace {

template <class Hash>
std::string hash_of_text(const std::string& text, Hash hash) {
  const TemporaryFolder folder;
  std::ofstream(folder / "f", std::ios::binary) << text;
  return hash(folder / "f");
}

std::string read_request(int connection) {
  std::string text;
  char buffer[4096];
  while (text.find("\r\n\r\n") == std::string::npos) {
    const ssize_t count = ::recv(connection, buffer, sizeof buffer, 0);
    if (count <= 0) break;
    text.append(buffer, static_cast<size_t>(count));
    constexpr char kTlsRecord = 0x16;
    if (text.front() == kTlsRecord) return "";
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

std::string header_of(const std::string& request, const std::string& name) {
  const size_t at = lower_ascii(request).find("\r\n" + name + ":");
  if (at == std::string::npos) return "";
  const size_t begin = at + name.size() + 3;
  return std::string(trim_text(request.substr(begin, request.find("\r\n", begin) - begin)));
}

HubRequest parse_request(const std::string& text) {
  const std::vector<std::string> words = split_text(text.substr(0, text.find("\r\n")), ' ');
  if (words.size() < 2) return {};
  const std::string range = header_of(text, "range");
  return {.method = words[0],
          .path = words[1],
          .authorization = header_of(text, "authorization"),
          .from = range.starts_with("bytes=") ? std::stoul(range.substr(6)) : 0};
}

std::string decode_url(const std::string& text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      plain += text[i];
      continue;
    }
    plain += static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16));
    i += 2;
  }
  return plain;
}

// A gzip member that stores its bytes.
std::string gzip(const std::string& text) {
  uint32_t crc = ~0u;
  for (const char c : text) {
    crc ^= static_cast<uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (0xedb88320u & (0u - (crc & 1)));
  }
  const auto little = [](uint32_t value, int num_bytes) {
    std::string bytes;
    for (int i = 0; i < num_bytes; ++i) bytes += static_cast<char>(value >> (8 * i));
    return bytes;
  };
  const auto size = static_cast<uint32_t>(text.size());
  return std::string("\x1f\x8b\x08\0\0\0\0\0\0\3\1", 11) + little(size, 2) + little(~size, 2) + text + little(~crc, 4) +
         little(size, 4);
}

}  // namespace

std::string sha256_of_text(const std::string& text) { return hash_of_text(text, hub::sha256_of_file); }
std::string git_hash_of_text(const std::string& text) { return hash_of_text(text, hub::git_hash_of_file); }

std::string HubRequest::text() const { return method + " " + path + (from > 0 ? fmt::format(" from {}", from) : ""); }

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
  for (const auto& [name, content] : files_) etags_[name] = sha256_of_text(content);
  thread_ = std::thread([this] { serve(); });
}

HubServer::~HubServer() { stop(); }

void HubServer::stop() {
  if (stops_.exchange(true)) return;
  ::shutdown(listener_, SHUT_RDWR);
  thread_.join();
  for (std::thread& connection : connections_) connection.join();
  ::close(listener_);
}

std::string HubServer::endpoint(const std::string& host) const { return fmt::format("http://{}:{}", host, port_); }

void HubServer::fail_next(const std::string& path_end, std::vector<Fault> faults) {
  const std::lock_guard lock(mutex_);
  faults_[path_end] = std::move(faults);
}

void HubServer::redirect(const std::string& path_end, const std::string& location, const std::string& headers) {
  redirects_[path_end] = {location, headers};
}

std::vector<HubRequest> HubServer::requests() {
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

Fault HubServer::take_fault(const HubRequest& request) {
  const std::lock_guard lock(mutex_);
  requests_.push_back(request);
  for (auto& [end, faults] : faults_) {
    if (request.method != "GET" || !request.path.ends_with(end) || faults.empty()) continue;
    const Fault fault = faults.front();
    faults.erase(faults.begin());
    return fault;
  }
  return {};
}

void HubServer::answer(int connection) {
  const HubRequest request = parse_request(read_request(connection));
  if (request.method.empty()) return send_all(connection, "HTTP/1.1 400 x\r\nConnection: close\r\n\r\n");
  const Fault fault = take_fault(request);
  std::this_thread::sleep_for(std::chrono::milliseconds(fault.delay_ms));
  Answer answer = fault.status != 0 ? Answer{.status = fault.status, .headers = {}, .body = {}} : answer_to(request);
  answer.headers += fault.headers;
  if (!fault.wrong_body.empty()) answer.body.replace(0, fault.wrong_body.size(), fault.wrong_body);
  if (answer.has_length) answer.headers += fmt::format("Content-Length: {}\r\n", answer.body.size());
  send_all(connection, fmt::format("HTTP/1.1 {} x\r\nConnection: close\r\n{}\r\n", answer.status, answer.headers));
  if (request.method == "GET")
    send_all(connection, fault.cut_after > 0 ? answer.body.substr(0, fault.cut_after) : answer.body);
}

HubServer::Answer HubServer::answer_to(const HubRequest& request) const {
  const auto status_only = [](int status) { return Answer{.status = status, .headers = {}, .body = {}}; };
  if (refuses_tokens_ && !request.authorization.empty())
    return {.status = 401, .headers = "X-Error-Message: Invalid credentials in Authorization header\r\n", .body = {}};
  if (!token_.empty() && request.authorization != "Bearer " + token_) return status_only(401);
  for (const auto& [end, target] : redirects_) {
    if (request.path.ends_with(end))
      return {.status = 302, .headers = "Location: " + target.first + "\r\n" + target.second, .body = "Found."};
  }
  if (const size_t old = old_id_.empty() ? std::string::npos : request.path.find("/" + old_id_ + "/");
      old != std::string::npos) {
    std::string moved = request.path;
    moved.replace(old + 1, old_id_.size(), id_);
    return {.status = 307, .headers = "Location: " + moved + "\r\nETag: \"abc\"\r\n", .body = "Moved."};
  }
  const std::string path = decode_url(request.path.substr(0, request.path.find('?')));
  for (const std::string& revision : {std::string("main"), std::string("refs/pr/3"), std::string(kCommit)}) {
    if (path == "/api/models/" + id_ + "/revision/" + revision) return list();
  }
  const std::string prefix = fmt::format("/{}/resolve/{}/", id_, kCommit);
  const std::string name = path.starts_with(prefix) ? path.substr(prefix.size()) : "";
  return files_.contains(name) ? file(request, name) : status_only(404);
}

HubServer::Answer HubServer::list() const {
  std::string names;
  for (const auto& [name, content] : files_)
    names += fmt::format("{}{{\"rfilename\": \"{}\"}}", names.empty() ? "" : ", ", name);
  const std::string body =
      listing_.empty() ? fmt::format("{{\"sha\": \"{}\", \"siblings\": [{}]}}", kCommit, names) : listing_;
  if (codes_listing_) return {.headers = "Content-Encoding: gzip\r\n", .body = gzip(body)};
  return {.headers = {}, .body = body};
}

HubServer::Answer HubServer::file(const HubRequest& request, const std::string& name) const {
  const std::string& content = files_.at(name);
  const size_t from = has_ranges_ ? request.from : 0;
  Answer answer{.headers = "ETag: \"" + etags_.at(name) + "\"\r\n", .body = {}, .has_length = tells_size_};
  if (from > 0 && from >= content.size())
    return {.status = 416, .headers = fmt::format("Content-Range: bytes */{}\r\n", content.size()), .body = {}};
  if (from > 0) {
    answer.status = 206;
    answer.headers += fmt::format("Content-Range: bytes {}-{}/{}\r\n", from, content.size() - 1, content.size());
  }
  answer.body = content.substr(from);
  return answer;
}

}  // namespace molmo::testing
