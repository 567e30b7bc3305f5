#include "image/rootfs_spec.h"

#include "base/text.h"

namespace meros::image {

std::string_view to_string(Distribution distribution) {
  switch (distribution) {
    case Distribution::debian:
      return "debian";
    case Distribution::ubuntu:
      return "ubuntu";
    case Distribution::alpine:
      return "alpine";
  }
  return "debian";
}

std::string RootfsSpec::host_name() const { return host_name_of(machine); }

}  // namespace meros::image
