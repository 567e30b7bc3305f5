#include "base/child.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/error.h"

extern char** environ;

namespace meros {
namespace {

// What the child reports when a step fails, over the error pipe.
struct Failure {
  int step;
  int error_number;
};
constexpr std::array<const char*, 12> step_names = {"cannot wait for the user namespace's maps",
                                                    "cannot start a session",
                                                    "cannot pass descriptors",
                                                    "cannot join the user namespace",
                                                    "cannot join the network namespace",
                                                    "cannot prepare it",
                                                    "cannot change to its directory",
                                                    "cannot change its user",
                                                    "cannot drop its capabilities",
                                                    "cannot set its parent-death signal",
                                                    "its parent ended",
                                                    "cannot execute it"};
enum Step {
  map_step,
  session_step,
  fds_step,
  userns_step,
  netns_step,
  prepare_step,
  chdir_step,
  user_step,
  capabilities_step,
  pdeath_step,
  orphan_step,
  exec_step
};

// All that the child needs, made before the clone: between clone and exec only async-signal-safe calls are allowed.
struct Prepared {
  const Command* command;
  const char* path;
  char* const* argv;
  char* const* envp;
  int executable;  // an O_PATH descriptor of the program
  int error_pipe;
  int map_pipe;      // a byte comes when the maps are written; -1 without a user namespace
  int parent_pidfd;  // with map_pipe
  int null;
  pid_t parent;
};

[[noreturn]] void give_up(int pipe, Step step) {
  const Failure failure{step, errno};
  // The parent reads end-of-file where this write fails, and reaps us with code 127 all the same.
  [[maybe_unused]] const ssize_t n = ::write(pipe, &failure, sizeof failure);
  ::_exit(127);
}

// False when the parent ended before it wrote them. The pipe alone would not tell: we have its other end too, and so
// may sisters that wait as we do.
bool wait_for_maps(int map_pipe, int parent_pidfd) {
  std::array<pollfd, 2> polled = {{{map_pipe, POLLIN, 0}, {parent_pidfd, POLLIN, 0}}};
  while (::poll(polled.data(), polled.size(), -1) < 0)
    if (errno != EINTR) return false;
  char byte = 0;
  errno = ESRCH;
  return polled[0].revents != 0 && ::read(map_pipe, &byte, 1) == 1;
}

void reset_signals() {
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number) ::sigaction(number, &action, nullptr);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

// Sources are moved above every target first, so that no target overwrites a source that is still wanted.
bool arrange_descriptors(const Command& command, int null, int& error_pipe, int& executable) {
  int floor = 3;
  for (const auto& d : command.descriptors) floor = std::max(floor, d.target + 1);
  error_pipe = ::fcntl(error_pipe, F_DUPFD_CLOEXEC, floor);
  executable = ::fcntl(executable, F_DUPFD_CLOEXEC, floor);
  const int lifted_null = ::fcntl(null, F_DUPFD_CLOEXEC, floor);
  if (error_pipe < 0 || lifted_null < 0 || executable < 0) return false;
  constexpr std::size_t most = 64;
  std::array<int, most> lifted{};
  if (command.descriptors.size() > most) {
    errno = EMFILE;
    return false;
  }
  for (std::size_t i = 0; i < command.descriptors.size(); ++i) {
    lifted[i] = ::fcntl(command.descriptors[i].source, F_DUPFD_CLOEXEC, floor);
    if (lifted[i] < 0) return false;
  }
  for (int standard = 0; standard < 3; ++standard)
    if (::dup2(lifted_null, standard) < 0) return false;
  if (::syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) != 0) return false;
  for (std::size_t i = 0; i < command.descriptors.size(); ++i)
    if (::dup2(lifted[i], command.descriptors[i].target) < 0) return false;
  return true;
}

bool change_user(const Command::Credentials& user) {
  // The raw calls: glibc's wrappers signal all threads, which a freshly cloned child has none of.
  return ::syscall(SYS_setgroups, user.groups.size(), user.groups.data()) == 0 &&
         ::syscall(SYS_setresgid, user.gid, user.gid, user.gid) == 0 &&
         ::syscall(SYS_setresuid, user.uid, user.uid, user.uid) == 0;
}

// The bounding set: what exec(2) gives to a program of root's is cut by it.
bool drop_capabilities() {
  for (unsigned long capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability)
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) return false;
  return true;
}

