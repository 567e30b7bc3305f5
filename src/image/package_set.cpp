#include "image/package_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "base/json.h"
#include "base/text.h"
#include "image/sha256.h"

namespace meros::image {
namespace {

constexpr std::string_view lower_alphanumeric = "abcdefghijklmnopqrstuvwxyz0123456789";

bool has_only(std::string_view text, std::string_view allowed) {
  return text.find_first_not_of(allowed) == std::string_view::npos;
}

// Debian policy 5.6.1 and 5.6.12.
void check(const Package& package) {
  const bool name = !package.name.empty() && lower_alphanumeric.find(package.name[0]) != std::string_view::npos &&
                    has_only(package.name, std::string(lower_alphanumeric) + "+-.");
  const bool version = !package.version.empty() &&
                       has_only(package.version, std::string(lower_alphanumeric) + "ABCDEFGHIJKLMNOPQRSTUVWXYZ.+-~:_");
  const bool arch = !package.arch.empty() && has_only(package.arch, std::string(lower_alphanumeric) + "-_");
  if (!name || !version || !arch)
    throw InvalidError(
        fmt::format("'{}' version '{}' for '{}' is no package", package.name, package.version, package.arch));
}

std::string without_escapes(std::string text) {
  for (auto at = text.find("%3a"); at != std::string::npos; at = text.find("%3a", at)) text.replace(at, 3, ":");
  return text;
}

PackageSet in_order(PackageSet set) {
  const auto key = [](const Package& p) { return std::tie(p.name, p.arch); };
  std::ranges::sort(set, {}, key);
  // std::ranges::unique gives a range that Clang 14 cannot read.
  const auto same = [&](const Package& a, const Package& b) { return key(a) == key(b); };
  set.erase(std::unique(set.begin(), set.end(), same), set.end());
  return set;
}

}  // namespace

std::string digest_of(const PackageSet& set) {
  std::string text;
  for (const auto& p : set) text += fmt::format("{} {} {} {}\n", p.name, p.version, p.arch, p.sha256);
  return sha256_of(text);
}

PackageSet parse_print_uris(std::string_view text) {
  PackageSet set;
  for (const auto& line : split(text, '\n')) {
    const auto words = split(trim(line), ' ');
    if (words.size() < 3 || !words[0].starts_with('\'') || !words[0].ends_with('\'') || !words[1].ends_with(".deb"))
      continue;
    const auto parts = split(words[1].substr(0, words[1].size() - 4), '_');
    if (parts.size() != 3) continue;
    Package package{parts[0], without_escapes(parts[1]), parts[2], "", words[0].substr(1, words[0].size() - 2)};
    constexpr std::string_view hash = "SHA256:";
    if (words.size() < 4 || !words[3].starts_with(hash))
      throw Error(fmt::format("the mirror tells no SHA-256 of '{}'", package.name));
    package.sha256 = parse_sha256(words[3].substr(hash.size()), "the SHA-256 of a package");
    check(package);
    set.push_back(std::move(package));
  }
  return in_order(std::move(set));
}

std::string archive_name(const Package& package) {
  std::string version = package.version;
  for (auto at = version.find(':'); at != std::string::npos; at = version.find(':', at)) version.replace(at, 1, "%3a");
  return fmt::format("{}_{}_{}.deb", package.name, version, package.arch);
}

Json to_json(const PackageSet& set) {
  Json list = Json::array();
  for (const auto& p : set)
    list.push_back({{"name", p.name}, {"version", p.version}, {"arch", p.arch}, {"sha256", p.sha256}, {"url", p.url}});
  return list;
}

PackageSet package_set_from(const Json& list) {
  if (!list.is_array()) throw InvalidError("'packages' is not a list");
  PackageSet set;
  for (const auto& item : list) {
    Package package{get<std::string>(item, "name"), get<std::string>(item, "version"), get<std::string>(item, "arch"),
                    get<std::string>(item, "sha256"), get<std::string>(item, "url")};
    package.sha256 = parse_sha256(package.sha256, "the SHA-256 of a package");
    check(package);
    set.push_back(std::move(package));
  }
  return in_order(std::move(set));
}

}  // namespace meros::image
