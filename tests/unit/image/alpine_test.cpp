// What is known of Alpine without one.
#include "image/alpine.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "image/alpine_files.h"

namespace meros::image {
namespace {

using testing::Contains;
using testing::Field;
using testing::HasSubstr;

TEST(AlpineMirror, IsAlpinesOwnUnlessOneIsNamed) {
  RootfsSpec spec;
  spec.distribution = Distribution::alpine;
  spec.release = "3.20";
  EXPECT_EQ(
      alpine_repositories(spec),
      "https://dl-cdn.alpinelinux.org/alpine/v3.20/main\nhttps://dl-cdn.alpinelinux.org/alpine/v3.20/community\n");
  spec.release = "edge";
  spec.mirrors = {"http://near/alpine/"};
  EXPECT_EQ(alpine_repositories(spec), "http://near/alpine/edge/main\nhttp://near/alpine/edge/community\n");
}

TEST(AlpineReleases, HaveTheMinirootfsAmongOthers) {
  const std::string sha256(64, 'a');
  const std::string list =
      "---\n-\n  flavor: alpine-standard\n  file: a.iso\n  sha256: " + std::string(64, 'b') +
      "\n-\n  flavor: alpine-minirootfs\n  file: \"mini.tar.gz\"\n  version: 3.20.3\n  sha256: " + sha256 +
      "\n-\n  flavor: alpine-virt\n  file: v.iso\n";
  const Minirootfs found = find_minirootfs(list);
  EXPECT_EQ(found.file, "mini.tar.gz");
  EXPECT_EQ(found.version, "3.20.3");
  EXPECT_EQ(found.sha256, sha256);
}

TEST(AlpineReleases, ThatNameNoFileOfTheirOwnAreRefused) {
  for (const std::string text :
       {"", "-\n  flavor: alpine-virt\n  file: v.iso\n", "-\n  flavor: alpine-minirootfs\n  file: ../../x\n",
        "-\n  flavor: alpine-minirootfs\n  file: a?b\n"})
    EXPECT_THROW(find_minirootfs(text), Error) << text;
}

TEST(Armour, IsTakenOff) {
  EXPECT_EQ(dearmored("-----BEGIN PGP PUBLIC KEY BLOCK-----\nComment: x\n\nAAECAw\n==\n=abcd\n-----END PGP PUBLIC KEY "
                      "BLOCK-----\n"),
            std::string("\0\1\2\3", 4));
  EXPECT_EQ(dearmored("\x99 binary"), "\x99 binary");
}

TEST(AlpineUser, IsInWheelAndHasNoPassword) {
  const Accounts before{"root:x:0:0::/root:/bin/sh\n", "root:*::0:::::\n", "root:x:0:root\nwheel:x:10:\n"};
  const Accounts after = with_user(before, "alpine");
  EXPECT_EQ(after.passwd, before.passwd + "alpine:x:1000:1000:alpine:/home/alpine:/bin/sh\n");
  EXPECT_EQ(after.shadow, before.shadow + "alpine:*:19358:0:99999:7:::\n");
  EXPECT_EQ(after.group, "root:x:0:root\nwheel:x:10:alpine\nalpine:x:1000:\n");
  EXPECT_EQ(with_user(after, "alpine").passwd, after.passwd);
}

TEST(AlpineFiles, HaveTheSerialConsoleOfTheArchitecture) {
  RootfsSpec spec;
  spec.machine = "web";
  spec.distribution = Distribution::alpine;
  spec.arch = vmm::Arch::aarch64;
  EXPECT_THAT(alpine_files(spec),
              Contains(testing::AllOf(Field(&GuestFile::path, "/etc/inittab"),
                                      Field(&GuestFile::content, HasSubstr("\nttyAMA0::respawn:")))));
}

}  // namespace
}  // namespace meros::image
