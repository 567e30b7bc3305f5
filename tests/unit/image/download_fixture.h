// The base of the tests of downloads: a directory, a target in it, and an ear for what is reported.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "image/download.h"

namespace meros::image::testing {

class Recorder : public Reporter {
 public:
  void note(std::string_view text) override { notes.emplace_back(text); }
  void warn(std::string_view text) override { warnings.emplace_back(text); }
  void progress(std::string_view what, std::uint64_t done, std::optional<std::uint64_t> total) override {
    last_what = what;
    last_done = done;
    last_total = total;
    if (on_progress) on_progress(done);
  }
  std::vector<std::string> notes;
  std::vector<std::string> warnings;
  std::string last_what;
  std::uint64_t last_done = 0;
  std::optional<std::uint64_t> last_total;
  std::function<void(std::uint64_t)> on_progress;
};

// Bytes that differ from place to place, so that a part in the wrong place shows.
inline std::string some_content(std::size_t size) {
  std::string content(size, '\0');
  for (std::size_t i = 0; i < size; ++i) content[i] = static_cast<char>((i * 2654435761U) >> 13);
  return content;
}

constexpr auto abc_sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";  // of "abc", FIPS 180-4

class Download : public ::testing::Test {
 protected:
  void SetUp() override { ::setenv("no_proxy", "*", 1); }

  std::string outcome_of(DownloadRequest request) {
    try {
      download(request, recorder);
    } catch (const Error& e) {
      const std::string hint = e.hint().empty() ? "" : " (" + e.hint() + ")";
      return std::to_string(static_cast<int>(e.exit_code())) + " " + e.message() + hint;
    }
    return "no error";
  }
  std::string outcome_of(const std::string& url) { return outcome_of({.url = url, .target = target}); }
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(directory.path()))
      names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }

  TemporaryDirectory directory;
  std::filesystem::path target = directory.path() / "rootfs.ext4";
  Recorder recorder;
};

}  // namespace meros::image::testing
