#include "image/disk_layout.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "image/byte_order.h"
#include "image/gpt.h"

namespace meros::image {
namespace {

using namespace std::string_literals;
using testing::HasSubstr;

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;

ReadAt reader(const std::string& disk) {
  return [&disk](std::uint64_t offset, std::size_t size) {
    return offset >= disk.size() ? "" : disk.substr(offset, size);
  };
}

void put(std::string& disk, std::size_t at, std::string_view bytes) { disk.replace(at, bytes.size(), bytes); }

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const InvalidError& e) {
    return e.message();
  }
  return "nothing was thrown";
}

void put_mbr_entry(std::string& disk, std::size_t sector, unsigned index, unsigned type, std::uint64_t first,
                   std::uint64_t count) {
  const std::size_t at = sector * sector_bytes + 446 + index * 16;
  put_little_endian(disk, at + 4, 1, type);
  put_little_endian(disk, at + 8, 4, first);
  put_little_endian(disk, at + 12, 4, count);
  put(disk, sector * sector_bytes + 510, "\x55\xaa");
}

// A GPT of 128 entries with these partitions, in sectors.
struct Sectors {
  std::uint64_t first;
  std::uint64_t last;
};
class GptDisk {
 public:
  GptDisk(std::size_t bytes, const std::vector<Sectors>& partitions) : disk_(bytes, '\0') {
    put_mbr_entry(disk_, 0, 0, 0xee, 1, bytes / sector_bytes - 1);
    std::string entries(128 * 128, '\0');
    for (std::size_t i = 0; i < partitions.size(); ++i) {
      put(entries, i * 128, "a type, 16 bytes");
      put_little_endian(entries, i * 128 + 32, 8, partitions[i].first);
      put_little_endian(entries, i * 128 + 40, 8, partitions[i].last);
    }
    put(disk_, 1024, entries);
    put(disk_, 512, "EFI PART");
    set(12, 4, 92);
    set(24, 8, 1);
    set(72, 8, 2);
    set(80, 4, 128);
    set(84, 4, 128);
    set(88, 4, crc32_of(entries));
    sign();
  }
  void set(std::size_t at, std::size_t size, std::uint64_t value) { put_little_endian(disk_, 512 + at, size, value); }
  void sign() {
    set(16, 4, 0);
    set(16, 4, crc32_of(std::string_view(disk_).substr(512, 92)));
  }
  std::string& bytes() { return disk_; }

 private:
  std::string disk_;
};

TEST(DiskLayout, KnowsTheCheckValueOfCrc32) { EXPECT_EQ(crc32_of("123456789"), 0xcbf43926); }

TEST(DiskLayout, ReadsPrimaryAndLogicalPartitions) {
  std::string disk(8 * mebibyte, '\0');
  put_mbr_entry(disk, 0, 0, 0x83, 2048, 2048);
  put_mbr_entry(disk, 0, 1, 0x05, 4096, 8192);
  put_mbr_entry(disk, 4096, 0, 0x83, 1, 1000);
  put_mbr_entry(disk, 4096, 1, 0x05, 2048, 2048);
  put_mbr_entry(disk, 6144, 0, 0x83, 1, 500);
  const auto table = read_partition_table(reader(disk), disk.size());
  EXPECT_EQ(table.kind, TableKind::mbr);
  EXPECT_EQ(
      table.partitions,
      (std::vector<Partition>{{1, 2048 * 512, 2048 * 512}, {5, 4097 * 512, 1000 * 512}, {6, 6145 * 512, 500 * 512}}));
}

TEST(DiskLayout, DoesNotFollowALoopOfLogicalPartitions) {
  std::string disk(8 * mebibyte, '\0');
  put_mbr_entry(disk, 0, 0, 0x05, 4096, 8192);
  put_mbr_entry(disk, 4096, 0, 0x83, 1, 1000);
  put_mbr_entry(disk, 4096, 1, 0x05, 2048, 2048);
  put_mbr_entry(disk, 6144, 1, 0x05, 2048, 2048);
  EXPECT_EQ(message_of([&] { read_partition_table(reader(disk), disk.size()); }), "its logical partitions form a loop");
}

