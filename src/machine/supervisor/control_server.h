// control.sock: requests of the verbs, one JSON object a line (machine/control.h).
#pragma once

#include <functional>
#include <list>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/error.h"
#include "base/fd.h"
#include "base/line_socket.h"
#include "base/watch.h"

namespace meros::machine {

class ControlServer {
 public:
  // Called with each request; the answer may come later, by the number of the client.
  using Handler = std::function<void(std::uint64_t client, const nlohmann::json& request)>;

  ControlServer(const Fd& volume, Handler handler);
  void watch(Watches& watches);
  // No effect when the client has gone away meanwhile.
  void answer(std::uint64_t client, const nlohmann::json& answer);
  void refuse(std::uint64_t client, const Error& error);

 private:
  struct Connection {
    std::uint64_t number;
    Fd socket;
    LineReader reader;
    bool closed = false;
  };
  void accept_client();
  void serve(Connection& connection);

  Fd listener_;
  Handler handler_;
  std::list<Connection> connections_;
  std::uint64_t last_number_ = 0;
};

}  // namespace meros::machine
