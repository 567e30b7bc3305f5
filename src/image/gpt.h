// The GUID partition table (UEFI specification 2.10, 5.3). Pure but for the reader that is handed in.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "image/disk_layout.h"

namespace meros::image {

// Of the primary table. InvalidError where a checksum or a number in it is wrong.
std::vector<Partition> gpt_partitions(const ReadAt& read, std::uint64_t disk_bytes);
// As grow_partition; the partition is the last. The backup table goes to the new end of the disk.
std::optional<GrownTable> grow_gpt(const ReadAt& read, std::uint64_t disk_bytes, unsigned number);

// CRC-32 as in IEEE 802.3.
std::uint32_t crc32_of(std::string_view bytes);

}  // namespace meros::image
