// One DNS question on its way to the host's resolvers, over UDP.
#pragma once

#include <netinet/in.h>

#include <string>
#include <vector>

#include "base/deadline.h"
#include "base/fd.h"
#include "base/watch.h"

namespace meros::network {

class Question {
 public:
  // The answer goes back through `inside`, to `asker`. Servers that do not answer in time are followed by the next.
  Question(const Fd& inside, sockaddr_in asker, std::string text, std::vector<sockaddr_storage> servers);

  void watch(Watches& watches);
  bool ended() const { return ended_; }
  Deadline deadline() const { return next_try_; }
  void expire();

 private:
  void ask_next();

  const Fd& inside_;
  sockaddr_in asker_;
  std::string text_;
  std::vector<sockaddr_storage> servers_;
  std::size_t next_server_ = 0;
  std::vector<Fd> sockets_;  // one a server: a late answer of a slow one still counts
  Deadline next_try_;
  bool ended_ = false;
};

}  // namespace meros::network
