#include "image/archives.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <thread>

#include "base/file.h"
#include "base/text.h"
#include "image/download.h"
#include "image/sha256.h"

namespace fs = std::filesystem;

namespace meros::image {
namespace {

// Mirrors ask for few connections; more gain little.
constexpr std::size_t connections = 4;

bool is_whole(const fs::path& file, const Package& package) {
  if (!fs::exists(file)) return false;
  return sha256_of(open_file(file, O_RDONLY | O_NOFOLLOW)) == package.sha256;
}

// All of one call: which are done, which failed.
class Collecting {
 public:
  Collecting(const ArchiveRequest& request, Reporter& reporter) : request_(request), reporter_(reporter) {}

  void run() {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < std::min(connections, request_.set.size()); ++i)
      threads.emplace_back([this] { work(); });
    threads.clear();
    if (unexpected_) throw Error(*unexpected_);
    if (failures_.empty()) return;
    std::string text = "packages that cannot be had:";
    for (const auto& [name, why] : failures_) text += fmt::format("\n  {}: {}", name, why);
    throw MissingPackages(text, "'--pull' takes those that the mirrors have now; '--mirror' asks another one");
  }

 private:
  void work() {
    for (std::size_t i = next_++; i < request_.set.size(); i = next_++) {
      const Package& package = request_.set[i];
      try {
        if (!is_whole(archive_file(request_.archives, package), package)) get(package);
      } catch (const Error& e) {
        const std::lock_guard guard(mutex_);
        unexpected_ = e;
        next_ = request_.set.size();
      }
      const std::lock_guard guard(mutex_);
      ++done_;
    }
  }

  void get(const Package& package) {
    say_how_far();
    const auto urls = urls_of(package, request_.bases, request_.bases_first);
    std::string why;
    for (const auto& url : urls) {
      try {
        SilentReporter silent;
        return download({url, archive_file(request_.archives, package), package.sha256}, silent);
      } catch (const SystemError&) {
        throw;  // a full disk, say
      } catch (const Error& e) {
        // What is no matter of this package's.
        if (e.exit_code() == ExitCode::host_lacks || e.exit_code() == ExitCode::busy) throw;
        if (why.empty()) why = e.message();
      }
    }
    const std::lock_guard guard(mutex_);
    failures_.emplace(package.name + " " + package.version, why);
  }

  void say_how_far() {
    const std::lock_guard guard(mutex_);
    if (done_ > last_said_ || last_said_ == 0)
      reporter_.note(fmt::format("fetching packages: {} of {}", done_ + 1, request_.set.size()));
    last_said_ = done_ + said_step;
  }

  static constexpr std::size_t said_step = 40;
  const ArchiveRequest& request_;
  Reporter& reporter_;
  std::atomic<std::size_t> next_ = 0;
  std::mutex mutex_;
  std::size_t done_ = 0;
  std::size_t last_said_ = 0;
  std::map<std::string, std::string> failures_;
  std::optional<Error> unexpected_;
};

}  // namespace

fs::path archive_file(const fs::path& archives, const Package& package) {
  return archives / (package.sha256 + (package.url.ends_with(".deb") ? ".deb" : ".archive"));
}

std::vector<std::string> urls_of(const Package& package, const std::vector<std::string>& bases, bool bases_first) {
  std::vector<std::string> others;
  // Debian's archive has the same paths everywhere.
  if (const auto pool = package.url.find("/pool/"); pool != std::string::npos)
    for (const auto& base : bases) {
      std::string url = base.substr(0, base.find_last_not_of('/') + 1) + package.url.substr(pool);
      if (url != package.url) others.push_back(std::move(url));
    }
  std::vector<std::string> urls = {package.url};
  urls.insert(bases_first ? urls.begin() : urls.end(), others.begin(), others.end());
  return urls;
}

void fetch(const ArchiveRequest& request, Reporter& reporter) {
  make_directories(request.archives, 0700);
  Collecting(request, reporter).run();
}

}  // namespace meros::image
