#include "unit/image/http_server.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "base/error.h"
#include "base/text.h"

namespace meros::image::testing {
namespace {

std::string read_head(const Fd& connection) {
  std::string head;
  std::array<char, 4096> buffer{};
  while (head.find("\r\n\r\n") == std::string::npos) {
    if (wait_for(connection, POLLIN, 10'000) == 0) return {};
    const ssize_t n = ::read(connection.get(), buffer.data(), buffer.size());
    if (n <= 0) return {};
    head.append(buffer.data(), static_cast<std::size_t>(n));
  }
  return head;
}

std::string header(const std::string& head, const std::string& name) {
  const auto begin = head.find("\r\n" + name + ": ");
  if (begin == std::string::npos) return {};
  const auto value = begin + name.size() + 4;
  return head.substr(value, head.find("\r\n", value) - value);
}

void send_all(const Fd& connection, std::string_view data) {
  while (!data.empty()) {
    const ssize_t n = ::send(connection.get(), data.data(), data.size(), MSG_NOSIGNAL);
    if (n <= 0) return;  // the client went away
    data.remove_prefix(static_cast<std::size_t>(n));
  }
}

}  // namespace

HttpServer::HttpServer(Behaviour behaviour)
    : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), behaviour_(std::move(behaviour)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* raw = reinterpret_cast<sockaddr*>(&address);
  if (!listener_ || ::bind(listener_.get(), raw, size) != 0 || ::listen(listener_.get(), 16) != 0 ||
      ::getsockname(listener_.get(), raw, &size) != 0)
    throw_errno("cannot start the test's web server");
  port_ = ntohs(address.sin_port);
  Pipe stop = make_pipe();
  stop_reader_ = std::move(stop.read_end);
  stop_writer_ = std::move(stop.write_end);
  thread_ = std::thread([this] { serve(); });
}

HttpServer::~HttpServer() {
  stop_writer_.reset();
  thread_.join();
}

std::string HttpServer::url(const std::string& path) const { return fmt::format("http://127.0.0.1:{}{}", port_, path); }

void HttpServer::set(Behaviour behaviour) {
  const std::lock_guard lock(mutex_);
  behaviour_ = std::move(behaviour);
  requests_.clear();
}

std::vector<std::string> HttpServer::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

void HttpServer::serve() {
  for (;;) {
    std::array<pollfd, 2> ready{{{listener_.get(), POLLIN, 0}, {stop_reader_.get(), POLLIN, 0}}};
    ::poll(ready.data(), ready.size(), -1);
    if (ready[1].revents != 0) return;
    const Fd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (connection) answer(connection);
  }
}

void HttpServer::answer(const Fd& connection) {
  const std::string head = read_head(connection);
  if (head.empty()) return;
  const std::string range = header(head, "Range");
  const std::string if_range = header(head, "If-Range");
  Behaviour b;
  {
    const std::lock_guard lock(mutex_);
    b = behaviour_;
    std::string seen = head.substr(0, head.find(" HTTP/"));
    if (!range.empty()) seen += " range=" + range.substr(range.find('=') + 1);
    if (!if_range.empty()) seen += " if-range=" + if_range;
    requests_.push_back(seen);
  }
  if (!b.location.empty() && !head.starts_with("GET /target")) {
    send_all(connection,
             fmt::format("HTTP/1.1 302 Found\r\nLocation: {}\r\nETag: \"redirect\"\r\nContent-Length: 5\r\n\r\nmoved",
                         b.location));
    return;
  }
  std::size_t first = 0;
  int status = b.status;
  std::string fields;
  const bool same = if_range.empty() || !b.if_range || if_range == b.etag || if_range == b.last_modified;
  if (status == 200 && b.ranges && same && range.starts_with("bytes=")) {
    first = b.range_begins.value_or(parse_unsigned(range.substr(6, range.size() - 7)).value_or(0));
    status = first < b.content.size() ? 206 : 416;
    fields = status == 206
                 ? fmt::format("Content-Range: bytes {}-{}/{}\r\n", first, b.content.size() - 1, b.content.size())
                 : fmt::format("Content-Range: bytes */{}\r\n", b.content.size());
  }
  std::string_view body = b.content;
  if (status != 200 && status != 206) body = "an error page";
  if (status == 206) body.remove_prefix(first);
  if (b.send_length) fields += fmt::format("Content-Length: {}\r\n", b.length.value_or(std::to_string(body.size())));
  if (!b.etag.empty()) fields += fmt::format("ETag: {}\r\n", b.etag);
  if (!b.last_modified.empty()) fields += fmt::format("Last-Modified: {}\r\n", b.last_modified);
  send_all(connection, fmt::format("HTTP/1.1 {} Said So\r\n{}Connection: close\r\n\r\n", status, fields));
  if (b.cut_at) body = body.substr(0, *b.cut_at > first ? *b.cut_at - first : 0);
  send_all(connection, body);
  if (b.stall) {
    std::array<pollfd, 2> either{{{connection.get(), POLLRDHUP, 0}, {stop_reader_.get(), POLLIN, 0}}};
    ::poll(either.data(), either.size(), 30'000);
  }
}

}  // namespace meros::image::testing
