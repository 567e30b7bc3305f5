// The stages of a build, each named by the hash of its inputs: same inputs, same hash, nothing to do. Pure.
//
//   base -> packages -> customised -> packed
//   base -> kernel   ->
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "image/built.h"
#include "image/rootfs_spec.h"

namespace meros::image {

// What the spec names by a path, by its content. Digests are 64 hexadecimal digits; "" for what is not there.
struct InputDigests {
  std::string keyring;                //
  std::string keys;                   // the machine's stored SSH keys
  std::vector<std::string> includes;  // tree_digest of each of the spec's
  std::vector<std::string> hooks;
};

// What every system gets before its own packages.
const std::vector<std::string>& core_packages(Distribution distribution);
// The mirrors that are asked: the spec's, else the distribution's own.
std::vector<std::string> mirrors_of(const RootfsSpec& spec);
// The components of its archive: "main".
std::string components_of(const RootfsSpec& spec);
// Packages that bring a kernel: the image then boots that one.
bool brings_kernel(const RootfsSpec& spec);
// The metapackage of the kernel for virtual machines: "linux-image-cloud-amd64".
std::string cloud_kernel_package(const RootfsSpec& spec);
// Debian's name of the architecture: "amd64".
std::string debian_arch(vmm::Arch arch);

// `resolved`: the packages that each is made from (digest_of in image/package_set.h). Where they are not known yet, the
// hash is that of the question (image/resolve.h) for them.
StageHashes stage_hashes(const RootfsSpec& spec, const InputDigests& inputs, const ResolvedStages& resolved);

// Of an image that somebody brings (image/use.h): the only stage, in place of `packed`. `source`: by which a change of
// it is seen. `bytes`: what the disk is to have at least.
std::string used_hash(const RootfsSpec& spec, const InputDigests& inputs, std::string_view source, std::uint64_t bytes);

}  // namespace meros::image
