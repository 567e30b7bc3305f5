// One command in a guest while it runs, by an ssh of its own.
#pragma once

#include <csignal>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "base/child.h"
#include "guest/session.h"

namespace meros::guest {

// Those that go to the command in the guest.
inline constexpr std::initializer_list<int> signals_passed_on = {SIGINT, SIGQUIT, SIGTERM, SIGHUP};

// A ProxyCommand is run by $SHELL, which may be anything; ssh gets this one.
constexpr auto plain_shell = "/bin/sh";

// 16 letters and digits that nobody guesses.
std::string random_tag();

// ssh with these options of its own and one line for the guest's shell.
Command ssh_command(const SshTarget& target, const std::vector<std::string>& options, const std::string& line);

class RunningCommand {
 public:
  // `through` is how its own ssh gets there, where that differs from how signals are sent after it.
  RunningCommand(GuestCommand command, const std::vector<std::string>& options,
                 const std::optional<SshTarget>& through = {});

  Command& description() { return ssh_; }  // before start()
  void start() { child_ = spawn(ssh_); }
  const Fd& pidfd() const { return child_.pidfd(); }
  bool running() const { return child_.running(); }

  // Sends it to the command. The second one, where the first did not help, ends ssh.
  void pass_on(int signal);
  // Waits for the end. Nothing where ssh failed, or its connection broke.
  std::optional<int> result();

 private:
  bool send(int signal);

  GuestCommand command_;
  Command ssh_;
  Child child_;
  unsigned signals_passed_ = 0;
};

}  // namespace meros::guest
