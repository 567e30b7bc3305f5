// The examples are manifests like any other.
#include <gmock/gmock.h>

#include <filesystem>

#include "base/file.h"
#include "constellation/manifest.h"

namespace fs = std::filesystem;

namespace meros::constellation {
namespace {

TEST(Examples, AreValidAndHaveAReadme) {
  std::vector<std::string> found;
  for (const auto& entry : fs::directory_iterator(fs::path(MEROS_SOURCE_DIR) / "examples")) {
    const std::string name = entry.path().filename().string();
    Environment environment;
    environment.constellation = name;
    environment.variables = {{"HOME", "/home/me"}};
    const auto result = parse_manifest(read_file(entry.path() / "manifest.yml"), name, environment);
    for (const auto& diagnostic : result.diagnostics) ADD_FAILURE() << diagnostic.render();
    EXPECT_TRUE(fs::exists(entry.path() / "README.md")) << name;
    found.push_back(name);
  }
  EXPECT_THAT(found, testing::UnorderedElementsAre("aarch64", "isolated", "microvms", "web-db"));
}

}  // namespace
}  // namespace meros::constellation
