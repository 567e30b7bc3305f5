// The screen of a machine.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>

#include <array>

#include "base/text.h"
#include "base/unix_socket.h"
#include "integration/machine_test.h"

namespace fs = std::filesystem;

namespace meros::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class Display : public MachineTest {
 protected:
  void create_and_start_with_display(const std::string& name) {
    create_and_start(name, qemu(), Guest::halt_pc, {"--display"});
  }
  // What a program calls itself that meets us at a VNC server's socket.
  static std::string greeting_at(const std::string& socket) {
    const auto connection = connect_unix(socket);
    if (!connection) return "nobody listens";
    std::string got;
    std::array<char, 64> chunk{};
    while (got.find('\n') == std::string::npos && wait_for(*connection, POLLIN, 30'000) != 0) {
      const ssize_t n = ::read(connection->get(), chunk.data(), chunk.size());
      if (n <= 0) break;
      got.append(chunk.data(), static_cast<std::size_t>(n));
    }
    return got;
  }
  Command display_command(const std::string& name, const fs::path& programs, const std::string& display) {
    Command command = home().meros_command({"display", name});
    command.environment.insert(command.environment.end(),
                               {"PATH=" + programs.string(), "DISPLAY=" + display, "WAYLAND_DISPLAY="});
    return command;
  }
  // A directory for PATH with nothing in it but a viewer that tells its arguments.
  fs::path make_viewer(const std::string& name) {
    const auto file = home().write("programs/" + name, "#!/bin/sh\necho \"viewer of $*\"\nexit 7\n");
    fs::permissions(file, fs::perms(0755));
    return file.parent_path();
  }
};

TEST_F(Display, IsServedAtASocketOfTheVolumeAndAtNoPort) {
  create_and_start_with_display("web");
  const std::string socket(trim(must({"display", "--socket", "web"})));
  EXPECT_EQ(socket, (home().volume("web") / "run/vnc.sock").string());
  EXPECT_EQ(greeting_at(socket), "RFB 003.008\n");
  for (const auto* table : {"/proc/net/tcp", "/proc/net/tcp6"})
    EXPECT_THAT(read_file(table), testing::Not(HasSubstr(" 0A "))) << "something listens";
  must({"delete", "web"});
}

TEST_F(Display, IsShownByTheViewerThatIsInstalled) {
  create_and_start_with_display("web");
  const Result shown = home().run_to_end(display_command("web", make_viewer("xtigervncviewer"), ":7"));
  EXPECT_EQ(shown.code, 7);
  EXPECT_EQ(shown.out, "viewer of " + (home().volume("web") / "run/vnc.sock").string() + "\n");
  must({"delete", "web"});
  fs::remove_all(home().path() / "programs");
}

TEST_F(Display, SaysWhatIsMissing) {
  create("plain", qemu());
  EXPECT_TRUE(fails_with(home().meros({"display", "plain"}), ExitCode::failed,
                         "machine 'plain' has no display\nhint: give it one with `display: true`"));
  create("web", qemu(), Guest::halt_pc, {"--display"});
  EXPECT_TRUE(fails_with(home().meros({"display", "web"}), ExitCode::failed, "machine 'web' does not run (created)"));
  must({"start", "web"});
  const auto nothing = home().path() / "nothing";
  fs::create_directory(nothing);
  EXPECT_TRUE(fails_with(home().run_to_end(display_command("web", nothing, "")), ExitCode::host_lacks,
                         "no VNC viewer is installed that takes a Unix socket\nhint: install one: apt install "
                         "tigervnc-viewer, or gvncviewer; for another viewer: meros display --socket web"));
  EXPECT_TRUE(fails_with(home().run_to_end(display_command("web", make_viewer("gvncviewer"), "")), ExitCode::host_lacks,
                         "neither DISPLAY nor WAYLAND_DISPLAY is set"));
  must({"delete", "--all", "--yes"});
  fs::remove_all(home().path() / "programs");
  fs::remove_all(nothing);
}

}  // namespace
}  // namespace meros::test