TEST(DiskLayout, RefusesAPartitionBeyondTheEnd) {
  std::string disk(4 * mebibyte, '\0');
  put_mbr_entry(disk, 0, 2, 0x83, 2048, 0xffffffff);
  EXPECT_EQ(message_of([&] { read_partition_table(reader(disk), disk.size()); }),
            "partition 3 reaches beyond the end of the disk");
  GptDisk gpt(4 * mebibyte, {{2048, 8192}});
  EXPECT_EQ(message_of([&] { read_partition_table(reader(gpt.bytes()), gpt.bytes().size()); }),
            "partition 1 reaches beyond the end of the disk");
}

TEST(DiskLayout, ReadsAGptWithAGapInItsNumbers) {
  GptDisk disk(8 * mebibyte, {{2048, 4095}, {0, 0}, {4096, 6143}});
  put(disk.bytes(), 1024 + 128, std::string(16, '\0'));
  disk.set(88, 4, crc32_of(std::string_view(disk.bytes()).substr(1024, std::size_t{128} * 128)));
  disk.sign();
  const auto table = read_partition_table(reader(disk.bytes()), disk.bytes().size());
  EXPECT_EQ(table.kind, TableKind::gpt);
  EXPECT_EQ(table.partitions, (std::vector<Partition>{{1, mebibyte, mebibyte}, {3, 2 * mebibyte, mebibyte}}));
}

TEST(DiskLayout, RefusesADamagedGpt) {
  const std::string damaged = "its partition table (GPT) is damaged: ";
  const auto after = [&](const std::function<void(GptDisk&)>& change) {
    GptDisk disk(4 * mebibyte, {{2048, 4095}});
    change(disk);
    return message_of([&] { read_partition_table(reader(disk.bytes()), disk.bytes().size()); });
  };
  EXPECT_EQ(after([](GptDisk& disk) { disk.bytes()[512] = 'x'; }), damaged + "there is no header");
  EXPECT_EQ(after([](GptDisk& disk) { disk.set(48, 8, 7); }), damaged + "the header's checksum is wrong");
  EXPECT_EQ(after([](GptDisk& disk) { disk.set(12, 4, 4096); }), damaged + "the header has a size that makes no sense");
  EXPECT_EQ(after([](GptDisk& disk) { disk.bytes()[1024 + 32] = 1; }), damaged + "its entries' checksum is wrong");
  const auto signed_after = [&](std::size_t at, std::size_t size, std::uint64_t value) {
    return after([&](GptDisk& disk) {
      disk.set(at, size, value);
      disk.sign();
    });
  };
  EXPECT_EQ(signed_after(80, 4, 0xffffffff), damaged + "its entries have a number or a size that makes no sense");
  EXPECT_EQ(signed_after(84, 4, 8), damaged + "its entries have a number or a size that makes no sense");
  EXPECT_EQ(signed_after(72, 8, 0xffffffffffffffff), damaged + "its entries are not on the disk");
  EXPECT_EQ(signed_after(72, 8, 4 * mebibyte / 512 - 1), damaged + "its entries are cut short");
  EXPECT_EQ(message_of([] {
              GptDisk disk(4 * mebibyte, {{4096, 2048}});
              read_partition_table(reader(disk.bytes()), disk.bytes().size());
            }),
            damaged + "partition 1 ends before it begins");
}

TEST(DiskLayout, FindsNoTableOnAnythingElse) {
  EXPECT_EQ(read_partition_table(reader(std::string()), 0).kind, TableKind::none);
  const std::string text(4096, 'x');
  EXPECT_EQ(read_partition_table(reader(text), text.size()).kind, TableKind::none);
}

std::string patched(std::string disk, const GrownTable& grown) {
  for (const auto& patch : grown.patches) put(disk, patch.offset, patch.bytes);
  return disk;
}

