// The API's rules: which request is taken when, and what is answered.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "fakes/firecracker/resources.h"

namespace meros::fake {

struct Request {
  std::string method;  // GET, PUT, PATCH or DELETE
  std::string path;
  std::optional<std::string> body;
};

struct Response {
  unsigned status = 204;
  std::string body;
};

class Api {
 public:
  enum class State { not_started, running, paused };

  // What the machine is told: its guest is started with the kernel's content, or gets Ctrl+Alt+Del.
  struct Machine {
    std::function<void(const std::string& kernel)> start;
    std::function<void()> ctrl_alt_del;
    std::function<void(const Body& config)> configure_logger;  // throws Fault
  };

  Api(std::string id, Machine machine) : id_(std::move(id)), machine_(std::move(machine)) {}

  Response handle(const Request& request);
  // All of a --config-file, and the start. Throws Fault.
  void configure(const Body& config);
  State state() const { return state_; }

 private:
  Response get(std::string_view path, std::string_view rest);
  void put(std::string_view path, std::optional<std::string_view> id, std::string_view text);
  void patch(std::string_view path, std::optional<std::string_view> id, std::string_view text);
  void act(const Body& body);
  void start();
  void before_start() const;
  void after_start() const;

  std::string id_;
  Machine machine_;
  Resources resources_;
  State state_ = State::not_started;
};

}  // namespace meros::fake
