// What machines share that they must not.
#include <fmt/format.h>

#include <unordered_map>

#include "base/text.h"
#include "constellation/manifest_check.h"

namespace meros::constellation {
namespace {

std::string who(const Machine& machine) {
  if (machine.index == 0) return in_quotes(machine.name);
  return fmt::format("{} (of {})", in_quotes(machine.name), in_quotes(machine.group));
}

// Members of one `count`: what they share is said once, of the count.
bool same_count(const Machine& a, const Machine& b) { return a.index > 0 && b.index > 0 && a.group == b.group; }

// Things of which each can be one machine's only.
class Claims {
 public:
  // `thing` is what it is called ("the label 'web0'"); `why` says what makes sharing it wrong, or is empty.
  void claim(Reading& reading, const std::string& key, const Machine& machine, Position at, const std::string& thing,
             std::string_view why = {}) {
    const auto [found, fresh] = first_.try_emplace(key, Claim{&machine, at});
    const Claim& first = found->second;
    if (fresh || same_count(machine, *first.machine)) return;
    if (first.at == at && first.machine != &machine)
      reading.error(at, fmt::format("{} would be used by {} and {}", thing, who(*first.machine), who(machine)),
                    "both take it from here, by an alias, a merge key or 'defaults'");
    else
      reading.error(at, fmt::format("{} is used by {} already", thing, who(*first.machine)),
                    fmt::format("in line {}{}{}", first.at.line, why.empty() ? "" : "; ", why));
  }

 private:
  struct Claim {
    const Machine* machine;
    Position at;
  };
  std::unordered_map<std::string, Claim> first_;
};

void check_names(Reading& reading, const std::vector<Machine>& machines) {
  std::unordered_map<std::string, const Machine*> hosts;
  for (const auto& machine : machines) {
    const auto [first, fresh] = hosts.try_emplace(host_name_of(machine.name), &machine);
    if (fresh) continue;
    const Machine& owner = *first->second;
    const std::string where = fmt::format("the other is in line {}", owner.written.at.line);
    if (owner.name == machine.name)
      reading.error(machine.written.at, fmt::format("there are two machines {}", in_quotes(machine.name)),
                    fmt::format("one is made by the 'count' of {}; {}",
                                in_quotes(owner.index > 0 ? owner.group : machine.group), where));
    else
      reading.error(
          machine.written.at,
          fmt::format("machines {} and {} have the same host name '{}'", who(owner), who(machine), first->first),
          where);
  }
}

void check_labels(Reading& reading, const std::vector<Machine>& machines, const std::vector<Bridge>& bridges) {
  std::unordered_map<std::string, Position> bridge_names;
  for (const auto& bridge : bridges) bridge_names.emplace(bridge.name, bridge.written.at);
  Claims labels;
  for (const auto& machine : machines)
    for (const auto& nic : machine.networks) {
      const Position at = nic.written.of("label");
      const std::string thing = fmt::format("the label {}", in_quotes(nic.label));
      labels.claim(reading, nic.label, machine, at, thing, "the MAC address is made from it");
      if (const auto bridge = bridge_names.find(nic.label); bridge != bridge_names.end())
        reading.error(at, fmt::format("{} is the name of a bridge", thing),
                      fmt::format("in line {}; both would be interfaces of that name", bridge->second.line));
    }
}

void check_addresses(Reading& reading, const std::vector<Machine>& machines) {
  Claims addresses;
  Claims macs;
  for (const auto& machine : machines)
    for (const auto& nic : machine.networks) {
      if (nic.ip_addr) {
        const std::string address = nic.ip_addr->to_string();
        addresses.claim(reading, nic.bridge + " " + address, machine, nic.written.of("ip_addr"), address);
      }
      if (nic.mac) macs.claim(reading, *nic.mac, machine, nic.written.of("mac"), fmt::format("the MAC {}", *nic.mac));
    }
}

constexpr std::string_view two_writers = "two machines that write one image destroy it";

void check_files(Reading& reading, const std::vector<Machine>& machines) {
  Claims files;
  for (const auto& machine : machines)
    for (const auto& disk : machine.disks)
      if (disk.is_image_file() && !disk.label.empty())
        files.claim(reading, disk.label, machine, disk.written.of("label"),
                    fmt::format("the image {}", in_quotes(disk.label)), two_writers);
}

// The image that is built for a machine is no disk of another's.
void check_own_images(Reading& reading, const std::vector<Machine>& machines) {
  const auto& constellation = reading.environment().constellation;
  if (constellation.empty()) return;
  std::unordered_map<std::string, const Machine*> own;
  for (const auto& machine : machines)
    for (const std::string_view ending : {".qcow2", ".ext4"})
      own.emplace(fmt::format("{}-{}{}", constellation, machine.name, ending), &machine);
  for (const auto& machine : machines)
    for (const auto& disk : machine.disks) {
      const auto found = disk.is_image_file() ? own.find(disk.label) : own.end();
      if (found != own.end() && found->second->name != machine.name && !same_count(machine, *found->second))
        reading.error(disk.written.of("label"),
                      fmt::format("{} is the image of machine {}", in_quotes(disk.label), who(*found->second)),
                      std::string(two_writers));
    }
}

void check_room(Reading& reading, const std::vector<Machine>& machines, const std::vector<Bridge>& bridges) {
  std::unordered_map<std::string, std::size_t> members;
  for (const auto& machine : machines)
    for (const auto& nic : machine.networks) ++members[nic.bridge];
  for (const auto& bridge : bridges) {
    if (!bridge.subnet) continue;
    // Without the network's, the broadcast and the bridge's own address.
    const std::uint64_t room = (std::uint64_t{1} << (32 - bridge.subnet->prefix)) - 3;
    if (members[bridge.name] > room)
      reading.error(bridge.written.of("subnet"),
                    fmt::format("the subnet has {} addresses for machines, {} need one", room, members[bridge.name]),
                    "take a larger one");
  }
}

}  // namespace

void check_together(Reading& reading, const std::vector<Machine>& machines, const std::vector<Bridge>& bridges) {
  check_names(reading, machines);
  check_labels(reading, machines, bridges);
  check_addresses(reading, machines);
  check_files(reading, machines);
  check_own_images(reading, machines);
  check_room(reading, machines, bridges);
}

}  // namespace meros::constellation