[[noreturn]] void run_child(const Prepared& p) {
  const Command& command = *p.command;
  int error_pipe = p.error_pipe;
  int executable = p.executable;
  if (p.map_pipe >= 0 && !wait_for_maps(p.map_pipe, p.parent_pidfd)) give_up(error_pipe, map_step);
  reset_signals();
  if (command.new_session && ::setsid() < 0) give_up(error_pipe, session_step);
  // Before the descriptors are arranged: theirs are the caller's numbers.
  if (command.network_namespace && ::setns(*command.network_namespace, CLONE_NEWNET) != 0)
    give_up(error_pipe, netns_step);
  if (command.working_directory && ::fchdir(*command.working_directory) != 0) give_up(error_pipe, chdir_step);
  if (command.prepare != nullptr)
    if (const int error = command.prepare(command.prepare_argument); error != 0) {
      errno = error;
      give_up(error_pipe, prepare_step);
    }
  if (!arrange_descriptors(command, p.null, error_pipe, executable)) give_up(error_pipe, fds_step);
  if (command.credentials && !change_user(*command.credentials)) give_up(error_pipe, user_step);
  if (command.drop_capabilities && !drop_capabilities()) give_up(error_pipe, capabilities_step);
  if (command.no_new_privileges && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) give_up(error_pipe, user_step);
  if (command.parent_death_signal != 0) {
    if (::prctl(PR_SET_PDEATHSIG, command.parent_death_signal, 0, 0, 0) != 0) give_up(error_pipe, pdeath_step);
    // In a PID namespace of its own the parent is always 0; otherwise another parent means that ours died before.
    if (const pid_t now = ::getppid(); now != p.parent && now != 0) {
      errno = ESRCH;
      give_up(error_pipe, orphan_step);
    }
  }
  ::execve(p.path, p.argv, p.envp);
  // A program below a directory that its user may not search can still be run by descriptor.
  if (errno == EACCES) ::syscall(SYS_execveat, executable, "", p.argv, p.envp, AT_EMPTY_PATH);
  give_up(error_pipe, exec_step);
}

// A process in the user namespace makes the child there and ends; the child is ours all the same (CLONE_PARENT), and so
// is the number that the other one tells.
[[noreturn]] void run_go_between(const Prepared& p, int number_pipe) {
  if (::setns(*p.command->user_namespace, CLONE_NEWUSER) != 0) give_up(p.error_pipe, userns_step);
  clone_args args{};
  args.flags = p.command->namespaces | CLONE_PARENT;  // the exit signal is then the one of its sister
  const auto pid = static_cast<pid_t>(::syscall(SYS_clone3, &args, sizeof args));
  if (pid < 0) give_up(p.error_pipe, userns_step);
  if (pid == 0) run_child(p);
  const ssize_t n = ::write(number_pipe, &pid, sizeof pid);
  ::_exit(n == static_cast<ssize_t>(sizeof pid) ? 0 : 127);
}

struct Cloned {
  pid_t pid;
  int pidfd;
};

Cloned clone_here(const Prepared& prepared) {
  int pidfd = -1;
  clone_args args{};
  args.flags = prepared.command->namespaces | CLONE_PIDFD;
  args.pidfd = reinterpret_cast<std::uintptr_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  const auto pid = static_cast<pid_t>(::syscall(SYS_clone3, &args, sizeof args));
  if (pid == 0) run_child(prepared);
  return {pid, pidfd};
}

