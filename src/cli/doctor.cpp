#include "cli/doctor.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/json.h"
#include "cli/command.h"

namespace meros::cli {
namespace {

bool stops_machines(const Check& check) { return check.required && check.status == Check::Status::missing; }

Colour colour_of(Check::Status status) {
  switch (status) {
    case Check::Status::ok:
      return Colour::green;
    case Check::Status::degraded:
      return Colour::yellow;
    case Check::Status::missing:
      return Colour::red;
  }
  return Colour::none;
}

std::string table_of(const std::vector<Check>& checks, const Output& out) {
  Table table({"CHECK", "STATUS", "DETAIL"});
  for (const Check& check : checks)
    table.add({check.title, {std::string(to_string(check.status)), colour_of(check.status)}, check.detail});
  return table.render(out);
}

std::string remedies_of(const std::vector<Check>& checks, const Output& out) {
  Table table({"TO MEND", "DO"});
  bool any = false;
  for (const Check& check : checks) {
    if (check.remedy.empty()) continue;
    table.add({check.title, check.remedy});
    any = true;
  }
  return any ? "\n" + table.render(out) : "";
}

int doctor(Context& context) {
  const auto checks = run_checks(context.home());
  auto& out = context.out();
  if (context.options.format != Format::table)
    out.print(to_json(checks), context.options.format);
  else
    out.write(table_of(checks, out) + remedies_of(checks, out) + "\n" + printable(summary_of(checks)) + "\n");
  return can_run_machines(checks) ? exit_done : static_cast<int>(ExitCode::host_lacks);
}

}  // namespace

std::vector<Check> run_checks(const machine::Home& home) {
  const HostView host = this_host();
  const vmm::KvmStatus kvm = vmm::probe_kvm();
  std::vector<Check> checks = {
      home.face == machine::Face::mergenc ? check_firecracker_only(host, kvm) : check_driver(host, kvm),
      check_supervisor(home.supervisor), check_data_directory(host, home.data_dir), check_kvm(host)};
  std::ranges::move(check_programs(host), std::back_inserter(checks));
  for (Check check :
       {check_tun(host), check_forwarding(host), check_bridge_filter(host),
        check_user_namespaces(host, try_user_namespace()), check_subordinate_ids(host), check_overlayfs(host),
        check_fuse(host), check_foreign_programs(host), check_disk_space(home.data_dir), check_reflink(home.data_dir)})
    checks.push_back(std::move(check));
  return checks;
}

bool can_run_machines(const std::vector<Check>& checks) { return std::ranges::none_of(checks, stops_machines); }

std::string summary_of(const std::vector<Check>& checks) {
  std::string reasons;
  for (const Check& check : checks) {
    if (stops_machines(check)) reasons += (reasons.empty() ? "" : "; ") + check.title + ": " + check.detail;
  }
  if (!reasons.empty()) return "this host cannot run machines: " + reasons;
  const auto driver = std::ranges::find(checks, "driver", &Check::id);
  return driver == checks.end() ? "this host can run machines" : "this host can run machines: " + driver->detail;
}

nlohmann::json to_json(const std::vector<Check>& checks) {
  Json list = Json::array();
  for (const Check& check : checks)
    list.push_back({{"id", check.id},
                    {"title", check.title},
                    {"status", to_string(check.status)},
                    {"detail", check.detail},
                    {"remedy", check.remedy},
                    {"required", check.required}});
  return {{"can_run_machines", can_run_machines(checks)}, {"summary", summary_of(checks)}, {"checks", std::move(list)}};
}

Action declare_doctor(CLI::App&, Context& context) {
  return [&context] { return doctor(context); };
}

}  // namespace meros::cli
