// Loading rules: a child `nft -j -f -` in the namespace they are for. nft's output is never parsed as text.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "base/fd.h"

namespace meros::network {

// One transaction: all of it or nothing. Inside `network_namespace` (a descriptor), else in our own.
// HostError where there is no nft, or where the kernel lacks what the rules need (nft's words).
void load_rules(const nlohmann::json& rules, std::optional<int> network_namespace);

// Whether a chain of this host that packets pass on their way through drops them by its policy, as Docker's does; its
// name then. Chains of meros do not count.
std::optional<std::string> dropping_forward_chain();

// Whether our network namespace has the table, of the family inet.
bool has_table(const std::string& name);

// Readable whenever rules of the namespace, that it was made in, have changed: others may flush ours. Needs
// CAP_NET_ADMIN there.
class RulesWatch {
 public:
  RulesWatch();
  const Fd& fd() const { return fd_; }
  void drain() const;

 private:
  Fd fd_;
};

}  // namespace meros::network
