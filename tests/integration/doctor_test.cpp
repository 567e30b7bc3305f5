// `doctor` and `image fetch` as programs: what they print, exit with and leave.
#include <gmock/gmock.h>

#include "base/json.h"
#include "support/isolated_test.h"

namespace meros::test {
namespace {

using testing::HasSubstr;

class Doctor : public IsolatedTest {
 protected:
  Json check(const Json& document, const std::string& id) {
    for (const Json& each : document.at("checks"))
      if (each.at("id") == id) return each;
    return {};
  }
};

TEST_F(Doctor, PrintsOneDocumentAndExitsByIt) {
  for (const auto& result : {home().meros({"doctor", "-o", "json"}), home().mergenc({"doctor", "-o", "json"})}) {
    const Json document = parse_json(result.out, "doctor");
    EXPECT_EQ(result.code, document.at("can_run_machines").get<bool>() ? 0 : 6) << result;
    EXPECT_EQ(check(document, "meros-supervisor").at("status"), "ok");
    EXPECT_EQ(result.err, "");
  }
}

TEST_F(Doctor, ExitsWith6WhereNoDriverIsInstalled) {
  home().add_environment("PATH=/nowhere");
  const Result result = home().meros({"doctor"});
  EXPECT_EQ(result.code, 6);
  EXPECT_THAT(result.out, HasSubstr("this host cannot run machines: a driver for machines: auto finds none: "));
}

TEST_F(Doctor, ExitsWith6WhereTheSupervisorIsMissing) {
  Command command = home().meros_command({"doctor", "-o", "json"});
  std::erase_if(command.environment, [](const std::string& each) { return each.starts_with("MEROS_SUPERVISOR="); });
  command.environment.emplace_back("MEROS_SUPERVISOR=/nowhere/meros-supervisor");
  const Result result = home().run_to_end(command);
  EXPECT_EQ(result.code, 6);
  EXPECT_EQ(check(parse_json(result.out, "doctor"), "meros-supervisor").at("status"), "missing");
}

class ImageFetch : public IsolatedTest {
 protected:
  std::vector<std::string> arguments(std::vector<std::string> more = {}) {
    std::vector<std::string> all = {"image",        "fetch",
                                    "--kernel-url", "file://" + home().write("mirror/k", "a kernel").string(),
                                    "--rootfs-url", "file://" + home().write("mirror/r", "a root").string()};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  void TearDown() override {
    for (const auto* directory : {"mirror", "images", "data"}) std::filesystem::remove_all(home().path() / directory);
    IsolatedTest::TearDown();
  }
};

TEST_F(ImageFetch, PutsBothIntoTheImagesDirectory) {
  EXPECT_TRUE(succeeds(home().mergenc(arguments())));
  EXPECT_EQ(read_file(home().path() / "images/vmlinux.bin"), "a kernel");
  EXPECT_EQ(read_file(home().path() / "images/rootfs.ext4"), "a root");
  EXPECT_TRUE(succeeds(home().meros(arguments())));
  EXPECT_EQ(read_file(home().data_dir() / "disks/rootfs.ext4"), "a root");
}

TEST_F(ImageFetch, TwiceSaysThatTheyAreThere) {
  EXPECT_TRUE(succeeds(home().mergenc(arguments())));
  const Result again = home().mergenc(arguments());
  EXPECT_TRUE(succeeds(again));
  EXPECT_THAT(again.err, HasSubstr("images/rootfs.ext4' is there already"));
}

TEST_F(ImageFetch, WithTheWrongSha256ExitsWith3AndKeepsNothing) {
  EXPECT_TRUE(fails_with(home().mergenc(arguments({"--rootfs-sha256", std::string(64, '0')})), ExitCode::invalid,
                         "has the SHA-256 "));
  EXPECT_FALSE(std::filesystem::exists(home().path() / "images/rootfs.ext4"));
  EXPECT_FALSE(std::filesystem::exists(home().path() / "images/rootfs.ext4.part"));
}

}  // namespace
}  // namespace meros::test
