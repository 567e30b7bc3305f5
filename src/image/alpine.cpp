#include "image/alpine.h"

#include <fmt/format.h>

#include <array>

#include "base/child.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "image/archives.h"
#include "image/download.h"
#include "image/sha256.h"

namespace fs = std::filesystem;

namespace meros::image {
namespace {

constexpr auto own_mirror = "https://dl-cdn.alpinelinux.org/alpine";
// The key that https://alpinelinux.org/downloads/ names for its releases.
constexpr auto release_key = "0482 D840 22F5 2DF1 C4E7 CD43 293A CD09 07D9 495A";

// `key: value`, the value without its quotes.
std::string value_of(std::string_view line, std::string_view key) {
  line = trim(line);
  if (!line.starts_with(key) || !line.substr(key.size()).starts_with(":")) return "";
  std::string_view value = trim(line.substr(key.size() + 1));
  if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'') && value.back() == value.front())
    value = value.substr(1, value.size() - 2);
  return std::string(value);
}

bool is_plain_name(const std::string& name) {
  return !name.empty() && name.front() != '.' && name.find_first_of("/\\?#% ") == std::string::npos;
}

std::string decode_base64(std::string_view text) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  unsigned bits = 0;
  unsigned value = 0;
  for (const char c : text) {
    const auto digit = digits.find(c);
    if (digit == std::string_view::npos) break;  // the padding
    value = (value << 6U | static_cast<unsigned>(digit)) & 0xffffU;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes += static_cast<char>(value >> bits & 0xffU);
  }
  return bytes;
}

fs::path keyring_for(const RootfsSpec& spec) {
  if (spec.keyring.empty())
    throw HostError(
        "Alpine's minirootfs is signed, and no key is named to check it with",
        fmt::format("fetch https://alpinelinux.org/keys/ncopa.asc, see that its fingerprint is {}, and name "
                    "it as 'keyring' in the manifest or by --keyring",
                    release_key));
  return spec.keyring;
}

void check_signature(const fs::path& keyring, const fs::path& signature, const fs::path& file, const fs::path& scratch,
                     const std::string& url) {
  const fs::path binary = scratch / "keyring.gpg";
  replace_file(binary, dearmored(read_file(keyring)), 0600, Durability::process_crash_only);
  Command command;
  command.argv = {"gpgv", "--keyring", binary.string(), signature.string(), file.string()};
  const Output output = run(std::move(command));
  if (!output.status.success())
    throw InvalidError(
        fmt::format("'{}' is not signed by the key in '{}': {}", url, keyring.string(), std::string(trim(output.err))),
        "look at the mirror and at the keyring; nothing was kept");
}

}  // namespace

std::string alpine_mirror(const RootfsSpec& spec) {
  std::string mirror = spec.mirrors.empty() ? own_mirror : spec.mirrors.front();
  while (mirror.ends_with('/')) mirror.pop_back();
  return mirror;
}

std::string alpine_branch(const std::string& release) {
  const bool is_number = !release.empty() && release.front() >= '0' && release.front() <= '9';
  return is_number ? "v" + release : release;
}

std::string alpine_repositories(const RootfsSpec& spec) {
  const std::string base = alpine_mirror(spec) + "/" + alpine_branch(spec.release);
  return fmt::format("{0}/main\n{0}/community\n", base);
}

Minirootfs find_minirootfs(std::string_view latest_releases) {
  Minirootfs found;
  std::string flavor;
  const auto is_it = [&] { return flavor == "alpine-minirootfs" && !found.file.empty(); };
  for (const auto& line : split(latest_releases, '\n')) {
    if (line.starts_with("-")) {
      if (is_it()) break;
      found = {};
      flavor.clear();
    }
    if (auto value = value_of(line, "flavor"); !value.empty()) flavor = value;
    if (auto value = value_of(line, "file"); !value.empty()) found.file = value;
    if (auto value = value_of(line, "version"); !value.empty()) found.version = value;
    if (auto value = value_of(line, "sha256"); !value.empty()) found.sha256 = value;
  }
  if (!is_it() || !is_plain_name(found.file)) throw Error("the mirror's list of releases has no minirootfs");
  found.sha256 = parse_sha256(found.sha256, "the SHA-256 of the minirootfs");
  return found;
}

std::string dearmored(const std::string& text) {
  if (!text.starts_with("-----BEGIN")) return text;
  std::string base64;
  bool in_body = false;
  for (const auto& line : split(text, '\n')) {
    const auto content = trim(line);
    if (content.starts_with("-----END") || content.starts_with("=")) break;  // "=": the checksum
    if (in_body) base64 += content;
    if (content.empty()) in_body = true;  // after the head
  }
  return decode_base64(base64);
}

PackageSet resolve_minirootfs(const RootfsSpec& spec, const fs::path& archives, Reporter& reporter) {
  const fs::path keyring = keyring_for(spec);
  const std::string arch(to_string(spec.arch));
  const std::string place = fmt::format("{}/{}/releases/{}", alpine_mirror(spec), alpine_branch(spec.release), arch);
  make_directories(archives, 0700);
  const TemporaryDirectory scratch(archives);
  const auto get = [&](const std::string& name) {
    download({place + "/" + name, scratch.path() / name, std::nullopt, false}, reporter);
    return scratch.path() / name;
  };
  const Minirootfs found = find_minirootfs(read_file(get("latest-releases.yaml")));
  const PackageSet set = {{"alpine-minirootfs", found.version, arch, found.sha256, place + "/" + found.file}};
  fetch({archives, set, {}, false}, reporter);
  const fs::path file = archive_file(archives, set.front());
  try {
    check_signature(keyring, get(found.file + ".asc"), file, scratch.path(), set.front().url);
  } catch (...) {
    fs::remove(file);
    throw;
  }
  return set;
}

}  // namespace meros::image
