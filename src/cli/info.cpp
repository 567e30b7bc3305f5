#include <fmt/format.h>

#include <CLI/App.hpp>

#include "base/json.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/state_text.h"
#include "cli/targets.h"
#include "machine/state.h"

namespace meros::cli {
namespace {

using machine::Status;

// Lines of "name  value" below a heading.
class Sheet {
 public:
  explicit Sheet(const std::string& heading) : text_(printable(heading) + "\n") {}
  void add(std::string_view name, const std::string& value) {
    if (!value.empty()) text_ += fmt::format("  {:<12}{}\n", name, printable(value));
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

std::string state_line(const Status& status) {
  std::string line(to_string(status.state));
  if (is_alive(status.state) && status.file.started_at_ms > 0)
    return line + fmt::format(" since {} ({})", format_time(status.file.started_at_ms), uptime_of(status));
  if (!status.file.reason.empty()) line += ": " + status.file.reason;
  if (status.lost) line += " (its supervisor was killed)";
  return line;
}

std::string network_line(const machine::NetworkConfig& network) {
  std::string line = network.guest_ip.empty() ? std::string("no address given") : network.guest_ip;
  if (!network.gateway_ip.empty()) line += fmt::format(", gateway {}", network.gateway_ip);
  if (!network.netmask.empty()) line += fmt::format(", netmask {}", network.netmask);
  return line + fmt::format(", bridge {}, TAP {}, MAC {}", network.bridge, network.tap_device, network.mac_addr);
}

std::string disk_line(const machine::DiskConfig& disk) {
  return fmt::format("{} ({}{}{})", disk.path, to_string(disk.format), disk.read_only ? ", read-only" : "",
                     disk.backing_path ? ", over " + *disk.backing_path : "");
}

void add_config(Sheet& sheet, const Status& status) {
  const auto& config = *status.config;
  const bool alive = is_alive(status.state);
  sheet.add("driver", fmt::format("{} ({})", config.driver,
                                  alive && !status.file.accel.empty() ? status.file.accel : "accel " + config.accel));
  sheet.add("program", config.binary);
  sheet.add("hardware",
            fmt::format("{} x {}, {}", config.cpu_count, to_string(config.arch), format_bytes(config.memory_mb << 20)));
  sheet.add("kernel", config.kernel);
  sheet.add("initrd", config.initrd.value_or(""));
  sheet.add("arguments", config.kernel_args);
  if (config.root) sheet.add("root disk", disk_line(*config.root));
  for (const auto& disk : config.disks) sheet.add("disk", disk_line(disk));
  if (!config.has_nic()) sheet.add("network", "none");
  if (config.network) sheet.add("network", network_line(*config.network));
  for (const auto& nic : config.nics) sheet.add("network", network_line(nic));
  sheet.add("restart", config.restart.to_string());
  sheet.add("created", config.created_at);
  sheet.add("volume", config.volume.string());
}

std::string sheet_of(const Status& status) {
  Sheet sheet(status.id.to_string());
  sheet.add("state", state_line(status));
  if (status.supervisor_pid > 0)
    sheet.add("processes", fmt::format("supervisor {}, VMM {}", status.supervisor_pid, status.file.vmm_pid));
  if (status.file.restarts > 0) sheet.add("restarted", fmt::format("{} times", status.file.restarts));
  sheet.add("problem", status.problem);
  if (status.config) add_config(sheet, status);
  std::string text = sheet.text();
  if (!is_alive(status.state) && !status.file.last_words.empty())
    text +=
        "  last words of the VMM:\n    " + join(split(printable_lines(status.file.last_words), '\n'), "\n    ") + "\n";
  return text;
}

Json disk_json(const machine::DiskConfig& disk) {
  Json json = {{"path", disk.path}, {"format", to_string(disk.format)}, {"read_only", disk.read_only}};
  if (disk.backing_path) json["backing_path"] = *disk.backing_path;
  return json;
}

// All that ps has, and what a machine is made of.
Json document_of(const Status& status) {
  Json json = to_json(status);
  if (!status.config) return json;
  const auto& config = *status.config;
  json["program"] = config.binary;
  json["kernel"] = config.kernel;
  if (config.initrd) json["initrd"] = *config.initrd;
  json["kernel_args"] = config.kernel_args;
  json["disks"] = Json::array();
  if (config.root) json["disks"].push_back(disk_json(*config.root));
  for (const auto& disk : config.disks) json["disks"].push_back(disk_json(disk));
  return json;
}

int tell(Context& context, Targets targets) {
  targets.all = targets.names.empty();
  const Resolved found = resolve(context, targets);
  int worst = exit_done;
  for (const auto& [name, error] : found.errors) {
    context.print_error(error);
    worst = std::max(worst, static_cast<int>(error.exit_code()));
  }
  Json documents = Json::array();
  for (const auto& id : found.machines) {
    const Status status = machine::status_of(context.home(), id);
    if (context.options.format == Format::table)
      context.out().write(sheet_of(status));
    else
      documents.push_back(document_of(status));
  }
  if (context.options.format == Format::table) return worst;
  // One machine that was named is an object; several, or all of them, are an array.
  const bool single = targets.names.size() == 1 && documents.size() == 1;
  if (worst == exit_done || !documents.empty())
    context.out().print(single ? documents.front() : documents, context.options.format);
  return worst;
}

}  // namespace

Action declare_info(CLI::App& app, Context& context) {
  auto targets = std::make_shared<Targets>();
  app.add_option("TARGET", targets->names, "machines (default: all of them)");
  app.footer("With -o json: one object for one machine that is named, else an array.");
  return [targets, &context] { return tell(context, *targets); };
}

}  // namespace meros::cli
