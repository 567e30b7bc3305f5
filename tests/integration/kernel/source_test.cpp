// Sources as tarballs and git repositories.
#include <gmock/gmock.h>

#include "base/json.h"
#include "base/text.h"
#include "integration/kernel/source_tree.h"
#include "support/home.h"

namespace fs = std::filesystem;

namespace meros::test {
namespace {

using testing::HasSubstr;

class KernelSources : public testing::Test {
 protected:
  KernelSources() : tree_(home_.path() / "linux-9.9") {}
  void SetUp() override {
    for (const char* program : {"make", "gcc", "flex", "bison", "bc", "perl", "git", "tar"})
      if (!find_program(program)) GTEST_SKIP() << "needs " << program;
    if (!fs::exists("/usr/include/libelf.h")) GTEST_SKIP() << "needs libelf.h (package libelf-dev)";
  }

  static std::string run_tool(std::vector<std::string> argv) {
    Command command;
    command.argv = std::move(argv);
    command.environment = {"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null"};
    const Output output = run(std::move(command));
    EXPECT_TRUE(output.status.success()) << output.err;
    return std::string(trim(output.out));
  }
  std::string git(std::vector<std::string> arguments) const {
    std::vector<std::string> argv = {"git", "-C", tree_.directory(), "-c", "user.name=a", "-c", "user.email=a@b"};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return run_tool(std::move(argv));
  }
  std::string commit() const {
    git({"add", "--all"});
    git({"commit", "--quiet", "--message", "a change"});
    return git({"rev-parse", "HEAD"});
  }
  std::string url() const { return "file://" + tree_.directory().string(); }
  Result build(const std::string& source) const {
    return home_.meros({"kernel-build", "--source", source, "--config", "defconfig"});
  }
  std::string kernel() const { return read_file(home_.data_dir() / "disks/bzImage"); }
  Json facts() const { return parse_json(read_file(home_.data_dir() / "disks/bzImage.json"), "facts"); }
  std::size_t entries(std::string_view stage) const {
    std::size_t found = 0;
    for (const auto& entry : fs::directory_iterator(home_.data_dir() / "cache"))
      if (entry.path().filename().string().find(stage) != std::string::npos) ++found;
    return found;
  }

  TestHome home_;
  SourceTree tree_;
};

TEST_F(KernelSources, AreUnpackedFromATarballOnce) {
  const auto tarball = home_.path() / "linux.tar.xz";
  run_tool({"tar", "-C", home_.path(), "-cJf", tarball, "linux-9.9"});
  ASSERT_TRUE(succeeds(build(tarball)));
  EXPECT_EQ(entries("source-"), 1U);
  EXPECT_THAT(get<std::string>(facts()["made_from"], "source"), testing::StartsWith("sha256:"));
  EXPECT_EQ(build(tarball).out, "bzImage is up to date (9.9.0)\n");
  // The same content with another time is read, and is the same.
  fs::last_write_time(tarball, fs::file_time_type::clock::now());
  EXPECT_EQ(build(tarball).out, "bzImage is up to date (9.9.0)\n");
  tree_.write_source("main", "// of another tarball\n");
  run_tool({"tar", "-C", home_.path(), "-cJf", tarball, "linux-9.9"});
  ASSERT_TRUE(succeeds(build(tarball)));
  EXPECT_THAT(kernel(), HasSubstr("// of another tarball\n"));
}

TEST_F(KernelSources, LeaveNothingOfATarballThatIsNone) {
  const auto tarball = home_.write("linux.tar", "no tarball");
  EXPECT_TRUE(fails_with(build(tarball), ExitCode::failed, "tar ended with exit code 2"));
  EXPECT_EQ(entries("source-"), 0U);
  fs::remove(tree_.directory() / "Kconfig");
  run_tool({"tar", "-C", home_.path(), "-cf", tarball, "linux-9.9"});
  EXPECT_TRUE(
      fails_with(build(tarball), ExitCode::invalid,
                 "'" + tarball.string() + "' has no Linux sources: there is no Makefile with a Kconfig beside it"));
  EXPECT_EQ(entries("source-"), 0U);
}

TEST_F(KernelSources, AreTheNewestCommitOfARepository) {
  git({"init", "--quiet", "--initial-branch=master"});
  const std::string first = commit();
  git({"tag", "--annotate", "--message", "the first", "v1"});
  ASSERT_TRUE(succeeds(build(url())));
  EXPECT_EQ(get<std::string>(facts(), "commit"), first);
  EXPECT_EQ(build(url()).out, "bzImage is up to date (9.9.0)\n");

  tree_.write_source("main", "// of the second commit\n");
  const std::string second = commit();
  ASSERT_TRUE(succeeds(build(url())));
  EXPECT_EQ(get<std::string>(facts(), "commit"), second);
  EXPECT_THAT(kernel(), HasSubstr("// of the second commit\n"));

  ASSERT_TRUE(succeeds(build(url() + "#v1")));
  EXPECT_EQ(get<std::string>(facts(), "commit"), first);
  EXPECT_THAT(kernel(), testing::Not(HasSubstr("// of the second commit\n")));
  ASSERT_TRUE(succeeds(build(url() + "#" + second)));
  EXPECT_EQ(get<std::string>(facts(), "commit"), second);
  EXPECT_EQ(entries("source-"), 1U);
}

TEST_F(KernelSources, GoOnWhereGitWasKilled) {
  git({"init", "--quiet", "--initial-branch=master"});
  commit();
  ASSERT_TRUE(succeeds(build(url())));
  tree_.write_source("main", "// of the second commit\n");
  commit();
  for (const auto& entry : fs::directory_iterator(home_.data_dir() / "cache"))
    if (entry.path().filename().string().starts_with("source-")) replace_file(entry.path() / ".git/index.lock", "");
  ASSERT_TRUE(succeeds(build(url())));
  EXPECT_THAT(kernel(), HasSubstr("// of the second commit\n"));
}

TEST_F(KernelSources, AreRefusedByWhatIsWrongWithThem) {
  git({"init", "--quiet", "--initial-branch=master"});
  commit();
  EXPECT_TRUE(fails_with(build(url() + "#v9"), ExitCode::not_found, "'" + url() + "' has no branch or tag 'v9'"));
  EXPECT_TRUE(fails_with(build("file:///nowhere/at/all"), ExitCode::failed,
                         "'file:///nowhere/at/all' cannot be asked for its commits: git ended with exit code 128"));
  EXPECT_TRUE(fails_with(build("nowhere"), ExitCode::not_found, "there is no 'nowhere'"));
  EXPECT_TRUE(fails_with(build("ext::sh -c true@://"), ExitCode::invalid, "is no URL for git"));
  EXPECT_TRUE(fails_with(build(url() + "#--upload-pack=x"), ExitCode::invalid, "is no branch, tag or commit"));
  EXPECT_TRUE(fails_with(build(home_.path().string()), ExitCode::invalid, "has no Linux sources"));
}

}  // namespace
}  // namespace meros::test
