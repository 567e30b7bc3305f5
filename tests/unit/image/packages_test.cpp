// Which packages a build takes: as apt tells them, as meros.lock has them, and where their files are asked for.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "base/json.h"
#include "image/archives.h"
#include "image/local_repository.h"
#include "image/lock_file.h"
#include "image/package_choice.h"
#include "image/package_set.h"
#include "image/sha256.h"

namespace fs = std::filesystem;

namespace meros::image {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string digits_a(64, 'a');
const std::string digits_b(64, 'b');

Package adduser() { return {"adduser", "3.134", "all", digits_a, "http://mirror/debian/pool/main/a/adduser.deb"}; }
Package openssl() {
  return {"openssl", "1:3.0~x+1", "amd64", digits_b, "http://mirror/debian/pool/main/o/openssl.deb"};
}

template <typename Call>
std::string why(Call call) {
  try {
    call();
  } catch (const Error& e) {
    return e.message();
  }
  return "";
}

TEST(PrintUris, TellWhatAptWouldFetch) {
  const std::string text =
      "Reading package lists...\n'http://m/o/openssl_3.0.deb' openssl_1%3a3.0~x+1_amd64.deb 1441784 SHA256:" +
      digits_b + "\n'http://m/a.deb' adduser_3.134_all.deb 1 SHA256:" + digits_a + "\n";
  EXPECT_THAT(parse_print_uris(text),
              ElementsAre(Package{"adduser", "3.134", "all", digits_a, "http://m/a.deb"},
                          Package{"openssl", "1:3.0~x+1", "amd64", digits_b, "http://m/o/openssl_3.0.deb"}));
}

TEST(PrintUris, AreRefusedWithoutASha256) {
  EXPECT_EQ(why([] { parse_print_uris("'http://m/a.deb' adduser_3.134_all.deb 1 MD5Sum:abc\n"); }),
            "the mirror tells no SHA-256 of 'adduser'");
}

TEST(PackageSets, HaveADigestOfWhatTheyAreAndNotOfWhere) {
  Package elsewhere = adduser();
  elsewhere.url = "http://other/";
  EXPECT_EQ(digest_of({adduser()}), digest_of({elsewhere}));
  for (const auto change : {&Package::name, &Package::version, &Package::arch, &Package::sha256}) {
    Package other = adduser();
    other.*change += "0";
    EXPECT_NE(digest_of({adduser()}), digest_of({other}));
  }
}

TEST(PackageSets, NameNoFilesOutsideTheirDirectory) {
  for (const auto change : {&Package::name, &Package::version, &Package::arch}) {
    Package other = adduser();
    other.*change = "../../x";
    EXPECT_THAT(why([&] { package_set_from(to_json(PackageSet{other})); }), HasSubstr("is no package"));
  }
  Package other = adduser();
  other.sha256 = "../x";
  EXPECT_THAT(why([&] { package_set_from(to_json(PackageSet{other})); }), HasSubstr("the SHA-256 of a package"));
}

TEST(Archives, AreAskedForAtTheirOwnUrlAndAtTheMirrors) {
  const std::vector<std::string> bases = {"http://near/debian/", "http://mirror/debian"};
  EXPECT_THAT(urls_of(adduser(), bases, false), ElementsAre("http://mirror/debian/pool/main/a/adduser.deb",
                                                            "http://near/debian/pool/main/a/adduser.deb"));
  EXPECT_THAT(urls_of(adduser(), bases, true), ElementsAre("http://near/debian/pool/main/a/adduser.deb",
                                                           "http://mirror/debian/pool/main/a/adduser.deb"));
  Package flat = adduser();
  flat.url = "http://own/a.deb";
  EXPECT_THAT(urls_of(flat, bases, true), ElementsAre("http://own/a.deb"));
}

TEST(Archives, FindTheMirrorInALineOfSources) {
  EXPECT_EQ(base_url("deb http://m/debian bookworm main"), "http://m/debian");
  EXPECT_EQ(base_url("deb [signed-by=/a.gpg arch=amd64] https://m/debian bookworm main"), "https://m/debian");
  EXPECT_EQ(base_url("deb cdrom:[x]/ bookworm main"), std::nullopt);
}

class Files : public testing::Test {
 protected:
  fs::path path(const std::string& name) const { return directory_.path() / name; }
  // A package whose file is on a mirror that is a directory.
  Package package(const std::string& name, const std::string& content) const {
    std::ofstream(path(name)) << content;
    return {name, "1", "all", sha256_of(content), "file://" + path(name).string()};
  }
  void collect(const PackageSet& set) const {
    SilentReporter silent;
    fetch({path("kept"), set, {}, false}, silent);
  }
  TemporaryDirectory directory_;
};

TEST_F(Files, AreFetchedOnceAndKept) {
  const Package one = package("one", "the first");
  const Package two = package("two", "the second");
  collect({one, two});
  EXPECT_EQ(read_file(archive_file(path("kept"), two)), "the second");
  fs::remove(path("one"));
  fs::remove(path("two"));
  collect({one, two});
}

TEST_F(Files, AreFetchedAgainWhenTheyAreDamaged) {
  const Package one = package("one", "the first");
  collect({one});
  std::ofstream(archive_file(path("kept"), one)) << "the f1rst";
  collect({one});
  EXPECT_EQ(read_file(archive_file(path("kept"), one)), "the first");
}

TEST_F(Files, ThatCannotBeHadAreNamedAllOfThem) {
  Package gone = package("gone", "x");
  fs::remove(path("gone"));
  Package other = package("other", "another content");
  other.sha256 = digits_a;
  const Package one = package("one", "the first");
  EXPECT_EQ(
      why([&] {
        collect({gone, one, other});
      }),
      fmt::format("packages that cannot be had:\n  gone 1: cannot fetch 'file://{0}': it does not exist\n  other 1: "
                  "'file://{1}' has the SHA-256 {2}, not {3}",
                  path("gone").string(), path("other").string(), sha256_of("another content"), digits_a));
  EXPECT_TRUE(fs::exists(archive_file(path("kept"), one))) << "the others are kept all the same";
}

class Lock : public testing::Test {
 protected:
  fs::path path() const { return directory_.path() / "meros.lock"; }
  static LockKey base() { return {"base", "debian", "bookworm", "x86_64"}; }
  static LockKey nginx() { return {"packages", "debian", "bookworm", "x86_64", {"nginx"}}; }
  TemporaryDirectory directory_;
};

TEST_F(Lock, IsReadAsItWasWrittenAPackageALine) {
  LockFile lock(path());
  EXPECT_FALSE(lock.exists());
  lock.take(nginx(), {});
  lock.take(base(), {adduser(), openssl()});
  lock.save(true);
  EXPECT_EQ(read_file(path()), R"({
  "schema_version": 1,
  "sets": [
    {"stage": "base", "distribution": "debian", "release": "bookworm", "arch": "x86_64",
     "packages": [
       {"name": "adduser", "version": "3.134", "arch": "all", "sha256": ")" +
                                   digits_a + R"(", "url": "http://mirror/debian/pool/main/a/adduser.deb"},
       {"name": "openssl", "version": "1:3.0~x+1", "arch": "amd64", "sha256": ")" +
                                   digits_b + R"(", "url": "http://mirror/debian/pool/main/o/openssl.deb"}]},
    {"stage": "packages", "distribution": "debian", "release": "bookworm", "arch": "x86_64",
     "asked": ["nginx"],
     "packages": []}]
}
)");
  const LockFile again(path());
  EXPECT_TRUE(again.exists());
  EXPECT_EQ(again.find(base()), (PackageSet{adduser(), openssl()}));
  EXPECT_EQ(again.find(nginx()), PackageSet());
  LockKey other = base();
  other.arch = "aarch64";
  EXPECT_EQ(again.find(other), std::nullopt);
}

