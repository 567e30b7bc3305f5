// Where stages run: a process of our own program in namespaces of its own (PID, mount, IPC, UTS; without root inside
// the user namespace of image/user_namespace.h, as its root), in a session of its own.
//
// It is init there, and has one child that does the work. When the work ends, or we do (it holds a socket of ours), it
// kills everything in its PID namespace, removes what is unfinished, and ends: nothing of a build outlives the verb.
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"

namespace meros::image {

// The first argument of our own program as a worker (cli/program.cpp looks for it before all else).
constexpr auto worker_argument = "image-worker";

class Workshop {
 public:
  Workshop();  // makes the user namespace where one is needed; HostError as make_user_namespace

  struct Job {
    std::string stage;                              // as image/stages.h calls it
    const nlohmann::json& inputs;                   // for the stage
    std::vector<std::filesystem::path> unfinished;  // removed when the job ends, however it does
    std::vector<std::filesystem::path> results;     // removed when it fails
    const Fd& log;                                  // what the tools print
  };
  // Runs one job to its end and gives back its result. Throws what the stage threw, or Error when the worker was
  // killed.
  nlohmann::json run(const Job& job) const;
  // Removes trees that have files of the namespace's users.
  void remove(const std::vector<std::filesystem::path>& trees) const;

 private:
  std::optional<Fd> user_namespace_;
};

// main() of the worker, of its child, and of a room (image/room.h).
int run_worker(const std::vector<std::string>& arguments);

}  // namespace meros::image
