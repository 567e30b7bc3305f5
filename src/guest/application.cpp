#include "guest/application.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>

#include "base/child.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "base/unix_socket.h"
#include "base/watch.h"
#include "guest/directory_watch.h"
#include "guest/running_command.h"
#include "guest/runtime_directory.h"
#include "guest/shell_words.h"
#include "guest/signal_watch.h"

namespace fs = std::filesystem;

namespace meros::guest {
namespace {

using namespace std::chrono_literals;

constexpr auto time_to_listen = 10s;
constexpr auto time_to_ask = 30s;
constexpr auto time_to_end = 2s;
constexpr std::string_view run_prefix = "run-";
constexpr int not_found = 127;

// In the guest. Its standard input is the connection's: at the end of it everything that the run started ends. The
// process group is that of the shell above it (remote_command.h). A signal goes to waypipe, too, which may end before
// the application has: how that ended is told by a file.
constexpr auto application_script = R"(socket=$1 compression=$2 x11=$3
shift 3
leave() { rm -rf -- "$dir" "$socket"; exit "$1"; }
dir=
command -v waypipe >/dev/null 2>&1 || leave 127
[ "$x11" = no ] || command -v Xwayland >/dev/null 2>&1 || leave 127
trap : HUP INT QUIT TERM
group=$PPID
dir=$(mktemp -d) || leave 126
exec 3<&0 </dev/null
(
  trap '' HUP INT QUIT TERM
  cat <&3
  kill -s TERM -- "-$group"
  sleep 5
  rm -rf -- "$dir" "$socket"
  kill -s KILL -- "-$group"
) >/dev/null 2>&1 &
lifeline=$!
exec 3<&-
[ -d "$XDG_RUNTIME_DIR" ] || export XDG_RUNTIME_DIR="$dir"
export XDG_SESSION_TYPE=wayland dir
gpu=--no-gpu
for node in /dev/dri/renderD*; do [ ! -e "$node" ] || gpu=; done
if [ "$x11" = yes ]; then
  set -- sh -c 'mkfifo "$dir/number"
Xwayland -displayfd 3 3>"$dir/number" >/dev/null & x=$!
read number <"$dir/number" || exit 126
DISPLAY=:$number "$@"
status=$?
kill $x
exit $status' sh "$@"
fi
waypipe $gpu --compress "$compression" --socket "$socket" --display "$dir/wayland" server -- sh -c '
trap : HUP INT QUIT TERM
: >"$dir/runs"
"$@"
status=$?
echo $status >"$dir/status"
rm "$dir/runs"
exit $status' sh "$@"
status=$?
i=0
while [ -e "$dir/runs" ] && [ $i -lt 30 ]; do sleep 0.1; i=$((i + 1)); done
[ ! -s "$dir/status" ] || read -r status <"$dir/status"
kill -s KILL $lifeline
kill -s TERM -- "-$group"
wait
[ "$status" != 255 ] || status=254
leave "$status")";

// What of it the guest has not, a package a line.
constexpr auto missing_script = R"(command -v waypipe >/dev/null 2>&1 || echo waypipe
[ "$1" = no ] || command -v Xwayland >/dev/null 2>&1 || echo xwayland)";

std::string word_of(X11 x11) { return x11 == X11::yes ? "yes" : "no"; }

// As libwayland looks for it: $WAYLAND_DISPLAY or "wayland-0", in $XDG_RUNTIME_DIR unless it is absolute.
fs::path wayland_display() {
  const char* named = std::getenv("WAYLAND_DISPLAY");
  const fs::path name = named != nullptr && *named != '\0' ? named : "wayland-0";
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  if (name.is_absolute()) return name;
  if (runtime == nullptr || *runtime != '/')
    throw HostError("there is no Wayland display here: XDG_RUNTIME_DIR is not set",
                    "run it in a Wayland session, or start a compositor (package weston) and set both");
  return fs::path(runtime) / name;
}

void require_display(const fs::path& display) {
  bool answers = false;
  try {
    answers = connect_unix(display.string()).has_value();
  } catch (const SystemError&) {
    answers = false;
  }
  if (!answers)
    throw HostError(fmt::format("there is no Wayland display here: nothing answers at '{}'", display.string()),
                    "run it in a Wayland session, or name its display in WAYLAND_DISPLAY; a compositor to start is "
                    "weston (package weston)");
}

void require_waypipe() {
  if (!find_program("waypipe"))
    throw HostError("the program 'waypipe' is not installed", "install it: apt install waypipe");
}

fs::path place_for_sockets() {
  if (auto directory = runtime_directory()) return *directory;
  throw HostError("there is no place for the run's socket", "set XDG_RUNTIME_DIR to a directory that only you can use");
}

// Sockets of runs that were killed: "run-<pid>-<tag>.sock".
void sweep(const fs::path& runtime) {
  for (const auto& entry : fs::directory_iterator(runtime)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with(run_prefix)) continue;
    const auto pid =
        parse_unsigned(name.substr(run_prefix.size(), name.find('-', run_prefix.size()) - run_prefix.size()));
    if (!pid || (::kill(static_cast<pid_t>(*pid), 0) != 0 && errno == ESRCH)) ::unlink(entry.path().c_str());
  }
}

std::string own_compression() {
  Command command;
  command.argv = {"waypipe", "--version"};
  return compression_of(run(std::move(command), {}, Deadline::after(time_to_ask)).out);
}

