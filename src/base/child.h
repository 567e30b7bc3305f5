// Child processes: argv only, exactly the wanted descriptors, errno back from the child, owned by pidfd.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/deadline.h"
#include "base/error.h"
#include "base/fd.h"

namespace meros {

// How a process ended.
struct ExitStatus {
  int code = 0;    // exit code, where it exited
  int signal = 0;  // the signal that ended it, else 0
  bool success() const { return code == 0 && signal == 0; }
  // As a shell tells it: the code, or 128 + signal.
  int shell_code() const { return signal != 0 ? 128 + signal : code; }
  // "exit code 3" or "signal 9 (Killed)".
  std::string describe() const;
};

// A description of a process to start; tests read it without running anything.
struct Command {
  std::vector<std::string> argv;         // argv[0] is looked up in PATH unless it has a slash
  std::vector<std::string> environment;  // "NAME=value"; used only when `clean_environment`, else added to ours
  bool clean_environment = false;

  // Descriptor `source` of ours becomes descriptor `target` in the child. Everything else is closed there. A standard
  // descriptor (0, 1, 2) that is not named is /dev/null.
  struct Inherited {
    int source;
    int target;
  };
  std::vector<Inherited> descriptors;
  void pass_stdio();  // 0, 1 and 2 as ours
  void pass(int source, int target) { descriptors.push_back({source, target}); }

  std::optional<int> working_directory;  // a descriptor of a directory
  bool new_session = false;              // setsid
  int parent_death_signal = 0;           // set after the change of credentials, with a look at getppid; 0: none
  struct Credentials {
    uid_t uid;
    gid_t gid;
    std::vector<gid_t> groups;  // supplementary groups, all of them
  };
  std::optional<Credentials> credentials;  // the kernel then clears the capabilities of one that was root
  bool no_new_privileges = false;
  std::optional<int> network_namespace;  // setns(2) before the change of credentials
  // Joined before all else, so that the namespaces below are made in it and the network namespace may be one of its
  // own.
  std::optional<int> user_namespace;
  // No capability comes back by exec: for a program that runs as root of a user namespace and is to have no more rights
  // than an ordinary user. Needs CAP_SETPCAP.
  bool drop_capabilities = false;
  // CLONE_NEWPID, CLONE_NEWUSER, CLONE_NEWNS … for clone3(2). With CLONE_NEWUSER the maps are written by us before the
  // child goes on: `uid_map` and `gid_map` hold their text; setgroups is denied unless they are written by root. Where
  // both are empty the child goes on without any, and the caller has them written (newuidmap(1)).
  unsigned long namespaces = 0;
  std::string uid_map;
  std::string gid_map;
  // Runs in the child after everything above but before the change of credentials; async-signal-safe calls only.
  // Returns 0 or an errno.
  int (*prepare)(const void*) = nullptr;
  const void* prepare_argument = nullptr;
};

// A started process that is ours. Destroying one that still runs kills it (SIGKILL) and reaps it, unless detached.
class Child {
 public:
  Child() = default;
  Child(Child&&) noexcept = default;
  Child& operator=(Child&&) noexcept;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();

  pid_t pid() const { return pid_; }
  bool running() const { return static_cast<bool>(pidfd_); }
  const Fd& pidfd() const { return pidfd_; }  // readable when the process has ended
  void kill(int signal) const;                // no effect after it ended
  // How it ended: each of the three tells it again as often as it is asked.
  ExitStatus wait();                                        // until it ended
  std::optional<ExitStatus> wait_until(Deadline deadline);  // nothing after the time
  std::optional<ExitStatus> try_wait();
  void detach();  // gives up ownership: it lives on

 private:
  friend Child spawn(const Command& command);
  void kill_and_reap() noexcept;
  pid_t pid_ = -1;
  Fd pidfd_;
  std::optional<ExitStatus> ended_;
};

// The host does not let us make the namespaces that a Command asks for; the caller may do without.
class NamespaceError : public SystemError {
  using SystemError::SystemError;
};

// Starts it. Throws SystemError "cannot run '<argv0>'" (NotFound as HostError when the program is not installed), with
// the errno of the step that failed in the child.
Child spawn(const Command& command);

// Runs to the end with stdin from /dev/null; stdout and stderr captured, at most 16 MiB each.
struct Output {
  ExitStatus status;
  std::string out;
  std::string err;
};
// `input` goes to the child's stdin. After the deadline the child is killed and TimeoutError thrown.
Output run(Command command, std::string_view input = {}, Deadline deadline = Deadline::never());

// A program's full path by PATH (and /usr/sbin, /sbin), or nothing.
std::optional<std::string> find_program(const std::string& name);

}  // namespace meros
