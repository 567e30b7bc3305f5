#include "image/kernel_make.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "base/file.h"
#include "image/kernel_facts.h"
#include "image/kernel_source.h"
#include "image/kernel_tools.h"

#include "base/json.h"

namespace fs = std::filesystem;

namespace meros::image {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsSupersetOf;
using testing::Not;

KernelMake here() { return {"/src/linux", "/data/objects", vmm::Arch::x86_64, vmm::Arch::x86_64, 2, false}; }

TEST(KernelMake, IsRunOutsideOfTheSources) {
  EXPECT_THAT(make_argv(here(), {"olddefconfig"}), ElementsAre("make", "-C", "/src/linux", "O=/data/objects",
                                                               "ARCH=x86_64", "LOCALVERSION=", "-j2", "olddefconfig"));
}

TEST(KernelMake, TakesCcacheAndACrossCompiler) {
  KernelMake make = here();
  make.arch = vmm::Arch::aarch64;
  make.ccache = true;
  EXPECT_THAT(make_argv(make, {"Image"}), ElementsAre("make", "-C", "/src/linux", "O=/data/objects", "ARCH=arm64",
                                                      "LOCALVERSION=", "-j2", "CROSS_COMPILE=aarch64-linux-gnu-",
                                                      "CC=ccache aarch64-linux-gnu-gcc", "HOSTCC=ccache gcc", "Image"));
  std::swap(make.arch, make.host);
  EXPECT_EQ(cross_prefix(make), "x86_64-linux-gnu-");
}

TEST(KernelMake, SeesTheSameForEverybody) {
  const auto environment =
      kernel_environment({"PATH=/bin", "HOME=/home/a", "USER=a", "CCACHE_DIR=/c", "MAKEFLAGS=-k", "KBUILD_BUILD_USER=a",
                          "GIT_DIR=/g", "CFLAGS=-O3", "LANG=de_DE", "https_proxy=http://p", "KCONFIG_CONFIG=x"});
  EXPECT_THAT(environment, ElementsAre("PATH=/bin", "HOME=/home/a", "CCACHE_DIR=/c", "https_proxy=http://p", "LANG=C",
                                       "LC_ALL=C", "TZ=UTC", "SOURCE_DATE_EPOCH=1672531200",
                                       "KBUILD_BUILD_TIMESTAMP=Sun Jan  1 00:00:00 UTC 2023", "KBUILD_BUILD_USER=meros",
                                       "KBUILD_BUILD_HOST=meros", "KBUILD_BUILD_VERSION=1", "GIT_TERMINAL_PROMPT=0",
                                       "GIT_ALLOW_PROTOCOL=file:git:http:https:ssh"));
}

TEST(KernelMake, KnowsAStepWhenItSeesOne) {
  EXPECT_TRUE(is_build_step("  CC      init/main.o"));
  EXPECT_TRUE(is_build_step("  LD [M]  fs/ext4.ko"));
  EXPECT_TRUE(is_build_step("  HOSTCC  scripts/kallsyms"));
  for (const auto* line : {"", "  ", "make[1]: Entering directory", "  Generating include/x.h", "init/main.c:1: error",
                           "  CC", "CC init/main.o"})
    EXPECT_FALSE(is_build_step(line)) << line;
}

TEST(KernelTools, AreNamedWithTheirPackages) {
  KernelMake make = here();
  make.arch = vmm::Arch::aarch64;
  const auto tools = tools_for(make, SourceKind::git);
  EXPECT_THAT(tools, IsSupersetOf({KernelTool{"git", "git"}, KernelTool{"flex", "flex"},
                                   KernelTool{"aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu"}}));
  EXPECT_THAT(tools, Not(Contains(KernelTool{"libelf.h", "libelf-dev"}))) << "for objtool, which only x86_64 has";
  std::swap(make.arch, make.host);
  EXPECT_THAT(tools_for(make, SourceKind::directory),
              IsSupersetOf({KernelTool{"x86_64-linux-gnu-ld", "binutils-x86-64-linux-gnu"},
                            KernelTool{"libelf.h", "libelf-dev"}}));
  EXPECT_THAT(tools_for({{"KERNEL_ZSTD", "y"}, {"KERNEL_XZ", "n"}, {"MODULE_SIG", "y"}}),
              ElementsAre(KernelTool{"zstd", "zstd"}, KernelTool{"openssl/ssl.h", "libssl-dev"}));
}

TEST(KernelTools, ThatAreMissingAreToldTogether) {
  const std::vector<KernelTool> tools = {{"flex", "flex"}, {"lzma", "xz-utils"}, {"xz", "xz-utils"}, {"bc", "bc"}};
  EXPECT_NO_THROW(require_tools(tools, [](const KernelTool&) { return true; }));
  try {
    require_tools(tools, [](const KernelTool& tool) { return tool.name == "bc"; });
    FAIL() << "nothing was said";
  } catch (const HostError& e) {
    EXPECT_EQ(e.message(), "building a kernel needs flex, lzma, xz, which are not installed");
    EXPECT_EQ(e.hint(), "apt-get install flex xz-utils");
  }
  try {
    require_tools({{"bc", "bc"}}, [](const KernelTool&) { return false; });
    FAIL() << "nothing was said";
  } catch (const HostError& e) {
    EXPECT_EQ(e.message(), "building a kernel needs bc, which is not installed");
  }
}

TEST(KernelSource, IsADirectoryATarballOrARepository) {
  const TemporaryDirectory place;
  replace_file(place.path() / "linux.tar.xz", "x");
  EXPECT_EQ(kernel_source(place.path()).kind, SourceKind::directory);
  EXPECT_EQ(kernel_source(place.path() / "linux.tar.xz").kind, SourceKind::tarball);
  const auto main = kernel_source("");
  EXPECT_EQ(main.place, linux_git);
  EXPECT_EQ(main.ref, "HEAD");
  const auto stable = kernel_source("https://git.example.org/linux.git#linux-6.12.y");
  EXPECT_EQ(stable.kind, SourceKind::git);
  EXPECT_EQ(stable.place, "https://git.example.org/linux.git");
  EXPECT_EQ(stable.ref, "linux-6.12.y");
  EXPECT_EQ(kernel_source("git@example.org:linux.git").ref, "HEAD");
  for (const auto* bad :
       {"https://a/b#", "https://a/b#-x", "https://a/b#a:b", "https://a/b#*", "https://a/ b", "-://x"})
    EXPECT_THROW(kernel_source(bad), InvalidError) << bad;
  EXPECT_THROW(kernel_source("nowhere"), NotFoundError);
}

TEST(KernelSource, TakesTheCommitThatARefMeans) {
  const std::string a(40, 'a');
  const std::string b(40, 'b');
  const std::string c(40, 'c');
  EXPECT_EQ(commit_of_ref(a + "\tHEAD\n" + b + "\trefs/heads/HEAD\n", "HEAD"), a);
  EXPECT_EQ(commit_of_ref(a + "\trefs/tags/v6.1\n" + b + "\trefs/tags/v6.1^{}\n", "v6.1"), b);
  EXPECT_EQ(commit_of_ref(a + "\trefs/heads/x\n" + b + "\trefs/heads/other/x\n", "x"), a);
  EXPECT_EQ(commit_of_ref(c + "\trefs/heads/master\n", "master"), c);
  EXPECT_EQ(commit_of_ref("", "master"), std::nullopt);
  EXPECT_EQ(commit_of_ref("no commit\tHEAD\nwarning: x\n", "HEAD"), std::nullopt);
}

TEST(KernelSource, IsAnotherWhenAFileIs) {
  const TemporaryDirectory place;
  fs::create_directories(place.path() / "init");
  fs::create_directories(place.path() / ".git");
  replace_file(place.path() / "init/main.c", "one");
  replace_file(place.path() / ".clang-format", "x");
  const std::string before = stat_digest(place.path());
  EXPECT_EQ(stat_digest(place.path()), before);
  replace_file(place.path() / ".git/index", "x");
  EXPECT_EQ(stat_digest(place.path()), before) << "what git keeps for itself is no source";
  replace_file(place.path() / "init/main.c", "two");
  const std::string changed = stat_digest(place.path());
  EXPECT_NE(changed, before);
  replace_file(place.path() / "init/new.c", "");
  EXPECT_NE(stat_digest(place.path()), changed);
}

KernelFacts facts() {
  KernelFacts facts;
  facts.arch = "x86_64";
  facts.version = "6.1.192-micro";
  facts.source = "/usr/src/linux-source-6.1.tar.xz";
  facts.config = "micro";
  facts.config_sha256 = std::string(64, 'c');
  facts.compiler = "gcc 12";
  facts.sha256 = std::string(64, 'a');
  facts.bytes = 4'000'000;
  facts.built_at = 1'700'000'000'000;
  facts.capabilities = {{"virtio_mmio_cmdline", true}, {"modules", false}};
  facts.lost = {{"CONFIG_A", "y", "n"}};
  facts.inputs = std::string(64, 'b');
  facts.source_identity = "sha256:x";
  facts.source_stamp = "1:2:3";
  facts.stamps = {"4:5:6"};
  return facts;
}

TEST(KernelFacts, AreReadAsTheyWereWritten) {
  const TemporaryDirectory place;
  const auto file = place.path() / "bzImage.json";
  replace_file(file, to_json(facts()).dump());
  const auto read = read_kernel_facts(file);
  ASSERT_TRUE(read);
  EXPECT_EQ(to_json(*read), to_json(facts()));
  EXPECT_EQ(to_json(facts())["commit"], Json());
}

TEST(KernelFacts, ThatCannotBeBelievedAreNone) {
  const TemporaryDirectory place;
  const auto file = place.path() / "bzImage.json";
  EXPECT_FALSE(read_kernel_facts(file));
  Json newer = to_json(facts());
  newer["schema_version"] = 99;
  Json without = to_json(facts());
  without.erase("made_from");
  Json list = to_json(facts());
  list["lost_options"] = {1, 2};
  for (const std::string& text : {std::string("{"), std::string("[]"), newer.dump(), without.dump(), list.dump()}) {
    replace_file(file, text);
    EXPECT_FALSE(read_kernel_facts(file)) << text;
  }
}

}  // namespace
}  // namespace meros::image
