// Machines and their disks.
#include <algorithm>
#include <array>

#include "base/text.h"
#include "constellation/manifest_fields.h"
#include "constellation/manifest_shell.h"
#include "machine/config.h"

namespace meros::constellation {
namespace {

// Bounds of what makes sense, generous: what a driver or host cannot do is found out there.
constexpr std::uint64_t most_cpus = 288;  // q35's in QEMU 7.2
constexpr std::uint64_t least_memory_mib = 4;
constexpr std::uint64_t most_memory_mib = std::uint64_t{16} << 20;  // 16 TiB
constexpr std::uint64_t most_disk_gb = 65'536;
constexpr std::uint64_t most_count = 1000;
constexpr std::size_t longest_command = 1024;  // the whole kernel command line is at most 2048 bytes

using Strings = std::vector<std::string>;

Strings arch_words() { return {"x86_64", "aarch64"}; }
Strings firmware_words() { return {"bios", "uefi"}; }

template <typename Owner>
Field<Owner> path_field(std::string name, std::string Owner::*member, std::string description) {
  return field<Owner>(
      std::move(name), schema_of::text(),
      [member](Reading& reading, const Value& value, Owner& owner) {
        if (auto path = read_path(reading, value)) owner.*member = *std::move(path);
      },
      std::move(description));
}

// A list of texts, each read by `read`; its places are kept under `name_of`, with the index in the result.
template <typename Owner>
Field<Owner> list_field(std::string name, Strings Owner::*member, Json item_schema,
                        std::function<std::optional<Strings>(Reading&, const Value&)> read, std::string description,
                        std::string name_of) {
  return field<Owner>(
      name, schema_of::list(std::move(item_schema), Single::allowed),
      [member, read, name_of](Reading& reading, const Value& value, Owner& owner) {
        auto& all = owner.*member;
        for (const Value& item : read_list(reading, value, Single::allowed)) {
          for (auto& text : read(reading, item).value_or(Strings{})) {
            owner.written.fields.emplace(fmt::format("{}[{}]", name_of, all.size()), item.at);
            all.push_back(std::move(text));
          }
        }
      },
      std::move(description));
}

std::optional<Strings> as_list(std::optional<std::string> text) {
  if (!text) return std::nullopt;
  return Strings{*std::move(text)};
}

// Maps of a list, each by its own table.
template <typename Owner, typename Item>
Field<Owner> table_field(std::string name, std::vector<Item> Owner::*member, Table<Item> (*table)(),
                         std::string_view definition, std::string description) {
  return field<Owner>(
      std::move(name), schema_of::list({{"$ref", fmt::format("#/$defs/{}", definition)}}, Single::refused),
      [member, fields = table()](Reading& reading, const Value& value, Owner& owner) {
        for (const Value& item_value : read_list(reading, value, Single::refused)) {
          Item item;
          read_fields(reading, fields, item_value, item, item.written, help_for_key);
          (owner.*member).push_back(std::move(item));
        }
      },
      std::move(description));
}

// A name in data/disks: one that cannot leave the directory, hide in it, or be taken for an option.
bool is_file_name(std::string_view text) { return is_word(text, "_", "._+-", 200); }

void read_disk_label(Reading& reading, const Value& value, Disk& disk) {
  const auto label =
      read_checked(reading, value, is_file_name,
                   "up to 200 letters, digits and '.', '_', '+', '-', beginning with a letter, digit or '_'; "
                   "no directories");
  if (label) disk.label = *label;
}

void read_mount_point(Reading& reading, const Value& value, Disk& disk) {
  const auto text = read_text(reading, value);
  if (!text) return;
  disk.mount_point = *text;
  std::string help;
  const auto parts = split(*text, '/');
  const auto bad_part = [](const std::string& part) { return part.empty() || part == "." || part == ".."; };
  constexpr std::array system = {"bin", "dev", "etc", "lib", "lib64", "proc", "run", "sbin", "sys", "usr"};
  if (!text->starts_with('/'))
    help = "it must be absolute, as in /srv";
  else if (*text == "/" || (parts.size() == 2 && std::find(system.begin(), system.end(), parts[1]) != system.end()))
    help = "the system would be hidden behind it";
  else if (std::any_of(parts.begin() + 1, parts.end(), bad_part))
    help = "no '.', no '..', and no '/' at the end or twice";
  else if (text->size() > 255 || has_control_character(*text) || text->find_first_of(" \"'\\#") != std::string::npos)
    help = "at most 255 characters, and no blanks, quotes, backslashes or '#'";
  if (!help.empty()) reading.error(value.at, fmt::format("'{}' cannot be {}", value.name, in_quotes(*text)), help);
}

void read_memory(Reading& reading, const Value& value, MachineDraft& machine) {
  const auto text = read_text(reading, value);
  if (!text) return;
  // QEMU takes its units in small letters too, and so did the first manifests.
  std::string capital = *text;
  if (capital.ends_with('m') || capital.ends_with('g') || capital.ends_with('t'))
    capital.back() = static_cast<char>(capital.back() - 'a' + 'A');
  std::optional<std::uint64_t> size;
  try {
    size = parse_mebibytes(capital, value.name);
  } catch (const InvalidError& e) {
    reading.error(value.at, fmt::format("'{}' is not a size: {}", value.name, in_quotes(*text)), e.hint());
    return;
  }
  if (*size < least_memory_mib || *size > most_memory_mib)
    reading.error(value.at, fmt::format("'{}' is {}, which makes no sense", value.name, in_quotes(*text)),
                  "it goes from 4M to 16T; a number alone is in MiB");
  else
    machine.memory_mib = *size;
}

void read_kernel(Reading& reading, const Value& value, MachineDraft& machine) {
  const auto path = read_path(reading, value);
  if (!path) return;
  if (*path == "image")
    machine.kernel = {Kernel::From::image, {}};
  else if (*path == "firmware")
    machine.kernel = {Kernel::From::firmware, {}};
  else
    machine.kernel = {Kernel::From::path, *path};
}

void read_kvm(Reading& reading, const Value& value, MachineDraft& machine) {
  if (const auto kvm = read_flag(reading, value)) machine.accel = *kvm ? "auto" : "tcg";
}

void read_append(Reading& reading, const Value& value, MachineDraft& machine) {
  const auto accepts = [](std::string_view text) {
    return text.size() <= longest_command && !has_control_character(text);
  };
  const auto text = read_checked(reading, value, accepts, "one line of at most 1024 bytes");
  if (text) machine.append = *text;
}

std::optional<Strings> read_package(Reading& reading, const Value& value) {
  const auto accepts = [](std::string_view text) { return is_word(text, "", "+._:=~/@<>-", 255); };
  return as_list(read_checked(reading, value, accepts, "one package an item, as in [nginx, curl]"));
}

std::optional<Strings> read_mirror(Reading& reading, const Value& value) {
  const auto accepts = [](std::string_view text) {
    const std::array starts = {"http://", "https://", "file:///", "deb "};
    return text.size() <= 1024 && !has_control_character(text) &&
           std::any_of(starts.begin(), starts.end(),
                       [&](std::string_view s) { return text.starts_with(s) && text != s; });
  };
  return as_list(
      read_checked(reading, value, accepts, "http://…, https://…, file:///…, or a line 'deb …' of sources.list"));
}

std::optional<Strings> read_dependency(Reading& reading, const Value& value) {
  return as_list(read_checked(reading, value, is_valid_name, "the name of a machine"));
}

std::optional<Strings> read_words(Reading& reading, const Value& value) {
  const auto text = read_text(reading, value);
  if (!text) return std::nullopt;
  const auto& variables = reading.environment().variables;
  const auto home = variables.find("HOME");
  try {
    return split_words(*text, home == variables.end() ? std::string_view() : home->second);
  } catch (const InvalidError& e) {
    reading.error(value.at, fmt::format("'{}': {}", value.name, e.message()), e.hint());
    return std::nullopt;
  }
}

void read_release(Reading& reading, const Value& value, MachineDraft& machine) {
  const auto accepts = [](std::string_view text) { return is_word(text, "", "._-", 64); };
  const auto text = read_checked(reading, value, accepts, "as in bookworm, noble or 3.20");
  if (text) machine.release = *text;
}

void read_ready(Reading& reading, const Value& value, MachineDraft& machine) {
  const auto text = read_text(reading, value);
  if (!text) return;
  if (const auto ready = parse_ready(*text))
    machine.ready = *ready;
  else
    reading.error(value.at, fmt::format("'{}' cannot be {}", value.name, in_quotes(*text)),
                  "it is ssh, tcp:PORT (1 to 65535), console:TEXT, exec:COMMAND or none");
}

void read_arch(Reading& reading, const Value& value, MachineDraft& machine) {
  const auto text = read_text(reading, value);
  if (!text) return;
  if (*text == "amd64" || *text == "arm64")
    reading.error(value.at, fmt::format("'{}' cannot be {}", value.name, in_quotes(*text)),
                  fmt::format("that is called {} here", *text == "amd64" ? "x86_64" : "aarch64"));
  else if (const auto index = read_word(reading, value, arch_words()))
    machine.arch = *index == 0 ? vmm::Arch::x86_64 : vmm::Arch::aarch64;
}

void read_firmware(Reading& reading, const Value& value, MachineDraft& machine) {
  if (const auto index = read_word(reading, value, firmware_words()))
    machine.firmware = *index == 0 ? vmm::Firmware::bios : vmm::Firmware::uefi;
}

void read_restart(Reading& reading, const Value& value, MachineDraft& machine) {
  auto text = read_text(reading, value);
  if (!text) return;
  if (*text == "false" || *text == "False") text = "no";  // what YAML 1.1 editors make of `no`
  try {
    machine.restart = machine::parse_restart_policy(*text);
  } catch (const InvalidError&) {
    reading.error(value.at, fmt::format("'{}' cannot be {}", value.name, in_quotes(*text)),
                  "it is no, on-failure, on-failure:N or always");
  }
}

}  // namespace

Table<Disk> disk_table() {
  Table<Disk> table{"a disk", {}};
  table.fields = {
      field<Disk>("label", schema_of::text("^[A-Za-z0-9_][A-Za-z0-9._+-]{0,199}$"), read_disk_label,
                  "The label of its file system; with fs_type qcow2 or raw the name of a file in data/disks."),
      number_field("size_gb", &Disk::size_gb, 1, most_disk_gb, "Its size in GiB."),
      word_field("fs_type", &Disk::fs_type,
                 {FileSystem::qcow2, FileSystem::raw, FileSystem::ext2, FileSystem::ext3, FileSystem::ext4,
                  FileSystem::xfs, FileSystem::btrfs, FileSystem::vfat},
                 "What is made on it. qcow2 and raw: an image file, made empty if it is not there."),
      field<Disk>("mount_point", schema_of::text("^/"), read_mount_point, "Where the guest mounts it."),
  };
  table.fields[0].required = true;
  return table;
}

Table<MachineDraft> machine_table() {
  using M = MachineDraft;
  const auto text = schema_of::text();
  Table<M> table{"a machine", {}};
  Json memory = {{"type", {"integer", "string"}},
                 {"minimum", least_memory_mib},
                 {"maximum", most_memory_mib},
                 {"pattern", "^[0-9]+([MGTmgt]|[MGT]iB)?$|\\$\\{"},
                 {"default", "2G"}};
  Json release = {{"type", {"string", "number"}}};
  Json restart = {{"anyOf", {schema_of::text("^(no|on-failure(:[0-9]+)?|always)$"), {{"const", false}}}},
                  {"default", "no"}};
  table.fields = {
      word_field<M, Distribution>("distribution", &M::distribution,
                                  {Distribution::debian, Distribution::ubuntu, Distribution::alpine},
                                  "What is built for it; also the name of its user. Without one nothing is built."),
      field<M>("release", std::move(release), read_release,
               "The release of the distribution. Default: bookworm, noble or latest-stable."),
      field<M>("arch", schema_of::word(arch_words()), read_arch, "Its processor's architecture. Default: the host's."),
      number_field<M, std::uint64_t>("count", &M::count, 1, most_count, "How many of them: web-1, web-2 and so on."),
      word_field<M>("driver", &M::driver, {"auto", "firecracker", "qemu"}, "What runs it."),
      field<M>("memory", std::move(memory), read_memory, "Its memory: 512 (MiB), 512M or 2G."),
      number_field<M, unsigned>("cpus", &M::cpus, 1, most_cpus, "How many virtual processors it has."),
      word_field<M>("accel", &M::accel, {"auto", "kvm", "tcg"}, "By what it runs."),
      field<M>("kvm", schema_of::flag(), read_kvm, "Older than 'accel': true is auto, false is tcg."),
      flag_field<M>("display", &M::display, "Whether it has a screen."),
      field<M>(
          "kernel", text, read_kernel,
          "'image' (the one in the image), 'firmware' (the disk boots itself), or the path of a file. Default: image "
          "for what is built here, else firmware."),
      path_field<M>("initrd", &M::initrd, "The path of an initial RAM disk for a kernel that is a file."),
      field<M>("append", text, read_append, "More arguments for the kernel, after ours."),
      field<M>("firmware", schema_of::word(firmware_words()), read_firmware,
               "What boots the disk. Default: bios; on aarch64 uefi."),
      list_field<M>(
          "cdrom", &M::cdroms, text,
          [](Reading& reading, const Value& value) { return as_list(read_path(reading, value)); },
          "Images of optical discs.", "cdrom"),
      list_field<M>("packages", &M::packages, text, read_package, "Packages of the distribution to install.",
                    "packages"),
      list_field<M>("mirrors", &M::mirrors, text, read_mirror,
                    "Where its packages come from. Default: the distribution's own.", "mirrors"),
      path_field<M>("keyring", &M::keyring, "The path of the keys that sign the mirrors."),
      number_field<M, std::uint64_t>("build_free_mb", &M::build_free_mb, 0, std::uint64_t{1} << 20,
                                     "Free space in the root file system that is built, in MiB."),
      table_field<M, Nic>("networks", &M::networks, nic_table, "network", "Its network cards."),
      table_field<M, Disk>("disks", &M::disks, disk_table, "disk", "Its disks beside the root."),
      list_field<M>("depends_on", &M::depends_on, text, read_dependency,
                    "Machines that must be ready before it starts.", "depends_on"),
      field<M>(
          "ready", schema_of::text("^(ssh|none|tcp:[0-9]+|console:.+|exec:.+)$"), read_ready,
          "How one sees that it is ready: ssh, tcp:PORT, console:TEXT, exec:COMMAND or none. Default: ssh where it is "
          "built here and has a network."),
      field<M>("restart", std::move(restart), read_restart, "When it is started again: no, on-failure[:N] or always."),
      list_field<M>("qemu_args", &M::qemu_args, text, read_words, "More arguments for QEMU, split as a shell does.",
                    "qemu_args"),
      list_field<M>("extra_args", &M::qemu_args, text, read_words, "Older than 'qemu_args', and the same.",
                    "qemu_args"),
  };
  const auto same = [&](std::string_view older, std::string_view name) {
    for (auto& each : table.fields)
      if (each.name == older) {
        each.same_as = name;
        each.schema["deprecated"] = true;
      }
  };
  same("kvm", "accel");
  same("extra_args", "qemu_args");
  return table;
}

}  // namespace meros::constellation
