// Fetches one URL into one file: resumed where it stopped, checked, and under its final name only when it is whole.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

#include "base/report.h"

namespace meros::image {

struct DownloadRequest {
  std::string url = {};                    // http, https or file
  std::filesystem::path target = {};       // replaced, if it is there
  std::optional<std::string> sha256 = {};  // what the content must have
  bool resume = true;                      // go on with the bytes that an earlier run left
  std::chrono::seconds stall_timeout{60};
};

// A server that is asked to go on where it stopped and has another file by now, or cannot, sends it from the beginning.
// A connection that breaks is taken up again as long as that gets any further; then what came is kept for the next run.
//
// InvalidError: no URL for us, or the wrong SHA-256 (what came is removed). NotFoundError: 404 and 410, or no such
// local file. BusyError: another process downloads to the same target. A full disk is an Error that leaves nothing
// behind.
void download(const DownloadRequest& request, Reporter& reporter);

}  // namespace meros::image
