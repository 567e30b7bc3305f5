// Where constellations are found, and their files read from the disk.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "constellation/manifest_file.h"

namespace fs = std::filesystem;

namespace meros::constellation {
namespace {

// A directory to work in, with ./constellations/lab.
class ConstellationDirectory : public testing::Test {
 protected:
  ConstellationDirectory() : before_(fs::current_path()) {
    fs::current_path(directory_.path());
    write("constellations/lab/manifest.yml", "virtual_machines: {web: {}}\n");
  }
  ~ConstellationDirectory() override { fs::current_path(before_); }

  static void write(const fs::path& path, std::string_view text) {
    fs::create_directories(fs::absolute(path).parent_path());
    std::ofstream(path) << text;
  }

  std::string error_of(const std::string& target) {
    try {
      load_manifest(find_constellation(target), reporter_);
    } catch (const Error& e) {
      return e.message() + (e.hint().empty() ? "" : " (" + e.hint() + ")");
    }
    return "no error";
  }

  TemporaryDirectory directory_;
  SilentReporter reporter_;

 private:
  fs::path before_;
};

TEST_F(ConstellationDirectory, FindsAConstellationByItsName) {
  const Place place = find_constellation("lab");
  EXPECT_EQ(place.name, "lab");
  EXPECT_EQ(place.directory, fs::canonical("constellations/lab"));
  EXPECT_EQ(place.manifest, "constellations/lab/manifest.yml");
  EXPECT_EQ(load_manifest(place, reporter_).constellation, "lab");
}

TEST_F(ConstellationDirectory, FindsAConstellationByThePathOfItsDirectoryOrFile) {
  write("elsewhere/dmz/manifest.yaml", "virtual_machines: {web: {}}\n");
  for (const char* target : {"elsewhere/dmz", "elsewhere/dmz/", "./elsewhere/../elsewhere/dmz"}) {
    const Place place = find_constellation(target);
    EXPECT_EQ(place.name, "dmz") << target;
    EXPECT_EQ(place.directory, fs::canonical("elsewhere/dmz")) << target;
  }
  const Place file = find_constellation("elsewhere/dmz/manifest.yaml");
  EXPECT_EQ(file.name, "dmz");
  EXPECT_EQ(file.manifest, "elsewhere/dmz/manifest.yaml");
}

TEST_F(ConstellationDirectory, FindsTheOneItIsIn) {
  fs::current_path("constellations/lab");
  EXPECT_EQ(find_constellation("").name, "lab");
  EXPECT_EQ(find_constellation("").manifest, "manifest.yml");
  EXPECT_EQ(find_constellation(".").name, "lab");
}

TEST_F(ConstellationDirectory, SaysWhatThereIsNot) {
  EXPECT_EQ(error_of("labb"), "no such constellation 'labb' (did you mean 'lab'?)");
  EXPECT_EQ(
      error_of("frobnicate"),
      "no such constellation 'frobnicate' (it is looked for in ./constellations, or give the path of its directory)");
  EXPECT_EQ(error_of("a\x1b[2J"),
            "no such constellation 'a?[2J' (it is looked for in ./constellations, or give the path of its directory)");
  fs::create_directories("constellations/empty");
  EXPECT_EQ(error_of("empty"), "there is no manifest.yml in '" + fs::canonical("constellations/empty").string() +
                                   "' ('meros new NAME' writes one to start from)");
}

TEST_F(ConstellationDirectory, ReadsNothingButARegularFile) {
  fs::create_directories("constellations/dir/manifest.yml");
  EXPECT_EQ(error_of("dir"), "'constellations/dir/manifest.yml' is a directory");
  fs::create_directories("constellations/fifo");
  ASSERT_EQ(::mkfifo("constellations/fifo/manifest.yml", 0600), 0);
  EXPECT_EQ(error_of("fifo"), "'constellations/fifo/manifest.yml' is not a regular file");
  EXPECT_EQ(error_of("/dev/zero"), "'/dev/zero' is not a regular file");
}

TEST_F(ConstellationDirectory, SaysOfALoopOfLinksWhatItIs) {
  fs::create_directories("constellations/loop");
  fs::create_symlink("manifest.yml", "constellations/loop/manifest.yml");
  EXPECT_EQ(error_of("loop"), "cannot open 'constellations/loop/manifest.yml': Too many levels of symbolic links");
}

TEST_F(ConstellationDirectory, FollowsALink) {
  write("shared.yml", "virtual_machines: {web: {}}\n");
  fs::create_directories("constellations/linked");
  fs::create_symlink(fs::absolute("shared.yml"), "constellations/linked/manifest.yml");
  EXPECT_EQ(load_manifest(find_constellation("linked"), reporter_).machines.size(), 1U);
}

TEST_F(ConstellationDirectory, RefusesAFileThatIsTooLong) {
  write("constellations/long/manifest.yml", std::string(max_manifest_bytes + 1, '#'));
  EXPECT_EQ(error_of("long"), "'constellations/long/manifest.yml' is longer than 1024 KiB");
}

TEST_F(ConstellationDirectory, TakesVariablesFromTheEnvironmentBeforeTheFile) {
  write("constellations/env/.env", "MEROS_TEST_CPUS=3\nMEROS_TEST_MEMORY=1G\n");
  write("constellations/env/manifest.yml",
        "virtual_machines: {web: {cpus: '${MEROS_TEST_CPUS}', memory: '${MEROS_TEST_MEMORY}'}}\n");
  ::setenv("MEROS_TEST_CPUS", "4", 1);
  const Manifest manifest = load_manifest(find_constellation("env"), reporter_);
  ::unsetenv("MEROS_TEST_CPUS");
  EXPECT_EQ(manifest.machines[0].cpus, 4U);
  EXPECT_EQ(manifest.machines[0].memory_mib, 1024U);
}

TEST_F(ConstellationDirectory, ReportsTheFileOfVariablesWithTheManifest) {
  write("constellations/env/.env", "oops\n");
  write("constellations/env/manifest.yml", "virtual_machines: {web: {cpus: 0}}\n");
  EXPECT_EQ(error_of("env"),
            "'constellations/env/manifest.yml' has 2 errors\n"
            "constellations/env/.env:1:1: error: this is not NAME=value\n"
            "oops\n"
            "^\n"
            "help: begin a comment with '#'\n"
            "constellations/env/manifest.yml:1:32: error: 'cpus' is '0', which is out of range\n"
            "virtual_machines: {web: {cpus: 0}}\n"
            "                               ^\n"
            "help: it goes from 1 to 288");
}

TEST_F(ConstellationDirectory, DoesNotTakeANameThatIsNoneForTheConstellation) {
  write("tmp.x1/manifest.yml", "virtual_machines: {web: {}}\n");
  const Place place = find_constellation("tmp.x1");
  EXPECT_EQ(place.name, "tmp.x1");
  EXPECT_EQ(load_manifest(place, reporter_).constellation, "");
}

class Warnings : public SilentReporter {
 public:
  void warn(std::string_view text) override { said += text; }
  std::string said;
};

TEST_F(ConstellationDirectory, HandsWarningsToTheReporter) {
  write("constellations/warn/manifest.yml", "virtual_machines: {web: {append: quiet}}\n");
  Warnings warnings;
  load_manifest(find_constellation("warn"), warnings);
  EXPECT_EQ(warnings.said,
            "constellations/warn/manifest.yml:1:34: 'append' has no effect where the disk boots itself\n"
            "virtual_machines: {web: {append: quiet}}\n"
            "                                 ^\n"
            "help: set 'kernel' to image or the path of a file");
}

}  // namespace
}  // namespace meros::constellation
