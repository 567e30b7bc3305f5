// A Linux kernel from the distribution's sources and our own config, and a Debian that boots on it.
#include <gmock/gmock.h>

#include <algorithm>
#include <regex>

#include "base/bounded_log.h"
#include "base/json.h"
#include "base/text.h"
#include "integration/machine_test.h"
#include "support/home.h"

namespace fs = std::filesystem;

namespace meros::test {
namespace {

using testing::HasSubstr;
using testing::Not;

// Six minutes on two quiet cores.
constexpr std::chrono::minutes kernel_time{60};
constexpr std::chrono::minutes build_time{10};
constexpr std::chrono::minutes boot_time{4};
constexpr std::uint64_t largest_kernel = 5'000'000;

// The newest of the packages linux-source-*.
std::optional<fs::path> linux_source() {
  std::vector<fs::path> found;
  if (!fs::exists("/usr/src")) return std::nullopt;
  for (const auto& entry : fs::directory_iterator("/usr/src"))
    if (std::regex_match(entry.path().filename().string(), std::regex(R"(linux-source-[0-9.]+\.tar\.\w+)")))
      found.push_back(entry.path());
  if (found.empty()) return std::nullopt;
  return *std::ranges::max_element(found);
}

// Kept with the images of the other tests, for both take their time.
fs::path data() { return fs::path(MEROS_BINARY_DIR) / "tests/e2e/images"; }

Result meros(const TestHome& home, std::vector<std::string> arguments, std::chrono::minutes time) {
  arguments.insert(arguments.end(), {"--data-dir", data().string()});
  Output output = run(home.meros_command(std::move(arguments)), {}, Deadline::after(time));
  return {output.status.shell_code(), std::move(output.out), std::move(output.err)};
}

std::vector<std::string> kernel_arguments() { return {"kernel-build", "--source", linux_source()->string()}; }

// What all of the tests boot.
struct Made {
  Result kernel;
  Result kernel_again;
  Result image;
};

Made make_all() {
  const TestHome home;
  home.write("lab/manifest.yml", R"(defaults: {distribution: debian, release: bookworm, driver: qemu, memory: 512M}
virtual_machines:
  micro: {kernel: data/disks/bzImage, cpus: 2}
)");
  std::vector<std::string> image = {"build", "lab"};
  if (const char* mirror = std::getenv("MEROS_DEBIAN_MIRROR")) image.insert(image.end(), {"--mirror", mirror});
  Made made;
  made.kernel = meros(home, kernel_arguments(), kernel_time);
  made.kernel_again = meros(home, kernel_arguments(), kernel_time);
  made.image = meros(home, image, build_time);
  return made;
}

std::optional<std::string> lacking_here() {
  if (auto why = lacking({Need::root, Need::mount, Need::namespaces, Need::qemu})) return why;
  for (const char* program : {"make", "gcc", "flex", "bison", "bc", "perl", "zstd", "mmdebstrap", "mke2fs", "qemu-img"})
    if (!find_program(program)) return std::string("needs ") + program;
  if (!linux_source()) return "needs a kernel's sources (package linux-source)";
  return std::nullopt;
}

class MicroKernel : public MachineTest {
 protected:
  // Before the fixture's network namespace, from which no mirror is reached.
  static void SetUpTestSuite() {
    if (!lacking_here()) made();
  }
  static const Made& made() {
    static const Made all = make_all();
    return all;
  }
  void SetUp() override {
    if (const auto why = lacking_here()) GTEST_SKIP() << *why;
    ASSERT_TRUE(succeeds(made().kernel));
    ASSERT_TRUE(succeeds(made().image));
  }
  static fs::path disk(const std::string& name) { return data() / "disks" / name; }

  void boot(const std::string& kernel) {
    must({"create", "web", "--no-network", "--driver", "qemu", "--accel", "tcg", "--cpus", "2", "--memory", "512",
          "--kernel", disk(kernel).string(), "--rootfs", disk("lab-micro.qcow2").string()});
    must({"start", "web"});
    EXPECT_TRUE(eventually([&] { return console_log_of("web").find("micro login:") != std::string::npos; }, boot_time))
        << last_lines(console_log_of("web"), 60);
    EXPECT_THAT(console_log_of("web"), Not(HasSubstr("Failed to")));
  }
};

TEST_F(MicroKernel, IsBuiltFromTheDistributionsSources) {
  EXPECT_THAT(made().kernel.err, Not(HasSubstr("warning"))) << "an option of our own config did not survive";
  EXPECT_THAT(made().kernel_again.out, HasSubstr("bzImage is up to date"));
  EXPECT_LE(fs::file_size(disk("bzImage")), largest_kernel);
  const Json facts = parse_json(read_file(disk("bzImage.json")), "bzImage.json");
  for (const auto& [name, can] : facts["capabilities"].items()) EXPECT_EQ(can.get<bool>(), name != "modules") << name;
}

TEST_F(MicroKernel, BootsItsDistributionsImageWithoutAnInitrd) {
  EXPECT_FALSE(fs::exists(disk("lab-micro.initrd")));
  boot("bzImage");
  EXPECT_THAT(must({"stop", "web", "--timeout", "120"}), HasSubstr("stopped web (ctrl-alt-del)"));
  must({"delete", "web"});
}

// QEMU enters it as Firecracker does (PVH).
TEST_F(MicroKernel, BootsAsAnElfFileToo) {
  boot("vmlinux");
  must({"delete", "web"});
}

}  // namespace
}  // namespace meros::test
