#include "image/download.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "image/http.h"
#include "image/part_file.h"
#include "image/sha256.h"
#include "image/url.h"

namespace fs = std::filesystem;

namespace meros::image {
namespace {

// What a server may send without end; no image comes near.
constexpr std::uint64_t max_download_bytes = std::uint64_t{64} << 30;
// In one run, each of them further than the ones before.
constexpr int max_connections = 20;

class IntoPartFile : public HttpSink {
 public:
  IntoPartFile(PartFile& part, const DownloadRequest& request, Reporter& reporter)
      : part_(part), request_(request), name_(request.target.filename().string()), reporter_(reporter) {}

  bool begin(const HttpHead& head) override {
    if (head.status == 206) return goes_on(head);
    check_size(head.length.value_or(0));
    part_.restart({.url = without_credentials(request_.url), .validator = head.validator(), .total = head.length});
    return true;
  }
  void data(std::string_view bytes) override {
    check_size(part_.size() + bytes.size());
    part_.append(bytes);
    reporter_.progress(name_, part_.size(), part_.source()->total);
  }

 private:
  // A server that pays no heed to If-Range may send a part of another file, or another part.
  bool goes_on(const HttpHead& head) const {
    const auto& source = part_.source();
    if (!source || head.first != part_.size()) return false;
    if (head.total && source->total && *head.total != *source->total) return false;
    return head.validator().empty() || head.validator() == source->validator;
  }
  void check_size(std::uint64_t size) const {
    if (size > max_download_bytes)
      throw InvalidError(fmt::format("cannot fetch '{}': it is larger than {}", without_credentials(request_.url),
                                     format_bytes(max_download_bytes)));
  }

  PartFile& part_;
  const DownloadRequest& request_;
  std::string name_;
  Reporter& reporter_;
};

class Fetch {
 public:
  Fetch(PartFile& part, const DownloadRequest& request, Reporter& reporter)
      : part_(part), request_(request), url_(without_credentials(request.url)), reporter_(reporter) {}

  void run() {
    bool resume = request_.resume && can_resume();
    if (resume) reporter_.note(fmt::format("going on with '{}' at {}", name(), format_bytes(part_.size())));
    std::uint64_t furthest = resume ? part_.size() : 0;
    for (int connections = 1;; ++connections) {
      const HttpResult result = transfer(resume);
      if (result.end == HttpResult::End::given_up || result.head.status == 416) {
        if (is_whole(result.head)) return;
        if (!resume)
          throw Error(fmt::format("cannot fetch '{}': the server sends a part that was not asked for", url_));
        reporter_.note(fmt::format("'{}' has changed since: fetching it from the beginning", url_));
        resume = false;
        continue;
      }
      check_status(result.head);
      if (result.end == HttpResult::End::complete) return;
      if (part_.size() <= furthest || connections == max_connections) throw interrupted(result.why);
      furthest = part_.size();
      resume = can_resume();
      reporter_.note(
          fmt::format("the connection broke at {}: {}; trying again", format_bytes(part_.size()), result.why));
    }
  }

 private:
  std::string name() const { return request_.target.filename().string(); }
  bool can_resume() const {
    const auto& source = part_.source();
    return part_.size() > 0 && source && source->url == url_ && !source->validator.empty();
  }

  HttpResult transfer(bool resume) {
    HttpRequest http{.url = request_.url, .offset = 0, .if_range = {}, .stall_timeout = request_.stall_timeout};
    if (resume) {
      http.offset = part_.size();
      http.if_range = part_.source()->validator;
    }
    IntoPartFile sink(part_, request_, reporter_);
    return http_get(http, sink);
  }

  // 416 to a request that goes on at the very end: the bytes were all there already.
  bool is_whole(const HttpHead& head) const {
    return head.status == 416 && part_.source() && part_.source()->total == part_.size() && head.total == part_.size();
  }

  void check_status(const HttpHead& head) const {
    if (head.status == 200 || head.status == 206) return;
    const std::string answer =
        head.reason.empty() ? std::to_string(head.status) : fmt::format("{} ({})", head.status, head.reason);
    const std::string message = fmt::format("cannot fetch '{}': the server answers {}", url_, answer);
    if (head.status == 404 || head.status == 410) throw NotFoundError(message, "look at the URL");
    throw Error(message);
  }

  Error interrupted(const std::string& why) const {
    const std::string hint =
        can_resume() ? fmt::format("run it again: it goes on at {}", format_bytes(part_.size())) : "run it again";
    return Error(fmt::format("cannot fetch '{}': {}", url_, why), hint);
  }

  PartFile& part_;
  const DownloadRequest& request_;
  std::string url_;
  Reporter& reporter_;
};

void copy_local(PartFile& part, const DownloadRequest& request) {
  const fs::path path = path_of_file_url(request.url);
  const std::string what = fmt::format("cannot fetch '{}'", request.url);
  try {
    part.copy_from(open_file(path, O_RDONLY | O_NONBLOCK));
  } catch (const SystemError& e) {
    if (e.error_number() == ENOENT) throw NotFoundError(what + ": it does not exist");
    throw SystemError(what, e.error_number());
  } catch (Error& e) {
    e.add_context(what);
    throw;
  }
}

void check_sha256(const PartFile& part, const DownloadRequest& request, const std::string& wanted, Reporter& reporter) {
  const std::string name = request.target.filename().string();
  const std::string found =
      sha256_of(part.file(), [&](std::uint64_t done) { reporter.progress("checking " + name, done, part.size()); });
  if (found != wanted)
    throw InvalidError(fmt::format("'{}' has the SHA-256 {}, not {}", without_credentials(request.url), found, wanted),
                       "look at the URL and at the SHA-256 you were given; nothing was kept");
}

bool means_no_space(int error) { return error == ENOSPC || error == EDQUOT || error == EFBIG; }

}  // namespace

void download(const DownloadRequest& request, Reporter& reporter) {
  const Scheme scheme = scheme_of(request.url);
  const auto wanted = request.sha256 ? std::optional(parse_sha256(*request.sha256, "the checksum")) : std::nullopt;
  DownloadRequest absolute = request;
  absolute.target = fs::absolute(request.target);
  make_directories(absolute.target.parent_path());
  PartFile part(absolute.target);
  try {
    if (scheme == Scheme::file) {
      copy_local(part, absolute);
    } else {
      Fetch(part, absolute, reporter).run();
    }
    if (wanted) check_sha256(part, absolute, *wanted, reporter);
    part.publish();
  } catch (const InvalidError&) {
    part.discard();
    throw;
  } catch (SystemError& e) {
    if (!means_no_space(e.error_number())) throw;
    part.discard();
    e.suggest("make room there, and run it again");
    throw;
  } catch (...) {
    // Nothing came, so there is nothing to go on with.
    if (part.size() == 0) part.discard();
    throw;
  }
}

}  // namespace meros::image
