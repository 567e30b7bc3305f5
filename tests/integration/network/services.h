// Services of a test's network: TCP ports that greet, UDP ports that answer with the greeting, and a DNS server. One
// thread serves all of them, wherever their sockets were made.
#pragma once

#include <cstdint>
#include <list>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "base/fd.h"
#include "network/namespace.h"

namespace meros::test {

class Services {
 public:
  Services();
  ~Services();
  Services(const Services&) = delete;
  Services& operator=(const Services&) = delete;

  // In the namespace, or in that of the calling thread. Call these before start().
  void add_tcp(const network::NetworkNamespace* where, const std::string& address, std::uint16_t port,
               const std::string& greeting);
  void add_udp(const network::NetworkNamespace* where, const std::string& address, std::uint16_t port,
               const std::string& greeting);
  // Answers each question for an A record with 203.0.113.9, over UDP and TCP.
  void add_dns(const network::NetworkNamespace* where, const std::string& address);
  void start();

  // What datagrams have said to the UDP ports so far: one-way packets are seen by nobody else.
  std::set<std::string> heard() const;

 private:
  enum class Kind { greeter, echo, dns_datagram, dns_stream };
  struct Service {
    Kind kind;
    Fd socket;
    std::string greeting;
  };
  void add(const network::NetworkNamespace* where, int type, const std::string& address, std::uint16_t port, Kind kind,
           const std::string& greeting);
  void run();
  void serve(Service& service);
  std::list<Service> services_;
  std::list<Fd> open_;  // connections that were greeted, to be closed by the other side
  Pipe stop_;
  mutable std::mutex mutex_;
  std::set<std::string> heard_;
  std::thread thread_;
};

}  // namespace meros::test
