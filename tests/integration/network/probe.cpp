#include "integration/network/probe.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/deadline.h"
#include "base/error.h"
#include "support/wait.h"

namespace meros::test {
namespace {

using namespace std::chrono_literals;

// Much longer than any of these packets takes on an idle machine.
constexpr auto while_longer = 700ms;
constexpr auto again = 500ms;  // UDP and ICMP are sent again, as ARP may lose the first

sockaddr_in to_sockaddr(const std::string& address, std::uint16_t port) {
  sockaddr_in result{};
  result.sin_family = AF_INET;
  result.sin_port = htons(port);
  if (::inet_pton(AF_INET, address.c_str(), &result.sin_addr) != 1) throw Error("bad address " + address);
  return result;
}

std::uint16_t checksum(const std::array<std::uint16_t, 4>& words) {
  std::uint32_t sum = 0;
  for (const auto word : words) sum += word;
  sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~(sum + (sum >> 16)));
}

class Attempt {
 public:
  Attempt(const Probe& probe, std::uint16_t id) : probe_(probe), id_(id) {
    socket_ = probe.from->run([&] { return make_socket(); });
    set_nonblocking(socket_);
    if (!probe.source.empty()) {
      const sockaddr_in local = to_sockaddr(probe.source, 0);
      if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&local), sizeof local) != 0)
        throw_errno(probe.name + ": bind");
    }
    const sockaddr_in target = to_sockaddr(probe.to, probe.port);
    const int n = ::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&target), sizeof target);
    failed_ = n != 0 && errno != EINPROGRESS;
    send();
  }

  const Probe& probe() const { return probe_; }
  bool reached() const { return reached_; }
  bool open() const { return !reached_ && !failed_; }
  const Fd& socket() const { return socket_; }
  Fd take_socket() { return std::move(socket_); }

  void send() {
    if (!open() || probe_.protocol == Protocol::tcp) return;
    if (probe_.protocol == Protocol::udp) {
      ::send(socket_.get(), probe_.name.data(), probe_.name.size(), MSG_NOSIGNAL);
      return;
    }
    std::array<std::uint16_t, 4> echo = {htons(ICMP_ECHO << 8), 0, id_, htons(1)};
    echo[1] = checksum(echo);
    ::send(socket_.get(), echo.data(), sizeof echo, MSG_NOSIGNAL);
  }

  void receive() {
    std::array<unsigned char, 2048> text{};
    const ssize_t n = ::recv(socket_.get(), text.data(), text.size(), MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) return;
    if (probe_.protocol == Protocol::icmp) {
      // A raw socket sees the answers to others, too.
      std::uint16_t id = 0;
      std::memcpy(&id, &text[24], sizeof id);
      reached_ = reached_ || (n >= 28 && text[20] == ICMP_ECHOREPLY && id == id_);
      return;
    }
    const std::string words(reinterpret_cast<const char*>(text.data()), n > 0 ? static_cast<std::size_t>(n) : 0);
    if (words == probe_.greeting)
      reached_ = true;
    else
      failed_ = true;
  }

 private:
  Fd make_socket() {
    int type = SOCK_STREAM;
    int protocol = 0;
    if (probe_.protocol == Protocol::udp) type = SOCK_DGRAM;
    if (probe_.protocol == Protocol::icmp) {
      type = SOCK_RAW;
      protocol = IPPROTO_ICMP;
    }
    Fd socket(::socket(AF_INET, type | SOCK_CLOEXEC, protocol));
    if (!socket) throw_errno(probe_.name + ": socket");
    return socket;
  }

  Probe probe_;
  std::uint16_t id_;
  Fd socket_;
  bool reached_ = false;
  bool failed_ = false;
};

void turn(std::vector<Attempt>& attempts, Deadline deadline) {
  std::vector<pollfd> polled;
  std::vector<Attempt*> order;
  for (auto& attempt : attempts) {
    if (!attempt.open()) continue;
    polled.push_back({attempt.socket().get(), POLLIN, 0});
    order.push_back(&attempt);
  }
  const Deadline next = deadline.at_most(again);
  if (::poll(polled.data(), polled.size(), next.poll_timeout()) == 0)
    for (Attempt* attempt : order) attempt->send();
  for (std::size_t i = 0; i < polled.size(); ++i)
    if (polled[i].revents != 0) order[i]->receive();
}

}  // namespace

std::vector<std::string> wrong_probes(const std::vector<Probe>& probes) {
  std::vector<Attempt> attempts;
  attempts.reserve(probes.size());
  std::uint16_t id = 0x4d00;
  for (const auto& probe : probes) attempts.emplace_back(probe, ++id);
  const Deadline deadline = Deadline::after(patience);
  const auto expected = [](const Attempt& attempt) { return attempt.probe().reaches && attempt.open(); };
  while (std::ranges::any_of(attempts, expected) && !deadline.passed()) turn(attempts, deadline);
  const Deadline end = Deadline::after(while_longer);
  while (!end.passed()) turn(attempts, end);
  std::vector<std::string> wrong;
  for (const auto& attempt : attempts)
    if (attempt.reached() != attempt.probe().reaches)
      wrong.push_back(attempt.probe().name + (attempt.reached() ? ": got through" : ": did not get through"));
  return wrong;
}

Fd greeted_connection(const network::NetworkNamespace& from, const std::string& to, std::uint16_t port,
                      const std::string& greeting) {
  std::vector<Attempt> attempts;
  attempts.emplace_back(Probe{"connection", &from, Protocol::tcp, to, port, greeting, true, ""}, std::uint16_t{1});
  const Deadline deadline = Deadline::after(patience);
  while (attempts[0].open() && !deadline.passed()) turn(attempts, deadline);
  return attempts[0].reached() ? attempts[0].take_socket() : Fd();
}

}  // namespace meros::test
