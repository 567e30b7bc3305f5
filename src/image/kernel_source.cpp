#include "image/kernel_source.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <memory>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "image/kernel_run.h"
#include "image/sha256.h"
#include "image/url.h"
#include "machine/disks.h"

namespace fs = std::filesystem;

namespace meros::image {
namespace {

bool is_commit(std::string_view text) {
  return text.size() == 40 &&
         std::ranges::all_of(text, [](char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0; });
}

bool is_plain(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; });
}

// "https://…", "git@host:path", "…/linux.git": gitrevisions and git-fetch(1) know more, which are paths here.
bool looks_like_url(std::string_view text) {
  const auto colon = text.find(':');
  return text.find("://") != std::string_view::npos ||
         (colon != std::string_view::npos && text.substr(0, colon).find('@') != std::string_view::npos &&
          text.substr(0, colon).find('/') == std::string_view::npos);
}

KernelSource git_source(const std::string& text) {
  KernelSource source;
  const auto hash = text.find('#');
  source.place = text.substr(0, hash);
  source.ref = hash == std::string::npos ? "HEAD" : text.substr(hash + 1);
  if (source.place.starts_with("-") || !is_plain(source.place))
    throw InvalidError(fmt::format("'{}' is no URL for git", without_credentials(source.place)));
  if (source.ref.empty() || source.ref.starts_with("-") || !is_plain(source.ref) ||
      source.ref.find(':') != std::string::npos || source.ref.find('*') != std::string::npos)
    throw InvalidError(fmt::format("'{}' is no branch, tag or commit", source.ref), "write GIT-URL#REF");
  return source;
}

// The directory is closed again whatever happens.
using Directory = std::unique_ptr<DIR, int (*)(DIR*)>;

class StatDigest {
 public:
  std::string of(const fs::path& directory) {
    const Fd fd = open_file(directory, O_RDONLY | O_DIRECTORY);
    add(fd.duplicate(), "");
    std::ranges::sort(lines_);
    return sha256_of(join(lines_, "\n"));
  }

