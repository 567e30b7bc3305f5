// What kernel-build makes, when it makes nothing, and what it leaves when it cannot.
#include <gmock/gmock.h>

#include <csignal>

#include "base/json.h"
#include "base/text.h"
#include "integration/kernel/source_tree.h"
#include "support/home.h"
#include "support/process.h"
#include "support/wait.h"

namespace fs = std::filesystem;

namespace meros::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class KernelBuild : public testing::Test {
 protected:
  KernelBuild() : tree_(home_.path() / "linux") {
    // Headers and compilers are the host's; what is tested is the verb.
    config_ = home_.write("config",
                          "CONFIG_SMP=y\nCONFIG_LOCALVERSION=\"-test\"\nCONFIG_VIRTIO_MMIO=y\n"
                          "CONFIG_VIRTIO_MMIO_CMDLINE_DEVICES=y\n");
  }
  void SetUp() override {
    for (const char* program : {"make", "gcc", "flex", "bison", "bc", "perl", "zstd"})
      if (!find_program(program)) GTEST_SKIP() << "needs " << program;
    if (!fs::exists("/usr/include/libelf.h")) GTEST_SKIP() << "needs libelf.h (package libelf-dev)";
  }
  void TearDown() override {
    if (IsSkipped()) return;
    EXPECT_TRUE(eventually([&] { return processes_of(home_.path()).empty(); }));
    if (!fs::exists(disks())) return;
    for (const auto& entry : fs::directory_iterator(disks()))
      EXPECT_THAT(entry.path().filename().string(), Not(testing::StartsWith("."))) << "a half file";
  }

