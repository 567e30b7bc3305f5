// The command line of ssh(1) for a machine, and the same as a block of ssh_config(5). Pure.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "guest/login.h"
#include "machine/home.h"

namespace meros::guest {

// What ssh ends with where it could not do it itself (ssh(1), "EXIT STATUS"); a command may end with the same.
constexpr int ssh_failed = 255;

// What ssh needs to know, whoever starts it.
struct SshTarget {
  std::string name;                // how ssh calls it: host_name_of()
  std::vector<std::string> proxy;  // prints nothing and passes a connection to the machine (ProxyUseFdpass)
  Login login;
  // A Unix socket's path (107 bytes at most, and ssh binds it under a name 17 bytes longer): one connection is then
  // shared by all that name it, and lives on for a minute after the last.
  std::optional<std::filesystem::path> control_path;
};

// ssh_config keywords and values, values not yet quoted for anything.
using SshOptions = std::vector<std::pair<std::string, std::string>>;
SshOptions ssh_options(const SshTarget& target);

// "ssh -o Keyword=value … name": what is to be run there, and more options, come after it and before it.
std::vector<std::string> ssh_argv(const SshTarget& target, const std::vector<std::string>& more_options = {});
// The same for rsync's -e, without the name.
std::string ssh_for_rsync(const SshTarget& target);
// "Host …" and its lines, for a file of ssh's or of a tool that reads them.
std::string ssh_config_block(const SshTarget& target, const std::vector<std::string>& names);

// The ProxyCommand's words for a machine: this program, told where machines live.
std::vector<std::string> proxy_words(const std::filesystem::path& program, const machine::Home& home,
                                     const machine::MachineId& id);

}  // namespace meros::guest