// The number 0: it failed before there was a child; the error pipe says why.
Cloned clone_in_user_namespace(const Prepared& prepared) {
  Pipe number = make_pipe();
  clone_args args{};
  args.exit_signal = SIGCHLD;
  const auto between = static_cast<pid_t>(::syscall(SYS_clone3, &args, sizeof args));
  if (between == 0) run_go_between(prepared, number.write_end.get());
  if (between < 0) return {-1, -1};
  number.write_end.reset();
  pid_t pid = 0;
  ssize_t n = 0;
  do n = ::read(number.read_end.get(), &pid, sizeof pid);
  while (n < 0 && errno == EINTR);
  while (::waitpid(between, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (n != static_cast<ssize_t>(sizeof pid)) return {0, -1};
  // Ours, and not waited for yet: the number cannot be another's.
  return {pid, static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> all;
  all.reserve(strings.size() + 1);
  // execve(2) takes char* const[] and does not write to it.
  for (const auto& s : strings) all.push_back(const_cast<char*>(s.c_str()));
  all.push_back(nullptr);
  return all;
}

std::vector<std::string> environment_of(const Command& command) {
  std::vector<std::string> all;
  const auto named = [&](std::string_view entry) {
    const auto name = entry.substr(0, entry.find('=') + 1);
    return std::any_of(command.environment.begin(), command.environment.end(),
                       [&](const std::string& own) { return own.starts_with(name); });
  };
  if (!command.clean_environment)
    for (char** e = environ; *e != nullptr; ++e)
      if (!named(*e)) all.emplace_back(*e);
  all.insert(all.end(), command.environment.begin(), command.environment.end());
  return all;
}

void write_map(pid_t pid, const char* file, const std::string& text) {
  const Fd fd = open_file("/proc/" + std::to_string(pid) + "/" + file, O_WRONLY);
  write_all(fd, text);
}

void write_maps(pid_t pid, const Command& command) {
  if (command.uid_map.empty() && command.gid_map.empty()) return;
  if (::geteuid() != 0) write_map(pid, "setgroups", "deny");
  write_map(pid, "uid_map", command.uid_map);
  write_map(pid, "gid_map", command.gid_map);
}

ExitStatus status_of(const siginfo_t& info) {
  ExitStatus status;
  if (info.si_code == CLD_EXITED)
    status.code = info.si_status;
  else
    status.signal = info.si_status;
  return status;
}

std::string resolve_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return std::filesystem::absolute(name).string();
  if (auto found = find_program(name)) return *found;
  throw HostError("cannot run '" + name + "': it is not installed",
                  "install it (./dist-conf.sh installs all that meros uses)");
}

}  // namespace

std::string ExitStatus::describe() const {
  if (signal == 0) return "exit code " + std::to_string(code);
  const char* name = ::strsignal(signal);  // one thread reports errors
  return "signal " + std::to_string(signal) + " (" + (name != nullptr ? name : "unknown") + ")";
}

void Command::pass_stdio() {
  for (int standard = 0; standard < 3; ++standard) pass(standard, standard);
}

Child spawn(const Command& command) {
  const std::string path = resolve_program(command.argv.at(0));
  const auto environment = environment_of(command);
  const auto argv = pointers(command.argv);
  const auto envp = pointers(environment);
  Pipe errors = make_pipe();
  Pipe maps;
  Fd self;
  const bool user_namespace = (command.namespaces & CLONE_NEWUSER) != 0;
  if (user_namespace) {
    maps = make_pipe();
    self = Fd(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
    if (!self) throw_errno("cannot open a descriptor of ourselves");
  }
  const Fd null = open_file("/dev/null", O_RDWR);
  Fd executable;
  try {
    executable = open_file(path, O_PATH);
  } catch (SystemError& e) {
    e.add_context("cannot run '" + command.argv[0] + "'");
    throw;
  }

  const Prepared prepared{
      &command,   path.c_str(), argv.data(), envp.data(), executable.get(), errors.write_end.get(), maps.read_end.get(),
      self.get(), null.get(),   ::getpid()};
  const Cloned cloned = command.user_namespace ? clone_in_user_namespace(prepared) : clone_here(prepared);
  if (cloned.pid < 0 && command.namespaces != 0)
    throw NamespaceError("cannot make namespaces for '" + command.argv[0] + "'", errno);
  if (cloned.pid < 0) throw_errno("cannot run '" + command.argv[0] + "': clone3");

  Child child;
  child.pid_ = cloned.pid;
  child.pidfd_ = Fd(cloned.pidfd);
  errors.write_end.reset();
  if (user_namespace) {
    try {
      write_maps(cloned.pid, command);
    } catch (const SystemError& e) {
      throw NamespaceError("cannot map users for '" + command.argv[0] + "'", e.error_number());
    }
    write_all(maps.write_end, "+");
  }
  Failure failure{};
  ssize_t n = 0;
  do n = ::read(errors.read_end.get(), &failure, sizeof failure);
  while (n < 0 && errno == EINTR);
  if (n == static_cast<ssize_t>(sizeof failure)) {
    if (child.running()) child.wait();
    const auto step = static_cast<std::size_t>(failure.step);
    std::string what = "cannot run '" + command.argv[0] + "'";
    if (failure.step != exec_step) what += std::string(": ") + step_names.at(step);
    throw SystemError(what, failure.error_number);
  }
  return child;
}

Child& Child::operator=(Child&& other) noexcept {
  if (this != &other) {
    kill_and_reap();
    pid_ = std::exchange(other.pid_, -1);
    pidfd_ = std::move(other.pidfd_);
    ended_ = other.ended_;
  }
  return *this;
}

Child::~Child() { kill_and_reap(); }

void Child::kill_and_reap() noexcept {
  if (!pidfd_) return;
  ::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
  siginfo_t info{};
  while (::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED) != 0 && errno == EINTR) {
  }
  pidfd_.reset();
}

void Child::kill(int signal) const {
  // ESRCH: it ended by itself, which is what a signal wants to bring about.
  if (pidfd_ && ::syscall(SYS_pidfd_send_signal, pidfd_.get(), signal, nullptr, 0) != 0 && errno != ESRCH)
    throw_errno("cannot signal process " + std::to_string(pid_));
}

ExitStatus Child::wait() { return *wait_until(Deadline::never()); }

std::optional<ExitStatus> Child::wait_until(Deadline deadline) {
  if (ended_) return ended_;
  if (!pidfd_) throw Error("there is no process to wait for");
  if (wait_for(pidfd_, POLLIN, deadline.poll_timeout()) == 0) return std::nullopt;
  siginfo_t info{};
  while (::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED) != 0)
    if (errno != EINTR) throw_errno("cannot wait for process " + std::to_string(pid_));
  pidfd_.reset();
  ended_ = status_of(info);
  return ended_;
}

