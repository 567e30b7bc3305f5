// Alpine's minirootfs: which file it is, and that it is the one that was signed.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/report.h"
#include "image/package_set.h"
#include "image/rootfs_spec.h"

namespace meros::image {

// "https://dl-cdn.alpinelinux.org/alpine", or the spec's first mirror.
std::string alpine_mirror(const RootfsSpec& spec);
// "v3.20" of "3.20"; "edge" and "latest-stable" as they are.
std::string alpine_branch(const std::string& release);
// The text of /etc/apk/repositories.
std::string alpine_repositories(const RootfsSpec& spec);

// The minirootfs of a latest-releases.yaml: its file's name, version and SHA-256. Error where there is none. Pure.
struct Minirootfs {
  std::string file;
  std::string version;
  std::string sha256;
};
Minirootfs find_minirootfs(std::string_view latest_releases);

// Binary OpenPGP data from its ASCII armour (RFC 9580, 6.2), which gpgv(1) does not read; what is none stays as it is.
std::string dearmored(const std::string& text);

// The minirootfs of today, fetched into `archives` (image/archives.h), with its SHA-256 and its signature checked: a
// set of one. HostError where no key is named to check it with; InvalidError where the signature is not that key's.
PackageSet resolve_minirootfs(const RootfsSpec& spec, const std::filesystem::path& archives, Reporter& reporter);

}  // namespace meros::image