  fs::path disks() const { return home_.data_dir() / "disks"; }
  std::string disk(const std::string& name) const { return read_file(disks() / name); }
  std::string log() const { return read_file(home_.data_dir() / "cache/log/kernel-build.log"); }
  std::vector<std::string> arguments(std::vector<std::string> more = {}) const {
    std::vector<std::string> all = {"kernel-build", "--source", tree_.directory(), "--config", config_};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  Result build(std::vector<std::string> more = {}) const { return home_.meros(arguments(std::move(more))); }

  TestHome home_;
  SourceTree tree_;
  std::string config_;
};

std::size_t count(const std::string& text, const std::string& word) {
  std::size_t found = 0;
  for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++found;
  return found;
}

TEST_F(KernelBuild, MakesTheKernelAndWhatBelongsToIt) {
  const Result result = build();
  ASSERT_TRUE(succeeds(result));
  EXPECT_THAT(result.out, HasSubstr("built " + (disks() / "bzImage").string() + " (9.9.0-test, "));
  EXPECT_EQ(disk("vmlinux"), read_file(kernel_of(Guest::halt)));
  EXPECT_THAT(disk("bzImage"), HasSubstr("Sun Jan  1 00:00:00 UTC 2023 meros meros 1\n"));
  EXPECT_THAT(disk("bzImage.config"), HasSubstr("CONFIG_SMP=y\n"));
  const Json facts = parse_json(disk("bzImage.json"), "bzImage.json");
  EXPECT_EQ(get<std::string>(facts, "version"), "9.9.0-test");
  EXPECT_EQ(get<std::string>(facts, "arch"), "x86_64");
  EXPECT_EQ(get<std::uint64_t>(facts, "bytes"), disk("bzImage").size());
  EXPECT_TRUE(facts["commit"].is_null());
  EXPECT_TRUE(facts["capabilities"]["virtio_mmio_cmdline"].get<bool>());
  EXPECT_FALSE(facts["capabilities"]["modules"].get<bool>());
  EXPECT_THAT(facts["lost_options"], IsEmpty());
  EXPECT_THAT(log(), HasSubstr("  CC      init/main.o\n"));
}

TEST_F(KernelBuild, DoesNothingWhenNothingHasChanged) {
  ASSERT_TRUE(succeeds(build()));
  const auto written = fs::last_write_time(disks() / "bzImage");
  const Result again = build();
  EXPECT_EQ(again.out, "bzImage is up to date (9.9.0-test)\n");
  EXPECT_EQ(again.err, "");
  EXPECT_EQ(fs::last_write_time(disks() / "bzImage"), written);
  const Json document = parse_json(build({"-o", "json"}).out, "stdout");
  EXPECT_TRUE(get<bool>(document, "unchanged"));
  EXPECT_EQ(get<std::string>(document, "kernel"), (disks() / "bzImage").string());
}

TEST_F(KernelBuild, CompilesOnlyWhatHasChanged) {
  ASSERT_TRUE(succeeds(build()));
  tree_.write_source("main", "// another\n");
  ASSERT_TRUE(succeeds(build()));
  EXPECT_EQ(count(log(), "  CC  "), 1U) << log();
  fs::remove(disks() / "vmlinux");
  ASSERT_TRUE(succeeds(build()));
  EXPECT_EQ(count(log(), "  CC  "), 0U) << log();
  EXPECT_EQ(disk("vmlinux"), read_file(kernel_of(Guest::halt)));
}

TEST_F(KernelBuild, GivesTheSameBytesInAnotherPlace) {
  ASSERT_TRUE(succeeds(build()));
  const TestHome other;
  const SourceTree tree(other.path() / "sources");
  ASSERT_TRUE(succeeds(other.meros({"kernel-build", "--source", tree.directory(), "--config", config_, "-j", "1"})));
  for (const char* file : {"bzImage", "vmlinux", "bzImage.config"})
    EXPECT_TRUE(read_file(other.data_dir() / "disks" / file) == disk(file)) << file;
}

TEST_F(KernelBuild, SaysWhichOptionsDidNotSurvive) {
  const auto first = home_.write("first", "CONFIG_NET_9P=y\nCONFIG_SMP=y\n");
  const auto second = home_.write("second", "# CONFIG_SMP is not set\nCONFIG_NO_SUCH_THING=m\n");
  const Result result = build({"--fragment", first, "--fragment", second});
  ASSERT_TRUE(succeeds(result));
  EXPECT_THAT(result.err, HasSubstr("warning: CONFIG_NET_9P was asked to be y and is n\n"));
  EXPECT_THAT(result.err,
              HasSubstr("warning: CONFIG_NO_SUCH_THING was asked to be m, and these sources do not have it\n"));
  EXPECT_EQ(count(result.err, "warning:"), 2U) << result.err;
  EXPECT_THAT(disk("bzImage.config"), HasSubstr("# CONFIG_SMP is not set\n"));
  const Json facts = parse_json(disk("bzImage.json"), "bzImage.json");
  EXPECT_EQ(facts["lost_options"], Json::parse(R"([{"option":"CONFIG_NET_9P","asked":"y","got":"n"},
                                                   {"option":"CONFIG_NO_SUCH_THING","asked":"m","got":"n"}])"));
}

TEST_F(KernelBuild, TakesItsOwnConfigAndThatOfTheSources) {
  config_ = "micro";
  const Result micro = build();
  ASSERT_TRUE(succeeds(micro));
  EXPECT_THAT(micro.err, Not(HasSubstr("warning"))) << "what these sources do not have is not missed";
  EXPECT_THAT(disk("bzImage.config"), HasSubstr("CONFIG_VIRTIO_MMIO_CMDLINE_DEVICES=y\n"));
  EXPECT_THAT(disk("bzImage.config"), HasSubstr("# CONFIG_MODULES is not set\n"));
  config_ = "defconfig";
  ASSERT_TRUE(succeeds(build()));
  EXPECT_THAT(disk("bzImage.config"), HasSubstr("CONFIG_MODULES=y\n"));
  EXPECT_THAT(disk("bzImage.config"), HasSubstr("# CONFIG_VIRTIO_MMIO is not set\n"));
}

TEST_F(KernelBuild, KeepsTheFormerKernelWhenItFails) {
  ASSERT_TRUE(succeeds(build()));
  const std::string before = disk("bzImage");
  tree_.write_source("broken", "error\n");
  const Result result = build();
  EXPECT_TRUE(fails_with(result, ExitCode::failed, "compiling: make ended with exit code 2"));
  EXPECT_THAT(result.err, HasSubstr("init/broken.c:1: error: as it was asked for"));
  EXPECT_THAT(result.err, HasSubstr("hint: the whole log is '"));
  EXPECT_TRUE(disk("bzImage") == before);
  tree_.remove_source("broken");
  EXPECT_TRUE(succeeds(build()));
}

TEST_F(KernelBuild, GoesOnAfterItWasKilled) {
  ASSERT_TRUE(succeeds(build()));
  const std::string before = disk("bzImage");
  tree_.write_source("main", "// another\n");
  tree_.write_source("slow", "wait\n");
  for (const int signal : {SIGKILL, SIGINT}) {
    Child child = spawn(home_.meros_command(arguments()));
    const fs::path waited = home_.path() / "waited";
    ASSERT_TRUE(eventually([&] { return fs::exists(waited); })) << log();
    child.kill(signal);
    child.wait();
    EXPECT_TRUE(eventually([&] { return processes_of(home_.path()).empty(); }));
    EXPECT_TRUE(disk("bzImage") == before);
    if (signal == SIGKILL) fs::remove(waited);
  }
  ASSERT_TRUE(succeeds(build()));
  EXPECT_THAT(disk("bzImage"), HasSubstr("// another\n"));
  EXPECT_THAT(disk("bzImage"), Not(HasSubstr("half\n")));
  EXPECT_THAT(disk("bzImage"), HasSubstr("wait\n"));
}

TEST_F(KernelBuild, NamesWhatIsMissingBeforeItBegins) {
  const auto programs = home_.path() / "bin";
  fs::create_directories(programs);
  for (const char* name : {"make", "gcc", "ld", "bc", "perl", "cmp", "tar", "git"})
    if (const auto program = find_program(name)) fs::create_symlink(*program, programs / name);
  home_.add_environment("PATH=" + programs.string());
  const Result result = build({"--arch", "aarch64"});
  // What else find_program looks through may have some of them.
  EXPECT_TRUE(fails_with(result, ExitCode::host_lacks, "building a kernel needs flex, bison"));
  EXPECT_THAT(result.err, HasSubstr("aarch64-linux-gnu-gcc"));
  EXPECT_THAT(result.err,
              HasSubstr("hint: apt-get install flex bison gcc-aarch64-linux-gnu binutils-aarch64-linux-gnu\n"));
  EXPECT_FALSE(fs::exists(home_.data_dir() / "cache"));
}

TEST_F(KernelBuild, RefusesWhatIsNoConfig) {
  const auto bad = home_.write("bad", "CONFIG_SMP=y\nCONFIG_NET\n");
  EXPECT_TRUE(fails_with(build({"--fragment", bad}), ExitCode::invalid, bad.string() + ":2: this is no kernel option"));
  EXPECT_TRUE(fails_with(build({"--fragment", "nowhere"}), ExitCode::not_found, "there is no kernel config 'nowhere'"));
}

}  // namespace
}  // namespace meros::test
