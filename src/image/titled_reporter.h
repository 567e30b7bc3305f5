// What is said while one machine's image is made, as what that machine is at.
#pragma once

#include <string>

#include "base/report.h"

namespace meros::image {

class TitledReporter : public Reporter {
 public:
  // `all` outlives it.
  TitledReporter(std::string title, Reporter& all) : title_(std::move(title)), all_(all) {}
  TitledReporter(const TitledReporter&) = delete;
  TitledReporter& operator=(const TitledReporter&) = delete;
  ~TitledReporter() override { all_.stage(title_, ""); }

  void note(std::string_view text) override { all_.stage(title_, text); }
  void warn(std::string_view text) override { all_.warn(title_ + ": " + std::string(text)); }
  void progress(std::string_view what, std::uint64_t done, std::optional<std::uint64_t> total) override {
    all_.progress(what, done, total);
  }
  void stage(std::string_view work, std::string_view text) override { all_.stage(work, text); }

 private:
  std::string title_;
  Reporter& all_;
};

}  // namespace meros::image
