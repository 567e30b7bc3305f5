#include "image/source_image.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "image/byte_order.h"
#include "machine/disks.h"

namespace fs = std::filesystem;

namespace meros::image {
namespace {

using namespace std::string_view_literals;
using vmm::DiskFormat;

constexpr std::size_t header_bytes_v2 = 72;
constexpr std::size_t header_bytes_v3 = 104;
constexpr std::size_t longest_backing_name = 1023;
constexpr std::uint64_t external_data_bit = 4;
constexpr std::uint64_t corrupt_bit = 2;
constexpr std::uint64_t backing_format_extension = 0xe2792aca;
constexpr std::size_t most_layers = 16;
constexpr auto flatten = "make one file of it yourself: qemu-img convert -O qcow2 IMAGE NEW";

std::string head_of(const Fd& file, std::size_t size) {
  std::string head(size, '\0');
  std::size_t have = 0;
  while (have < size) {
    const ssize_t n = ::pread(file.get(), head.data() + have, size - have, static_cast<off_t>(have));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw_errno("cannot read it");
    if (n == 0) break;
    have += static_cast<std::size_t>(n);
  }
  head.resize(have);
  return head;
}

// The extensions follow the header: type, length, data padded to 8 bytes.
std::optional<std::string> extension(std::string_view head, std::size_t at, std::size_t end, std::uint64_t wanted) {
  end = std::min(end, head.size());
  while (at + 8 <= end) {
    const std::uint64_t type = big_endian(head, at, 4);
    const std::uint64_t size = big_endian(head, at + 4, 4);
    if (type == 0 || size > end - at - 8) return std::nullopt;
    if (type == wanted) return std::string(head.substr(at + 8, size));
    at += 8 + (size + 7) / 8 * 8;
  }
  return std::nullopt;
}

void read_backing(std::string_view head, std::size_t header_bytes, Qcow2Header& header) {
  const std::uint64_t at = big_endian(head, 8, 8);
  const std::uint64_t size = big_endian(head, 16, 4);
  if (at == 0) return;
  if (size == 0 || size > longest_backing_name || at > head.size() || size > head.size() - at)
    throw InvalidError("the name of its backing file is not where the header says: it is damaged");
  header.backing = head.substr(at, size);
  const auto format = extension(head, header_bytes, at, backing_format_extension);
  if (!format) return;
  if (*format != "raw" && *format != "qcow2")
    throw InvalidError("it stands on a backing file of another format than raw and qcow2", flatten);
  header.backing_format = *format == "raw" ? DiskFormat::raw : DiskFormat::qcow2;
}

class Opening {
 public:
  explicit Opening(const fs::path& path) : path_(path) {}

  SourceImage run() {
    std::error_code error;
    fs::path next = fs::canonical(path_, error);
    if (error) throw NotFoundError(fmt::format("the image '{}' does not exist", path_.string()), "check the path");
    const fs::path directory = next.parent_path();
    std::optional<DiskFormat> format;
    for (;;) {
      const auto header = add(next, format);
      if (image_.layers.size() == 1) set_size(header);
      if (!header || header->backing.empty()) return std::move(image_);
      if (image_.layers.size() == most_layers) throw InvalidError("its backing files are too many, or form a loop");
      next = backing_path(directory, next, header->backing);
      format = header->backing_format;
    }
  }

 private:
  std::optional<Qcow2Header> add(const fs::path& path, std::optional<DiskFormat> format) {
    // Not blocked by a FIFO, and no link at the end of a backing file's name: that one was resolved.
    ImageLayer layer{open_file(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW), path, DiskFormat::raw};
    struct stat info {};
    if (::fstat(layer.file.get(), &info) != 0) throw_errno("cannot look at it");
    if (!S_ISREG(info.st_mode)) throw InvalidError(fmt::format("'{}' is not a regular file", path.string()));
    if (info.st_size == 0) throw InvalidError(fmt::format("'{}' is empty", path.string()));
    const std::string head = head_of(layer.file, qcow2_head_bytes);
    std::optional<Qcow2Header> header;
    if (format != DiskFormat::raw) header = read_qcow2_header(head);
    if (format == DiskFormat::qcow2 && !header)
      throw InvalidError(fmt::format("its backing file '{}' is no qcow2 image", path.string()));
    if (!header)
      if (const auto foreign = foreign_format(head); foreign && !format)
        throw InvalidError(fmt::format("it is {}", *foreign),
                           "a raw or qcow2 image is wanted; 'qemu-img convert' makes one of other disk images");
    layer.format = header ? DiskFormat::qcow2 : DiskFormat::raw;
    image_.layers.push_back(std::move(layer));
    raw_bytes_ = static_cast<std::uint64_t>(info.st_size);
    return header;
  }

  void set_size(const std::optional<Qcow2Header>& header) {
    image_.virtual_bytes = header ? header->virtual_bytes : raw_bytes_;
  }

