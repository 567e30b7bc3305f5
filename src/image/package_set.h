// Packages by what they are, not by where they are asked for: what a stage installs, and what meros.lock records.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace meros::image {

struct Package {
  std::string name;     // "openssl"
  std::string version;  // "1:3.0.22-1~deb12u2"
  std::string arch;     // "amd64" or "all"
  std::string sha256;   // of its file; 64 hexadecimal digits
  std::string url;      // where that was
  bool operator==(const Package&) const = default;
};

// In the order of their names; one of a name and architecture.
using PackageSet = std::vector<Package>;

// The same packages, the same digest, wherever they come from.
std::string digest_of(const PackageSet& set);

// What apt-get(8) --print-uris says, a line a package: 'http://…/x.deb' name_version_arch.deb 1234 SHA256:….
// Other lines are passed over. Error for a package without a SHA-256.
PackageSet parse_print_uris(std::string_view text);

// As apt calls it in its own archive: "openssl_1%3a3.0.22_amd64.deb".
std::string archive_name(const Package& package);

nlohmann::json to_json(const PackageSet& set);
// InvalidError for what is not a package: names and versions become names of files.
PackageSet package_set_from(const nlohmann::json& list);

}  // namespace meros::image
