// One GET over http or https, by libcurl.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace meros::image {

struct HttpRequest {
  std::string url = {};
  // From this byte on, and only if the server still has what `if_range` (an ETag or a date, RFC 9110 13.1.5) stands
  // for.
  std::uint64_t offset = 0;
  std::string if_range = {};
  std::chrono::seconds stall_timeout{60};  // without a byte
};

// The last response's head, after redirections.
struct HttpHead {
  int status = 0;
  std::string reason;                   // "Not Found", or ""
  std::optional<std::uint64_t> length;  // of this body
  std::optional<std::uint64_t> first;   // Content-Range: the first byte
  std::optional<std::uint64_t> total;   // Content-Range: the whole file
  std::string etag;
  std::string last_modified;
  // What a later request can be made conditional on: the ETag unless it is a weak one, else the date; or "".
  std::string validator() const;
};
// Adds one header line (or the status line, which begins a new head) to what is known.
void read_header_line(HttpHead& head, std::string_view line);

class HttpSink {
 public:
  virtual ~HttpSink() = default;
  // Once, before the first byte, for a status of 200 or 206 only. False gives up the transfer.
  virtual bool begin(const HttpHead& head) = 0;
  virtual void data(std::string_view bytes) = 0;
};

struct HttpResult {
  enum class End {
    complete,
    interrupted,  // the connection broke or stalled: what came is good
    given_up,     // begin() said so
  };
  End end = End::complete;
  HttpHead head;    // a status that is neither 200 nor 206 is the caller's to judge
  std::string why;  // for interrupted
};
// What the sink throws comes out here. Error when no answer comes at all, HostError without libcurl.
HttpResult http_get(const HttpRequest& request, HttpSink& sink);

}  // namespace meros::image
