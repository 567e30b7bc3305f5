#include "network/dnsmasq.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/error.h"
#include "base/text.h"
#include "network/policy.h"

namespace meros::network {
namespace {

constexpr auto lease_time = "12h";

void put_byte(std::string& message, unsigned value) { message += static_cast<char>(value & 0xff); }
void put_word(std::string& message, unsigned value) {
  put_byte(message, value >> 8);
  put_byte(message, value);
}

bool has_port_on(const NetworkSpec& spec, const std::string& machine, const std::string& bridge) {
  return std::ranges::any_of(spec.ports,
                             [&](const auto& port) { return port.machine == machine && port.bridge == bridge; });
}

// Whether a machine of `bridge` has a foot on `other` too. It may ask either of their servers for any name, and the
// first one's "no such name" would be the last word.
bool is_joined_to(const NetworkSpec& spec, const std::string& bridge, const std::string& other) {
  return std::ranges::any_of(
      spec.ports, [&](const auto& port) { return port.bridge == bridge && has_port_on(spec, port.machine, other); });
}

}  // namespace

std::string dnsmasq_config(const NetworkSpec& spec, const BridgeSpec& bridge, unsigned mtu, DnsmasqUser user) {
  const std::string domain = domain_of(spec);
  const Ipv4Network& subnet = bridge.subnet.value();
  std::string text;
  const auto line = [&]<typename... Parts>(fmt::format_string<Parts...> format, Parts&&... parts) {
    fmt::format_to(std::back_inserter(text), format, std::forward<Parts>(parts)...);
    text += '\n';
  };
  // As root of a user namespace there is no other user, and no group may be set.
  line("{}", user == DnsmasqUser::nobody ? "user=nobody" : "user=root\ngroup=");
  line("pid-file=");
  line("interface={}", bridge.name);
  line("except-interface=lo");
  line("bind-interfaces");
  line("port={}", dns_port);
  line("log-facility=-");
  line("no-hosts");
  line("no-resolv");
  line("domain-needed");
  line("domain={}", domain);
  line("local=/{}/", domain);
  if (bridge.policy == Policy::host_access) line("server=127.0.0.1#{}", relay_dns_port);
  line("dhcp-authoritative");
  line("leasefile-ro");
  line("no-ping");
  line("dhcp-range={},static,{},{}", subnet.network().to_string(), subnet.netmask().to_string(), lease_time);
  line("dhcp-option=option:mtu,{}", mtu);
  for (const auto& port : spec.ports) {
    if (port.bridge != bridge.name || !port.address) continue;
    const std::string host = host_name_of(port.machine);
    line("dhcp-host={},{},{}", port.mac, port.address->to_string(), host);
    line("host-record={0},{0}.{1},{2}", host, domain, port.address->to_string());
  }
  for (const auto& port : spec.ports)
    if (port.address && port.bridge != bridge.name && !has_port_on(spec, port.machine, bridge.name) &&
        is_joined_to(spec, bridge.name, port.bridge))
      line("host-record={0},{0}.{1},{2}", host_name_of(port.machine), domain, port.address->to_string());
  return text;
}

Command dnsmasq_command() {
  const auto program = find_program("dnsmasq");
  if (!program)
    throw HostError("'dnsmasq' is not installed",
                    "install the package dnsmasq-base (./dist-conf.sh installs all that meros uses)");
  Command command;
  command.argv = {*program, "--keep-in-foreground", "--conf-file=-"};
  return command;
}

std::string domain_of(const NetworkSpec& spec) { return host_name_of(spec.constellation); }

std::string dns_question(std::string_view name, std::uint16_t id) {
  std::string message;
  put_word(message, id);
  put_word(message, 0x0100);  // a question, recursion desired (RFC 1035, 4.1.1)
  put_word(message, 1);
  for (int section = 0; section < 3; ++section) put_word(message, 0);
  for (const auto& label : split(name, '.')) {
    put_byte(message, static_cast<unsigned>(label.size()));
    message += label;
  }
  put_byte(message, 0);
  put_word(message, 1);  // A
  put_word(message, 1);  // IN
  return message;
}

bool answers(std::string_view message, std::uint16_t id) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned>(static_cast<unsigned char>(message[at])); };
  return message.size() >= 12 && (byte(0) << 8 | byte(1)) == id && (byte(2) & 0x80) != 0;
}

}  // namespace meros::network
