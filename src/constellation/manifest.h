// The manifest of a constellation: what somebody wants, as plain values, checked.
//
// A Manifest that exists is right in itself: every reference is resolved, every range checked, every default filled in,
// `count` expanded. Whether the host can do it (do the files exist, is the bridge there) is for others to see; for
// their errors every value knows where it was written.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/report.h"
#include "constellation/manifest_text.h"
#include "machine/config.h"
#include "network/address.h"
#include "network/spec.h"
#include "vmm/spec.h"

namespace meros::constellation {

// Where a thing and its fields were written.
struct Written {
  Position at;                                          // its key, or its item in a list
  std::map<std::string, Position, std::less<>> fields;  // "memory", "packages[2]": only those that were written
  std::set<std::string, std::less<>> inherited;         // those of them that came from `defaults` or by a merge key

  bool has(std::string_view field) const { return fields.find(field) != fields.end(); }
  // Where the field was written, or where the whole thing was.
  Position of(std::string_view field) const;
};

using network::Policy;
using network::Uplink;
enum class Distribution { none, debian, ubuntu, alpine };
enum class NicModel { virtio, virtio_net_pci, virtio_net_device };  // all virtio-net, on the machine's bus
std::string_view to_string(Distribution distribution);              // "debian": also the user in the guest; "" for none
std::string_view to_string(NicModel model);

struct Bridge {
  std::string name;
  // The bridge's own address, and the subnet. Always there with auto_create; 10.0.2.0/24 is read as 10.0.2.1/24.
  std::optional<network::Ipv4Network> subnet;
  Policy policy = Policy::host_access;
  std::vector<std::uint16_t> allowed_ports = {22, 80, 443};  // tcp, of the host
  std::vector<network::Ipv4Network> allowed_ips;             // outside, host bits cleared
  bool allow_icmp = true;
  bool auto_create = true;  // false: a bridge of the host; no policy of ours applies to it
  bool peer_isolation = false;
  bool host_loopback = false;  // allowed_ports reach services on the host's 127.0.0.1 too
  Written written;
};

struct Nic {
  std::string label;                     // the TAP's name where it fits; the MAC is made from it
  std::string bridge;                    // one of the manifest's
  std::optional<network::Ipv4> ip_addr;  // else allocated from the subnet
  std::optional<std::string> mac;        // else made from the label
  NicModel model = NicModel::virtio;
  Written written;
};

enum class FileSystem { qcow2, raw, ext2, ext3, ext4, xfs, btrfs, vfat };  // the first two: an image file, not one
std::string_view to_string(FileSystem file_system);

struct Disk {
  std::string label;  // of the file system; of an image file its name in data/disks
  std::uint64_t size_gb = 2;
  FileSystem fs_type = FileSystem::ext4;
  std::string mount_point;  // absolute; empty: not mounted
  bool is_root = false;     // the machine's own image, named among its disks: its size, not a second disk
  Written written;

  bool is_image_file() const { return fs_type == FileSystem::qcow2 || fs_type == FileSystem::raw; }
};

struct Kernel {
  enum class From { image, firmware, path };  // of the image; the disk boots itself; a file
  From from = From::firmware;
  std::string path;  // for `path`: absolute, or relative to the directory that holds data/
};

struct Ready {
  enum class By { none, ssh, tcp, console, exec };
  By by = By::none;
  std::uint16_t port = 0;         // tcp
  std::string text;               // console: what to wait for; exec: a command for the guest's shell
  std::string to_string() const;  // as it is written in the manifest
};

// The text of the manifest's field; nothing for one that says nothing.
std::optional<Ready> parse_ready(std::string_view text);

struct Machine {
  std::string name;
  std::string group;   // its key in the manifest: "web" of "web-2"; the same as `name` without a count
  unsigned index = 0;  // from 1 within the group; 0 without a count
  Distribution distribution = Distribution::none;  // none: not built here
  std::string release;                             // with a distribution never empty
  vmm::Arch arch = vmm::Arch::x86_64;
  std::string driver = "auto";  // auto | firecracker | qemu
  std::uint64_t memory_mib = 2048;
  unsigned cpus = 2;
  std::string accel = "auto";  // auto | kvm | tcg
  bool display = false;
  Kernel kernel;
  std::string initrd;                            // a path like the kernel's, or empty
  std::string append;                            // after our kernel arguments
  vmm::Firmware firmware = vmm::Firmware::bios;  // for Kernel::From::firmware
  std::vector<std::string> cdroms;               // paths like the kernel's
  std::vector<std::string> packages;
  std::vector<std::string> mirrors;
  std::string keyring;  // a path like the kernel's, or empty
  std::uint64_t build_free_mb = 500;
  std::vector<Nic> networks;
  std::vector<Disk> disks;
  std::vector<std::string> depends_on;  // names of machines (a group's name is expanded)
  Ready ready;
  machine::RestartPolicy restart;
  std::vector<std::string> qemu_args;  // one word each
  Written written;
};

struct Manifest {
  std::string constellation;  // its name; may be empty, see Environment
  Uplink uplink = Uplink::automatic;
  std::vector<Bridge> bridges;    // in the order of the file
  std::vector<Machine> machines;  // in the order of the file
  std::shared_ptr<const SourceText> source;

  const Bridge* find_bridge(std::string_view name) const;
  const Machine* find_machine(std::string_view name) const;
  // For what is found out later: an InvalidError with the place, the line and the caret.
  InvalidError error_at(Position at, std::string message, std::string help = {}) const;
};

// All that parsing depends on beside the text.
struct Environment {
  std::map<std::string, std::string, std::less<>> variables;  // for ${VAR}; HOME for ~/
  std::string constellation;                                  // its name, where it is known
  vmm::Arch host_arch = vmm::Arch::x86_64;
};

struct ParseResult {
  std::optional<Manifest> manifest;     // nothing when there is an error
  std::vector<Diagnostic> diagnostics;  // errors and warnings, sorted by place
  bool more = false;                    // there are errors beyond the most that are kept
};

// Limits that keep a hostile manifest from costing more than a moment.
constexpr std::size_t max_manifest_bytes = std::size_t{1} << 20;
constexpr std::size_t max_machines = 5000;

// Pure. `origin` is what errors call the file.
ParseResult parse_manifest(std::string text, std::string origin, const Environment& environment);

// What load_manifest throws: exit 3; the message is the whole report.
class ManifestError : public InvalidError {
 public:
  ManifestError(const std::string& path, std::vector<Diagnostic> diagnostics, bool more = false);
  const std::vector<Diagnostic>& diagnostics() const { return diagnostics_; }

 private:
  std::vector<Diagnostic> diagnostics_;
};

}  // namespace meros::constellation
