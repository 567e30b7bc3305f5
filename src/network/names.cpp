#include "network/names.h"

#include <fmt/format.h>

#include "base/text.h"

namespace meros::network {

std::string Names::joint(std::string_view bridge) const {
  return fmt::format("mrj{:012x}", stable_hash(fmt::format("joint {} {}", identity, bridge)) & 0xffff'ffff'ffff);
}

Names names_of(const std::filesystem::path& directory) {
  const std::filesystem::path normal = directory.lexically_normal();
  Names names;
  names.identity = normal.string();
  const std::uint64_t hash = stable_hash("network " + names.identity);
  names.network = fmt::format("meros-{}-{:08x}", normal.filename().string(), hash & 0xffff'ffff);
  names.uplink = fmt::format("{}{:012x}", uplink_prefix, hash & 0xffff'ffff'ffff);
  names.table = fmt::format("meros_{:016x}", hash);
  names.alias = "meros " + normal.filename().string();
  return names;
}

std::string stable_mac(std::string_view identity) {
  const std::uint64_t hash = stable_hash(fmt::format("mac {}", identity));
  return fmt::format("02:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", hash & 0xff, (hash >> 8) & 0xff, (hash >> 16) & 0xff,
                     (hash >> 24) & 0xff, (hash >> 32) & 0xff);
}

}  // namespace meros::network
