// A child of the holder that is to run always: dnsmasq, pasta. Restarted when it ends, with a back-off.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/child.h"
#include "base/deadline.h"
#include "base/fd.h"
#include "base/watch.h"

namespace meros::network {

class Daemon {
 public:
  // How it is started: asked each time. `input` is what it finds on its standard input.
  struct Start {
    Command command;
    std::string input;
  };
  Daemon(std::string name, std::function<Start()> describe);
  ~Daemon() = default;
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  // Starts it (again, where it runs). Throws what spawn() throws.
  void start();
  void stop() { child_ = {}; }
  bool running() const { return child_.running(); }
  pid_t pid() const { return child_.pid(); }
  // It ran and does not any more.
  bool ended();
  const std::string& name() const { return name_; }

  void watch(Watches& watches);
  // After each turn: notes its end, starts it again when it is time.
  void tend();
  Deadline next_deadline() const { return child_.running() ? Deadline::never() : next_start_; }

  // "dnsmasq of bridge 'lab' keeps ending (exit code 2): …"; nothing while it runs well.
  std::optional<std::string> problem() const;
  // What it said last, in one line.
  std::string last_words() const;

 private:
  void read_log();
  std::string name_;
  std::function<Start()> describe_;
  Child child_;
  Fd log_;
  std::string words_;
  int quick_ends_ = 0;
  std::string how_it_ended_;
  Deadline::clock::time_point started_{};
  Deadline next_start_ = Deadline::never();
};

}  // namespace meros::network
