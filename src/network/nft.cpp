#include "network/nft.h"

#include <fmt/format.h>

#include "base/child.h"
#include "base/error.h"
#include "base/json.h"
#include "base/text.h"

namespace meros::network {
namespace {

using namespace std::chrono_literals;

constexpr auto time_for_nft = 30s;

std::string nft_program() {
  if (auto program = find_program("nft")) return *program;
  throw HostError("'nft' is not installed",
                  "install the package nftables (./dist-conf.sh installs all that meros uses)");
}

// The first line says what is wrong; the rest quotes the whole of our rules.
std::string first_line(const std::string& text) { return std::string(trim(text.substr(0, text.find('\n')))); }

Output run_nft(Command command, const std::string& input) {
  command.argv[0] = nft_program();
  return run(std::move(command), input, Deadline::after(time_for_nft));
}

}  // namespace

void load_rules(const nlohmann::json& rules, std::optional<int> network_namespace) {
  Command command;
  command.argv = {"nft", "-j", "-f", "-"};
  command.network_namespace = network_namespace;
  const Output output = run_nft(std::move(command), rules.dump());
  if (output.status.success()) return;
  throw HostError(fmt::format("cannot load the firewall's rules: nft: {}", first_line(output.err)),
                  "'meros doctor' says what the kernel lacks");
}

std::optional<std::string> dropping_forward_chain() {
  Command command;
  command.argv = {"nft", "-j", "list", "chains"};
  const Output output = run_nft(std::move(command), {});
  if (!output.status.success())
    throw HostError(fmt::format("cannot read the host's firewall: nft: {}", first_line(output.err)));
  const Json listed = parse_json(output.out, "nft's list of chains");
  for (const auto& item : get<Json>(listed, "nftables")) {
    const Json chain = get_or<Json>(item, "chain", Json());
    if (!chain.is_object() || get_or<std::string>(chain, "hook", "") != "forward") continue;
    const auto family = get<std::string>(chain, "family");
    if ((family != "ip" && family != "inet") || get_or<std::string>(chain, "policy", "") != "drop") continue;
    return fmt::format("{} {} {}", family, get<std::string>(chain, "table"), get<std::string>(chain, "name"));
  }
  return std::nullopt;
}

}  // namespace meros::network
