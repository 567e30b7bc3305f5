// The guest: its serial line on stdin and stdout.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "fakes/firecracker/kernel.h"

namespace meros::fake {

class Guest {
 public:
  // How it ended.
  enum class End { reset, crashed };

  explicit Guest(const std::string& kernel);

  // Its first words, then what it does by itself, once in a while. The end, where it came to one.
  std::optional<End> run();
  // Ctrl+Alt+Del, or input on its serial line, to be taken at the next run().
  void press_key() { key_pressed_ = true; }
  void receive(std::string_view bytes) { received_ += bytes; }
  // It has work to do without being asked.
  bool restless() const { return program_.floods; }

 private:
  GuestProgram program_;
  bool said_ready_ = false;
  bool key_pressed_ = false;
  std::string received_;
  std::uint32_t lines_ = 0;
};

}  // namespace meros::fake
