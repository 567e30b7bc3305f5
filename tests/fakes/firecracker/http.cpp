#include "fakes/firecracker/http.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/text.h"

namespace meros::fake {
namespace {

constexpr std::size_t max_connections = 10;
constexpr std::size_t max_line = 1024;

// What is wrong below the API.
struct BadHttp {
  std::string why;
};

std::string headers_of(unsigned status) {
  return fmt::format("HTTP/1.1 {} \r\nServer: Firecracker API\r\nConnection: keep-alive\r\n", status);
}

std::string as_text(const Response& response) {
  if (response.status == 204) return headers_of(204) + "\r\n";
  return headers_of(response.status) + fmt::format("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
                                                   response.body.size(), response.body);
}

std::string refusal(const BadHttp& bad) {
  return as_text(
      {400, fmt::format("{{ \"error\": \"{}\nAll previous unanswered requests will be dropped.\" }}", bad.why)});
}

Request parse_request_line(std::string_view line) {
  const auto words = split(line, ' ');
  if (words.size() != 3) throw BadHttp{"Invalid request."};
  constexpr std::array<std::string_view, 4> methods = {"GET", "PUT", "PATCH", "DELETE"};
  if (std::find(methods.begin(), methods.end(), words[0]) == methods.end())
    throw BadHttp{"Invalid HTTP Method: Unsupported HTTP method."};
  if (words[1].empty()) throw BadHttp{"Invalid URI: Empty URI not allowed."};
  if (words[2] != "HTTP/1.1" && words[2] != "HTTP/1.0")
    throw BadHttp{"Invalid HTTP Version: Unsupported HTTP version."};
  return {words[0], words[1], std::nullopt};
}

bool is_content_length(std::string_view name) {
  constexpr std::string_view wanted = "content-length";
  return name.size() == wanted.size() && std::equal(name.begin(), name.end(), wanted.begin(),
                                                    [](unsigned char a, char b) { return std::tolower(a) == b; });
}

std::size_t body_size(std::string_view line) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos)
    throw BadHttp{fmt::format("Invalid header. Reason: Header is incorrectly formatted. Key: {}", line)};
  if (!is_content_length(trim(line.substr(0, colon)))) return 0;
  const auto value = trim(line.substr(colon + 1));
  const auto size = parse_unsigned(value);
  if (!size || *size > 0xffffffff)
    throw BadHttp{fmt::format("Invalid header. Reason: Invalid value. Key:Content-Length; Value: {}", value)};
  return static_cast<std::size_t>(*size);
}

// Takes one whole request off the front; nothing where more has to come.
std::optional<Request> take_request(std::string& received, std::size_t max_body) {
  const auto end = received.find("\r\n\r\n");
  if (end == std::string::npos) {
    if (received.size() > max_line && received.find("\r\n") == std::string::npos) throw BadHttp{"Invalid request."};
    return std::nullopt;
  }
  const std::string_view head = std::string_view(received).substr(0, end + 2);
  auto line_end = head.find("\r\n");
  Request request = parse_request_line(head.substr(0, line_end));
  std::size_t size = 0;
  for (auto at = line_end + 2; at < head.size(); at = line_end + 2) {
    line_end = head.find("\r\n", at);
    size = std::max(size, body_size(head.substr(at, line_end - at)));
  }
  if (size > max_body)
    throw BadHttp{
        fmt::format("Request payload with size {} is larger than the limit of {} allowed by server.", size, max_body)};
  if (received.size() - (end + 4) < size) return std::nullopt;
  if (size > 0) request.body = received.substr(end + 4, size);
  received.erase(0, end + 4 + size);
  return request;
}

void send_all(const Fd& socket, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL);
    if (n < 0 && errno != EINTR) return;  // whoever asked has gone
    if (n > 0) text.remove_prefix(static_cast<std::size_t>(n));
  }
}

}  // namespace

Fd listen_at(const std::string& path) {
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) throw_errno("cannot make a socket");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) throw SystemError("path must be shorter than SUN_LEN", EINVAL);
  std::memcpy(address.sun_path, path.c_str(), path.size());
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(socket.get(), 128) != 0)
    throw_errno("cannot listen");
  return socket;
}

HttpServer::HttpServer(Fd listener, std::size_t max_body, Handler handler)
    : listener_(std::move(listener)), max_body_(max_body), handler_(std::move(handler)) {}

std::vector<int> HttpServer::descriptors() const {
  std::vector<int> all{listener_.get()};
  for (const auto& [descriptor, connection] : connections_) all.push_back(descriptor);
  return all;
}

void HttpServer::on_readable(int descriptor) {
  if (descriptor == listener_.get()) return accept();
  const auto found = connections_.find(descriptor);
  if (found != connections_.end() && !serve(found->second)) connections_.erase(found);
}

void HttpServer::accept() {
  Fd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!socket) return;
  if (connections_.size() == max_connections)
    return send_all(socket,
                    "HTTP/1.1 503\r\nServer: Firecracker API\r\nConnection: close\r\nContent-Length: 40\r\n\r\n"
                    "{ \"error\": \"Too many open connections\" }");
  const int descriptor = socket.get();
  connections_.emplace(descriptor, Connection{std::move(socket), {}});
}

bool HttpServer::serve(Connection& connection) {
  std::array<char, 4096> buffer{};
  const ssize_t n = ::recv(connection.socket.get(), buffer.data(), buffer.size(), 0);
  if (n <= 0) return n < 0 && errno == EINTR;
  connection.received.append(buffer.data(), static_cast<std::size_t>(n));
  try {
    while (auto request = take_request(connection.received, max_body_))
      send_all(connection.socket, as_text(handler_(*request)));
  } catch (const BadHttp& bad) {
    connection.received.clear();
    send_all(connection.socket, refusal(bad));
  }
  return true;
}

}  // namespace meros::fake
