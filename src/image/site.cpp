#include "image/site.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/bounded_log.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"

namespace fs = std::filesystem;

namespace meros::image {
namespace {

constexpr std::size_t lines_in_errors = 20;

}  // namespace

Site::Site(const machine::Home& home, const std::string& constellation, const std::string& machine, Reporter& reporter)
    : images_dir_(home.images_dir),
      constellation_(constellation),
      machine_(machine),
      title_(constellation + "/" + machine),
      reporter_(reporter),
      cache_(home.data_dir / "cache"),
      log_path_(cache_.log_directory() / fmt::format("{}-{}.log", constellation, machine)) {}

std::optional<Built> Site::former() const {
  try {
    return read_built(images_dir_, constellation_, machine_);
  } catch (const InvalidError& e) {
    reporter_.warn(e.message());
    return std::nullopt;
  }
}

fs::path Site::disk(const std::string& suffix) const {
  return disk_file(images_dir_, constellation_, machine_, suffix);
}

fs::path Site::unfinished_disk(const std::string& suffix) const {
  const fs::path path = disk(suffix);
  return path.parent_path() / ("." + path.filename().string() + ".new");
}

void Site::give_name(const fs::path& made, const fs::path& name) {
  const Owner owner = invoking_user();
  if (::geteuid() == 0 && owner.uid != 0 && ::chown(made.c_str(), owner.uid, owner.gid) != 0)
    throw_errno(fmt::format("cannot change the owner of '{}'", made.string()));
  fs::rename(made, name);
}

void Site::open() {
  log_ = open_file(log_path_, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW, 0600);
  workshop_.emplace();
}

Json Site::run(const std::string& stage, const Json& inputs, std::vector<fs::path> unfinished,
               std::vector<fs::path> results) const {
  reporter_.stage(title_, stage);
  try {
    return workshop_->run({stage, inputs, std::move(unfinished), std::move(results), log_});
  } catch (HostError& e) {
    throw HostError(e.message(), with_log(e.hint()));
  } catch (Error& e) {
    throw Error(fmt::format("{}: {}\n{}", stage, e.message(), log_end()), with_log(e.hint()), e.exit_code());
  }
}

std::string Site::with_log(const std::string& hint) const {
  return fmt::format("{}{}the whole log is '{}'", hint, hint.empty() ? "" : "; ", log_path_.string());
}

std::string Site::log_end() const {
  return last_lines(log_tail(log_path_.string(), std::size_t{64} << 10), lines_in_errors);
}

}  // namespace meros::image
