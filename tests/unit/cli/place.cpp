#include "place.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <unistd.h>

#include <array>
#include <chrono>

#include "base/deadline.h"
#include "base/error.h"
#include "base/json.h"
#include "machine/config.h"

namespace meros::test {
namespace {

constexpr std::chrono::seconds patience{60};

}  // namespace

std::ostream& operator<<(std::ostream& stream, const Ran& ran) {
  return stream << "exit code " << ran.code << "\nstdout: " << ran.out << "\nstderr: " << ran.err;
}

Place::Place() : open_(open_file(directory_.path(), O_RDONLY | O_DIRECTORY)) {
  make_directories(path() / "data/volumes");
}

void Place::add_machine(const std::string& machine) const { add_machine(machine, ::geteuid()); }

void Place::add_machine(const std::string& machine, std::uint32_t owner) const {
  machine::Config config;
  config.name = std::filesystem::path(machine).filename();
  config.volume = volume(machine);
  config.kernel = "kernel";
  config.kernel_args = "console=ttyS0";
  config.created_at = "2026-01-31T12:00:00.000Z";
  config.driver = "qemu";
  config.accel = "tcg";
  config.binary = "/usr/bin/qemu-system-x86_64";
  config.cpu_count = 2;
  config.owner.data_dir = path() / "data";
  config.owner.constellation = std::filesystem::path(machine).parent_path();
  config.owner.uid = owner;
  make_directories(config.volume);
  replace_file(config.volume / "config.json", to_json(config).dump(2));
}

void Place::write(const std::string& name, std::string_view content) const {
  make_directories((path() / name).parent_path());
  replace_file(path() / name, content);
}

Command Place::command(const std::string& program, const std::vector<std::string>& arguments) const {
  Command command;
  command.argv = {std::string(MEROS_BINARY_DIR) + "/bin/" + program};
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  command.clean_environment = true;
  command.environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin"};
  command.working_directory = open_.get();
  return command;
}

Ran Place::run(const std::string& program, const std::vector<std::string>& arguments) const {
  const Output output = meros::run(command(program, arguments), {}, Deadline::after(patience));
  return {output.status.shell_code(), output.out, output.err};
}

Ran Place::on_terminal(const std::vector<std::string>& arguments, std::string_view keys,
                       const std::vector<std::string>& environment) const {
  int master = -1;
  int slave = -1;
  if (::openpty(&master, &slave, nullptr, nullptr, nullptr) != 0) throw_errno("openpty");
  const Fd terminal(master);
  Fd other_end(slave);
  Command command = this->command("meros", arguments);
  command.environment.insert(command.environment.end(), environment.begin(), environment.end());
  for (int standard = 0; standard < 3; ++standard) command.pass(slave, standard);
  Child child = spawn(command);
  other_end.reset();
  write_all(terminal, keys);
  Ran ran;
  std::array<char, 4096> buffer{};
  // The terminal ends with EIO when the last program at its other end has ended.
  for (const auto deadline = Deadline::after(patience); wait_for(terminal, POLLIN, deadline.poll_timeout()) != 0;) {
    const ssize_t n = ::read(terminal.get(), buffer.data(), buffer.size());
    if (n <= 0) break;
    ran.out.append(buffer.data(), static_cast<std::size_t>(n));
  }
  const auto status = child.wait_until(Deadline::after(patience));
  ran.code = status ? status->shell_code() : -1;
  return ran;
}

}  // namespace meros::test
