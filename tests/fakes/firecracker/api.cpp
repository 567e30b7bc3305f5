#include "fakes/firecracker/api.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <vector>

#include "base/text.h"
#include "fakes/firecracker/fault.h"
#include "fakes/firecracker/schema.h"
#include "fakes/firecracker/version.h"

namespace meros::fake {
namespace {

// The parts of "/drives/rootfs"; a slash at the end begins no further part.
std::vector<std::string> parts_of(std::string_view path) {
  path.remove_prefix(std::min(path.find_first_not_of('/'), path.size()));
  std::vector<std::string> parts = split(path, '/');
  if (!parts.empty() && parts.back().empty()) parts.pop_back();
  return parts;
}

void check_id(std::optional<std::string_view> id) {
  if (!id || id->empty()) throw Fault("The ID cannot be empty.");
  const bool good = std::all_of(id->begin(), id->end(), [](unsigned char c) { return std::isalnum(c) || c == '_'; });
  if (!good) throw Fault("API Resource IDs can only contain alphanumeric characters and underscores.");
}

[[noreturn]] void refuse_path(std::string_view method, std::string_view path) {
  const auto& unknown = tables::not_modelled;
  if (std::find(std::begin(unknown), std::end(unknown), path) != std::end(unknown))
    throw Fault(fmt::format("The stand-in for Firecracker does not model {} {}.", method, path));
  throw Fault(fmt::format("Invalid request method and/or path: {} {}.", method, path));
}

Body drive_of(std::string_view text, std::optional<std::string_view> id, const Schema& schema) {
  check_id(id);
  Body body = parse_body(text, schema);
  if (body["drive_id"] != *id) throw Fault("The id from the path does not match the id from the body!");
  return body;
}

Body interface_of(std::string_view text, std::optional<std::string_view> id, const Schema& schema) {
  check_id(id);
  Body body = parse_body(text, schema);
  if (body["iface_id"] != *id)
    throw Fault(fmt::format("The id from the path [{}] does not match the id from the body [{}]!", *id,
                            body["iface_id"].get<std::string>()));
  return body;
}

std::string_view to_string(Api::State state) {
  if (state == Api::State::running) return "Running";
  return state == Api::State::paused ? "Paused" : "Not started";
}

}  // namespace

Response Api::handle(const Request& request) {
  try {
    const auto parts = parts_of(request.path);
    const std::string path = parts.empty() ? "" : parts[0];
    const auto id = parts.size() > 1 ? std::optional<std::string_view>(parts[1]) : std::nullopt;
    if (request.method == "GET") {
      if (request.body) throw Fault("GET request cannot have a body.");
      return get(path, id.value_or(""));
    }
    if (request.method == "DELETE") refuse_path(request.method, path);
    if (!request.body) throw Fault(fmt::format("Empty {} request.", request.method));
    if (request.method == "PUT")
      put(path, id, *request.body);
    else
      patch(path, id, *request.body);
    return {};
  } catch (const Fault& fault) {
    return {400, Body{{"fault_message", fault.what()}}.dump()};
  }
}

Response Api::get(std::string_view path, std::string_view rest) {
  if (path.empty())
    return {
        200,
        Body{{"id", id_}, {"state", to_string(state_)}, {"vmm_version", version}, {"app_name", "Firecracker"}}.dump()};
  if (path == "version") return {200, Body{{"firecracker_version", version}}.dump()};
  if (path == "machine-config") return {200, resources_.machine_config().dump()};
  if (path == "vm" && rest == "config") return {200, resources_.full_config().dump()};
  refuse_path("GET", path);
}

void Api::put(std::string_view path, std::optional<std::string_view> id, std::string_view text) {
  if (path == "actions") return act(parse_body(text, tables::action));
  if (path == "boot-source") {
    const Body body = parse_body(text, tables::boot_source);
    before_start();
    return resources_.set_boot_source(body);
  }
  if (path == "drives") {
    const Body body = drive_of(text, id, tables::drive);
    before_start();
    return resources_.insert_drive(body);
  }
  if (path == "logger") {
    const Body body = parse_body(text, tables::logger);
    before_start();
    return machine_.configure_logger(body);
  }
  if (path == "machine-config") {
    const Body body = parse_body(text, tables::machine_config);
    before_start();
    return resources_.update_machine_config(body);
  }
  if (path == "network-interfaces") {
    const Body body = interface_of(text, id, tables::network_interface);
    before_start();
    return resources_.insert_network_interface(body);
  }
  refuse_path("PUT", path);
}

void Api::patch(std::string_view path, std::optional<std::string_view> id, std::string_view text) {
  if (path == "drives") {
    const Body body = drive_of(text, id, tables::drive_update);
    after_start();
    return resources_.update_drive(body);
  }
  if (path == "machine-config") {
    const Body body = parse_body(text, tables::machine_config_update);
    if (body.empty()) throw Fault("Empty PATCH request.");
    before_start();
    return resources_.update_machine_config(body);
  }
  if (path == "network-interfaces") {
    const Body body = interface_of(text, id, tables::network_update);
    after_start();
    return resources_.update_network_interface(body);
  }
  if (path == "vm") {
    const Body body = parse_body(text, tables::vm);
    after_start();
    state_ = body["state"] == "Paused" ? State::paused : State::running;
    return;
  }
  refuse_path("PATCH", path);
}

void Api::act(const Body& body) {
  if (body["action_type"] == "InstanceStart") return start();
  after_start();
  if (body["action_type"] == "SendCtrlAltDel") machine_.ctrl_alt_del();
}

void Api::start() {
  before_start();
  const std::string kernel = resources_.load_kernel();
  state_ = State::running;
  machine_.start(kernel);
}

void Api::configure(const Body& config) {
  for (const char* key : {"drives", "boot-source"})
    if (!config.is_object() || !config.contains(key)) throw Fault(fmt::format("Invalid JSON: missing field `{}`", key));
  const auto section = [&](const char* key) { return config.contains(key) ? config[key] : Body(); };
  if (const Body body = section("machine-config"); !body.is_null()) {
    check_body(body, tables::machine_config);
    resources_.update_machine_config(body);
  }
  const Body boot_source = section("boot-source");
  check_body(boot_source, tables::boot_source);
  resources_.set_boot_source(boot_source);
  for (const Body& drive : section("drives")) {
    check_body(drive, tables::drive);
    resources_.insert_drive(drive);
  }
  for (const Body& interface : section("network-interfaces")) {
    check_body(interface, tables::network_interface);
    resources_.insert_network_interface(interface);
  }
  start();
}

void Api::before_start() const {
  if (state_ != State::not_started) throw Fault("The requested operation is not supported after starting the microVM.");
}

void Api::after_start() const {
  if (state_ == State::not_started)
    throw Fault("The requested operation is not supported before starting the microVM.");
}

}  // namespace meros::fake
