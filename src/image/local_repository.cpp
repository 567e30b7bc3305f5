#include "image/local_repository.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cctype>

#include "base/child.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "image/archives.h"
#include "image/sha256.h"

namespace fs = std::filesystem;

namespace meros::image {
namespace {

// A package's control file, kept beside it: reading it takes longer than all the rest.
std::string control_of(const fs::path& archive) {
  fs::path kept = archive;
  kept.replace_extension(".control");
  if (auto known = read_file_if_exists(kept)) return *known;
  Command command;
  command.argv = {"dpkg-deb", "--field", archive.string()};
  const Output output = run(std::move(command));
  if (!output.status.success())
    throw Error(fmt::format("dpkg-deb cannot read '{}': {}", archive.string(), std::string(trim(output.err))));
  replace_file(kept, output.out, 0644, Durability::process_crash_only);
  return output.out;
}

std::string stanza_of(const Package& package, const fs::path& archive) {
  return fmt::format("{}\nFilename: ./{}\nSize: {}\nSHA256: {}\n\n", std::string(trim(control_of(archive))),
                     archive_name(package), fs::file_size(archive), package.sha256);
}

}  // namespace

void link_file(const fs::path& from, const fs::path& to) {
  if (::link(from.c_str(), to.c_str()) == 0) return;
  if (errno != EXDEV && errno != EPERM && errno != EMLINK && errno != ENOTSUP)
    throw_errno(fmt::format("cannot link '{}'", to.string()));
  clone_file(from, to, 0644);
}

void make_repository(const RepositoryRequest& request) {
  fs::create_directories(request.directory);
  std::string index;
  for (const auto& package : request.set) {
    const fs::path archive = archive_file(request.archives, package);
    link_file(archive, request.directory / archive_name(package));
    index += stanza_of(package, archive);
  }
  replace_file(request.directory / "Packages", index, 0644, Durability::process_crash_only);
  replace_file(request.directory / "Release",
               fmt::format("Suite: {0}\nCodename: {0}\nArchitectures: {1}\nDate: Sun, 01 Jan 2023 00:00:00 "
                           "UTC\nSHA256:\n {2} {3} Packages\n",
                           request.suite, request.arch, sha256_of(index), index.size()),
               0644, Durability::process_crash_only);
}

std::string source_line(const std::string& scheme, const fs::path& directory) {
  std::string path;
  for (const char c : directory.string()) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || std::string_view("/-._~+,").find(c) != std::string_view::npos)
      path += c;
    else
      path += fmt::format("%{:02x}", byte);
  }
  return fmt::format("deb [trusted=yes] {}:{} ./", scheme, path);
}

}  // namespace meros::image
