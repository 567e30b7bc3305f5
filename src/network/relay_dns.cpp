#include "network/relay_dns.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>

#include "base/error.h"

namespace meros::network {
namespace {

using namespace std::chrono_literals;

constexpr auto time_for_answer = 2s;  // dnsmasq's askers try again after about 5 s
constexpr std::size_t max_datagram = 65535;

socklen_t size_of(const sockaddr_storage& address) {
  return address.ss_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
}

}  // namespace

Question::Question(const Fd& inside, sockaddr_in asker, std::string text, std::vector<sockaddr_storage> servers)
    : inside_(inside),
      asker_(asker),
      text_(std::move(text)),
      servers_(std::move(servers)),
      next_try_(Deadline::after(time_for_answer)) {
  sockets_.reserve(servers_.size());  // their watches refer to them
  ask_next();
}

// A socket of its own each: the kernel gives it a port of its own that nobody can guess.
void Question::ask_next() {
  while (next_server_ < servers_.size()) {
    const sockaddr_storage& server = servers_[next_server_++];
    Fd socket(::socket(server.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket || ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&server), size_of(server)) != 0) continue;
    if (::send(socket.get(), text_.data(), text_.size(), MSG_NOSIGNAL) < 0) continue;
    sockets_.push_back(std::move(socket));
    next_try_ = Deadline::after(time_for_answer);
    return;
  }
  ended_ = next_try_.passed() || sockets_.empty();
}

void Question::watch(Watches& watches) {
  for (auto& socket : sockets_) {
    if (!socket) continue;
    watches.add(socket.get(), POLLIN, [this, &socket](short) {
      if (ended_) return;
      std::array<char, max_datagram> answer;  // NOLINT(cppcoreguidelines-pro-type-member-init): recv fills it
      const ssize_t n = ::recv(socket.get(), answer.data(), answer.size(), 0);
      // Nobody listens there: the next one.
      if (n < 0) {
        socket.reset();
        return ask_next();
      }
      ::sendto(inside_.get(), answer.data(), static_cast<std::size_t>(n), MSG_NOSIGNAL | MSG_DONTWAIT,
               reinterpret_cast<const sockaddr*>(&asker_), sizeof asker_);  // lost as datagrams are
      ended_ = true;
    });
  }
}

void Question::expire() {
  if (!ended_ && next_try_.passed()) ask_next();
}

}  // namespace meros::network
