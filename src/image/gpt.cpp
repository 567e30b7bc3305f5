#include "image/gpt.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "image/byte_order.h"

namespace meros::image {
namespace {

using namespace std::string_view_literals;

// Fields of the header.
constexpr std::size_t header_bytes_at = 12;
constexpr std::size_t header_crc_at = 16;
constexpr std::size_t own_sector_at = 24;
constexpr std::size_t other_sector_at = 32;
constexpr std::size_t last_usable_at = 48;
constexpr std::size_t entries_sector_at = 72;
constexpr std::size_t entry_count_at = 80;
constexpr std::size_t entry_bytes_at = 84;
constexpr std::size_t entries_crc_at = 88;
constexpr std::size_t smallest_header = 92;
// Fields of an entry.
constexpr std::size_t first_at = 32;
constexpr std::size_t last_at = 40;

constexpr std::uint64_t most_entries = 1024;
constexpr std::uint64_t alignment = 2048;  // sectors: 1 MiB, as partitioning tools align

struct Gpt {
  std::string header;  // its sector
  std::string entries;
  std::uint64_t entry_bytes = 0;
  std::uint64_t entry_count = 0;
  std::uint64_t entry_sectors() const { return (entries.size() + sector_bytes - 1) / sector_bytes; }
};

[[noreturn]] void damaged(const std::string& why) {
  throw InvalidError("its partition table (GPT) is damaged: " + why,
                     "a tool such as 'sgdisk --verify' or 'gdisk' may mend it");
}

std::uint32_t header_crc(std::string header, std::size_t size) {
  put_little_endian(header, header_crc_at, 4, 0);
  return crc32_of(std::string_view(header).substr(0, size));
}

Gpt read_gpt(const ReadAt& read, std::uint64_t disk_bytes) {
  Gpt gpt;
  gpt.header = read(sector_bytes, sector_bytes);
  if (!has_at(gpt.header, 0, "EFI PART"sv) || gpt.header.size() < sector_bytes) damaged("there is no header");
  const std::uint64_t size = little_endian(gpt.header, header_bytes_at, 4);
  if (size < smallest_header || size > sector_bytes) damaged("the header has a size that makes no sense");
  if (header_crc(gpt.header, size) != little_endian(gpt.header, header_crc_at, 4))
    damaged("the header's checksum is wrong");
  gpt.entry_count = little_endian(gpt.header, entry_count_at, 4);
  gpt.entry_bytes = little_endian(gpt.header, entry_bytes_at, 4);
  const bool plausible = gpt.entry_count > 0 && gpt.entry_count <= most_entries && gpt.entry_bytes >= 128 &&
                         gpt.entry_bytes <= 4096 && gpt.entry_bytes % 8 == 0;
  if (!plausible) damaged("its entries have a number or a size that makes no sense");
  const std::uint64_t at = little_endian(gpt.header, entries_sector_at, 8);
  if (at < 2 || at >= disk_bytes / sector_bytes) damaged("its entries are not on the disk");
  gpt.entries = read(at * sector_bytes, gpt.entry_count * gpt.entry_bytes);
  if (gpt.entries.size() != gpt.entry_count * gpt.entry_bytes) damaged("its entries are cut short");
  if (crc32_of(gpt.entries) != little_endian(gpt.header, entries_crc_at, 4)) damaged("its entries' checksum is wrong");
  return gpt;
}

bool is_used(const Gpt& gpt, std::uint64_t index) {
  const std::string_view type = std::string_view(gpt.entries).substr(index * gpt.entry_bytes, 16);
  return std::ranges::any_of(type, [](char c) { return c != 0; });
}

void sign(std::string& header) {
  put_little_endian(header, header_crc_at, 4, header_crc(header, little_endian(header, header_bytes_at, 4)));
}

std::string padded(std::string bytes) {
  bytes.resize((bytes.size() + sector_bytes - 1) / sector_bytes * sector_bytes);
  return bytes;
}

// The protective entry of the master boot record covers the whole disk.
Patch protective_record(const ReadAt& read, std::uint64_t disk_sectors) {
  std::string sector = read(0, sector_bytes);
  for (std::size_t at = 446; at < 510; at += 16)
    if (little_endian(sector, at + 4, 1) == 0xee)
      put_little_endian(sector, at + 12, 4, std::min(disk_sectors - 1, std::uint64_t{0xffffffff}));
  return {0, sector};
}

}  // namespace

std::uint32_t crc32_of(std::string_view bytes) {
  std::uint32_t crc = 0xffffffff;
  for (const char byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (0xedb88320 & (0U - (crc & 1)));
  }
  return ~crc;
}

std::vector<Partition> gpt_partitions(const ReadAt& read, std::uint64_t disk_bytes) {
  const Gpt gpt = read_gpt(read, disk_bytes);
  std::vector<Partition> partitions;
  for (std::uint64_t i = 0; i < gpt.entry_count; ++i) {
    if (!is_used(gpt, i)) continue;
    const std::uint64_t first = little_endian(gpt.entries, i * gpt.entry_bytes + first_at, 8);
    const std::uint64_t last = little_endian(gpt.entries, i * gpt.entry_bytes + last_at, 8);
    if (first == 0 || last < first) damaged(fmt::format("partition {} ends before it begins", i + 1));
    if (last >= disk_bytes / sector_bytes)
      throw InvalidError(fmt::format("partition {} reaches beyond the end of the disk", i + 1),
                         "the image was cut short, or its partition table is damaged");
    partitions.push_back({static_cast<unsigned>(i + 1), first * sector_bytes, (last - first + 1) * sector_bytes});
  }
  return partitions;
}

std::optional<GrownTable> grow_gpt(const ReadAt& read, std::uint64_t disk_bytes, unsigned number) {
  Gpt gpt = read_gpt(read, disk_bytes);
  const std::uint64_t sectors = disk_bytes / sector_bytes;
  const std::uint64_t backup = sectors - 1;
  const std::uint64_t backup_entries = backup - gpt.entry_sectors();
  const std::uint64_t last_usable = backup_entries - 1;
  const std::uint64_t entry = (number - 1) * gpt.entry_bytes;
  const std::uint64_t first = little_endian(gpt.entries, entry + first_at, 8);
  const std::uint64_t last = (last_usable + 1) / alignment * alignment - 1;
  if (last <= little_endian(gpt.entries, entry + last_at, 8) || last > last_usable) return std::nullopt;

  put_little_endian(gpt.entries, entry + last_at, 8, last);
  std::string primary = gpt.header;
  put_little_endian(primary, other_sector_at, 8, backup);
  put_little_endian(primary, last_usable_at, 8, last_usable);
  put_little_endian(primary, entries_crc_at, 4, crc32_of(gpt.entries));
  std::string copy = primary;
  put_little_endian(copy, own_sector_at, 8, backup);
  put_little_endian(copy, other_sector_at, 8, 1);
  put_little_endian(copy, entries_sector_at, 8, backup_entries);
  sign(primary);
  sign(copy);
  const std::uint64_t entries_at = little_endian(primary, entries_sector_at, 8) * sector_bytes;
  return GrownTable{{protective_record(read, sectors),
                     {sector_bytes, primary},
                     {entries_at, gpt.entries},
                     {backup_entries * sector_bytes, padded(gpt.entries)},
                     {backup * sector_bytes, copy}},
                    (last - first + 1) * sector_bytes};
}

}  // namespace meros::image
