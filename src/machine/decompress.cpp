#include "machine/decompress.h"

#include <fmt/format.h>
#include <lz4.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <utility>

#include "base/error.h"
#include "base/text.h"

namespace meros::machine {
namespace {

constexpr std::size_t first_room = std::size_t{16} << 20;

[[noreturn]] void damaged(std::string_view kind) {
  throw InvalidError(fmt::format("its {} data is damaged or cut off", kind));
}

// The growing result, never larger than it may be.
class Result {
 public:
  explicit Result(std::size_t limit) : limit_(limit) {}

  // More room behind what is there: twice what it was.
  void grow() {
    if (text_.size() >= limit_)
      throw InvalidError(fmt::format("unpacked it would be larger than {}", format_bytes(limit_)));
    text_.resize(std::min(limit_, std::max(first_room, text_.size() * 2)));
  }
  bool full() const { return used_ == text_.size(); }
  char* free_place() { return text_.data() + used_; }
  std::size_t free_bytes() const { return text_.size() - used_; }
  void use(std::size_t bytes) { used_ += bytes; }

  std::string take() {
    text_.resize(used_);
    return std::move(text_);
  }

 private:
  std::size_t limit_;
  std::size_t used_ = 0;
  std::string text_;
};

// zlib counts in 32 bits.
unsigned piece(std::size_t bytes) {
  return static_cast<unsigned>(std::min<std::size_t>(bytes, std::numeric_limits<unsigned>::max()));
}

std::string gunzip(std::string_view data, std::size_t limit) {
  z_stream stream{};
  constexpr int with_gzip_header = 16 + MAX_WBITS;
  if (::inflateInit2(&stream, with_gzip_header) != Z_OK) throw Error("there is not enough memory to unpack it");
  const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, ::inflateEnd);
  Result result(limit);
  // zlib does not write there, and takes no const.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
  std::size_t left = data.size();
  for (;;) {
    if (result.full()) result.grow();
    const unsigned given = piece(left);
    const unsigned room = piece(result.free_bytes());
    stream.avail_in = given;
    stream.avail_out = room;
    stream.next_out = reinterpret_cast<Bytef*>(result.free_place());
    const int status = ::inflate(&stream, Z_NO_FLUSH);
    left -= given - stream.avail_in;
    result.use(room - stream.avail_out);
    if (status == Z_STREAM_END) return result.take();
    if (status != Z_OK || (stream.avail_out != 0 && left == 0)) damaged("gzip");
  }
}

std::string unxz(std::string_view data, std::size_t limit) {
  // scripts/xz_wrap.sh of the kernel takes dictionaries of 32 MiB, later 128 MiB.
  constexpr std::uint64_t memory_limit = std::uint64_t{130} << 20;
  lzma_stream stream = LZMA_STREAM_INIT;
  if (::lzma_stream_decoder(&stream, memory_limit, 0) != LZMA_OK)
    throw Error("there is not enough memory to unpack it");
  const std::unique_ptr<lzma_stream, void (*)(lzma_stream*)> end(&stream, ::lzma_end);
  Result result(limit);
  stream.next_in = reinterpret_cast<const std::uint8_t*>(data.data());
  stream.avail_in = data.size();
  for (;;) {
    if (result.full()) result.grow();
    const std::size_t room = result.free_bytes();
    stream.next_out = reinterpret_cast<std::uint8_t*>(result.free_place());
    stream.avail_out = room;
    const lzma_ret status = ::lzma_code(&stream, LZMA_RUN);
    result.use(room - stream.avail_out);
    if (status == LZMA_STREAM_END) return result.take();
    if (status != LZMA_OK || (stream.avail_out != 0 && stream.avail_in == 0)) damaged("xz");
  }
}

std::string unzstd(std::string_view data, std::size_t limit) {
  const std::unique_ptr<ZSTD_DStream, std::size_t (*)(ZSTD_DStream*)> stream(::ZSTD_createDStream(),
                                                                             ::ZSTD_freeDStream);
  if (!stream) throw Error("there is not enough memory to unpack it");
  Result result(limit);
  ZSTD_inBuffer in{data.data(), data.size(), 0};
  for (;;) {
    if (result.full()) result.grow();
    ZSTD_outBuffer out{result.free_place(), result.free_bytes(), 0};
    const std::size_t status = ::ZSTD_decompressStream(stream.get(), &out, &in);
    result.use(out.pos);
    if (::ZSTD_isError(status) != 0) damaged("zstd");
    if (status == 0) return result.take();
    if (out.pos < out.size && in.pos == in.size) damaged("zstd");
  }
}

std::uint32_t little_endian(std::string_view bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value |= std::uint32_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  return value;
}

constexpr std::string_view lz4_magic{"\x02\x21\x4c\x18", 4};

// Blocks of 8 MiB, each behind its length (lz4_Frame_format.md, "Legacy frame").
std::string unlz4(std::string_view data, std::size_t limit) {
  constexpr std::size_t block = std::size_t{8} << 20;
  constexpr std::size_t appended_size = 4;
  Result result(limit);
  std::string unpacked(block, '\0');
  data.remove_prefix(lz4_magic.size());
  while (data.size() > appended_size) {
    const std::size_t length = little_endian(data);
    data.remove_prefix(4);
    if (length == 0 || length > data.size() || length > static_cast<std::size_t>(LZ4_COMPRESSBOUND(block)))
      damaged("lz4");
    const int bytes =
        ::LZ4_decompress_safe(data.data(), unpacked.data(), static_cast<int>(length), static_cast<int>(block));
    if (bytes < 0) damaged("lz4");
    data.remove_prefix(length);
    for (std::string_view rest(unpacked.data(), static_cast<std::size_t>(bytes)); !rest.empty();) {
      if (result.full()) result.grow();
      const std::size_t part = std::min(rest.size(), result.free_bytes());
      std::copy_n(rest.data(), part, result.free_place());
      result.use(part);
      rest.remove_prefix(part);
    }
  }
  return result.take();
}

}  // namespace

std::optional<Compression> compression_of(std::string_view data) {
  constexpr std::array<std::pair<std::string_view, Compression>, 4> magics = {{
      {"\x1f\x8b\x08", Compression::gzip},
      {std::string_view("\xfd"
                        "7zXZ\0",
                        6),
       Compression::xz},
      {lz4_magic, Compression::lz4},
      {"\x28\xb5\x2f\xfd", Compression::zstd},
  }};
  for (const auto& [magic, compression] : magics)
    if (data.starts_with(magic)) return compression;
  return std::nullopt;
}

std::string decompress(Compression compression, std::string_view data, std::size_t limit) {
  switch (compression) {
    case Compression::gzip:
      return gunzip(data, limit);
    case Compression::xz:
      return unxz(data, limit);
    case Compression::lz4:
      return unlz4(data, limit);
    case Compression::zstd:
      return unzstd(data, limit);
  }
  damaged("unknown");
}

}  // namespace meros::machine
