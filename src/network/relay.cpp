#include "network/relay.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "network/dnsmasq.h"
#include "network/policy.h"
#include "network/relay_dns.h"
#include "network/relay_stream.h"

namespace meros::network {
namespace {

// A machine can have as many descriptors of the holder as this, and no more.
constexpr std::size_t most_streams_of_bridge = 256;
constexpr std::size_t most_questions = 256;
constexpr std::size_t most_name_servers = 3;  // MAXNS, resolv.h
constexpr std::size_t max_resolv_conf = std::size_t{64} << 10;
constexpr std::size_t max_question = 4096;
constexpr Ipv4 loopback{0x7f000001};

sockaddr_in to_sockaddr(Ipv4 address, std::uint16_t port) {
  sockaddr_in result{};
  result.sin_family = AF_INET;
  result.sin_addr.s_addr = htonl(address.value);
  result.sin_port = htons(port);
  return result;
}

sockaddr_storage to_storage(const sockaddr_in& address) {
  sockaddr_storage storage{};
  std::memcpy(&storage, &address, sizeof address);
  return storage;
}

Fd bound_socket(const NetworkNamespace& network, int type, Ipv4 address, std::uint16_t port) {
  return network.run([&] {
    Fd socket(::socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket) throw_errno("cannot make a socket");
    const int on = 1;
    // Those of a former holder's connections linger on the port.
    ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const sockaddr_in local = to_sockaddr(address, port);
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&local), sizeof local) != 0 ||
        (type == SOCK_STREAM && ::listen(socket.get(), 64) != 0))
      throw_errno("cannot listen on " + address.to_string() + ", port " + std::to_string(port));
    return socket;
  });
}

std::optional<sockaddr_storage> parse_server(const std::string& text) {
  sockaddr_storage storage{};
  sockaddr_in v4 = to_sockaddr({}, dns_port);
  if (::inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) return to_storage(v4);
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(dns_port);
  if (::inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) != 1) return std::nullopt;
  std::memcpy(&storage, &v6, sizeof v6);
  return storage;
}

// As they are now: a laptop changes its network while the machines run on.
std::vector<sockaddr_storage> current_name_servers() {
  return name_servers(read_file_if_exists("/etc/resolv.conf", max_resolv_conf).value_or(""));
}

}  // namespace

std::vector<sockaddr_storage> name_servers(std::string_view resolv_conf) {
  std::vector<sockaddr_storage> servers;
  for (const auto& line : split(resolv_conf, '\n')) {
    std::string words = line;
    std::replace(words.begin(), words.end(), '\t', ' ');
    constexpr std::string_view keyword = "nameserver ";
    if (!words.starts_with(keyword) || servers.size() == most_name_servers) continue;
    const std::string_view rest = trim(std::string_view(words).substr(keyword.size()));
    if (const auto server = parse_server(std::string(rest.substr(0, rest.find(' '))))) servers.push_back(*server);
  }
  if (servers.empty()) servers.push_back(to_storage(to_sockaddr(loopback, dns_port)));
  return servers;
}

Relay::Relay(const NetworkNamespace& network) : network_(network) {}
Relay::~Relay() = default;

void Relay::serve(const std::vector<Service>& services) {
  const auto is_wanted = [&](const Service& service) { return std::ranges::find(services, service) != services.end(); };
  listeners_.remove_if([&](const Listener& listener) { return !is_wanted(listener.service); });
  streams_.remove_if([&](const auto& stream) { return stream->service().port != 0 && !is_wanted(stream->service()); });
  for (const auto& service : services) {
    if (std::ranges::find(listeners_, service, &Listener::service) != listeners_.end()) continue;
    listeners_.push_back({service, bound_socket(network_, SOCK_STREAM, service.address, service.port)});
  }
}

void Relay::serve_dns(bool wanted) {
  if (wanted && !dns_datagrams_) {
    dns_datagrams_ = bound_socket(network_, SOCK_DGRAM, loopback, relay_dns_port);
    dns_listener_ = bound_socket(network_, SOCK_STREAM, loopback, relay_dns_port);
  }
  if (wanted || !dns_datagrams_) return;
  questions_.clear();
  dns_datagrams_.reset();
  dns_listener_.reset();
}

void Relay::watch(Watches& watches) {
  streams_.remove_if([](const auto& stream) { return stream->ended(); });
  questions_.remove_if([](const auto& question) { return question->ended(); });
  for (auto& listener : listeners_)
    watches.add(listener.socket.get(), POLLIN, [this, &listener](short) { accept_stream(listener); });
  if (dns_datagrams_) {
    watches.add(dns_datagrams_.get(), POLLIN, [this](short) { take_questions(); });
    watches.add(dns_listener_.get(), POLLIN, [this](short) { accept_dns_stream(); });
  }
  for (auto& stream : streams_) stream->watch(watches);
  for (auto& question : questions_) question->watch(watches);
}

Deadline Relay::next_deadline() const {
  Deadline next = Deadline::never();
  const auto consider = [&](Deadline deadline) {
    if (deadline.at() < next.at()) next = deadline;
  };
  for (const auto& stream : streams_) consider(stream->deadline());
  for (const auto& question : questions_) consider(question->deadline());
  return next;
}

void Relay::expire() {
  for (auto& stream : streams_) stream->expire();
  for (auto& question : questions_) question->expire();
}

void Relay::accept_stream(const Listener& listener) {
  Fd client(::accept4(listener.socket.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!client) return;
  std::vector<sockaddr_storage> targets;
  if (listener.service.host_loopback) targets.push_back(to_storage(to_sockaddr(loopback, listener.service.port)));
  if (host_address_) targets.push_back(to_storage(to_sockaddr(*host_address_, listener.service.port)));
  add_stream(std::move(client), std::move(targets), listener.service);
}

void Relay::accept_dns_stream() {
  Fd client(::accept4(dns_listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (client) add_stream(std::move(client), current_name_servers(), Service{});
}

void Relay::add_stream(Fd client, std::vector<sockaddr_storage> targets, const Service& service) {
  const auto of_bridge = std::ranges::count_if(
      streams_, [&](const auto& stream) { return stream->service().bridge == service.bridge && !stream->ended(); });
  if (static_cast<std::size_t>(of_bridge) >= most_streams_of_bridge) return;  // closing it is the answer
  try {
    streams_.push_back(std::make_unique<Stream>(std::move(client), std::move(targets), service));
  } catch (const SystemError&) {
    // Its client went away already, or we are out of descriptors: it sees the connection closed.
  }
}

void Relay::take_questions() {
  std::array<char, max_question> text;  // NOLINT(cppcoreguidelines-pro-type-member-init): recvfrom fills it
  sockaddr_in asker{};
  socklen_t size = sizeof asker;
  const ssize_t n =
      ::recvfrom(dns_datagrams_.get(), text.data(), text.size(), 0, reinterpret_cast<sockaddr*>(&asker), &size);
  if (n <= 0 || questions_.size() >= most_questions) return;
  questions_.push_back(std::make_unique<Question>(
      dns_datagrams_, asker, std::string(text.data(), static_cast<std::size_t>(n)), current_name_servers()));
}

}  // namespace meros::network
