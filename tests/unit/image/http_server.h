// A web server on 127.0.0.1 that behaves and misbehaves as a test wants. One request a connection.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.h"

namespace meros::image::testing {

struct Behaviour {
  std::string content = {};
  int status = 200;
  std::string etag = "\"v1\"";
  std::string last_modified = {};
  std::string location = {};                     // of a redirection
  bool ranges = true;                            // heeds Range
  bool if_range = true;                          // heeds If-Range
  bool send_length = true;                       // Content-Length
  std::optional<std::string> length = {};        // another Content-Length than the true one
  std::optional<std::size_t> cut_at = {};        // ends the connection before this byte of the content
  std::optional<std::size_t> range_begins = {};  // answers every range with the one from here
  bool stall = false;                            // sends nothing more at cut_at, and keeps the connection
};

class HttpServer {
 public:
  explicit HttpServer(Behaviour behaviour);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  std::string url(const std::string& path = "/file") const;
  void set(Behaviour behaviour);
  // The heads of the requests so far, "GET /file range=100- if-range=\"v1\"".
  std::vector<std::string> requests() const;

 private:
  void serve();
  void answer(const Fd& connection);

  Fd listener_;
  Fd stop_reader_;
  Fd stop_writer_;
  int port_ = 0;
  mutable std::mutex mutex_;
  Behaviour behaviour_;
  std::vector<std::string> requests_;
  std::thread thread_;
};

}  // namespace meros::image::testing
