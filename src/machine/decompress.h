// Compressed data whose length is not known, out of a file that is not trusted.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace meros::machine {

enum class Compression { gzip, xz, lz4, zstd };
// By its first bytes; nothing for another one. lz4 is the legacy frame, which the kernel's build makes.
std::optional<Compression> compression_of(std::string_view data);

// The first stream in `data`; what follows it is passed over (lz4, whose legacy frame has no end: up to four bytes).
// InvalidError where it is damaged, cut off, or becomes larger than `limit` bytes. It takes as much memory as its
// result, and at most 192 MiB besides.
std::string decompress(Compression compression, std::string_view data, std::size_t limit);

}  // namespace meros::machine
