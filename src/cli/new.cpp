#include <fmt/format.h>
#include <sys/stat.h>

#include <CLI/App.hpp>
#include <filesystem>
#include <memory>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/command.h"

namespace fs = std::filesystem;

namespace meros::cli {
namespace {

constexpr std::string_view manifest_text = R"(# A constellation: machines, and the bridges between them.
#   meros validate {0}    says what is wrong in this file
#   meros init {0}        makes it so
#   meros shutdown {0}    takes it away
# 'meros schema' describes every field, and editors complete them from it.

bridges:
  lab:
    subnet: 10.0.2.1/24        # the bridge's own address, and the subnet
    policy_type: host-access   # or isolated: nothing gets out
    allowed_ports: [22]        # of the host, that the machines may reach at the bridge's address

defaults:                      # of every machine
  distribution: debian
  release: bookworm
  memory: 512M
  cpus: 1

virtual_machines:
  db:
    networks: [{{label: db0, bridge: lab, ip_addr: 10.0.2.20}}]
  web:
    networks: [{{label: web0, bridge: lab, ip_addr: 10.0.2.21}}]
    depends_on: [db]           # starts when db is ready
    packages: [curl]
)";

constexpr std::string_view motd_text = "This is a machine of the constellation {0}.\n";

constexpr std::string_view hook_text = R"(#!/bin/sh
# Runs inside the root of each machine while its image is built, after the files of includes.chroot are there.
set -eu
echo "$MEROS_VM of $MEROS_CONSTELLATION" > /etc/meros-machine
)";

std::string filled(std::string_view text, const std::string& name) { return fmt::format(fmt::runtime(text), name); }

int make_new(Context& context, const std::string& name) {
  check_name(name, "constellation name");
  const fs::path directory = fs::path("constellations") / name;
  if (fs::exists(directory))
    throw BusyError(fmt::format("'{}' exists already", directory.string()), "choose another name");
  // All of it or nothing: it appears under its name by a rename.
  make_directories("constellations");
  const TemporaryDirectory draft("constellations");
  const fs::path root = draft.path() / name;
  make_directories(root / "common/includes.chroot/etc");
  make_directories(root / "common/hooks");
  replace_file(root / "manifest.yml", filled(manifest_text, name));
  replace_file(root / "common/includes.chroot/etc/motd", filled(motd_text, name));
  replace_file(root / "common/hooks/10-example.chroot", hook_text, 0755);
  fs::rename(root, directory);
  context.out().write(
      fmt::format("wrote {}; edit it, then: meros init {}\n", (directory / "manifest.yml").string(), name));
  return exit_done;
}

}  // namespace

Action declare_new(CLI::App& app, Context& context) {
  auto name = std::make_shared<std::string>();
  app.add_option("NAME", *name, "the constellation's name: its directory below ./constellations")->required();
  return [name, &context] { return make_new(context, *name); };
}

}  // namespace meros::cli
