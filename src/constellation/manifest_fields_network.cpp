// Networks of machines, and bridges.
#include <algorithm>
#include <array>

#include "base/text.h"
#include "constellation/manifest_fields.h"

namespace meros::constellation {
namespace {

void read_ip_address(Reading& reading, const Value& value, Nic& nic) {
  const auto text = read_text(reading, value);
  if (!text) return;
  nic.ip_addr = network::try_parse_ipv4(*text);
  if (nic.ip_addr) return;
  const bool six = text->find(':') != std::string::npos;
  const bool subnet = text->find('/') != std::string::npos;
  reading.error(value.at, fmt::format("'{}' is not an IPv4 address: {}", value.name, in_quotes(*text)),
                six      ? "IPv6 is not routed here"
                : subnet ? "without the size of the subnet, which the bridge has"
                         : "write four numbers from 0 to 255, as in 10.0.2.21");
}

void read_mac(Reading& reading, const Value& value, Nic& nic) {
  const auto text = read_text(reading, value);
  if (!text) return;
  try {
    nic.mac = network::parse_mac(*text, "mac");
  } catch (const InvalidError& e) {
    reading.error(value.at, fmt::format("'{}' cannot be {}", value.name, in_quotes(*text)), e.hint());
  }
}

bool is_nic_label(std::string_view text) {
  constexpr std::array reserved = {"lo", "all", "default"};  // of the kernel's own: net/ipv4/devinet.c
  return is_valid_name(text) && std::find(reserved.begin(), reserved.end(), text) == reserved.end();
}

void read_nic_label(Reading& reading, const Value& value, Nic& nic) {
  const auto label =
      read_checked(reading, value, is_nic_label,
                   "up to 63 letters, digits, '_' and '-', beginning with a letter or digit; lo, all and "
                   "default are the kernel's");
  if (label) nic.label = *label;
}

void read_subnet(Reading& reading, const Value& value, Bridge& bridge) {
  const auto text = read_text(reading, value);
  if (!text) return;
  try {
    bridge.subnet = network::parse_ipv4_network(*text, "subnet");
  } catch (const InvalidError& e) {
    const bool six = text->find(':') != std::string::npos;
    reading.error(value.at,
                  fmt::format("'{}' is not an address with the size of its subnet: {}", value.name, in_quotes(*text)),
                  six ? "IPv6 is not routed here" : e.hint());
  }
}

void read_ports(Reading& reading, const Value& value, Bridge& bridge) {
  bridge.allowed_ports.clear();
  for (const Value& item : read_list(reading, value, Single::allowed)) {
    const auto port = read_number(reading, item, 1, 65'535);
    if (!port) continue;
    auto& ports = bridge.allowed_ports;
    if (std::find(ports.begin(), ports.end(), *port) != ports.end())
      reading.warn(item.at, fmt::format("port {} is listed twice", *port));
    else
      ports.push_back(static_cast<std::uint16_t>(*port));
  }
}

void read_allowed_address(Reading& reading, const Value& value, std::string_view text, Bridge& bridge) {
  std::optional<network::Ipv4Network> wanted;
  if (const auto single = network::try_parse_ipv4(text)) wanted = network::Ipv4Network{*single, 32};
  if (!wanted && text.find('/') != std::string_view::npos) try {
      wanted = network::parse_ipv4_network(text, value.name);
    } catch (const InvalidError&) {  // said below, in the words of this field
    }
  if (!wanted) {
    reading.error(value.at, fmt::format("'{}' is neither an address nor a subnet: {}", value.name, in_quotes(text)),
                  text.find(':') != std::string_view::npos ? "IPv6 is not routed here"
                                                           : "write it as 192.168.7.4 or 192.168.0.0/16");
    return;
  }
  const network::Ipv4Network whole{wanted->network(), wanted->prefix};
  if (whole != *wanted)
    reading.warn(value.at, fmt::format("{} is not the beginning of its subnet", wanted->to_string()),
                 fmt::format("it is read as {}", whole.to_string()));
  bridge.allowed_ips.push_back(whole);
}

void read_allowed_ips(Reading& reading, const Value& value, Bridge& bridge) {
  for (const Value& item : read_list(reading, value, Single::allowed)) {
    auto text = read_text(reading, item);
    if (!text) continue;
    std::replace(text->begin(), text->end(), ',', ' ');
    std::size_t found = 0;
    for (const auto& part : split(*text, ' ')) {
      if (part.empty()) continue;
      ++found;
      read_allowed_address(reading, item, part, bridge);
    }
    if (found == 0) reading.error(item.at, fmt::format("'{}' is empty", item.name));
  }
}

}  // namespace

Table<Nic> nic_table() {
  Table<Nic> table{"a network", {}};
  table.fields = {
      field<Nic>("label", schema_of::text(name_pattern), read_nic_label,
                 "Its name; the MAC address is made from it. Default: the machine's name and a number."),
      field<Nic>(
          "bridge", schema_of::text(),
          [](Reading& reading, const Value& value, Nic& nic) {
            if (auto name = read_text(reading, value)) nic.bridge = *std::move(name);
          },
          "The bridge that it joins: one of those under 'bridges'."),
      field<Nic>("ip_addr", schema_of::text("^[0-9]{1,3}(\\.[0-9]{1,3}){3}$"), read_ip_address,
                 "Its address in the bridge's subnet. Default: a free one, which it keeps."),
      word_field("model", &Nic::model, {NicModel::virtio, NicModel::virtio_net_pci, NicModel::virtio_net_device},
                 "All of them are virtio-net on the bus that the machine has."),
      field<Nic>("mac", schema_of::text("^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}$"), read_mac,
                 "Its MAC address, in quotes. Default: made from the label."),
  };
  table.fields[1].required = true;
  return table;
}

Table<Bridge> bridge_table() {
  Table<Bridge> table{"a bridge", {}};
  Json ports = schema_of::list(schema_of::number(1, 65'535), Single::allowed);
  ports["default"] = Bridge{}.allowed_ports;
  table.fields = {
      field<Bridge>("subnet", schema_of::text("^[0-9]{1,3}(\\.[0-9]{1,3}){3}/[0-9]{1,2}$"), read_subnet,
                    "The bridge's own address and the size of the subnet, as in 10.0.2.1/24."),
      word_field("policy_type", &Bridge::policy, {Policy::host_access, Policy::isolated},
                 "Whether the machines get out (host-access) or not (isolated)."),
      field<Bridge>("allowed_ports", std::move(ports), read_ports,
                    "TCP ports of the host that the machines reach, with host-access."),
      field<Bridge>("allowed_ips", schema_of::list(schema_of::text(), Single::allowed), read_allowed_ips,
                    "Addresses and subnets outside that the machines of an isolated bridge reach."),
      flag_field("allow_icmp", &Bridge::allow_icmp, "Whether the machines may ping the host at the bridge's address."),
      flag_field("auto_create", &Bridge::auto_create,
                 "Whether the bridge is made here; false: a bridge that the host has under this name."),
      flag_field("peer_isolation", &Bridge::peer_isolation,
                 "Whether machines of this bridge are kept from each other."),
      flag_field("host_loopback", &Bridge::host_loopback,
                 "Whether allowed_ports reach services that listen on the host's 127.0.0.1 alone."),
  };
  return table;
}

}  // namespace meros::constellation
