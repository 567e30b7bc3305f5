// What library code has to say while it works. The caller hands one in; only the command line prints.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace meros {

class Reporter {
 public:
  virtual ~Reporter() = default;
  // A step that a person would want to see ("waiting for 'meros stop web' (pid 12)").
  virtual void note(std::string_view text) = 0;
  // Something doubtful that was done all the same.
  virtual void warn(std::string_view text) = 0;
  // Long work: `done` of `total` units (unknown total: nothing). Called often; the printer decides how much to show.
  virtual void progress(std::string_view what, std::uint64_t done, std::optional<std::uint64_t> total) = 0;
  // What one of several works that go on at once is at now ("lab/web", "kernel"): it replaces what was said of that
  // work before; an empty text when it has ended. From any thread.
  virtual void stage(std::string_view work, std::string_view text) {
    if (!text.empty()) note(std::string(work) + ": " + std::string(text));
  }
};

// Says nothing: for tests and for callers that do not care.
class SilentReporter : public Reporter {
 public:
  void note(std::string_view) override {}
  void warn(std::string_view) override {}
  void progress(std::string_view, std::uint64_t, std::optional<std::uint64_t>) override {}
  void stage(std::string_view, std::string_view) override {}
};

}  // namespace meros
