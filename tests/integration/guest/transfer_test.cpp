// push, pull and cp, by the system's rsync.
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <random>

#include "base/file.h"
#include "integration/guest/ssh_guest.h"

namespace fs = std::filesystem;

namespace meros::test {
namespace {

class Transfers : public SshGuest {
 protected:
  // Names and kinds of files that tools trip over.
  fs::path make_hostile_tree() {
    const auto tree = home().path() / "tree";
    for (const auto* name : {"a b", "-rf", "new\nline", "it's", "$HOME", "a:b", "*", "\\", "dir/-x"})
      home().write("tree/" + std::string(name), std::string("content of ") + name);
    fs::create_symlink("/nowhere/at all", tree / "link");
    fs::permissions(tree / "a b", fs::perms::owner_all);
    return tree;
  }
  static bool same(const fs::path& a, const fs::path& b) {
    Command diff;
    diff.argv = {"diff", "-r", "--no-dereference", a.string(), b.string()};
    return run(diff).status.success();
  }
};

TEST_F(Transfers, KeepHostileNamesModesAndLinksBothWays) {
  start_sshd();
  const auto tree = make_hostile_tree();
  ASSERT_TRUE(succeeds(in_guest("push", {tree.string()})));
  EXPECT_TRUE(same(tree, guest_home() / "mos-shared/tree"));
  const auto back = home().path() / "back";
  ASSERT_TRUE(succeeds(in_guest("pull", {"--to", back.string()})));
  EXPECT_TRUE(same(tree, back / "tree"));
  EXPECT_EQ(fs::status(back / "tree/a b").permissions(), fs::perms::owner_all);
  const auto one = home().path() / "one";
  ASSERT_TRUE(succeeds(in_guest("pull", {"--to", one.string(), "--", "tree/-rf", "tree/new\nline"})));
  EXPECT_EQ(read_file(one / "-rf"), "content of -rf");
  EXPECT_EQ(read_file(one / "new\nline"), "content of new\nline");
  for (const auto& made : {tree, back, one}) fs::remove_all(made);
}

TEST_F(Transfers, PutWhatIsPulledIntoTheDataDirectory) {
  start_sshd();
  fs::create_directory(guest_home() / "mos-shared");
  replace_file(guest_home() / "mos-shared/x", "pulled");
  ASSERT_TRUE(succeeds(in_guest("pull", {})));
  EXPECT_EQ(read_file(home().data_dir() / "mos-shared/web/x"), "pulled");
}

TEST_F(Transfers, TakeNoRightsFromAGuest) {
  start_sshd();
  const auto shared = guest_home() / "mos-shared";
  fs::create_directory(shared);
  replace_file(shared / "tool", "#!/bin/sh\n");
  ASSERT_EQ(::chown((shared / "tool").c_str(), 12345, 12345), 0);
  ASSERT_EQ(::chmod((shared / "tool").c_str(), 06755), 0);
  ASSERT_EQ(::mknod((shared / "device").c_str(), S_IFCHR | 0666, 0x0103), 0);
  ASSERT_TRUE(succeeds(in_guest("pull", {})));
  struct stat info {};
  ASSERT_EQ(::stat((home().data_dir() / "mos-shared/web/tool").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0755U);
  EXPECT_EQ(info.st_uid, 0U);
  EXPECT_FALSE(fs::exists(home().data_dir() / "mos-shared/web/device"));
}

TEST_F(Transfers, CopyAnyPathBothWays) {
  start_sshd();
  const auto file = home().write("some file", "some content");
  auto arguments = login();
  arguments.insert(arguments.begin(), "cp");
  arguments.insert(arguments.end(), {file.string(), "web:under home"});
  ASSERT_TRUE(succeeds(home().meros(arguments)));
  EXPECT_EQ(read_file(guest_home() / "under home"), "some content");
  const auto back = home().path() / "back";
  arguments.resize(arguments.size() - 2);
  arguments.insert(arguments.end(), {"web:/root/under home", back.string()});
  ASSERT_TRUE(succeeds(home().meros(arguments)));
  EXPECT_EQ(read_file(back), "some content");
  arguments.back() = "web:both";
  EXPECT_TRUE(fails_with(home().meros(arguments), ExitCode::usage, "both sides are in machines"));
  fs::remove(back);
  fs::remove(file);
}

TEST_F(Transfers, MoveALargeFileWhole) {
  start_sshd();
  std::string content(20U << 20, '\0');
  std::mt19937 random(7);
  for (char& c : content) c = static_cast<char>(random());
  const auto file = home().write("large", content);
  ASSERT_TRUE(succeeds(in_guest("push", {file.string()})));
  EXPECT_TRUE(read_file(guest_home() / "mos-shared/large", content.size()) == content);
  fs::remove(file);
}

TEST_F(Transfers, SayWhatWentWrong) {
  start_sshd();
  EXPECT_TRUE(fails_with(in_guest("push", {"/nowhere/file"}), ExitCode::failed,
                         "the transfer with 'web' was not completed (rsync: exit code 23)"));
  EXPECT_TRUE(fails_with(in_guest("push", {}), ExitCode::usage, "nothing to push is named"));
}

}  // namespace
}  // namespace meros::test
