#include "vmm/firecracker/api.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <boost/beast/core/buffers_range.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cerrno>
#include <chrono>
#include <string_view>

namespace meros::vmm::firecracker {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::beast::error_code;
using Parser = http::response_parser<http::string_body>;

constexpr std::chrono::milliseconds patience{50};  // between two calls of still_wanted
constexpr std::size_t max_header = 8192;

std::string name_of(const Plan::Request& request) { return request.method + " " + request.path; }

std::string serialize(const Plan::Request& request) {
  http::request<http::string_body> message;
  message.version(11);
  message.method_string(request.method);
  message.target(request.path);
  message.set(http::field::host, "localhost");
  message.set(http::field::accept, "application/json");
  if (!request.body.empty()) {
    message.set(http::field::content_type, "application/json");
    message.body() = request.body;
    message.prepare_payload();
  }
  http::request_serializer<http::string_body> serializer(message);
  std::string bytes;
  error_code error;
  while (!serializer.is_done()) {
    serializer.next(error, [&](error_code&, const auto& buffers) {
      for (const asio::const_buffer buffer : boost::beast::buffers_range_ref(buffers))
        bytes.append(static_cast<const char*>(buffer.data()), buffer.size());
      serializer.consume(boost::beast::buffer_bytes(buffers));
    });
    if (error) throw Error(fmt::format("cannot write {} as HTTP: {}", name_of(request), error.message()));
  }
  return bytes;
}

// Waits for the socket, no longer than the deadline, looking after still_wanted meanwhile.
void await(const Fd& socket, short events, const Plan::Request& request, Deadline deadline,
           const StillWanted& still_wanted) {
  for (;;) {
    if (still_wanted) still_wanted();
    const bool ready = wait_for(socket, events, deadline.at_most(patience).poll_timeout()) != 0;
    // First: a peer that says a little for ever is no better than a silent one.
    if (deadline.passed()) throw TimeoutError(fmt::format("Firecracker did not answer {} in time", name_of(request)));
    if (ready) return;
  }
}

[[noreturn]] void disconnected(const Plan::Request& request) {
  throw Disconnected(fmt::format("Firecracker closed its API connection at {}", name_of(request)));
}

class Exchange {
 public:
  Exchange(const Fd& socket, const Plan::Request& request, Deadline deadline, const StillWanted& still_wanted)
      : socket_(socket), request_(request), deadline_(deadline), still_wanted_(still_wanted) {}

  void send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t n = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n >= 0) {
        bytes.remove_prefix(static_cast<std::size_t>(n));
      } else if (errno == EAGAIN) {
        await(socket_, POLLOUT, request_, deadline_, still_wanted_);
      } else if (errno == EPIPE || errno == ECONNRESET) {
        // The answer may have been sent before the end: it says why.
        return;
      } else if (errno != EINTR) {
        throw_errno("cannot write to Firecracker's API socket");
      }
    }
  }

  // The answer, and in `parser` whether more may be asked.
  void receive(Parser& parser) const {
    std::string pending;  // what the parser wants to see again together with what follows
    while (!parser.is_done()) {
      const std::string_view bytes = read();
      if (bytes.empty()) return finish(parser);
      pending.append(bytes);
      pending.erase(0, feed(parser, pending));
    }
  }

 private:
  // What came, or nothing at the end of the stream.
  std::string_view read() const {
    for (;;) {
      await(socket_, POLLIN, request_, deadline_, still_wanted_);
      const ssize_t n = ::recv(socket_.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
      if (n >= 0) return {buffer_.data(), static_cast<std::size_t>(n)};
      if (errno == ECONNRESET) return {};
      if (errno != EAGAIN && errno != EINTR) throw_errno("cannot read from Firecracker's API socket");
    }
  }

  std::size_t feed(Parser& parser, const std::string& pending) const {
    std::size_t used = 0;
    error_code error;
    while (used < pending.size() && !parser.is_done()) {
      const std::size_t n = parser.put(asio::buffer(pending.data() + used, pending.size() - used), error);
      used += n;
      if (error == http::error::need_more) break;
      if (error) not_http(error);
    }
    return used;
  }

  void finish(Parser& parser) const {
    error_code error;
    if (!parser.got_some()) disconnected(request_);
    parser.put_eof(error);
    if (error == http::error::partial_message) disconnected(request_);
    if (error) not_http(error);
  }

  [[noreturn]] void not_http(const error_code& error) const {
    if (error == http::error::body_limit)
      throw Error(fmt::format("Firecracker's answer to {} is larger than {} bytes", name_of(request_), max_answer));
    throw Error(fmt::format("Firecracker's answer to {} is not HTTP: {}", name_of(request_), error.message()));
  }

  const Fd& socket_;
  const Plan::Request& request_;
  Deadline deadline_;
  const StillWanted& still_wanted_;
  mutable std::array<char, 16384> buffer_{};
};

}  // namespace

Api::Api(Fd connected) : socket_(std::move(connected)) {}

Answer Api::exchange(const Plan::Request& request, Deadline deadline, const StillWanted& still_wanted) {
  // Kept only after a whole answer: whoever asks next would otherwise read the rest of this one.
  Fd socket = std::move(socket_);
  Parser parser;
  parser.eager(true);
  parser.body_limit(max_answer);
  parser.header_limit(max_header);
  const Exchange exchange(socket, request, deadline, still_wanted);
  exchange.send(serialize(request));
  exchange.receive(parser);
  if (parser.get().keep_alive()) socket_ = std::move(socket);
  return {parser.get().result_int(), std::move(parser.get().body())};
}

}  // namespace meros::vmm::firecracker
