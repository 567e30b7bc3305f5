#include <fmt/format.h>

#include <CLI/App.hpp>

#include "base/json.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/options.h"

namespace meros::cli {
namespace {

struct CreateOptions {
  machine::CreateRequest request;
  machine::VerbOptions verb;
  std::optional<std::string> firecracker;
  std::optional<std::string> qemu;
  bool no_network = false;
};

// Only one VMM can be meant by the two options and --driver.
std::optional<std::string> binary_of(const CreateOptions& options) {
  const std::string& driver = options.request.driver;
  if (options.firecracker && options.qemu && driver == "auto")
    throw UsageError("--firecracker-bin and --qemu-bin are both given", "say which is meant with --driver");
  if (options.firecracker && driver == "qemu" && !options.qemu)
    throw UsageError("--firecracker-bin is given for a machine on QEMU", "name it with --qemu-bin");
  if (options.qemu && driver == "firecracker" && !options.firecracker)
    throw UsageError("--qemu-bin is given for a machine on Firecracker", "name it with --firecracker-bin");
  if (driver == "qemu") return options.qemu;
  if (driver == "firecracker") return options.firecracker;
  return options.firecracker ? options.firecracker : options.qemu;
}

machine::CreateRequest request_of(const Context& context, const CreateOptions& options) {
  machine::CreateRequest request = options.request;
  request.binary = binary_of(options);
  // --driver auto with a program named: the program says which.
  if (request.driver == "auto" && request.binary) request.driver = options.firecracker ? "firecracker" : "qemu";
  request.network = !options.no_network;
  if (options.no_network && request.bridge) throw UsageError("--bridge and --no-network exclude each other");
  if (request.network && !request.bridge && context.face() == machine::Face::mergenc) request.bridge = "docker0";
  return request;
}

int create(Context& context, CreateOptions& options) {
  options.verb.reporter = &context.reporter();
  const auto config = machine::create(context.home(), request_of(context, options), options.verb);
  if (context.options.format != Format::table) {
    context.out().print(machine::to_json(config), context.options.format);
    return exit_done;
  }
  std::string line = fmt::format("created {} ({}", config.name, config.driver);
  if (const auto* nic = config.main_nic(); nic != nullptr && !nic->guest_ip.empty()) line += ", " + nic->guest_ip;
  context.out().write(printable(line) + ")\n");
  return exit_done;
}

void add_machine_options(CLI::App& app, CreateOptions& options, machine::Face face) {
  auto& request = options.request;
  app.add_option("NAME", request.name, "the machine's name: letters, digits, '_' and '-', at most 63")->required();
  app.add_option("--cpus", request.cpus, "virtual CPUs (default: 1)")->option_text("N");
  app.add_option_function<std::string>(
         "--memory", [&request](const std::string& text) { request.memory_mib = parse_mebibytes(text, "--memory"); },
         "memory: 512 (MiB), 512M or 1G (default: 512)")
      ->option_text("SIZE");
  app.add_option("--driver", request.driver, fmt::format("auto, firecracker or qemu (default: {})", request.driver))
      ->option_text("DRIVER");
  app.add_option("--accel", request.accel, "auto, kvm or tcg (default: auto)")->option_text("ACCEL");
  app.add_option("--arch", request.arch, "x86_64 or aarch64 (default: the host's)")->option_text("ARCH");
  if (face == machine::Face::meros)
    app.add_option("--firecracker-bin", options.firecracker, "the program firecracker (default: found in PATH)")
        ->option_text("PROGRAM");
  app.add_option("--qemu-bin", options.qemu, "the program qemu-system-… (default: found in PATH)")
      ->option_text("PROGRAM");
  app.add_option("--restart", request.restart, "when it ends by itself: no, on-failure[:N] or always (default: no)")
      ->option_text("POLICY");
}

void add_boot_options(CLI::App& app, machine::CreateRequest& request) {
  constexpr auto group = "Kernel and disks";
  app.add_option("--kernel", request.kernel, "the kernel (default: the template of the images directory)")
      ->option_text("FILE")
      ->group(group);
  app.add_option("--initrd", request.initrd, "an initial RAM disk")->option_text("FILE")->group(group);
  app.add_option("--append", request.append, "more words for the kernel command line")
      ->option_text("ARGS")
      ->group(group);
  app.add_option("--rootfs", request.rootfs, "the root disk that is copied (default: the template)")
      ->option_text("FILE")
      ->group(group);
  app.add_flag("--read-only", request.read_only, "the guest cannot write to its root disk")->group(group);
  app.add_option("--disk", request.disks, "one more disk, used where it is; may be given several times")
      ->option_text("FILE")
      ->group(group)
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

void add_network_options(CLI::App& app, CreateOptions& options, machine::Face face) {
  constexpr auto group = "Network";
  auto& request = options.request;
  app.add_option("--bridge", request.bridge,
                 face == machine::Face::mergenc
                     ? "the host's bridge that it joins (default: docker0)"
                     : "the host's bridge that it joins (default: a network of meros, with DHCP)")
      ->option_text("BRIDGE")
      ->group(group);
  app.add_flag("--no-network", options.no_network, "no network interface")->group(group);
  app.add_option("--guest-ip", request.guest_ip, "its address, given on the kernel command line")
      ->option_text("ADDRESS")
      ->group(group);
  app.add_option("--gateway-ip", request.gateway_ip, "its gateway (default: the bridge's address)")
      ->option_text("ADDRESS")
      ->group(group);
  app.add_option("--netmask", request.netmask, "its netmask (default: the bridge's)")
      ->option_text("MASK")
      ->group(group);
  app.add_option("--tap", request.tap, "the name of its TAP device, at most 15 bytes (default: made from the name)")
      ->option_text("NAME")
      ->group(group);
  app.add_option("--mac", request.mac, "its hardware address (default: made up)")->option_text("MAC")->group(group);
}

}  // namespace

Action declare_create(CLI::App& app, Context& context) {
  auto options = std::make_shared<CreateOptions>();
  // What a mergenc makes has always run on Firecracker.
  if (context.face() == machine::Face::mergenc) options->request.driver = "firecracker";
  add_machine_options(app, *options, context.face());
  add_boot_options(app, options->request);
  if (context.face() == machine::Face::meros)
    app.add_flag("--display", options->request.display, "a screen, for 'meros display' (QEMU)");
  add_network_options(app, *options, context.face());
  add_verb_options(app, options->verb, "create");
  return [options, &context] {
    if (context.face() == machine::Face::mergenc) options->firecracker = context.options.firecracker;
    return create(context, *options);
  };
}

}  // namespace meros::cli
