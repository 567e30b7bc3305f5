// What is at the top of a manifest, and help for keys that are at the wrong place.
#include <algorithm>
#include <array>

#include "constellation/manifest_fields.h"

namespace meros::constellation {
namespace {

// A map of names to things of one definition.
Json named(std::string_view definition) {
  return {
      {"type", {"object", "null"}},
      {"propertyNames", {{"pattern", name_pattern}}},
      {"additionalProperties", {{"anyOf", {{{"$ref", fmt::format("#/$defs/{}", definition)}}, {{"type", "null"}}}}}}};
}

Field<Top> part_field(std::string name, std::optional<Value> Top::*member, Json schema, std::string description) {
  return field<Top>(
      std::move(name), std::move(schema),
      [member](Reading&, const Value& value, Top& top) { (top.*member).emplace(value); }, std::move(description));
}

struct Foreign {
  std::string_view key;
  std::string_view help;
};

// What other tools of the kind call it.
constexpr std::array foreign_keys = {
    Foreign{"machines", "machines are under 'virtual_machines'"},
    Foreign{"vms", "machines are under 'virtual_machines'"},
    Foreign{"services", "machines are under 'virtual_machines'"},
    Foreign{"version", "a manifest has no version"},
    Foreign{"ram", "the field is called 'memory'"},
    Foreign{"mem", "the field is called 'memory'"},
    Foreign{"cpu", "the field is called 'cpus'"},
    Foreign{"vcpus", "the field is called 'cpus'"},
    Foreign{"cores", "the field is called 'cpus'"},
    Foreign{"replicas", "the field is called 'count'"},
    Foreign{"scale", "the field is called 'count'"},
    Foreign{"image", "the distribution's root is built; a disk with fs_type qcow2 names an image of your own"},
    Foreign{"rootfs", "the distribution's root is built; a disk with fs_type qcow2 names an image of your own"},
    Foreign{"disk_size", "room in the root is 'build_free_mb'; more disks are under 'disks'"},
    Foreign{"size", "the field is called 'size_gb'"},
    Foreign{"ip", "the field is called 'ip_addr'"},
    Foreign{"ip_address", "the field is called 'ip_addr'"},
    Foreign{"gateway", "the gateway is the bridge's own address, in its 'subnet'"},
    Foreign{"healthcheck", "the field is called 'ready'"},
    Foreign{"hypervisor", "the field is called 'driver'"},
    Foreign{"vmm", "the field is called 'driver'"},
    Foreign{"cmdline", "arguments for the kernel are 'append'"},
    Foreign{"kernel_args", "arguments for the kernel are 'append'"},
    Foreign{"hooks", "hooks are files in the directory of the constellation, under <machine>/hooks"},
    Foreign{"user", "the user is named after the distribution"},
};

}  // namespace

Table<Top> top_table() {
  Table<Top> table{"a manifest", {}, "x-"};
  table.fields = {
      part_field("bridges", &Top::bridges, named("bridge"), "The bridges between the machines, by name."),
      part_field("virtual_machines", &Top::machines, named("machine"), "The machines, by name."),
      part_field("defaults", &Top::defaults, {{"$ref", "#/$defs/machine"}},
                 "Fields that every machine has unless it says otherwise."),
      word_field("uplink", &Top::uplink, {Uplink::automatic, Uplink::veth, Uplink::pasta, Uplink::none},
                 "What joins the constellation to the world: veth (root), pasta, or nothing."),
  };
  table.fields[1].required = true;
  return table;
}

std::string help_for_key(std::string_view key) {
  const auto where = [&](const auto& table) {
    return table.find(key) == nullptr ? std::string() : fmt::format("'{}' belongs to {}", key, table.what);
  };
  for (std::string place :
       {where(nic_table()), where(disk_table()), where(bridge_table()), where(machine_table()), where(top_table())})
    if (!place.empty()) return place;
  for (const auto& foreign : foreign_keys)
    if (foreign.key == key) return std::string(foreign.help);
  return {};
}

}  // namespace meros::constellation
