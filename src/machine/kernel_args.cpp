#include "machine/kernel_args.h"

#include <vector>

#include "base/text.h"

namespace meros::machine {

std::string kernel_command_line(const KernelArgs& args) {
  const bool seed = args.face == Face::mergenc;
  const bool x86 = args.arch == vmm::Arch::x86_64;
  std::vector<std::string> words;
  words.push_back(args.read_only || seed ? "ro" : "rw");
  words.push_back(x86 || args.firecracker_devices ? "console=ttyS0" : "console=ttyAMA0");
  if (seed && args.firecracker_devices && x86) words.push_back("noapic");
  if (x86 || args.firecracker_devices) words.push_back("reboot=k");
  words.push_back("panic=1");
  if (args.firecracker_devices) words.push_back("pci=off");
  if (seed || !args.initrd) words.push_back("nomodules");
  words.push_back("random.trust_cpu=on");
  if (args.root_disk && (!args.firecracker_devices || args.root_device != "/dev/vda"))
    words.push_back("root=" + args.root_device);
  if (args.network && !args.network->guest_ip.empty())
    words.push_back("ip=" + args.network->guest_ip + "::" + args.network->gateway_ip + ":" + args.network->netmask +
                    "::eth0:off");
  if (!args.append.empty()) words.push_back(args.append);
  return join(words, " ");
}

}  // namespace meros::machine
