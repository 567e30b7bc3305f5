#include "image/part_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/file.h"
#include "base/json.h"
#include "base/lock.h"

namespace fs = std::filesystem;

namespace meros::image {
namespace {

constexpr std::size_t max_source_file = std::size_t{64} << 10;

fs::path with_suffix(fs::path path, const char* suffix) { return path += suffix; }

struct stat status_of(const Fd& file) {
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) throw_errno("cannot look at the file being downloaded");
  return info;
}

bool is_same_file(const Fd& file, const fs::path& path) {
  struct stat named {};
  if (::stat(path.c_str(), &named) != 0) return false;
  const struct stat open = status_of(file);
  return named.st_dev == open.st_dev && named.st_ino == open.st_ino;
}

}  // namespace

PartFile::PartFile(const fs::path& target)
    : target_(target), path_(with_suffix(target, ".part")), source_path_(with_suffix(target, ".part.json")) {
  open_locked();
  size_ = static_cast<std::uint64_t>(status_of(file_).st_size);
  read_source();
}

void PartFile::open_locked() {
  do {
    file_ = open_file(path_, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (!S_ISREG(status_of(file_).st_mode))
      throw InvalidError(fmt::format("'{}' is not a regular file", path_.string()), "remove it");
    if (!try_inherited_lock(file_))
      throw BusyError(fmt::format("'{}' is being downloaded by another process", target_.string()));
    // Who had it before may have just given it its final name, or removed it.
  } while (!is_same_file(file_, path_));
  const Owner owner = invoking_user();
  if (::geteuid() == 0 && ::fchown(file_.get(), owner.uid, owner.gid) != 0)
    throw_errno(fmt::format("cannot change the owner of '{}'", path_.string()));
}

void PartFile::read_source() {
  if (size_ == 0) return;
  const auto text = read_file_if_exists(source_path_, max_source_file);
  if (!text) return;
  try {
    const Json json = parse_json(*text, source_path_.string());
    Source source{.url = get<std::string>(json, "url"), .validator = get<std::string>(json, "validator"), .total = {}};
    if (json.contains("total")) source.total = get<std::uint64_t>(json, "total");
    source_ = std::move(source);
  } catch (const InvalidError&) {
    // Half written by a host that went down: as good as none, and the download begins anew.
  }
}

void PartFile::empty() {
  if (::ftruncate(file_.get(), 0) != 0) throw_errno(fmt::format("cannot empty '{}'", path_.string()));
  size_ = 0;
  source_.reset();
}

void PartFile::restart(const Source& source) {
  empty();
  Json json{{"url", source.url}, {"validator", source.validator}};
  if (source.total) json["total"] = *source.total;
  // Before the first byte, so that the bytes are never taken for those of an earlier source.
  replace_file(source_path_, json.dump(), 0600, Durability::process_crash_only);
  source_ = source;
  if (!source.total || *source.total == 0) return;
  const int done = ::fallocate(file_.get(), FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(*source.total));
  if (done != 0 && errno != EOPNOTSUPP && errno != ENOSYS)
    throw_errno(fmt::format("cannot write '{}'", path_.string()));
}

void PartFile::append(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(size_));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw_errno(fmt::format("cannot write '{}'", path_.string()));
    size_ += static_cast<std::uint64_t>(n);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

void PartFile::copy_from(const Fd& other) {
  empty();
  copy_content(other, file_);
  size_ = static_cast<std::uint64_t>(status_of(file_).st_size);
}

void PartFile::publish() {
  const std::string what = fmt::format("cannot finish '{}'", target_.string());
  if (::fchmod(file_.get(), 0644) != 0) throw_errno(what);
  if (::fsync(file_.get()) != 0) throw_errno(what);
  ::unlink(source_path_.c_str());
  if (::rename(path_.c_str(), target_.c_str()) != 0) throw_errno(what);
  const Fd directory = open_file(target_.parent_path(), O_RDONLY | O_DIRECTORY);
  if (::fsync(directory.get()) != 0) throw_errno(what);
}

void PartFile::discard() noexcept {
  ::unlink(source_path_.c_str());
  ::unlink(path_.c_str());
}

}  // namespace meros::image
