// Where the image of one machine is made, however that is done: its log, its worker, the names of its files.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/report.h"
#include "image/built.h"
#include "image/cache.h"
#include "image/worker.h"
#include "machine/home.h"

namespace meros::image {

class Site {
 public:
  Site(const machine::Home& home, const std::string& constellation, const std::string& machine, Reporter& reporter);

  const std::string& title() const { return title_; }  // "lab/web"
  const Cache& cache() const { return cache_; }
  // What was built before; nothing where that cannot be read any more.
  std::optional<Built> former() const;
  // Of the image, its kernel …: the name that it gets, and the one that it is made under.
  std::filesystem::path disk(const std::string& suffix) const;
  std::filesystem::path unfinished_disk(const std::string& suffix) const;
  // Makes it the invoking user's, and replaces what has that name.
  static void give_name(const std::filesystem::path& made, const std::filesystem::path& name);

  // Begins a new log, and makes the workers' user namespace: before the first run. HostError as of Workshop.
  void open();
  const Workshop& workshop() const { return *workshop_; }
  // Runs a stage in a worker (Workshop::Job); the Error of one that fails has the last lines of the log.
  nlohmann::json run(const std::string& stage, const nlohmann::json& inputs,
                     std::vector<std::filesystem::path> unfinished, std::vector<std::filesystem::path> results) const;

 private:
  std::string log_end() const;
  std::string with_log(const std::string& hint) const;
  std::filesystem::path images_dir_;
  std::string constellation_;
  std::string machine_;
  std::string title_;
  Reporter& reporter_;
  Cache cache_;
  std::optional<Workshop> workshop_;
  std::filesystem::path log_path_;
  Fd log_;
};

}  // namespace meros::image
