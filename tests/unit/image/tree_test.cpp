// The constellation's directories: their digest, and their way into an image.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "image/root_tree.h"
#include "image/tree_digest.h"

namespace fs = std::filesystem;

namespace meros::image {
namespace {

class Trees : public testing::Test {
 protected:
  fs::path write(const std::string& name, std::string_view content) const {
    const fs::path path = directory_.path() / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << content;
    return path;
  }
  fs::path tree(const std::string& name) const { return directory_.path() / name; }
  std::string read(const std::string& name) const { return read_file(directory_.path() / name); }

  // Both digests of one change to a tree of two files and a link.
  std::string digest() const { return tree_digest(tree("a")); }
  void make_a() const {
    write("a/etc/motd", "hello");
    write("a/usr/bin/tool", "#!/bin/sh\n");
    fs::create_symlink("tool", tree("a/usr/bin/other"));
  }
  // A root with an /etc and a host beside it.
  void make_root() const {
    write("root/etc/passwd", "root:x:0:0::/root:/bin/sh\n");
    write("host/secret", "the host's");
    fs::create_directories(tree("in"));
  }
  void copy() const {
    RootTree root(tree("root"));
    copy_tree(tree("in"), root, HomeOwner{"/home/debian", ::getuid(), ::getgid()});
  }

  TemporaryDirectory directory_;
};

TEST_F(Trees, HaveNoDigestWhereThereIsNone) { EXPECT_EQ(tree_digest(tree("none")), ""); }

TEST_F(Trees, KeepTheirDigestWhenOnlyTimesAreOthers) {
  make_a();
  const std::string before = digest();
  EXPECT_EQ(before.size(), 64U);
  fs::last_write_time(tree("a/etc/motd"), fs::file_time_type::clock::now() - std::chrono::hours(5));
  write("a/etc/motd", "hello");
  EXPECT_EQ(digest(), before);
}

TEST_F(Trees, HaveTheSameDigestWhateverTheOrderInTheDirectory) {
  for (const char* name : {"one", "two", "three"}) write(std::string("x/") + name, name);
  for (const char* name : {"three", "one", "two"}) write(std::string("y/") + name, name);
  EXPECT_EQ(tree_digest(tree("x")), tree_digest(tree("y")));
}

TEST_F(Trees, HaveAnotherDigestForEachRealChange) {
  make_a();
  const std::string before = digest();
  std::set<std::string> seen = {before};
  const auto is_new = [&] { return seen.insert(digest()).second; };
  write("a/etc/motd", "hallo");
  EXPECT_TRUE(is_new()) << "content";
  fs::permissions(tree("a/usr/bin/tool"), fs::perms(0755));
  EXPECT_TRUE(is_new()) << "mode";
  fs::rename(tree("a/usr/bin/tool"), tree("a/usr/bin/tools"));
  EXPECT_TRUE(is_new()) << "name";
  fs::remove(tree("a/usr/bin/other"));
  fs::create_symlink("tools", tree("a/usr/bin/other"));
  EXPECT_TRUE(is_new()) << "a link's target";
  fs::create_directory(tree("a/var"));
  EXPECT_TRUE(is_new()) << "an empty directory";
  fs::permissions(tree("a/var"), fs::perms(0700));
  EXPECT_TRUE(is_new()) << "a directory's mode";
}

// They become root's.
class CopiedTrees : public Trees {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root, to whom what is copied belongs";
  }
};

TEST_F(CopiedTrees, AreCopiedWithModesAndLinks) {
  make_root();
  write("in/usr/local/bin/tool", "#!/bin/sh\n");
  fs::permissions(tree("in/usr/local/bin/tool"), fs::perms(04755));
  fs::create_symlink("/usr/local/bin/tool", tree("in/usr/local/bin/t"));
  fs::create_directories(tree("in/srv/private"));
  fs::permissions(tree("in/srv/private"), fs::perms(0700));
  copy();
  struct stat info {};
  ASSERT_EQ(::lstat(tree("root/usr/local/bin/tool").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 04755U);
  EXPECT_EQ(fs::read_symlink(tree("root/usr/local/bin/t")), "/usr/local/bin/tool");
  EXPECT_EQ(fs::status(tree("root/srv/private")).permissions(), fs::perms(0700));
}

TEST_F(CopiedTrees, ReplaceAFileOrLinkAndNeverWriteThroughIt) {
  make_root();
  fs::create_symlink(tree("host/secret"), tree("root/etc/motd"));
  write("in/etc/motd", "ours");
  copy();
  EXPECT_EQ(read("host/secret"), "the host's");
  EXPECT_FALSE(fs::is_symlink(tree("root/etc/motd")));
  EXPECT_EQ(read("root/etc/motd"), "ours");
}

TEST_F(CopiedTrees, FollowALinkToADirectoryInsideTheRootOnly) {
  make_root();
  fs::create_directories(tree("root/usr/lib"));
  fs::create_symlink("usr/lib", tree("root/lib"));
  // Absolute, as seen by the guest; and one that climbs.
  fs::create_directories(tree("root" + tree("host").string()));
  fs::create_symlink(tree("host"), tree("root/away"));
  fs::create_symlink("../../../../../../../../../../" + tree("host").string(), tree("root/up"));
  write("in/lib/module", "m");
  write("in/away/secret", "changed");
  write("in/up/secret", "changed too");
  copy();
  EXPECT_EQ(read("root/usr/lib/module"), "m");
  EXPECT_TRUE(fs::is_symlink(tree("root/lib")));
  EXPECT_EQ(read("host/secret"), "the host's");
  EXPECT_EQ(read("root" + tree("host/secret").string()), "changed too");
}

TEST_F(CopiedTrees, AreNotCopiedOverADirectoryByAFile) {
  make_root();
  fs::create_directories(tree("root/etc/motd"));
  write("in/etc/motd", "ours");
  try {
    copy();
    FAIL() << "it was copied";
  } catch (const InvalidError& e) {
    EXPECT_EQ(e.message(),
              "'" + tree("in").string() + "/etc/motd' cannot be copied: in the image '/etc/motd' is a directory");
  }
}

TEST_F(CopiedTrees, AreNotCopiedWithSocketsAndPipes) {
  make_root();
  ASSERT_EQ(::mkfifo(tree("in/pipe").c_str(), 0600), 0);
  EXPECT_THROW(copy(), InvalidError);
  EXPECT_THROW(tree_digest(tree("in")), InvalidError);
}

}  // namespace
}  // namespace meros::image
