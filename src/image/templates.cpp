#include "image/templates.h"

#include <fcntl.h>
#include <fmt/format.h>

#include "base/error.h"
#include "image/download.h"
#include "image/sha256.h"
#include "image/url.h"

namespace fs = std::filesystem;

namespace meros::image {
namespace {

struct Template {
  fs::path path;
  std::string url;
  std::optional<std::string> sha256;
  std::string sha256_option;
};

// True when the file is there and is what is wanted, as far as that can be told.
bool is_there(const Template& wanted, Reporter& reporter) {
  if (!fs::exists(wanted.path)) return false;
  if (!wanted.sha256) {
    reporter.note(fmt::format("'{}' is there already", wanted.path.string()));
    return true;
  }
  const std::string found = sha256_of(open_file(wanted.path, O_RDONLY));
  if (found != *wanted.sha256)
    throw BusyError(
        fmt::format("'{}' is there, but has the SHA-256 {}, not {}", wanted.path.string(), found, *wanted.sha256),
        "--force fetches it again and replaces it");
  reporter.note(fmt::format("'{}' is there already, and has the right SHA-256", wanted.path.string()));
  return true;
}

void fetch(const Template& wanted, bool force, Reporter& reporter) {
  if (!force && is_there(wanted, reporter)) return;
  if (scheme_of(wanted.url) == Scheme::http && !wanted.sha256)
    reporter.warn(fmt::format("'{}' is fetched without encryption or checksum: {} checks it",
                              without_credentials(wanted.url), wanted.sha256_option));
  reporter.note(fmt::format("fetching '{}' from '{}'", wanted.path.string(), without_credentials(wanted.url)));
  download(DownloadRequest{.url = wanted.url, .target = wanted.path, .sha256 = wanted.sha256}, reporter);
}

std::optional<std::string> checked(const std::optional<std::string>& sha256, const std::string& option) {
  return sha256 ? std::optional(parse_sha256(*sha256, option)) : std::nullopt;
}

}  // namespace

TemplateUrls default_template_urls(vmm::Arch arch) {
  const std::string base =
      fmt::format("https://s3.amazonaws.com/spec.ccfc.min/img/quickstart_guide/{}/", vmm::to_string(arch));
  return {base + "kernels/vmlinux.bin", base + "rootfs/bionic.rootfs.ext4"};
}

void fetch_templates(const machine::Home& home, const FetchRequest& request, Reporter& reporter) {
  const TemplateUrls urls = default_template_urls(vmm::host_arch());
  const Template kernel{home.images_dir / template_kernel, request.kernel_url.value_or(urls.kernel),
                        checked(request.kernel_sha256, "--kernel-sha256"), "--kernel-sha256"};
  const Template rootfs{home.images_dir / template_rootfs, request.rootfs_url.value_or(urls.rootfs),
                        checked(request.rootfs_sha256, "--rootfs-sha256"), "--rootfs-sha256"};
  // Both before the first byte, so that a mistyped second URL does not show after a long download.
  scheme_of(kernel.url);
  scheme_of(rootfs.url);
  fetch(kernel, request.force, reporter);
  fetch(rootfs, request.force, reporter);
}

}  // namespace meros::image
