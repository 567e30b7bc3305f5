#include "image/kernel_facts.h"

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"

namespace meros::image {
namespace {

constexpr std::size_t largest_file = std::size_t{1} << 20;

Json json_of(const std::vector<LostOption>& lost) {
  Json list = Json::array();
  for (const auto& option : lost)
    list.push_back({{"option", option.name}, {"asked", option.asked}, {"got", option.got}});
  return list;
}

std::vector<LostOption> lost_from(const Json& json) {
  std::vector<LostOption> lost;
  for (const auto& option : json)
    lost.push_back(
        {get<std::string>(option, "option"), get<std::string>(option, "asked"), get<std::string>(option, "got")});
  return lost;
}

KernelFacts facts_from(const Json& json) {
  KernelFacts facts;
  if (get<int>(json, "schema_version") != kernel_facts_schema_version) throw InvalidError("another schema version");
  facts.arch = get<std::string>(json, "arch");
  facts.version = get<std::string>(json, "version");
  facts.source = get<std::string>(json, "source");
  facts.commit = get_or<std::string>(json, "commit", "");
  facts.config = get<std::string>(json, "config");
  facts.config_sha256 = get<std::string>(json, "config_sha256");
  facts.compiler = get<std::string>(json, "compiler");
  facts.sha256 = get<std::string>(json, "sha256");
  facts.bytes = get<std::uint64_t>(json, "bytes");
  facts.built_at = get<std::int64_t>(json, "built_at_ms");
  const Json capabilities = get<Json>(json, "capabilities");
  for (const auto& [name, can] : capabilities.items())
    if (can.is_boolean()) facts.capabilities[name] = can.get<bool>();
  facts.lost = lost_from(get<Json>(json, "lost_options"));
  const Json made_from = get<Json>(json, "made_from");
  facts.inputs = get<std::string>(made_from, "inputs");
  facts.source_identity = get<std::string>(made_from, "source");
  facts.source_stamp = get_or<std::string>(made_from, "source_stamp", "");
  facts.stamps = get<std::vector<std::string>>(made_from, "stamps");
  return facts;
}

}  // namespace

KernelCapabilities capabilities_of(const KernelConfig& config) {
  const auto has = [&](std::string_view option) {
    const auto found = config.find(option);
    return found != config.end() && found->second == "y";
  };
  return {{"virtio_mmio_cmdline", has("VIRTIO_MMIO") && has("VIRTIO_MMIO_CMDLINE_DEVICES")},
          {"virtio_mmio", has("VIRTIO_MMIO")},
          {"virtio_pci", has("VIRTIO_PCI")},
          {"acpi", has("ACPI")},
          {"pvh", has("PVH")},
          {"initrd", has("BLK_DEV_INITRD")},
          {"modules", has("MODULES")},
          {"display", has("DRM_VIRTIO_GPU") && has("FRAMEBUFFER_CONSOLE")},
          {"vsock", has("VIRTIO_VSOCKETS")},
          {"nftables", has("NF_TABLES_INET")},
          {"overlayfs", has("OVERLAY_FS")},
          {"virtiofs", has("VIRTIO_FS")},
          {"9p", has("9P_FS") && has("NET_9P_VIRTIO")}};
}

Json to_json(const KernelFacts& facts) {
  return {{"schema_version", kernel_facts_schema_version},
          {"arch", facts.arch},
          {"version", facts.version},
          {"source", facts.source},
          {"commit", facts.commit.empty() ? Json() : Json(facts.commit)},
          {"config", facts.config},
          {"config_sha256", facts.config_sha256},
          {"compiler", facts.compiler},
          {"sha256", facts.sha256},
          {"bytes", facts.bytes},
          {"built_at", format_time(facts.built_at)},
          {"built_at_ms", facts.built_at},
          {"capabilities", facts.capabilities},
          {"lost_options", json_of(facts.lost)},
          {"made_from",
           {{"inputs", facts.inputs},
            {"source", facts.source_identity},
            {"source_stamp", facts.source_stamp},
            {"stamps", facts.stamps}}}};
}

std::optional<KernelFacts> read_kernel_facts(const std::filesystem::path& path) {
  try {
    const auto text = read_file_if_exists(path, largest_file);
    if (!text) return std::nullopt;
    return facts_from(parse_json(*text, path.string()));
  } catch (const InvalidError&) {
    return std::nullopt;
  }
}

}  // namespace meros::image
