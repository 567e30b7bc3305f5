#include "fakes/firecracker/resources.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <string_view>

#include "fakes/firecracker/fault.h"
#include "fakes/firecracker/kernel.h"
#include "fakes/firecracker/tap.h"

namespace meros::fake {
namespace {

constexpr std::uint64_t max_vcpus = 32;
constexpr std::size_t max_kernel_args = 2047;
constexpr std::size_t max_devices = 17;  // interrupts 5 to 23, less the VM generation ID and the VM clock

std::string text_of(const Body& body, const char* key) {
  return body.contains(key) && body[key].is_string() ? body[key].get<std::string>() : std::string();
}

bool flag_of(const Body& body, const char* key) { return body.contains(key) && body[key] == true; }

Fd open_to_read(const std::string& path, std::string_view refusal) {
  Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) throw Fault(fmt::format("Boot source error: {} {}", refusal, describe_errno(errno)));
  return file;
}

Fd open_backing_file(const std::string& path, int flags) {
  Fd file(::open(path.c_str(), flags | O_CLOEXEC));
  if (!file)
    throw Fault(
        fmt::format("Virtio backend error: Error manipulating the backing file: {} {}", describe_errno(errno), path));
  return file;
}

Fd open_drive(const Body& config) {
  const std::string refusal = "Drive config error: Unable to create the virtio block device: ";
  if (text_of(config, "path_on_host").empty() || !text_of(config, "socket").empty())
    throw Fault(refusal + "Invalid block config.");
  try {
    return open_backing_file(text_of(config, "path_on_host"), flag_of(config, "is_read_only") ? O_RDONLY : O_RDWR);
  } catch (const Fault& fault) {
    throw Fault(refusal + fault.what());
  }
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

template <typename Devices>
auto find_device(Devices& devices, const char* key, const Body& config) {
  return std::find_if(devices.begin(), devices.end(),
                      [&](const auto& device) { return device.config[key] == config[key]; });
}

}  // namespace

Resources::Resources()
    : machine_config_{{"vcpu_count", 1},
                      {"mem_size_mib", 128},
                      {"smt", false},
                      {"track_dirty_pages", false},
                      {"huge_pages", "None"}} {}

void Resources::update_machine_config(const Body& update) {
  Body wanted = machine_config_;
  for (const auto& [key, value] : update.items())
    if (!value.is_null()) wanted[key] = value;
  const auto vcpus = wanted["vcpu_count"].get<std::uint64_t>();
  const bool odd = vcpus > 1 && vcpus % 2 == 1;
  if (vcpus < 1 || vcpus > max_vcpus || (wanted["smt"] == true && odd))
    throw Fault(
        "Machine config error: The number of vCPUs must be greater than 0, less than 32 and must be 1 or an even "
        "number if SMT is enabled.");
  const auto memory = wanted["mem_size_mib"].get<std::uint64_t>();
  if (memory == 0 || (wanted["huge_pages"] == "2M" && memory % 2 == 1))
    throw Fault(
        "Machine config error: The memory size (MiB) is either 0, or not a multiple of the configured page size.");
  machine_config_ = std::move(wanted);
}

void Resources::set_boot_source(const Body& config) {
  open_to_read(text_of(config, "kernel_image_path"), "The kernel file cannot be opened:");
  if (const auto initrd = text_of(config, "initrd_path"); !initrd.empty())
    open_to_read(initrd, "The initrd file cannot be opened due to invalid path or invalid permissions.");
  if (text_of(config, "boot_args").size() > max_kernel_args)
    throw Fault("Boot source error: The kernel command line is invalid: Invalid cmdline capacity provided.");
  boot_source_ = config;
}

void Resources::insert_drive(const Body& config) {
  const bool root = flag_of(config, "is_root_device");
  const auto former = find_device(drives_, "drive_id", config);
  const bool has_root = !drives_.empty() && flag_of(drives_.front().config, "is_root_device");
  if (root && has_root && former != drives_.begin())
    throw Fault("Drive config error: A root block device already exists!");
  Drive drive{config, open_drive(config)};
  if (former != drives_.end()) drives_.erase(former);
  drives_.insert(root ? drives_.begin() : drives_.end(), std::move(drive));
}

void Resources::insert_network_interface(const Body& config) {
  const std::string mac = lower(text_of(config, "guest_mac"));
  for (const auto& other : network_interfaces_)
    if (!mac.empty() && lower(text_of(other.config, "guest_mac")) == mac &&
        other.config["iface_id"] != config["iface_id"])
      throw Fault("Network config error: The MAC address is already in use: " + mac);
  // The former one is gone even where the new one then cannot be made.
  if (const auto former = find_device(network_interfaces_, "iface_id", config); former != network_interfaces_.end())
    network_interfaces_.erase(former);
  try {
    Fd tap = open_tap(text_of(config, "host_dev_name"));
    if (config.contains("mtu") && config["mtu"].is_number() && config["mtu"].get<unsigned>() < 68)
      throw Fault(fmt::format("MTU {} is out of range [68, 65535]", config["mtu"].get<unsigned>()));
    network_interfaces_.push_back({config, std::move(tap)});
  } catch (const Fault& fault) {
    throw Fault(fmt::format("Network config error: Could not create the network device: {}", fault.what()));
  }
}

void Resources::update_drive(const Body& update) {
  const auto refuse = [](std::string_view why) {
    throw Fault(fmt::format(
        "Drive config error: Unable to patch the block device: {} Please verify the request arguments.", why));
  };
  const auto drive = find_device(drives_, "drive_id", update);
  if (drive == drives_.end()) refuse("Device not found");
  const auto path = text_of(update, "path_on_host");
  if (path.empty() && !update.contains("rate_limiter")) refuse("Block: Running method expected different backend.");
  if (path.empty()) return;
  try {
    drive->file = open_backing_file(path, flag_of(drive->config, "is_read_only") ? O_RDONLY : O_RDWR);
    drive->config["path_on_host"] = path;
  } catch (const Fault& fault) {
    refuse(fmt::format("Block: {}", fault.what()));
  }
}

void Resources::update_network_interface(const Body& update) const {
  if (find_device(network_interfaces_, "iface_id", update) == network_interfaces_.end())
    throw Fault("Network config error: Unable to update the net device: Device not found");
}

void Resources::check_devices() const {
  const std::size_t count = drives_.size() + network_interfaces_.size();
  if (count <= max_devices) return;
  const std::string refusal = "Start microvm error: Could not attach device: ";
  if (count == max_devices + 1)
    throw Fault(refusal +
                "Error while registering ACPI with KVM: VMClock: Could not allocate GSI: The requested resource is not "
                "available.");
  if (count == max_devices + 2)
    throw Fault(refusal +
                "Error while registering ACPI with KVM: VMGenID: Could not allocate GSI: The requested resource is not "
                "available.");
  throw Fault(refusal +
              "MMIO transport error: Failed to allocate requested resource: The requested resource is not available.");
}

// It appends to the kernel command line what each device needs there.
void Resources::check_kernel_args() const {
  constexpr std::size_t first_interrupt = 5;
  std::size_t size = text_of(*boot_source_, "boot_args").size() + std::string_view(" pci=off").size();
  if (!drives_.empty() && flag_of(drives_.front().config, "is_root_device"))
    size += std::string_view(" root=/dev/vda rw").size();
  const std::string_view too_long = "Inserting string would make command line too long.";
  if (size > max_kernel_args)
    throw Fault(fmt::format("Start microvm error: Invalid kernel command line: {}", too_long));
  for (std::size_t i = 0; i < drives_.size() + network_interfaces_.size(); ++i)
    size += fmt::formatted_size(" virtio_mmio.device=4K@0xc0001000:{}", first_interrupt + i);
  if (size > max_kernel_args)
    throw Fault(
        fmt::format("Start microvm error: Could not attach device: MMIO transport error: Failed to allocate "
                    "requested resourc: {}",
                    too_long));
}

std::string Resources::load_kernel() const {
  if (!boot_source_) throw Fault("Start microvm error: Cannot start microvm without kernel configuration.");
  std::string kernel =
      read_kernel(text_of(*boot_source_, "kernel_image_path"), machine_config_["mem_size_mib"].get<std::uint64_t>());
  check_kernel_args();
  check_devices();
  return kernel;
}

Body Resources::full_config() const {
  Body drives = Body::array();
  for (const auto& drive : drives_) drives.push_back(drive.config);
  Body interfaces = Body::array();
  for (const auto& one : network_interfaces_) interfaces.push_back(one.config);
  return {{"drives", drives},
          {"boot-source", boot_source_ ? *boot_source_ : Body{{"kernel_image_path", ""}}},
          {"machine-config", machine_config_},
          {"network-interfaces", interfaces}};
}

}  // namespace meros::fake
