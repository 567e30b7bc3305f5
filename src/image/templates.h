// The kernel and the root file system that machines are made from when nothing else is named.
#pragma once

#include <optional>
#include <string>

#include "base/report.h"
#include "machine/home.h"
#include "vmm/spec.h"

namespace meros::image {

// Their names in the images directory, as the Go mergenc has them.
constexpr auto template_kernel = "vmlinux.bin";
constexpr auto template_rootfs = "rootfs.ext4";

struct FetchRequest {
  std::optional<std::string> kernel_url = {};  // default: Firecracker's public quick-start artefacts
  std::optional<std::string> rootfs_url = {};
  std::optional<std::string> kernel_sha256 = {};
  std::optional<std::string> rootfs_sha256 = {};
  bool force = false;  // fetch, and replace what is there
};

struct TemplateUrls {
  std::string kernel;
  std::string rootfs;
};
// Where Firecracker's quick start has them ("Getting started", docs/getting-started.md of its versions up to 1.0).
TemplateUrls default_template_urls(vmm::Arch arch);

// Fetches both into home.images_dir. What is there already, and has the SHA-256 where one is given, stays.
// BusyError for a file that is there with another SHA-256, unless forced.
void fetch_templates(const machine::Home& home, const FetchRequest& request, Reporter& reporter);

}  // namespace meros::image
