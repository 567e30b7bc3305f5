#include "image/kernel_run.h"

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "base/error.h"
#include "base/file.h"

namespace meros::image {
namespace {

constexpr int lock_target = 9;
constexpr std::size_t longest_line = 4096;

// The one who called sudo; nothing where that is who we are.
std::optional<Command::Credentials> caller() {
  const Owner owner = invoking_user();
  if (::geteuid() != 0 || owner.uid == 0) return std::nullopt;
  return Command::Credentials{owner.uid, owner.gid, {}};
}

Command command_of(const KernelStep& step) {
  Command command;
  command.argv = step.argv;
  command.environment = step.environment;
  command.clean_environment = true;
  command.new_session = true;  // an interrupt from the terminal is for the verb; it goes with us
  command.parent_death_signal = SIGKILL;
  command.no_new_privileges = true;
  command.credentials = caller();
  if (step.lock != nullptr) command.pass(step.lock->get(), lock_target);
  return command;
}

void isolate(Command& command) {
  command.namespaces = CLONE_NEWPID;
  if (::geteuid() == 0) return;
  command.namespaces |= CLONE_NEWUSER;
  command.uid_map = fmt::format("{0} {0} 1", ::geteuid());
  command.gid_map = fmt::format("{0} {0} 1", ::getegid());
}

Child spawn_alone(const Command& command) {
  Command alone = command;
  isolate(alone);
  try {
    return spawn(alone);
  } catch (const NamespaceError&) {
    return spawn(command);
  }
}

// Cuts what comes into lines.
class Lines {
 public:
  explicit Lines(const std::function<void(std::string_view)>& on_line) : on_line_(on_line) {}
  void take(std::string_view bytes) {
    if (!on_line_) return;
    for (const char c : bytes) {
      if (c == '\n' || c == '\r')
        flush();
      else if (line_.size() < longest_line)
        line_ += c;
    }
  }
  void flush() {
    if (on_line_ && !line_.empty()) on_line_(line_);
    line_.clear();
  }

 private:
  const std::function<void(std::string_view)>& on_line_;
  std::string line_;
};

template <typename Take>
void read_to_end(const Fd& pipe, Take take) {
  std::array<char, 16384> buffer{};
  for (;;) {
    const ssize_t bytes = ::read(pipe.get(), buffer.data(), buffer.size());
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes < 0) throw_errno("cannot read what it prints");
    if (bytes == 0) return;
    take(std::string_view(buffer.data(), static_cast<std::size_t>(bytes)));
  }
}

void log_command(const KernelStep& step) {
  std::string line = "meros:";
  for (const auto& word : step.argv) line += " " + word;
  write_all(*step.log, line + "\n");
}

}  // namespace

ExitStatus run_kernel_step(const KernelStep& step) {
  log_command(step);
  Pipe pipe = make_pipe();
  Command command = command_of(step);
  command.pass(pipe.write_end.get(), 1);
  command.pass(pipe.write_end.get(), 2);
  Child child = spawn_alone(command);
  pipe.write_end.reset();
  Lines lines(step.on_line);
  read_to_end(pipe.read_end, [&](std::string_view bytes) {
    write_all(*step.log, bytes);
    lines.take(bytes);
  });
  lines.flush();
  return child.wait();
}

void require_kernel_step(const KernelStep& step) {
  const ExitStatus status = run_kernel_step(step);
  if (!status.success()) throw Error(fmt::format("{} ended with {}", step.argv.front(), status.describe()));
}

std::string output_of_kernel_step(const KernelStep& step) {
  constexpr std::size_t most = std::size_t{1} << 20;
  log_command(step);
  Pipe pipe = make_pipe();
  Command command = command_of(step);
  command.pass(pipe.write_end.get(), 1);
  command.pass(step.log->get(), 2);
  Child child = spawn_alone(command);
  pipe.write_end.reset();
  std::string out = read_all(pipe.read_end, most);
  const ExitStatus status = child.wait();
  if (!status.success()) throw Error(fmt::format("{} ended with {}", step.argv.front(), status.describe()));
  return out;
}

}  // namespace meros::image
