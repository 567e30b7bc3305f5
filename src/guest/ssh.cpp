#include "guest/ssh.h"

#include "guest/shell_words.h"

namespace meros::guest {
namespace {

// A value of ssh_config(5), where a blank ends a word.
std::string config_value(const std::string& value) {
  return value.find_first_of(" \t#") == std::string::npos ? value : "\"" + value + "\"";
}

// A path that ssh expands, and that may hold blanks.
std::string path_value(const std::filesystem::path& path) { return without_percent(path.string()); }

// These keywords take a list: a blank within one of its members is quoted.
bool takes_list(const std::string& keyword) {
  return keyword == "UserKnownHostsFile" || keyword == "GlobalKnownHostsFile" || keyword == "IdentityFile" ||
         keyword == "ControlPath";
}

}  // namespace

SshOptions ssh_options(const SshTarget& target) {
  const Login& login = target.login;
  SshOptions options = {{"User", login.user},
                        {"HostKeyAlias", login.host_key_alias},
                        {"UserKnownHostsFile", path_value(login.known_hosts)},
                        {"GlobalKnownHostsFile", "/dev/null"},
                        {"StrictHostKeyChecking", login.accept_new ? "accept-new" : "yes"},
                        {"UpdateHostKeys", "no"},
                        {"CheckHostIP", "no"},
                        {"ProxyCommand", without_percent(shell_words(target.proxy))},
                        {"ProxyUseFdpass", "yes"},
                        {"ServerAliveInterval", "10"},
                        {"ServerAliveCountMax", "3"}};
  if (login.identity) {
    options.emplace_back("IdentityFile", path_value(*login.identity));
    options.emplace_back("IdentitiesOnly", "yes");
    options.emplace_back("PasswordAuthentication", "no");
    options.emplace_back("KbdInteractiveAuthentication", "no");
  }
  if (target.control_path) {
    options.emplace_back("ControlMaster", "auto");
    options.emplace_back("ControlPath", path_value(*target.control_path));
    options.emplace_back("ControlPersist", "60");
  }
  return options;
}

namespace {

std::vector<std::string> without_name(const SshTarget& target) {
  std::vector<std::string> argv = {"ssh"};
  for (const auto& [keyword, value] : ssh_options(target)) {
    argv.emplace_back("-o");
    argv.push_back(keyword + "=" + (takes_list(keyword) ? config_value(value) : value));
  }
  return argv;
}

}  // namespace

std::vector<std::string> ssh_argv(const SshTarget& target, const std::vector<std::string>& more_options) {
  auto argv = without_name(target);
  argv.insert(argv.end(), more_options.begin(), more_options.end());
  argv.push_back(target.name);  // it begins with a letter or digit
  return argv;
}

std::string ssh_for_rsync(const SshTarget& target) { return rsh_words(without_name(target)); }

std::string ssh_config_block(const SshTarget& target, const std::vector<std::string>& names) {
  std::string block = "Host";
  for (const auto& name : names) block += " " + name;
  block += "\n  HostName " + target.name + "\n";
  for (const auto& [keyword, value] : ssh_options(target))
    block += "  " + keyword + " " + (takes_list(keyword) ? config_value(value) : value) + "\n";
  return block;
}

std::vector<std::string> proxy_words(const std::filesystem::path& program, const machine::Home& home,
                                     const machine::MachineId& id) {
  return {program.string(), "dial", "--data-dir", home.data_dir.string(), id.to_string()};
}

}  // namespace meros::guest
