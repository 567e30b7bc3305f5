// The HTTP server that the real one has: HTTP/1.1 with Content-Length, at most ten connections, bodies up to 51,200
// bytes. What it refuses below the API has a text of its own kind in the body, which is no JSON.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "fakes/firecracker/api.h"

namespace meros::fake {

// Binds and listens at a path that must not exist yet. SystemError otherwise.
Fd listen_at(const std::string& path);

class HttpServer {
 public:
  using Handler = std::function<Response(const Request&)>;
  HttpServer(Fd listener, std::size_t max_body, Handler handler);

  // To be polled for reading.
  std::vector<int> descriptors() const;
  void on_readable(int descriptor);

 private:
  struct Connection {
    Fd socket;
    std::string received;
  };
  void accept();
  // Answers what has come; false when the connection is to be closed.
  bool serve(Connection& connection);

  Fd listener_;
  std::size_t max_body_;
  Handler handler_;
  std::map<int, Connection> connections_;
};

}  // namespace meros::fake
