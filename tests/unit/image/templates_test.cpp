#include "image/templates.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "base/file.h"
#include "unit/image/http_server.h"

namespace fs = std::filesystem;

namespace meros::image {
namespace {

using ::testing::ElementsAre;
using testing::HttpServer;
using ::testing::StartsWith;

const auto abc_sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";  // of "abc", FIPS 180-4

class Notes : public SilentReporter {
 public:
  void note(std::string_view text) override { notes.emplace_back(text); }
  void warn(std::string_view text) override { warnings.emplace_back(text); }
  std::vector<std::string> notes;
  std::vector<std::string> warnings;
};

class Templates : public ::testing::Test {
 protected:
  void SetUp() override {
    ::setenv("no_proxy", "*", 1);
    home.images_dir = directory.path() / "images";
    request.kernel_url = server.url("/kernel");
    request.rootfs_url = server.url("/rootfs");
  }

  TemporaryDirectory directory;
  HttpServer server{{.content = "abc"}};
  machine::Home home;
  FetchRequest request;
  Notes reporter;
};

TEST_F(Templates, AreFetchedUnderTheirNames) {
  request.kernel_sha256 = request.rootfs_sha256 = abc_sha256;
  fetch_templates(home, request, reporter);
  EXPECT_EQ(read_file(home.images_dir / "vmlinux.bin"), "abc");
  EXPECT_EQ(read_file(home.images_dir / "rootfs.ext4"), "abc");
  EXPECT_THAT(server.requests(), ElementsAre("GET /kernel", "GET /rootfs"));
  EXPECT_THAT(reporter.warnings, ElementsAre());
}

TEST_F(Templates, ThatAreThereStay) {
  fetch_templates(home, request, reporter);
  reporter = {};
  server.set({.content = "new"});
  request.kernel_sha256 = abc_sha256;
  fetch_templates(home, request, reporter);
  EXPECT_EQ(read_file(home.images_dir / "vmlinux.bin"), "abc");
  EXPECT_THAT(server.requests(), ElementsAre());
  EXPECT_THAT(reporter.notes, ElementsAre("'" + (home.images_dir / "vmlinux.bin").string() +
                                              "' is there already, and has the right SHA-256",
                                          "'" + (home.images_dir / "rootfs.ext4").string() + "' is there already"));
}

TEST_F(Templates, AreFetchedAgainWhenForced) {
  fetch_templates(home, request, reporter);
  server.set({.content = "new"});
  request.force = true;
  fetch_templates(home, request, reporter);
  EXPECT_EQ(read_file(home.images_dir / "vmlinux.bin"), "new");
  EXPECT_EQ(read_file(home.images_dir / "rootfs.ext4"), "new");
}

TEST_F(Templates, ThatAreThereWithAnotherSha256AreNotReplacedUnasked) {
  make_directories(home.images_dir);
  replace_file(home.images_dir / "rootfs.ext4", "abd");
  request.rootfs_sha256 = abc_sha256;
  try {
    fetch_templates(home, request, reporter);
    FAIL() << "no error";
  } catch (const BusyError& e) {
    EXPECT_EQ(e.message(), "'" + (home.images_dir / "rootfs.ext4").string() +
                               "' is there, but has the SHA-256 "
                               "a52d159f262b2c6ddb724a61840befc36eb30c88877a4030b65cbe86298449c9, not " +
                               abc_sha256);
    EXPECT_EQ(e.hint(), "--force fetches it again and replaces it");
  }
  EXPECT_EQ(read_file(home.images_dir / "rootfs.ext4"), "abd");
}

TEST_F(Templates, WithoutEncryptionOrChecksumAreWarnedOf) {
  fetch_templates(home, request, reporter);
  EXPECT_THAT(
      reporter.warnings,
      ElementsAre(
          "'" + server.url("/kernel") + "' is fetched without encryption or checksum: --kernel-sha256 checks it",
          "'" + server.url("/rootfs") + "' is fetched without encryption or checksum: --rootfs-sha256 checks it"));
}

TEST_F(Templates, BadArgumentsAreFoundBeforeAnythingIsFetched) {
  request.rootfs_url = "scp://host/rootfs";
  EXPECT_THROW(fetch_templates(home, request, reporter), InvalidError);
  request.rootfs_url = server.url();
  request.rootfs_sha256 = "12";
  EXPECT_THROW(fetch_templates(home, request, reporter), InvalidError);
  EXPECT_THAT(server.requests(), ElementsAre());
  EXPECT_FALSE(fs::exists(home.images_dir));
}

TEST(TemplateUrls, AreFirecrackersOwn) {
  EXPECT_EQ(default_template_urls(vmm::Arch::x86_64).kernel,
            "https://s3.amazonaws.com/spec.ccfc.min/img/quickstart_guide/x86_64/kernels/vmlinux.bin");
  EXPECT_EQ(default_template_urls(vmm::Arch::aarch64).rootfs,
            "https://s3.amazonaws.com/spec.ccfc.min/img/quickstart_guide/aarch64/rootfs/bionic.rootfs.ext4");
}

}  // namespace
}  // namespace meros::image