 private:
  void add(Fd fd, const std::string& name) {
    const Directory directory(::fdopendir(fd.get()), ::closedir);
    if (!directory) throw_errno(fmt::format("cannot read '{}'", name));
    const int number = fd.release();
    while (const dirent* entry = ::readdir(directory.get())) {
      if (entry->d_name[0] == '.' && (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN)) continue;
      struct stat info {};
      if (::fstatat(number, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0)
        throw_errno(fmt::format("cannot look at '{}/{}'", name, entry->d_name));
      const std::string path = fmt::format("{}/{}", name, entry->d_name);
      if (S_ISDIR(info.st_mode))
        add(Fd(::openat(number, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)), path);
      else
        lines_.push_back(fmt::format("{}\t{}\t{}.{}\t{:o}", path, info.st_size, info.st_mtim.tv_sec,
                                     info.st_mtim.tv_nsec, info.st_mode));
    }
  }
  std::vector<std::string> lines_;
};

SourceIdentity identify_tarball(const KernelSource& source, const std::optional<KernelFacts>& former,
                                const KernelWorkplace& workplace) {
  SourceIdentity identity;
  identity.stamp = machine::file_stamp(source.place);
  if (former && former->source == source.place && former->source_stamp == identity.stamp) {
    identity.text = former->source_identity;
    return identity;
  }
  const Fd file = open_file(source.place, O_RDONLY);
  const auto total = fs::file_size(source.place);
  const std::string name = fs::path(source.place).filename();
  identity.text =
      "sha256:" + sha256_of(file, [&](std::uint64_t done) { workplace.reporter.progress(name, done, total); });
  return identity;
}

[[noreturn]] void unreachable(const KernelSource& source, const std::string& why) {
  throw Error(fmt::format("'{}' cannot be asked for its commits: {}", without_credentials(source.place), why),
              "name sources that are there with --source: a directory, a tarball, or another git URL");
}

KernelStep git(const KernelWorkplace& workplace, std::vector<std::string> arguments) {
  std::vector<std::string> argv = {"git", "-c", "core.hooksPath=/dev/null", "-c", "advice.detachedHead=false"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return {argv, workplace.environment, &workplace.log, nullptr, {}};
}

SourceIdentity identify_git(const KernelSource& source, const KernelWorkplace& workplace) {
  SourceIdentity identity;
  identity.commit = source.ref;
  if (!is_commit(source.ref)) {
    std::string answer;
    try {
      answer = output_of_kernel_step(git(workplace, {"ls-remote", "--", source.place, source.ref, source.ref + "^{}"}));
    } catch (const HostError&) {
      throw;
    } catch (const Error& e) {
      unreachable(source, e.message());
    }
    const auto commit = commit_of_ref(answer, source.ref);
    if (!commit)
      throw NotFoundError(fmt::format("'{}' has no branch or tag '{}'", without_credentials(source.place), source.ref),
                          fmt::format("'git ls-remote {}' lists them", without_credentials(source.place)));
    identity.commit = *commit;
  }
  identity.text = "git:" + identity.commit;
  return identity;
}

void check_sources(const fs::path& directory, const std::string& named) {
  if (fs::exists(directory / "Makefile") && fs::exists(directory / "Kconfig")) return;
  throw InvalidError(fmt::format("'{}' has no Linux sources: there is no Makefile with a Kconfig beside it", named),
                     "name the top directory of the sources, or a tarball of it");
}

fs::path only_entry(const fs::path& directory) {
  std::vector<fs::path> entries;
  for (const auto& entry : fs::directory_iterator(directory)) entries.push_back(entry.path());
  return entries.size() == 1 && fs::is_directory(fs::symlink_status(entries.front())) ? entries.front() : directory;
}

void unpack(const KernelSource& source, const fs::path& entry, const fs::path& unfinished,
            const KernelWorkplace& workplace) {
  workplace.reporter.note(fmt::format("unpacking {}", fs::path(source.place).filename().string()));
  fs::remove_all(unfinished);
  make_directories(unfinished, 0755);
  require_kernel_step({{"tar", "--extract", "--file", source.place, "--directory", unfinished.string(),
                        "--no-same-owner", "--no-same-permissions"},
                       workplace.environment,
                       &workplace.log,
                       nullptr,
                       {}});
  check_sources(only_entry(unfinished), source.place);
  fs::rename(unfinished, entry);
}

PreparedSource prepare_tarball(const KernelSource& source, const SourceIdentity& identity,
                               const KernelWorkplace& workplace) {
  const std::string hash = sha256_of(identity.text);
  const fs::path entry = workplace.cache.entry("source", hash);
  Held held = workplace.cache.hold(entry.filename(), Hold::make, workplace.reporter);
  if (!fs::exists(entry)) {
    const fs::path unfinished = workplace.cache.unfinished("source", hash);
    try {
      unpack(source, entry, unfinished, workplace);
    } catch (...) {
      std::error_code ignored;  // the first error is the one to tell
      fs::remove_all(unfinished, ignored);
      throw;
    }
  }
  held.keep_for_use();
  return {only_entry(entry), std::move(held)};
}

// Locks of git's that a killed one left: nobody else works here, for the entry is ours.
void remove_git_locks(const fs::path& repository) {
  if (!fs::is_directory(repository / ".git")) return;
  for (const auto& entry : fs::directory_iterator(repository / ".git"))
    if (entry.path().extension() == ".lock") fs::remove(entry.path());
}

// "Receiving objects:  45% (…": how far git is, in percent.
std::optional<std::uint64_t> percent_of(std::string_view line) {
  constexpr std::string_view words = "Receiving objects:";
  const auto at = line.find(words);
  const auto percent = line.find('%');
  if (at == std::string_view::npos || percent == std::string_view::npos || percent < at) return std::nullopt;
  return parse_unsigned(trim(line.substr(at + words.size(), percent - at - words.size())));
}

// By the commit and not the ref, which may mean another one by now.
void fetch(const KernelSource& source, const SourceIdentity& identity, const std::string& place,
           const KernelWorkplace& workplace) {
  workplace.reporter.note(
      fmt::format("fetching {} of {}", identity.commit.substr(0, 12), without_credentials(source.place)));
  KernelStep step = git(workplace, {"-C", place, "fetch", "--depth=1", "--no-tags", "--force", "--progress", "--",
                                    source.place, identity.commit});
  step.on_line = [&](std::string_view line) {
    if (const auto percent = percent_of(line)) workplace.on_progress("fetching", *percent, 100);
  };
  require_kernel_step(step);
}

PreparedSource prepare_git(const KernelSource& source, const SourceIdentity& identity,
                           const KernelWorkplace& workplace) {
  const fs::path entry = workplace.cache.entry("source", sha256_of("git " + source.place));
  Held held = workplace.cache.hold(entry.filename(), Hold::make, workplace.reporter);
  remove_git_locks(entry);
  if (!fs::exists(entry)) make_directories(entry, 0755);
  const std::string place = entry.string();
  require_kernel_step(git(workplace, {"init", "--quiet", "--template=", place}));
  if (!run_kernel_step(git(workplace, {"-C", place, "cat-file", "-e", identity.commit + "^{commit}"})).success())
    fetch(source, identity, place, workplace);
  require_kernel_step(git(workplace, {"-C", place, "checkout", "--quiet", "--force", "--detach", identity.commit}));
  require_kernel_step(git(workplace, {"-C", place, "clean", "--quiet", "-ffdx"}));
  held.keep_for_use();
  return {entry, std::move(held)};
}

}  // namespace

KernelSource kernel_source(const std::string& text) {
  if (text.empty()) return {SourceKind::git, linux_git, "HEAD"};
  std::error_code error;
  const auto status = fs::status(text, error);
  if (fs::is_directory(status)) return {SourceKind::directory, fs::canonical(text).string(), ""};
  if (fs::is_regular_file(status)) return {SourceKind::tarball, fs::canonical(text).string(), ""};
  if (looks_like_url(text)) return git_source(text);
  throw NotFoundError(fmt::format("there is no '{}'", text),
                      "--source takes a directory, a tarball, or a git URL with #REF");
}

std::optional<std::string> commit_of_ref(std::string_view ls_remote, std::string_view ref) {
  std::optional<std::string> best;
  std::size_t best_rank = 0;
  for (const auto& line : split(ls_remote, '\n')) {
    const auto words = split(trim(line), '\t');
    if (words.size() != 2 || !is_commit(words[0])) continue;
    // What a tag points to, then what a fetch of that name would get: git-rev-parse(1), "refname".
    const std::vector<std::string> names = {fmt::format("refs/remotes/{}", ref),
                                            fmt::format("refs/heads/{}", ref),
                                            fmt::format("refs/tags/{}", ref),
                                            fmt::format("refs/tags/{}^{{}}", ref),
                                            std::string(ref),
                                            fmt::format("{}^{{}}", ref)};
    const auto found = std::ranges::find(names, words[1]);
    if (found == names.end()) continue;
    const auto rank = static_cast<std::size_t>(found - names.begin()) + 1;
    if (rank > best_rank) best = words[0];
    best_rank = std::max(rank, best_rank);
  }
  return best;
}

SourceIdentity identify(const KernelSource& source, const std::optional<KernelFacts>& former,
                        const KernelWorkplace& workplace) {
  if (source.kind == SourceKind::tarball) return identify_tarball(source, former, workplace);
  if (source.kind == SourceKind::git) return identify_git(source, workplace);
  return {"tree:" + stat_digest(source.place), "", ""};
}

PreparedSource prepare(const KernelSource& source, const SourceIdentity& identity, const KernelWorkplace& workplace) {
  PreparedSource prepared = source.kind == SourceKind::tarball ? prepare_tarball(source, identity, workplace)
                            : source.kind == SourceKind::git   ? prepare_git(source, identity, workplace)
                                                               : PreparedSource{source.place, std::nullopt};
  check_sources(prepared.directory, source.place);
  return prepared;
}

std::string stat_digest(const fs::path& directory) { return StatDigest().of(directory); }

}  // namespace meros::image
