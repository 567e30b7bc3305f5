#include "image/http.h"

#include <fmt/format.h>

#include <exception>
#include <memory>
#include <vector>

#include "base/text.h"
#include "image/libcurl.h"
#include "image/url.h"

namespace meros::image {
namespace {

constexpr long connect_timeout_s = 30;
constexpr long max_redirections = 10;

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

// What curl's callbacks work on. No exception may pass through curl: it waits in `failure`.
struct Transfer {
  HttpSink* sink = nullptr;
  HttpHead head;
  bool begun = false;
  bool given_up = false;
  std::exception_ptr failure;

  bool has_content() const { return head.status == 200 || head.status == 206; }
  bool begin() {
    begun = true;
    given_up = !sink->begin(head);
    return !given_up;
  }
};

std::size_t on_header(char* text, std::size_t size, std::size_t count, void* argument) {
  auto& transfer = *static_cast<Transfer*>(argument);
  try {
    read_header_line(transfer.head, {text, size * count});
    return size * count;
  } catch (...) {
    transfer.failure = std::current_exception();
    return 0;
  }
}

std::size_t on_data(char* bytes, std::size_t size, std::size_t count, void* argument) {
  auto& transfer = *static_cast<Transfer*>(argument);
  if (!transfer.has_content()) return size * count;  // an error page
  try {
    if (!transfer.begun && !transfer.begin()) return 0;
    transfer.sink->data({bytes, size * count});
    return size * count;
  } catch (...) {
    transfer.failure = std::current_exception();
    return 0;
  }
}

class Handle {
 public:
  explicit Handle(const LibCurl& curl) : curl_(curl), handle_(curl.easy_init(), curl.easy_cleanup) {
    if (handle_ == nullptr) throw Error("cannot download: libcurl does not start");
  }
  template <typename Value>
  void set(CURLoption option, Value value) {
    const CURLcode code = curl_.easy_setopt(handle_.get(), option, value);
    if (code != CURLE_OK)
      throw HostError(fmt::format("cannot download: this libcurl refuses a setting: {}", curl_.easy_strerror(code)),
                      "it must be version 7.85 or newer");
  }
  CURLcode perform() { return curl_.easy_perform(handle_.get()); }

 private:
  const LibCurl& curl_;
  std::unique_ptr<CURL, decltype(&::curl_easy_cleanup)> handle_;
};

bool is_interruption(CURLcode code) {
  switch (code) {
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
      return true;
    default:
      return false;
  }
}

std::string hint_for(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
      return "look at the network of this host, or give another URL";
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
      return "the package ca-certificates has the certificates that servers are checked by";
    default:
      return {};
  }
}

void configure(Handle& handle, const HttpRequest& request, Transfer& transfer, std::vector<char>& error) {
  const bool secure = scheme_of(request.url) == Scheme::https;
  handle.set(CURLOPT_URL, request.url.c_str());
  handle.set(CURLOPT_PROTOCOLS_STR, "http,https");
  handle.set(CURLOPT_NOSIGNAL, 1L);  // it is used by several threads
  // A redirection never leads from https to http, and never to a file of this host.
  handle.set(CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
  handle.set(CURLOPT_FOLLOWLOCATION, 1L);
  handle.set(CURLOPT_MAXREDIRS, max_redirections);
  handle.set(CURLOPT_CONNECTTIMEOUT, connect_timeout_s);
  handle.set(CURLOPT_LOW_SPEED_LIMIT, 1L);
  handle.set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(request.stall_timeout.count()));
  handle.set(CURLOPT_USERAGENT, "meros/" MEROS_VERSION);
  handle.set(CURLOPT_ERRORBUFFER, error.data());
  handle.set(CURLOPT_HEADERFUNCTION, &on_header);
  handle.set(CURLOPT_HEADERDATA, &transfer);
  handle.set(CURLOPT_WRITEFUNCTION, &on_data);
  handle.set(CURLOPT_WRITEDATA, &transfer);
}

// "bytes 100-199/200" or "bytes */200"
void read_content_range(HttpHead& head, std::string_view value) {
  if (!value.starts_with("bytes ")) return;
  value.remove_prefix(6);
  const auto slash = value.find('/');
  if (slash == std::string_view::npos) return;
  head.total = parse_unsigned(trim(value.substr(slash + 1)));
  head.first = parse_unsigned(trim(value.substr(0, value.find('-'))));
}

}  // namespace

std::string HttpHead::validator() const { return !etag.empty() && !etag.starts_with("W/") ? etag : last_modified; }

void read_header_line(HttpHead& head, std::string_view line) {
  line = trim(line);
  if (line.starts_with("HTTP/")) {
    head = {};
    const auto blank = line.find(' ');
    if (blank == std::string_view::npos) return;
    const auto rest = line.substr(blank + 1);
    head.status = static_cast<int>(parse_unsigned(rest.substr(0, 3)).value_or(0));
    if (rest.size() > 4) head.reason = rest.substr(4);
    return;
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return;
  const std::string name = lower(line.substr(0, colon));
  const auto value = trim(line.substr(colon + 1));
  if (name == "content-length") head.length = parse_unsigned(value);
  if (name == "content-range") read_content_range(head, value);
  if (name == "etag") head.etag = value;
  if (name == "last-modified") head.last_modified = value;
}

HttpResult http_get(const HttpRequest& request, HttpSink& sink) {
  const LibCurl& curl = load_libcurl();
  Transfer transfer;
  transfer.sink = &sink;
  std::vector<char> error(CURL_ERROR_SIZE);
  std::unique_ptr<curl_slist, decltype(&::curl_slist_free_all)> headers(nullptr, curl.slist_free_all);
  Handle handle(curl);
  configure(handle, request, transfer, error);
  const std::string range = fmt::format("{}-", request.offset);
  if (request.offset > 0) {
    handle.set(CURLOPT_RANGE, range.c_str());
    headers.reset(curl.slist_append(nullptr, ("If-Range: " + request.if_range).c_str()));
    handle.set(CURLOPT_HTTPHEADER, headers.get());
  }
  const CURLcode code = handle.perform();
  if (transfer.failure) std::rethrow_exception(transfer.failure);
  if (transfer.given_up) return {HttpResult::End::given_up, transfer.head, {}};
  const std::string why = error.front() != '\0' ? error.data() : curl.easy_strerror(code);
  if (is_interruption(code)) return {HttpResult::End::interrupted, transfer.head, why};
  if (code != CURLE_OK)
    throw Error(fmt::format("cannot fetch '{}': {}", without_credentials(request.url), why), hint_for(code));
  if (transfer.has_content() && !transfer.begun && !transfer.begin())  // an empty body
    return {HttpResult::End::given_up, transfer.head, {}};
  return {HttpResult::End::complete, transfer.head, {}};
}

}  // namespace meros::image
