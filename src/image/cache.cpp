#include "image/cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace fs = std::filesystem;

namespace meros::image {
namespace {

// Of 64 digits: enough to tell every build apart, and short enough to be read.
constexpr std::size_t digits_in_names = 32;
constexpr std::string_view unfinished_prefix = ".new-";
// The last two are a kernel's (image/kernel_build.h).
constexpr std::array<std::string_view, 7> stages = {"base",  "packages", "kernel", "customised",
                                                    "lists", "source",   "objects"};

// Whether it was got. Open file description locks (fcntl(2)): threads of one process exclude each other, too.
bool set_lock(const Fd& file, Hold hold, int command) {
  struct flock lock {};
  lock.l_type = hold == Hold::make ? F_WRLCK : F_RDLCK;
  lock.l_whence = SEEK_SET;
  for (;;) {
    if (::fcntl(file.get(), command, &lock) == 0) return true;
    if (errno == EAGAIN || errno == EACCES) return false;
    if (errno != EINTR) throw_errno("cannot lock an entry of the cache");
  }
}

// Who makes it, for those who wait: "1234".
void leave_pid(const Fd& file) {
  const std::string pid = fmt::format("{}\n", ::getpid());
  if (::ftruncate(file.get(), 0) != 0 || ::pwrite(file.get(), pid.data(), pid.size(), 0) < 0)
    throw_errno("cannot write into the lock file");
}

std::string holder_of(const fs::path& file) {
  const auto pid = parse_unsigned(trim(read_file_if_exists(file, 4096).value_or("")));
  if (!pid) return "another process";
  return *pid == static_cast<std::uint64_t>(::getpid()) ? "another machine of this build"
                                                        : fmt::format("process {}", *pid);
}

}  // namespace

Cache::Cache(fs::path directory) : directory_(std::move(directory)) {
  make_directories(directory_.parent_path());
  make_directories(directory_, 0700);
  struct stat info {};
  if (::stat(directory_.c_str(), &info) != 0) throw_errno(fmt::format("cannot look at '{}'", directory_.string()));
  if (info.st_uid != ::geteuid() && info.st_uid != invoking_user().uid)
    throw HostError(fmt::format("the cache '{}' belongs to user {}, and this is user {}", directory_.string(),
                                info.st_uid, ::geteuid()),
                    info.st_uid == 0 ? "build with sudo, as before, or name another --data-dir"
                                     : "build as that user, or name another --data-dir");
  if ((info.st_mode & 077) != 0 && ::chmod(directory_.c_str(), 0700) != 0)
    throw_errno(fmt::format("cannot close '{}' to others", directory_.string()));
  make_directories(directory_ / ".locks", 0700);
  make_directories(log_directory(), 0700);
}

std::string entry_name(const std::string& stage, const std::string& hash) {
  return fmt::format("{}-{}", stage, hash.substr(0, digits_in_names));
}

std::string image_lock(const std::string& constellation, const std::string& machine) {
  return fmt::format("image-{}-{}", constellation, machine);
}

fs::path Cache::entry(const std::string& stage, const std::string& hash) const {
  return directory_ / entry_name(stage, hash);
}

fs::path Cache::unfinished(const std::string& stage, const std::string& hash) const {
  return directory_ / (std::string(unfinished_prefix) + entry_name(stage, hash));
}

Fd Cache::open_lock_file(const std::string& name) const {
  return open_file(directory_ / ".locks" / name, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
}

std::optional<Held> Cache::try_hold(const std::string& name, Hold hold) const {
  Fd file = open_lock_file(name);
  if (!set_lock(file, hold, F_OFD_SETLK)) return std::nullopt;
  if (hold == Hold::make) leave_pid(file);
  return Held(std::move(file));
}

Held Cache::hold(const std::string& name, Hold hold, Reporter& reporter) const {
  Fd file = open_lock_file(name);
  if (!set_lock(file, hold, F_OFD_SETLK)) {
    reporter.note(fmt::format("waiting for {}, which makes {}", holder_of(directory_ / ".locks" / name),
                              name.substr(0, name.find('-') + 9)));
    set_lock(file, hold, F_OFD_SETLKW);
  }
  if (hold == Hold::make) leave_pid(file);
  return Held(std::move(file));
}

void Held::keep_for_use() { set_lock(file_, Hold::use, F_OFD_SETLK); }

// By name: a child that is between fork and exec still has the descriptor.
Held::~Held() {
  struct flock lock {};
  lock.l_type = F_UNLCK;
  lock.l_whence = SEEK_SET;
  if (file_) ::fcntl(file_.get(), F_OFD_SETLK, &lock);
}

std::vector<CacheEntry> list_entries(const fs::path& cache_directory) {
  std::vector<CacheEntry> entries;
  if (!fs::is_directory(cache_directory)) return entries;
  for (const auto& found : fs::directory_iterator(cache_directory)) {
    const std::string name = found.path().filename().string();
    const std::string stage = name.substr(0, name.find('-'));
    if (name.starts_with(unfinished_prefix))
      entries.push_back({name, "unfinished", found.path()});
    else if (std::ranges::find(stages, stage) != stages.end())
      entries.push_back({name, stage, found.path()});
  }
  std::ranges::sort(entries, {}, &CacheEntry::name);
  return entries;
}

}  // namespace meros::image
