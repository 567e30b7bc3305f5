#include "integration/network/services.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <vector>

#include "base/error.h"

namespace meros::test {
namespace {

sockaddr_in to_sockaddr(const std::string& address, std::uint16_t port) {
  sockaddr_in result{};
  result.sin_family = AF_INET;
  result.sin_port = htons(port);
  if (::inet_pton(AF_INET, address.c_str(), &result.sin_addr) != 1) throw Error("bad address " + address);
  return result;
}

// The question again, with an answer: one A record, 203.0.113.9.
std::string dns_answer(std::string question) {
  if (question.size() < 12) return {};
  question[2] = static_cast<char>(0x81);
  question[3] = static_cast<char>(0x80);
  question[7] = 1;                                      // one answer
  question[10] = question[11] = 0;                      // without the OPT record
  const std::size_t end = question.find('\0', 12) + 5;  // name, type and class
  question.resize(end);
  const std::array<unsigned char, 16> record = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 203, 0, 113, 9};
  question.append(record.begin(), record.end());
  return question;
}

}  // namespace

Services::Services() : stop_(make_pipe()) {}

Services::~Services() {
  stop_.write_end.reset();
  if (thread_.joinable()) thread_.join();
}

void Services::add(const network::NetworkNamespace* where, int type, const std::string& address, std::uint16_t port,
                   Kind kind, const std::string& greeting) {
  const auto make = [&] {
    Fd socket(::socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const sockaddr_in local = to_sockaddr(address, port);
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&local), sizeof local) != 0 ||
        (type == SOCK_STREAM && ::listen(socket.get(), 64) != 0))
      throw_errno("cannot serve " + address + ":" + std::to_string(port));
    return socket;
  };
  services_.push_back({kind, where == nullptr ? make() : where->run(make), greeting});
}

void Services::add_tcp(const network::NetworkNamespace* where, const std::string& address, std::uint16_t port,
                       const std::string& greeting) {
  add(where, SOCK_STREAM, address, port, Kind::greeter, greeting);
}

void Services::add_udp(const network::NetworkNamespace* where, const std::string& address, std::uint16_t port,
                       const std::string& greeting) {
  add(where, SOCK_DGRAM, address, port, Kind::echo, greeting);
}

void Services::add_dns(const network::NetworkNamespace* where, const std::string& address) {
  add(where, SOCK_DGRAM, address, 53, Kind::dns_datagram, "");
  add(where, SOCK_STREAM, address, 53, Kind::dns_stream, "");
}

std::set<std::string> Services::heard() const {
  const std::lock_guard lock(mutex_);
  return heard_;
}

void Services::start() {
  thread_ = std::thread([this] { run(); });
}

void Services::run() {
  std::vector<pollfd> polled = {{stop_.read_end.get(), POLLIN, 0}};
  std::vector<Service*> order;
  for (auto& service : services_) {
    polled.push_back({service.socket.get(), POLLIN, 0});
    order.push_back(&service);
  }
  for (;;) {
    ::poll(polled.data(), polled.size(), -1);
    if (polled[0].revents != 0) return;
    for (std::size_t i = 0; i < order.size(); ++i)
      if (polled[i + 1].revents != 0) serve(*order[i]);
  }
}

void Services::serve(Service& service) {
  if (service.kind == Kind::greeter || service.kind == Kind::dns_stream) {
    Fd client(::accept4(service.socket.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!client) return;
    std::string text = service.greeting;
    if (service.kind == Kind::dns_stream) {
      std::array<char, 1024> question{};
      const ssize_t n = ::recv(client.get(), question.data(), question.size(), 0);
      if (n < 2) return;
      const std::string answer = dns_answer({question.data() + 2, static_cast<std::size_t>(n) - 2});
      text = {static_cast<char>(answer.size() >> 8), static_cast<char>(answer.size())};
      text += answer;
    }
    ::send(client.get(), text.data(), text.size(), MSG_NOSIGNAL);
    open_.push_back(std::move(client));
    return;
  }
  std::array<char, 2048> text{};
  sockaddr_in from{};
  socklen_t size = sizeof from;
  const ssize_t n =
      ::recvfrom(service.socket.get(), text.data(), text.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
  if (n < 0) return;
  if (service.kind == Kind::echo) {
    const std::lock_guard lock(mutex_);
    heard_.insert(std::string(text.data(), static_cast<std::size_t>(n)));
  }
  const std::string answer =
      service.kind == Kind::dns_datagram ? dns_answer({text.data(), static_cast<std::size_t>(n)}) : service.greeting;
  ::sendto(service.socket.get(), answer.data(), answer.size(), MSG_NOSIGNAL, reinterpret_cast<sockaddr*>(&from), size);
}

}  // namespace meros::test
