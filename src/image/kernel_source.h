// Where a kernel's sources come from: a directory that is only read, a tarball, or a git repository. The last two are
// kept in the cache.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/report.h"
#include "image/cache.h"
#include "image/kernel_facts.h"
#include "image/kernel_tools.h"

namespace meros::image {

// The main tree of Linux.
constexpr auto linux_git = "https://git.kernel.org/pub/scm/linux/kernel/git/torvalds/linux.git";

struct KernelSource {
  SourceKind kind = SourceKind::git;
  std::string place;  // an absolute path, or a URL
  std::string ref;    // of git: "HEAD", a branch, a tag, a commit
};
// DIR, TARBALL or GIT-URL[#REF]; "" is the newest commit of the main tree. NotFoundError for a path that is not there,
// InvalidError for a URL that git is not to be asked with.
KernelSource kernel_source(const std::string& text);

// The commit among the lines of git-ls-remote(1) that a ref means: of a tag what it points to. Pure.
std::optional<std::string> commit_of_ref(std::string_view ls_remote, std::string_view ref);

// What the content is, told without having it unpacked.
struct SourceIdentity {
  std::string text;    // "sha256:…", "git:<commit>", "tree:…": the same text, the same content
  std::string commit;  // of git
  std::string stamp;   // of a tarball: machine::file_stamp
};

// "compiling", 120 of 2000; nothing where the end is not known.
using KernelProgress =
    std::function<void(std::string_view what, std::uint64_t done, std::optional<std::uint64_t> total)>;

// Surroundings of a run.
struct KernelWorkplace {
  const Cache& cache;
  Reporter& reporter;
  KernelProgress on_progress;  // not empty
  const Fd& log;
  std::vector<std::string> environment;
};

// `former`: a tarball that was not touched since has the same identity, and is not read. Error with the way out where a
// repository does not answer or has no such ref.
SourceIdentity identify(const KernelSource& source, const std::optional<KernelFacts>& former,
                        const KernelWorkplace& workplace);

struct PreparedSource {
  std::filesystem::path directory;  // the top of the sources
  std::optional<Held> held;         // the entry of the cache, as long as it is used
};
// Unpacks or fetches what the cache does not have. InvalidError for what is no kernel's sources.
PreparedSource prepare(const KernelSource& source, const SourceIdentity& identity, const KernelWorkplace& workplace);

// A digest of names, sizes and times of a directory's files; hidden directories (".git") are left out.
std::string stat_digest(const std::filesystem::path& directory);

}  // namespace meros::image
