// What is on a disk: its partitions, and what is in each, by the bytes alone. Nothing of it is trusted: a table that
// contradicts itself, or reaches beyond the disk, is an InvalidError. Pure but for the reader that is handed in.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace meros::image {

// `size` bytes at `offset`, or fewer where the disk ends before.
using ReadAt = std::function<std::string(std::uint64_t offset, std::size_t size)>;

constexpr std::uint64_t sector_bytes = 512;

enum class TableKind { none, mbr, gpt };

struct Partition {
  unsigned number = 0;  // as the kernel counts: vda1 is 1, logical ones are from 5
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  bool operator==(const Partition&) const = default;
};

struct PartitionTable {
  TableKind kind = TableKind::none;
  std::vector<Partition> partitions;  // in the order of their numbers
};

// GPT (UEFI specification, 5.3) or MBR with logical partitions. Sectors of 512 bytes.
PartitionTable read_partition_table(const ReadAt& read, std::uint64_t disk_bytes);

// What has to be written so that a partition reaches to the end of a disk that has grown.
struct Patch {
  std::uint64_t offset = 0;
  std::string bytes;
};
struct GrownTable {
  std::vector<Patch> patches;
  std::uint64_t partition_bytes = 0;
};
// Nothing where another partition is behind it, where it is a logical one, or where it has all there is already.
std::optional<GrownTable> grow_partition(const ReadAt& read, std::uint64_t disk_bytes, unsigned number);

enum class Content { unknown, ext, xfs, btrfs, lvm, luks, bitlocker };
std::string_view to_string(Content content);

// By its magic, at the place that each has.
Content content_at(const ReadAt& read, std::uint64_t offset);

// Of an ext2, ext3 or ext4 file system (struct ext2_super_block of e2fsprogs).
struct ExtName {
  std::string uuid;   // "01234567-89ab-…"
  std::string label;  // may be empty
};
ExtName ext_name_at(const ReadAt& read, std::uint64_t offset);

// A place that may hold a root.
struct Volume {
  unsigned partition = 0;  // 0: the whole disk
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  Content content = Content::unknown;
};
// The whole disk, if it is something that we know, else its partitions.
std::vector<Volume> volumes_of(const ReadAt& read, std::uint64_t disk_bytes);
// "partition 1 (ext4), partition 2 (LVM)"
std::string describe(const std::vector<Volume>& volumes);

}  // namespace meros::image
