// A disk image that somebody brings, opened and looked at before any tool gets it. It is only read.
//
// What a qcow2 header says is not trusted: QEMU would open whatever file of the host it names, and its content would
// then be a guest's. So every layer is found and opened here, and the tools get descriptors.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "vmm/spec.h"

namespace meros::image {

// The header of a qcow2 image (docs/interop/qcow2.txt of QEMU).
struct Qcow2Header {
  std::uint64_t virtual_bytes = 0;
  std::string backing;                            // a name, as it is written there; empty: none
  std::optional<vmm::DiskFormat> backing_format;  // nothing: it does not say
};

// Of the first bytes of a file, at least 64 KiB of a longer one. Nothing where it is no qcow2 image. InvalidError for
// one that is cut short, encrypted, keeps its data in another file, or stands on a format that we do not read. Pure.
constexpr std::size_t qcow2_head_bytes = std::size_t{64} << 10;
std::optional<Qcow2Header> read_qcow2_header(std::string_view head);

// What else a file is by its content, for one that is no qcow2 image: "a VMDK image", "compressed (xz)". Nothing where
// it may be a raw image.
std::optional<std::string> foreign_format(std::string_view head);

// Where a backing file's name leads: a file in the directory of the image that the user named, or below it. `image` is
// the one that names it. InvalidError for a protocol ("nbd://…", "json:…") and for any other place. Pure but for
// following links.
std::filesystem::path backing_path(const std::filesystem::path& directory, const std::filesystem::path& image,
                                   const std::string& name);

struct ImageLayer {
  Fd file;
  std::filesystem::path path;
  vmm::DiskFormat format = vmm::DiskFormat::raw;
};

struct SourceImage {
  std::vector<ImageLayer> layers;  // the image itself, what it stands on, and so on; at least one
  std::uint64_t virtual_bytes = 0;
  // By which a change of any of them is seen.
  std::string stamp() const;
};

// NotFoundError where it is not there; InvalidError, with the image's name, for what cannot be used, and why.
SourceImage open_source_image(const std::filesystem::path& path);

// The graph as QEMU's tools take it in place of a file name ("json:{…}"), nothing of it left to what the images say.
// `descriptors`: those that the layers' files have in the tool.
std::string block_graph(const SourceImage& image, const std::vector<int>& descriptors);

}  // namespace meros::image
