// What every verb is handed: where the machines are, how to print, whom to tell.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/report.h"
#include "cli/output.h"
#include "machine/home.h"

namespace meros::cli {

class StderrReporter;

// The options that work with every verb, before or after it.
struct GlobalOptions {
  bool verbose = false;
  bool debug = false;
  bool yes = false;  // answers every question with yes
  Format format = Format::table;
  std::optional<std::string> data_dir;     // meros
  std::string images_dir = "images";       // mergenc
  std::string volumes_dir = "volumes";     // mergenc
  std::optional<std::string> firecracker;  // mergenc: the program, whatever the config says
};

class Context {
 public:
  explicit Context(machine::Face face);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  machine::Face face() const { return face_; }
  // "meros" or "mergenc": for messages.
  std::string_view program() const { return face_ == machine::Face::meros ? "meros" : "mergenc"; }

  GlobalOptions options;
  // Set by a verb that takes words after "--", when it declares itself; they are then in `rest`, which is nothing where
  // there was no "--".
  bool takes_rest = false;
  std::optional<std::vector<std::string>> rest;

  // Looked for at the first call, so that verbs without machines do not touch the disk.
  const machine::Home& home();
  // Data, to stdout.
  Output& out() { return out_; }
  // Everything else, to stderr. Safe to use from several threads.
  Reporter& reporter();
  // How far long work is that is not counted in bytes (cli/reporter.h).
  void show_steps(std::string_view what, std::uint64_t done, std::optional<std::uint64_t> total);
  // A note for those who asked for more with -v or --debug.
  void detail(const std::string& text);
  // "meros: <message>" and "hint: <hint>" on stderr.
  void print_error(const Error& error);

  // A line of something else's on stderr, as it is.
  void print_line(const std::string& line) { err_.write(line + "\n"); }

  // Asks on the terminal; true without asking under --yes, and where there is no terminal to ask on.
  bool confirm(const std::string& question);

 private:
  machine::Face face_;
  Output out_;
  Output err_;
  StderrReporter& own_reporter();
  std::unique_ptr<StderrReporter> reporter_;
  std::optional<machine::Home> home_;
};

}  // namespace meros::cli