TEST(DiskLayout, GrowsTheLastPartitionOfAGpt) {
  GptDisk gpt(4 * mebibyte, {{2048, 3000}, {4096, 6143}});
  std::string disk = gpt.bytes();
  disk.resize(16 * mebibyte);
  EXPECT_FALSE(grow_partition(reader(disk), disk.size(), 1)) << "another one is behind it";
  const auto grown = grow_partition(reader(disk), disk.size(), 2);
  ASSERT_TRUE(grown);
  const std::string after = patched(disk, *grown);
  ASSERT_EQ(after.size(), disk.size());
  const auto table = read_partition_table(reader(after), after.size());
  EXPECT_EQ(table.partitions[1], (Partition{2, 2 * mebibyte, grown->partition_bytes}));
  EXPECT_EQ(grown->partition_bytes, 13 * mebibyte) << "to the last whole mebibyte before the backup table";
  EXPECT_EQ(after.substr(after.size() - 512, 8), "EFI PART");
  EXPECT_EQ(little_endian(after, 446 + 12, 4), disk.size() / 512 - 1) << "the protective record covers the disk";
  EXPECT_FALSE(grow_partition(reader(after), after.size(), 2)) << "it has all there is";
}

TEST(DiskLayout, GrowsTheLastPartitionOfAnMbr) {
  std::string disk(16 * mebibyte, '\0');
  put_mbr_entry(disk, 0, 0, 0x83, 2048, 2048);
  const auto grown = grow_partition(reader(disk), disk.size(), 1);
  ASSERT_TRUE(grown);
  const std::string after = patched(disk, *grown);
  EXPECT_EQ(read_partition_table(reader(after), after.size()).partitions,
            (std::vector<Partition>{{1, mebibyte, 15 * mebibyte}}));
  put_mbr_entry(disk, 0, 1, 0x05, 8192, 2048);
  EXPECT_FALSE(grow_partition(reader(disk), disk.size(), 1)) << "an extended partition is behind it";
}

TEST(DiskLayout, KnowsContentsByTheirMagic) {
  const auto with = [](std::size_t at, std::string_view magic) {
    std::string disk(mebibyte, '\0');
    put(disk, at, magic);
    return content_at(reader(disk), 0);
  };
  EXPECT_EQ(with(1080, "\x53\xef"), Content::ext);
  EXPECT_EQ(with(0, "XFSB"), Content::xfs);
  EXPECT_EQ(with(0x10040, "_BHRfS_M"), Content::btrfs);
  EXPECT_EQ(with(512, "LABELONE"), Content::lvm);
  EXPECT_EQ(with(0, "LUKS\xba\xbe"), Content::luks);
  EXPECT_EQ(with(3, "-FVE-FS-"), Content::bitlocker);
  EXPECT_EQ(with(0, "hello"), Content::unknown);
  EXPECT_EQ(content_at(reader(std::string("LUKS")), 0), Content::unknown);
}

TEST(DiskLayout, TakesABareFileSystemForTheWholeDisk) {
  std::string disk(mebibyte, '\0');
  // A boot loader in the unused first sector of a file system makes it look like a partition table.
  put_mbr_entry(disk, 0, 0, 0x83, 2048, 0xffffffff);
  put(disk, 1080, "\x53\xef");
  const auto volumes = volumes_of(reader(disk), disk.size());
  ASSERT_EQ(volumes.size(), 1U);
  EXPECT_EQ(volumes[0].partition, 0U);
  EXPECT_EQ(describe(volumes), "ext4");
}

TEST(DiskLayout, ReadsTheNamesOfAnExtFileSystem) {
  std::string disk(mebibyte, '\0');
  put(disk, 1024 + 0x68, "\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef");
  put(disk, 1024 + 0x78, "BOOT");
  const auto name = ext_name_at(reader(disk), 0);
  EXPECT_EQ(name.uuid, "01234567-89ab-cdef-0123-456789abcdef");
  EXPECT_EQ(name.label, "BOOT");
  EXPECT_EQ(ext_name_at(reader(std::string("short")), 0).uuid, "");
}

}  // namespace
}  // namespace meros::image
