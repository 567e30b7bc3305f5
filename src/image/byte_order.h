// Numbers in what was read from a disk, where everything has a fixed place and either byte order. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace meros::image {

// 0 where `bytes` ends before it: a reader checks the size of what it must have.
inline std::uint64_t big_endian(std::string_view bytes, std::size_t at, std::size_t size) {
  std::uint64_t value = 0;
  if (at > bytes.size() || size > bytes.size() - at) return 0;
  for (std::size_t i = 0; i < size; ++i) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

inline std::uint64_t little_endian(std::string_view bytes, std::size_t at, std::size_t size) {
  std::uint64_t value = 0;
  if (at > bytes.size() || size > bytes.size() - at) return 0;
  for (std::size_t i = size; i > 0; --i) value = value << 8 | static_cast<unsigned char>(bytes[at + i - 1]);
  return value;
}

inline void put_little_endian(std::string& bytes, std::size_t at, std::size_t size, std::uint64_t value) {
  for (std::size_t i = 0; i < size; ++i) bytes.at(at + i) = static_cast<char>(value >> (8 * i) & 0xff);
}

inline bool has_at(std::string_view bytes, std::size_t at, std::string_view magic) {
  return at <= bytes.size() && bytes.substr(at, magic.size()) == magic;
}

}  // namespace meros::image
