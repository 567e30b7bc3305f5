// The relay: what a constellation may have of the host. It listens on sockets made inside the namespace and connects
// with sockets of the host, so no packet is ever routed from a machine to the host.
//
// Part of the holder's loop. What it passes on it does not look at.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "base/deadline.h"
#include "base/fd.h"
#include "base/watch.h"
#include "network/address.h"
#include "network/namespace.h"

namespace meros::network {

// One permission: a service of the host, at a bridge's own address.
struct Service {
  std::string bridge;
  Ipv4 address;
  std::uint16_t port = 0;
  bool host_loopback = false;  // the host's 127.0.0.1 is tried first
  bool operator==(const Service&) const = default;
};

class Stream;
class Question;

class Relay {
 public:
  explicit Relay(const NetworkNamespace& network);
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  // Listens for these and for nothing else. Streams of a service that is not among them any more end.
  void serve(const std::vector<Service>& services);
  // Where services of the host are reached: an address of the host that is not its loopback. Nothing: nowhere.
  void set_host_address(std::optional<Ipv4> address) { host_address_ = address; }
  // Whether DNS questions of the namespace's dnsmasqs go to the host's resolvers.
  void serve_dns(bool wanted);

  void watch(Watches& watches);
  Deadline next_deadline() const;
  void expire();

  std::size_t stream_count() const { return streams_.size(); }

 private:
  struct Listener {
    Service service;
    Fd socket;
  };
  void accept_stream(const Listener& listener);
  void accept_dns_stream();
  void take_questions();
  void add_stream(Fd client, std::vector<sockaddr_storage> targets, const Service& service);

  const NetworkNamespace& network_;
  std::optional<Ipv4> host_address_;
  std::list<Listener> listeners_;
  Fd dns_datagrams_;
  Fd dns_listener_;
  std::list<std::unique_ptr<Stream>> streams_;
  std::list<std::unique_ptr<Question>> questions_;
};

// The name servers of a resolv.conf(5), at most three as there; "127.0.0.1" where it names none.
std::vector<sockaddr_storage> name_servers(std::string_view resolv_conf);

}  // namespace meros::network
