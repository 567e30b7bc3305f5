#include "network/nft.h"

#include <fmt/format.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netlink/netlink.h>
#include <sys/socket.h>

#include <array>
#include <memory>

#include "base/child.h"
#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "network/netlink_request.h"

namespace meros::network {
namespace {

using namespace std::chrono_literals;

constexpr auto time_for_nft = 30s;
constexpr unsigned char inet_family = 1;  // NFPROTO_INET, linux/netfilter.h: that clashes with netinet/in.h

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

bool has_table(const std::string& name) {
  const std::unique_ptr<nl_sock, decltype([](nl_sock* socket) { nl_socket_free(socket); })> socket(nl_socket_alloc());
  if (!socket) throw std::bad_alloc();
  if (const int error = nl_connect(socket.get(), NETLINK_NETFILTER); error < 0)
    throw_netlink("cannot ask for the host's rules", error);
  Request request((NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETTABLE);
  request.append(nfgenmsg{inet_family, NFNETLINK_V0, 0});
  request.put(NFTA_TABLE_NAME, name);
  const int error = request.send(socket.get());
  if (error < 0 && !is_absent(error)) throw_netlink("cannot ask for the host's rules", error);
  return error >= 0;
}

RulesWatch::RulesWatch() : fd_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER)) {
  if (!fd_) throw_errno("cannot open a netlink socket");
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = 1U << (NFNLGRP_NFTABLES - 1);
  if (::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    throw_errno("cannot listen for changes of the host's rules");
}

// What is read does not matter: who wants to know asks. ENOBUFS says that much was missed.
void RulesWatch::drain() const {
  std::array<char, 8192> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): recv fills it
  while (::recv(fd_.get(), buffer.data(), buffer.size(), 0) > 0) {
  }
}

}  // namespace meros::network
