// Files into a real guest and out of it.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <random>

#include "base/text.h"
#include "e2e/guest_lab.h"
#include "support/process.h"
#include "support/wait.h"

namespace fs = std::filesystem;

namespace meros::test {
namespace {

using testing::HasSubstr;

constexpr std::size_t mebibyte = std::size_t{1} << 20;

class TransferWithGuest : public InGuest {
 protected:
  // Random bytes: nothing is saved by compression or a delta.
  static fs::path make_file(const std::string& name, std::size_t size, unsigned seed) {
    std::mt19937_64 random(seed);
    std::string content(size, '\0');
    for (std::size_t at = 0; at + sizeof(std::uint64_t) <= size; at += sizeof(std::uint64_t)) {
      const std::uint64_t word = random();
      std::memcpy(&content[at], &word, sizeof word);
    }
    const auto file = lab().home().write(name, content);
    lab().give_away(file.parent_path() == lab().path() ? file : file.parent_path());
    return file;
  }
  static std::string sha256_here(const fs::path& file) {
    return lab().on_host({"sha256sum", "--", file.string()}).out.substr(0, 64);
  }
  static std::string sha256_there(const std::string& file) {
    return lab().in_guest("inside/web", "sha256sum -- '" + file + "'").substr(0, 64);
  }
  // Everything of two trees: names, kinds, modes, contents.
  static testing::AssertionResult same(const fs::path& a, const fs::path& b) {
    const Result diff = lab().on_host({"diff", "-rq", "--no-dereference", a.string(), b.string()});
    if (diff.code == 0) return testing::AssertionSuccess();
    return testing::AssertionFailure() << diff;
  }
};

TEST_F(TransferWithGuest, MovesAHundredMegabytesBothWaysWhole) {
  const auto file = make_file("large", 100 * mebibyte, 1);
  const std::string sum = sha256_here(file);
  ASSERT_TRUE(succeeds(lab().meros({"push", "inside", "web", file.string()})));
  EXPECT_EQ(sha256_there("mos-shared/large"), sum);
  const auto back = lab().make_directory("back");
  ASSERT_TRUE(succeeds(lab().meros({"pull", "inside", "web", "large", "--to", back.string()})));
  EXPECT_EQ(sha256_here(back / "large"), sum);
  lab().in_guest("inside/web", "rm -r mos-shared");
  fs::remove_all(back);
}

TEST_F(TransferWithGuest, MovesTenThousandSmallFilesBothWays) {
  const auto tree = lab().make_directory("many");
  for (int directory = 0; directory < 100; ++directory)
    for (int file = 0; file < 100; ++file)
      lab().home().write("many/d" + std::to_string(directory) + "/f" + std::to_string(file),
                         std::to_string(directory * file));
  lab().give_away(tree);
  ASSERT_TRUE(succeeds(lab().meros({"push", "inside", "web", tree.string()})));
  EXPECT_EQ(lab().in_guest("inside/web", "find mos-shared/many -type f | wc -l"), "10000\n");
  ASSERT_TRUE(succeeds(lab().meros({"pull", "inside/web"})));
  EXPECT_TRUE(same(tree, lab().data() / "mos-shared/inside-web/many"));
  lab().in_guest("inside/web", "rm -r mos-shared");
  fs::remove_all(lab().data() / "mos-shared");
  fs::remove_all(tree);
}

TEST_F(TransferWithGuest, KeepsHostileNamesModesAndLinks) {
  const auto tree = lab().make_directory("tree");
  for (const auto* name : {"a b", " ", "-rf", "--delete", "new\nline", "it's", "\"", "$HOME", "`id`", "a:b", "*", "\\",
                           "\xff\xfe", "~", "inside/web:x", "-d/-x", ".hidden", "#x#", "tab\there"})
    lab().home().write("tree/" + std::string(name), std::string("content of ") + name);
  fs::create_symlink("/nowhere/at all", tree / "link");
  fs::permissions(tree / "a b", fs::perms(0750));
  lab().give_away(tree);
  ASSERT_TRUE(succeeds(lab().meros({"push", "inside", "web", tree.string()})));
  EXPECT_EQ(lab().in_guest("inside/web", "stat -c %a 'mos-shared/tree/a b'; readlink mos-shared/tree/link"),
            "750\n/nowhere/at all\n");
  EXPECT_EQ(lab().in_guest("inside/web", "cat 'mos-shared/tree/new\nline' mos-shared/tree/-rf"),
            "content of new\nlinecontent of -rf");
  const auto back = lab().make_directory("back");
  ASSERT_TRUE(succeeds(lab().meros({"pull", "inside", "web", "--to", back.string()})));
  EXPECT_TRUE(same(tree, back / "tree"));
  EXPECT_EQ(fs::status(back / "tree/a b").permissions(), fs::perms(0750));
  // Each by itself, too.
  const auto one = lab().make_directory("one");
  ASSERT_TRUE(succeeds(lab().meros({"pull", "inside", "web", "--to", one.string(), "--", "tree/-rf", "tree/\xff\xfe",
                                    "tree/new\nline", "tree/*", "tree/~"})));
  EXPECT_EQ(std::distance(fs::directory_iterator(one), fs::directory_iterator()), 5);
  // And by cp, from a working directory with such names in it.
  Command copy = lab().command({"cp", "--", "-rf", "./a:b", "*", "inside/web:/tmp/"});
  const Fd directory = open_file(tree, O_RDONLY | O_DIRECTORY);
  copy.working_directory = directory.get();
  ASSERT_TRUE(succeeds(lab().home().run_to_end(copy)));
  EXPECT_EQ(lab().in_guest("inside/web", "cat /tmp/-rf /tmp/a:b '/tmp/*'"), "content of -rfcontent of a:bcontent of *");
  lab().in_guest("inside/web", "rm -r mos-shared");
  for (const auto& made : {tree, back, one}) fs::remove_all(made);
}

TEST_F(TransferWithGuest, DoesTwoAtOnce) {
  std::vector<fs::path> files;
  for (unsigned i = 0; i < 2; ++i) files.push_back(make_file("both-" + std::to_string(i), 10 * mebibyte, i));
  std::vector<Child> pushes;
  for (const auto& file : files) pushes.push_back(spawn(lab().command({"push", "inside", "web", file.string()})));
  for (auto& push : pushes) EXPECT_TRUE(push.wait().success());
  const auto back = lab().make_directory("back");
  // The same one twice, into the same place.
  std::vector<Child> pulls;
  for (int i = 0; i < 2; ++i)
    pulls.push_back(spawn(lab().command({"pull", "inside", "web", "both-0", "both-1", "--to", back.string()})));
  for (auto& pull : pulls) EXPECT_TRUE(pull.wait().success());
  for (const auto& file : files) {
    EXPECT_EQ(sha256_there("mos-shared/" + file.filename().string()), sha256_here(file));
    EXPECT_EQ(sha256_here(back / file.filename()), sha256_here(file));
  }
  lab().in_guest("inside/web", "rm -r mos-shared");
  fs::remove_all(back);
}

// Until something of the file has come, as the name that a transfer uses meanwhile tells.
bool has_begun(const fs::path& directory, const std::string& name) {
  return eventually([&] {
    for (const auto& entry : fs::recursive_directory_iterator(directory))
      if (entry.path().filename().string().find(name) != std::string::npos && entry.is_regular_file() &&
          entry.file_size() > 0)
        return true;
    return false;
  });
}

TEST_F(TransferWithGuest, LeavesNoHalfFileThereWhenItIsKilledAndGoesOnFromIt) {
  const auto file = make_file("large", 60 * mebibyte, 3);
  Child push = spawn(lab().command({"push", "inside", "web", file.string()}));
  ASSERT_TRUE(eventually([&] {
    return lab().meros({"exec", "inside/web", "--", "sh", "-c", "test -n \"$(find mos-shared -size +1M)\""}).code == 0;
  }));
  push.kill(SIGTERM);
  EXPECT_FALSE(push.wait().success());
  EXPECT_EQ(lab().in_guest("inside/web", "ls mos-shared"), "");
  ASSERT_TRUE(succeeds(lab().meros({"push", "inside", "web", file.string()})));
  EXPECT_EQ(sha256_there("mos-shared/large"), sha256_here(file));
  EXPECT_EQ(lab().in_guest("inside/web", "ls -A mos-shared"), "large\n");
  lab().in_guest("inside/web", "rm -r mos-shared");
}

TEST_F(TransferWithGuest, LeavesNoHalfFileHereWhenTheGuestGoes) {
  lab().in_guest("inside/db", "mkdir -p mos-shared && dd if=/dev/urandom of=mos-shared/large bs=1M count=60 2>&1");
  const auto back = lab().make_directory("back");
  Child pull = spawn(lab().command({"pull", "inside", "db", "--to", back.string()}));
  ASSERT_TRUE(has_begun(back, "large"));
  ASSERT_TRUE(succeeds(lab().meros({"stop", "inside/db", "--force"})));
  const auto status = pull.wait_until(Deadline::after(std::chrono::minutes(1)));
  ASSERT_TRUE(status) << "it does not end";
  EXPECT_EQ(status->code, static_cast<int>(ExitCode::failed));
  EXPECT_FALSE(fs::exists(back / "large"));
  fs::remove_all(back);
  const Result gone = lab().meros({"exec", "inside/db", "--", "true"});
  EXPECT_TRUE(fails_with(gone, ExitCode::failed, "machine 'inside/db' does not run (stopped)"));
  ASSERT_TRUE(succeeds(lab().meros({"init", "inside", "--timeout", "200"})));
  lab().in_guest("inside/db", "true");
}

}  // namespace
}  // namespace meros::test