std::optional<ExitStatus> Child::try_wait() { return wait_until(Deadline::after(std::chrono::milliseconds(0))); }

void Child::detach() { pidfd_.reset(); }

Output run(Command command, std::string_view input, Deadline deadline) {
  constexpr std::size_t limit = std::size_t{16} << 20;
  Pipe in = make_pipe();
  Pipe out = make_pipe();
  Pipe err = make_pipe();
  command.pass(in.read_end.get(), 0);
  command.pass(out.write_end.get(), 1);
  command.pass(err.write_end.get(), 2);
  Child child = spawn(command);
  in.read_end.reset();
  out.write_end.reset();
  err.write_end.reset();
  set_nonblocking(in.write_end);
  if (input.empty()) in.write_end.reset();

  Output result;
  std::array<char, 65536> buffer{};
  const auto drain = [&](Fd& from, std::string& to) {
    const ssize_t n = ::read(from.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) return;
    if (n <= 0) return from.reset();
    to.append(buffer.data(), std::min(static_cast<std::size_t>(n), limit - std::min(limit, to.size())));
  };
  while (out.read_end || err.read_end) {
    std::array<pollfd, 3> polled = {
        {{out.read_end.get(), POLLIN, 0}, {err.read_end.get(), POLLIN, 0}, {in.write_end.get(), POLLOUT, 0}}};
    const int n = ::poll(polled.data(), polled.size(), deadline.poll_timeout());
    if (n < 0 && errno != EINTR) throw_errno("cannot poll");
    if (n == 0) throw TimeoutError("'" + command.argv[0] + "' took too long and was killed");
    if (n < 0) continue;
    if (polled[0].revents != 0) drain(out.read_end, result.out);
    if (polled[1].revents != 0) drain(err.read_end, result.err);
    if (polled[2].revents != 0) {
      // MSG_NOSIGNAL has no pipe counterpart; main ignores SIGPIPE.
      const ssize_t written = ::write(in.write_end.get(), input.data(), input.size());
      if (written > 0) input.remove_prefix(static_cast<std::size_t>(written));
      if (input.empty() || (written < 0 && errno != EAGAIN && errno != EINTR)) in.write_end.reset();
    }
  }
  auto status = child.wait_until(deadline);
  if (!status) throw TimeoutError("'" + command.argv[0] + "' took too long and was killed");
  result.status = *status;
  return result;
}

std::optional<std::string> find_program(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::string all = path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin";
  all += ":/usr/local/sbin:/usr/sbin:/sbin";  // nft and dnsmasq live there, outside an ordinary user's PATH
  for (std::size_t at = 0; at <= all.size();) {
    const auto end = std::min(all.find(':', at), all.size());
    const std::string candidate = all.substr(at, end - at) + "/" + name;
    if (end > at && ::access(candidate.c_str(), X_OK) == 0 && std::filesystem::is_regular_file(candidate))
      return candidate;
    at = end + 1;
  }
  return std::nullopt;
}

}  // namespace meros