TEST_F(Lock, ForgetsWhatNoMachineTakesWhenAllWereBuilt) {
  LockFile first(path());
  first.take(base(), {adduser()});
  first.take(nginx(), {openssl()});
  first.save(true);
  LockFile some(path());
  some.take(base(), {adduser()});
  some.save(false);
  EXPECT_TRUE(LockFile(path()).find(nginx()));
  some.save(true);
  EXPECT_FALSE(LockFile(path()).find(nginx()));
}

TEST_F(Lock, IsLeftAloneWhereItSaysTheSame) {
  LockFile first(path());
  first.take(base(), {adduser()});
  first.save(true);
  std::ofstream(path(), std::ios::app) << "\n";
  LockFile again(path());
  again.take(base(), {adduser()});
  again.save(true);
  EXPECT_THAT(read_file(path()), testing::EndsWith("}\n\n"));
}

TEST_F(Lock, OfAnotherKindIsRefusedByName) {
  std::ofstream(path()) << "{}";
  EXPECT_EQ(why([&] { LockFile lock(path()); }),
            fmt::format("cannot read '{}': 'schema_version' is missing", path().string()));
  std::ofstream(path()) << R"({"schema_version": 9, "sets": []})";
  EXPECT_EQ(why([&] { LockFile lock(path()); }),
            fmt::format("cannot read '{}': it has schema version 9, and this meros knows 1", path().string()));
}

TEST(SourceLine, HasThePathAsAnUrl) {
  EXPECT_EQ(source_line("file", "/a b/[c]/d-1~x"), "deb [trusted=yes] file:/a%20b/%5bc%5d/d-1~x ./");
}

}  // namespace
}  // namespace meros::image
