#include "image/disk_layout.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "image/byte_order.h"
#include "image/gpt.h"

namespace meros::image {
namespace {

using namespace std::string_view_literals;

// The master boot record: four entries of 16 bytes from 446, then 0x55 0xaa.
constexpr std::size_t mbr_entries_at = 446;
constexpr std::size_t mbr_entry_bytes = 16;
constexpr std::size_t mbr_signature_at = 510;
constexpr auto mbr_signature = "\x55\xaa"sv;
constexpr std::uint64_t protective = 0xee;
constexpr unsigned first_logical = 5;
constexpr unsigned most_logical = 60;  // DISK_MAX_PARTS of Linux would be 256

struct MbrEntry {
  std::uint64_t type = 0;
  std::uint64_t first = 0;  // sectors
  std::uint64_t count = 0;
  bool is_used() const { return type != 0 && count != 0; }
  bool is_extended() const { return type == 0x05 || type == 0x0f || type == 0x85; }
};

MbrEntry mbr_entry(std::string_view sector, unsigned index) {
  const std::size_t at = mbr_entries_at + index * mbr_entry_bytes;
  return {little_endian(sector, at + 4, 1), little_endian(sector, at + 8, 4), little_endian(sector, at + 12, 4)};
}

bool is_mbr(std::string_view sector) { return has_at(sector, mbr_signature_at, mbr_signature); }

Partition partition_of(unsigned number, std::uint64_t first, std::uint64_t count, std::uint64_t disk_bytes) {
  if (first == 0 || first + count > disk_bytes / sector_bytes)
    throw InvalidError(fmt::format("partition {} reaches beyond the end of the disk", number),
                       "the image was cut short, or its partition table is damaged");
  return {number, first * sector_bytes, count * sector_bytes};
}

// Each logical partition is in front of a table of its own: itself, and the link to the next.
void add_logical(const ReadAt& read, std::uint64_t disk_bytes, const MbrEntry& extended, PartitionTable& table) {
  std::uint64_t at = extended.first;
  for (unsigned i = 0; i < most_logical; ++i) {
    const std::string sector = read(at * sector_bytes, sector_bytes);
    if (!is_mbr(sector)) return;
    const MbrEntry logical = mbr_entry(sector, 0);
    if (logical.is_used())
      table.partitions.push_back(partition_of(first_logical + i, at + logical.first, logical.count, disk_bytes));
    const MbrEntry link = mbr_entry(sector, 1);
    if (!link.is_extended() || !link.is_used()) return;
    // Forward only: a chain that goes back would never end.
    if (extended.first + link.first <= at) throw InvalidError("its logical partitions form a loop");
    at = extended.first + link.first;
  }
}

PartitionTable read_mbr(const ReadAt& read, std::uint64_t disk_bytes, std::string_view sector) {
  PartitionTable table{TableKind::mbr, {}};
  for (unsigned i = 0; i < 4; ++i) {
    const MbrEntry entry = mbr_entry(sector, i);
    if (entry.is_used() && !entry.is_extended())
      table.partitions.push_back(partition_of(i + 1, entry.first, entry.count, disk_bytes));
  }
  for (unsigned i = 0; i < 4; ++i)
    if (const MbrEntry entry = mbr_entry(sector, i); entry.is_used() && entry.is_extended())
      add_logical(read, disk_bytes, entry, table);
  return table;
}

bool is_last(const PartitionTable& table, const Partition& partition) {
  return std::ranges::none_of(table.partitions,
                              [&](const Partition& other) { return other.offset > partition.offset; });
}

std::optional<GrownTable> grow_mbr(const Partition& partition, std::string sector, std::uint64_t disk_bytes) {
  if (partition.number >= first_logical) return std::nullopt;
  const std::uint64_t first = partition.offset / sector_bytes;
  // The table has 32 bits for it: 2 TiB.
  const std::uint64_t count = std::min(disk_bytes / sector_bytes - first, std::uint64_t{0xffffffff});
  if (count * sector_bytes <= partition.bytes) return std::nullopt;
  put_little_endian(sector, mbr_entries_at + (partition.number - 1) * mbr_entry_bytes + 12, 4, count);
  return GrownTable{{{0, sector}}, count * sector_bytes};
}

}  // namespace

PartitionTable read_partition_table(const ReadAt& read, std::uint64_t disk_bytes) {
  const std::string sector = read(0, sector_bytes);
  if (!is_mbr(sector)) return {};
  for (unsigned i = 0; i < 4; ++i)
    if (mbr_entry(sector, i).type == protective) return {TableKind::gpt, gpt_partitions(read, disk_bytes)};
  return read_mbr(read, disk_bytes, sector);
}

std::optional<GrownTable> grow_partition(const ReadAt& read, std::uint64_t disk_bytes, unsigned number) {
  const PartitionTable table = read_partition_table(read, disk_bytes);
  const auto partition = std::ranges::find(table.partitions, number, &Partition::number);
  if (partition == table.partitions.end() || !is_last(table, *partition)) return std::nullopt;
  if (table.kind == TableKind::gpt) return grow_gpt(read, disk_bytes, number);
  // An extended partition behind it has no entry of its own in the list.
  const std::string sector = read(0, sector_bytes);
  for (unsigned i = 0; i < 4; ++i)
    if (mbr_entry(sector, i).is_extended() && mbr_entry(sector, i).first * sector_bytes > partition->offset)
      return std::nullopt;
  return grow_mbr(*partition, sector, disk_bytes);
}

std::string_view to_string(Content content) {
  switch (content) {
    case Content::ext:
      return "ext4";
    case Content::xfs:
      return "xfs";
    case Content::btrfs:
      return "btrfs";
    case Content::lvm:
      return "LVM";
    case Content::luks:
      return "LUKS";
    case Content::bitlocker:
      return "BitLocker";
    case Content::unknown:
      break;
  }
  return "something unknown";
}

Content content_at(const ReadAt& read, std::uint64_t offset) {
  const std::string head = read(offset, 4096);
  if (has_at(head, 0, "LUKS\xba\xbe"sv)) return Content::luks;
  if (has_at(head, 3, "-FVE-FS-"sv)) return Content::bitlocker;
  if (has_at(head, 0, "XFSB"sv)) return Content::xfs;
  // The label is in one of the first four sectors.
  for (std::size_t sector = 0; sector < 4; ++sector)
    if (has_at(head, sector * sector_bytes, "LABELONE"sv)) return Content::lvm;
  if (has_at(head, 1024 + 56, "\x53\xef"sv)) return Content::ext;
  if (has_at(read(offset + 0x10000, 128), 0x40, "_BHRfS_M"sv)) return Content::btrfs;
  return Content::unknown;
}

ExtName ext_name_at(const ReadAt& read, std::uint64_t offset) {
  const std::string block = read(offset + 1024, 1024);
  if (block.size() < 1024) return {};
  std::string uuid;
  for (std::size_t i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) uuid += '-';
    uuid += fmt::format("{:02x}", little_endian(block, 0x68 + i, 1));
  }
  const std::string label = block.substr(0x78, 16);
  return {uuid, label.substr(0, label.find('\0'))};
}

std::vector<Volume> volumes_of(const ReadAt& read, std::uint64_t disk_bytes) {
  if (const Content content = content_at(read, 0); content != Content::unknown) return {{0, 0, disk_bytes, content}};
  std::vector<Volume> volumes;
  for (const auto& partition : read_partition_table(read, disk_bytes).partitions)
    volumes.push_back({partition.number, partition.offset, partition.bytes, content_at(read, partition.offset)});
  return volumes;
}

std::string describe(const std::vector<Volume>& volumes) {
  std::vector<std::string> words;
  for (const auto& volume : volumes)
    words.push_back(volume.partition == 0
                        ? fmt::format("{}", to_string(volume.content))
                        : fmt::format("partition {} ({})", volume.partition, to_string(volume.content)));
  return join(words, ", ");
}

}  // namespace meros::image
