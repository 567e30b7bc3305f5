// Network namespaces: made, joined by a thread, named as `ip netns` names them, and who is in them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "base/fd.h"

namespace meros::network {

// One network namespace, held by a descriptor. The calling process itself never changes its own.
class NetworkNamespace {
 public:
  // A new one that belongs to our user namespace, with `lo` up. HostError where the host does not let us.
  static NetworkNamespace make();
  explicit NetworkNamespace(Fd fd) : fd_(std::move(fd)) {}

  const Fd& fd() const { return fd_; }
  std::uint64_t inode() const;

  // Runs `work` inside, in a thread that ends with it, and gives back what it gives or throws. A child started there
  // with a parent-death signal would get it at once: start those with Command::network_namespace.
  template <typename Work>
  std::invoke_result_t<Work> run(Work work) const {
    using Result = std::invoke_result_t<Work>;
    if constexpr (std::is_void_v<Result>) {
      run_inside(work);
    } else {
      std::optional<Result> result;
      run_inside([&] { result.emplace(work()); });
      return std::move(*result);
    }
  }

 private:
  void run_inside(const std::function<void()>& work) const;
  Fd fd_;
};

std::uint64_t inode_of(const Fd& network_namespace);
// Of the namespace that the calling thread is in.
std::uint64_t own_network_inode();
// The user namespace that a network namespace belongs to.
Fd user_namespace_of(const Fd& network_namespace);
// The network namespace of a process; nothing where it ended or is not ours to look at.
std::optional<Fd> network_namespace_of(pid_t pid);

// /run/netns/<name>, bound to the namespace: needs root. BusyError where the name is taken by another one.
void give_name(const NetworkNamespace& network, const std::string& name);
std::optional<Fd> namespace_named(const std::string& name);
bool remove_name(const std::string& name);  // false: there was none

// Processes that are in the namespace or hold a descriptor of it, "pid 12 (qemu-system-x86)". Not ourselves.
std::vector<std::string> users_of(std::uint64_t inode);

}  // namespace meros::network