// The host's end of it.
class WaypipeClient {
 public:
  WaypipeClient(const fs::path& display, const fs::path& runtime, const std::string& compression)
      : socket_(runtime / fmt::format("{}{}-{}.sock", run_prefix, ::getpid(), random_tag())) {
    DirectoryWatch watch;
    watch.add(runtime.string());
    Command command;
    command.argv = {"waypipe", "--compress", compression, "--socket", socket_.string(), "client"};
    command.environment.push_back("WAYLAND_DISPLAY=" + display.string());
    command.pass(STDERR_FILENO, STDERR_FILENO);
    command.parent_death_signal = SIGTERM;
    child_ = spawn(command);
    wait_for_socket(watch);
  }
  ~WaypipeClient() {
    child_.kill(SIGTERM);
    try {
      child_.wait_until(Deadline::after(time_to_end));
    } catch (const Error&) {
      // It is killed and reaped all the same.
    }
    ::unlink(socket_.c_str());
  }
  WaypipeClient(const WaypipeClient&) = delete;
  WaypipeClient& operator=(const WaypipeClient&) = delete;

  const fs::path& socket() const { return socket_; }
  bool running() const { return child_.running(); }
  const Fd& pidfd() const { return child_.pidfd(); }
  void reap() { child_.try_wait(); }

 private:
  void wait_for_socket(DirectoryWatch& watch) {
    const Deadline deadline = Deadline::after(time_to_listen);
    while (!fs::exists(socket_)) {
      if (const auto status = child_.try_wait())
        throw Error(fmt::format("waypipe ended at once ({})", status->describe()), "see what it said above");
      if (deadline.passed()) throw TimeoutError("waypipe does not make its socket");
      Watches watches;
      watches.add(watch.descriptor().get(), POLLIN, [&](short) { watch.clear(); });
      watches.add(child_.pidfd().get(), POLLIN, [](short) {});
      watches.turn(deadline);
    }
  }

  fs::path socket_;
  Child child_;
};

// A connection of its own: a forwarding on a shared one would stay when this process is killed.
SshTarget own_connection(SshTarget target) {
  target.control_path.reset();
  return target;
}

std::vector<std::string> missing_in_guest(const Application& application) {
  RemoteCommand ask;
  ask.argv = {"sh", "-c", missing_script, "sh", word_of(application.x11)};
  const Output answer =
      run(ssh_command(application.command.target, {"-T", "-o", "BatchMode=yes"}, remote_command_line(ask)), {},
          Deadline::after(time_to_ask));
  std::vector<std::string> packages;
  for (const auto* package : {"waypipe", "xwayland"})
    if (answer.out.find(package) != std::string::npos) packages.emplace_back(package);
  return packages;
}

// Until the application ends. Where waypipe here ends first, so does the application, by the end of its input.
void run_to_end(RunningCommand& running, WaypipeClient& waypipe, Fd& lifeline) {
  SignalWatch signals(signals_passed_on);
  running.start();
  while (running.running()) {
    Watches watches;
    watches.add(signals.descriptor().get(), POLLIN, [&](short) {
      while (const auto signal = signals.take()) running.pass_on(*signal);
    });
    watches.add(running.pidfd().get(), POLLIN, [&](short) { running.result(); });
    if (waypipe.running())
      watches.add(waypipe.pidfd().get(), POLLIN, [&](short) {
        waypipe.reap();
        lifeline.reset();
      });
    watches.turn(Deadline::never());
  }
}

}  // namespace

RemoteCommand application_command(const Application& application, const std::string& socket,
                                  const std::string& compression) {
  RemoteCommand command = application.command.command;
  std::vector<std::string> argv = {"sh", "-c", application_script, "sh", socket, compression, word_of(application.x11)};
  argv.insert(argv.end(), command.argv.begin(), command.argv.end());
  command.argv = std::move(argv);
  return command;
}

std::string forward_words(const std::string& there, const fs::path& here) {
  return there + ":" + without_percent(here.string());
}

std::string compression_of(std::string_view version) {
  for (const auto& line : split(std::string(version), '\n'))
    if (line.starts_with("features:") && line.find(" lz4") != std::string::npos) return "lz4";
  return "none";
}

int run_application(const Application& application) {
  const auto display = wayland_display();
  require_waypipe();
  require_display(display);
  const auto runtime = place_for_sockets();
  sweep(runtime);
  const std::string compression = application.compression.empty() ? own_compression() : application.compression;
  WaypipeClient waypipe(display, runtime, compression);

  const std::string socket = fmt::format("/tmp/meros-run-{}.sock", random_tag());
  GuestCommand command = application.command;
  command.command = application_command(application, socket, compression);
  RunningCommand running(command,
                         {"-T", "-o", "ExitOnForwardFailure=yes", "-R", forward_words(socket, waypipe.socket())},
                         own_connection(command.target));
  Pipe lifeline = make_pipe();
  auto& ssh = running.description();
  ssh.pass(lifeline.read_end.get(), STDIN_FILENO);
  ssh.pass(STDOUT_FILENO, STDOUT_FILENO);
  ssh.pass(STDERR_FILENO, STDERR_FILENO);
  ssh.parent_death_signal = SIGTERM;
  run_to_end(running, waypipe, lifeline.write_end);

  const auto code = running.result();
  if (code == not_found)
    if (const auto missing = missing_in_guest(application); !missing.empty())
      throw Error(
          fmt::format("machine '{}' lacks {}", command.machine, join(missing, " and ")),
          fmt::format("install it there: meros exec {} -- sudo apt-get install {}, or name it under packages: in "
                      "the manifest",
                      command.machine, join(missing, " ")));
  if (code) return *code;
  throw Error(fmt::format("ssh could not run it in '{}', or its connection broke", command.machine),
              "see what it said above");
}

}  // namespace meros::guest
