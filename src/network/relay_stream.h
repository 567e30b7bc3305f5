// One TCP connection through the relay: two sockets, and what is on its way between them.
#pragma once

#include <netinet/in.h>

#include <array>
#include <string>
#include <vector>

#include "base/deadline.h"
#include "base/fd.h"
#include "base/watch.h"
#include "network/relay.h"

namespace meros::network {

class Stream {
 public:
  // `targets` are tried in order until one takes the connection.
  Stream(Fd client, std::vector<sockaddr_storage> targets, Service service);

  void watch(Watches& watches);
  bool ended() const { return ended_; }
  const Service& service() const { return service_; }
  Deadline deadline() const { return connected_ ? Deadline::never() : give_up_; }
  void expire();

 private:
  // One direction. At most `most_waiting` bytes wait for a slow reader; until then the writer is not read.
  struct Half {
    std::string waiting;
    bool finished = false;  // the writer has said its last
    bool shut = false;      // and the reader knows
  };
  void connect_next();
  void on_connected();
  void read_from(const Fd& from, Half& half);
  void write_to(const Fd& to, Half& half);
  void watch_socket(Watches& watches, const Fd& socket, Half& from_it, Half& to_it);
  void on_event(const Fd& socket, Half& from_it, Half& to_it, short events);
  void pass_on();

  Fd client_;
  Fd host_;
  std::vector<sockaddr_storage> targets_;
  std::size_t next_target_ = 0;
  Service service_;
  bool connected_ = false;
  bool ended_ = false;
  Deadline give_up_;
  Half to_host_;
  Half to_client_;
};

}  // namespace meros::network