  const fs::path& path_;
  SourceImage image_;
  std::uint64_t raw_bytes_ = 0;
};

}  // namespace

std::optional<Qcow2Header> read_qcow2_header(std::string_view head) {
  if (!has_at(head, 0, "QFI\xfb"sv)) return std::nullopt;
  const std::uint64_t version = big_endian(head, 4, 4);
  if (version != 2 && version != 3) throw InvalidError(fmt::format("it is a qcow2 image of version {}", version));
  if (head.size() < (version == 3 ? header_bytes_v3 : header_bytes_v2))
    throw InvalidError("it is a qcow2 image that was cut short");
  if (big_endian(head, 32, 4) != 0)
    throw InvalidError("it is encrypted (qcow2)", "decrypt it first, with 'qemu-img convert' and its key");
  const std::uint64_t features = version == 3 ? big_endian(head, 72, 8) : 0;
  if ((features & external_data_bit) != 0) throw InvalidError("it keeps its data in another file", flatten);
  if ((features & corrupt_bit) != 0)
    throw InvalidError("it is damaged: QEMU marked it as corrupt", "'qemu-img check -r all' may mend a copy of it");
  const std::uint64_t header_bytes = version == 3 ? big_endian(head, 100, 4) : header_bytes_v2;
  if (header_bytes < header_bytes_v2 || header_bytes > head.size())
    throw InvalidError("it is damaged: its header has a size that makes no sense");
  Qcow2Header header;
  header.virtual_bytes = big_endian(head, 24, 8);
  if (header.virtual_bytes == 0 || header.virtual_bytes >> 56 != 0)
    throw InvalidError("it is damaged: its disk has a size that makes no sense");
  read_backing(head, header_bytes, header);
  return header;
}

std::optional<std::string> foreign_format(std::string_view head) {
  struct Known {
    std::size_t at;
    std::string_view magic;
    std::string_view name;
  };
  static constexpr std::array known = {Known{0, "KDMV"sv, "a VMDK image"},
                                       Known{0, "COWD"sv, "a VMDK image"},
                                       Known{0, "# Disk DescriptorFile"sv, "the descriptor of a VMDK image"},
                                       Known{0, "vhdxfile"sv, "a VHDX image"},
                                       Known{0, "conectix"sv, "a VHD image"},
                                       Known{0x40, "\x7f\x10\xda\xbe"sv, "a VDI image"},
                                       Known{0, "QED\0"sv, "a QED image"},
                                       Known{0, "\x1f\x8b"sv, "compressed (gzip)"},
                                       Known{0, "\xfd\x37zXZ\0"sv, "compressed (xz)"},
                                       Known{0, "\x28\xb5\x2f\xfd"sv, "compressed (zstd)"},
                                       Known{0, "BZh"sv, "compressed (bzip2)"},
                                       Known{0x8001, "CD001"sv, "a CD (ISO 9660), not an installed system"}};
  for (const auto& [at, magic, name] : known)
    if (has_at(head, at, magic)) return std::string(name);
  return std::nullopt;
}

fs::path backing_path(const fs::path& directory, const fs::path& image, const std::string& name) {
  const auto refuse = [&](std::string_view why) {
    return InvalidError(fmt::format("'{}' stands on '{}': {}", image.filename().string(), name, why), flatten);
  };
  // QEMU takes what is before the first ':' as a protocol, unless a '/' comes first.
  if (const auto colon = name.find(':'); colon != std::string::npos && colon < name.find('/'))
    throw refuse("that is not the name of a file");
  if (name.find('\0') != std::string::npos) throw refuse("that is not the name of a file");
  std::error_code error;
  const fs::path found = fs::canonical(image.parent_path() / name, error);
  if (error) throw refuse("there is no such file");
  const fs::path relative = found.lexically_relative(directory);
  if (relative.empty() || *relative.begin() == "..")
    throw refuse(fmt::format("an image's header is trusted only with files in the image's own directory"));
  return found;
}

SourceImage open_source_image(const fs::path& path) {
  try {
    return Opening(path).run();
  } catch (const NotFoundError&) {
    throw;
  } catch (Error& e) {
    e.add_context(fmt::format("cannot use the image '{}'", path.string()));
    throw;
  }
}

std::string SourceImage::stamp() const {
  std::vector<std::string> stamps;
  for (const auto& layer : layers)
    stamps.push_back(layer.path.string() + " " + machine::file_stamp(proc_path(layer.file)));
  return join(stamps, "\n");
}

std::string block_graph(const SourceImage& image, const std::vector<int>& descriptors) {
  Json below;
  for (std::size_t i = image.layers.size(); i > 0; --i) {
    const bool qcow2 = image.layers[i - 1].format == DiskFormat::qcow2;
    Json node = {{"driver", qcow2 ? "qcow2" : "raw"},
                 {"file", {{"driver", "file"}, {"filename", fmt::format("/proc/self/fd/{}", descriptors.at(i - 1))}}}};
    if (qcow2) node["backing"] = below;
    below = std::move(node);
  }
  return "json:" + below.dump();
}

}  // namespace meros::image
