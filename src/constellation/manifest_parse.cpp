// The way of a manifest from text to values: encoding, YAML, variables, fields, checks.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "constellation/manifest_check.h"
#include "constellation/manifest_substitute.h"
#include "constellation/manifest_syntax.h"

namespace meros::constellation {
namespace {

// What a manifest may become in memory, once its variables, defaults and counts are put in.
constexpr std::size_t most_text = std::size_t{16} << 20;
constexpr std::size_t most_weight = std::size_t{64} << 20;
constexpr std::size_t most_bridges = 1000;

// The offset of the n-th '$' of a scalar that begins at `offset`. Where the text of the file is not that of the value
// (escapes in quotes), the beginning must do.
std::size_t offset_of_dollar(std::string_view text, std::size_t offset, std::size_t nth) {
  std::size_t at = text.find('$', offset);
  for (; nth > 0 && at != std::string_view::npos; --nth) at = text.find('$', at + 1);
  return at == std::string_view::npos ? offset : at;
}

void substitute_variables(Reading& reading, Document& document) {
  const auto& variables = reading.environment().variables;
  const auto& text = reading.source().text();
  const Lookup lookup = [&](std::string_view name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
  std::size_t total = 0;
  for (Node& node : document.nodes()) {
    if (node.is_key || node.text.find('$') == std::string::npos) continue;
    auto [value, errors] = substitute(node.text, lookup);
    for (auto& e : errors)
      reading.error(reading.position_of(offset_of_dollar(text, node.offset, e.nth_dollar)), std::move(e.message),
                    std::move(e.help));
    total += value.size();
    if (total > most_text)
      throw SyntaxError{node.offset,
                        fmt::format("the variables of the manifest stand for more than {} MiB", most_text >> 20)};
    node.text = std::move(value);
    node.failed = !errors.empty();
  }
}

// `value` as a map of names to maps; null is an empty one.
const std::vector<Entry>& named_entries(Reading& reading, const Value& value) {
  if (value.node.kind != Node::Kind::map && value.node.kind != Node::Kind::null)
    reading.error(value.at, fmt::format("'{}' must be a map of names, not {}", value.name, describe(value.node)),
                  "as in 'web: {…}'");
  return value.node.map;
}

std::vector<Bridge> read_bridges(Reading& reading, const Value& value) {
  const auto table = bridge_table();
  std::vector<Bridge> bridges;
  for (const Entry& entry : named_entries(reading, value)) {
    if (bridges.size() == most_bridges) {
      reading.error(reading.position_of(entry.key_offset), fmt::format("there are more than {} bridges", most_bridges));
      break;
    }
    Bridge bridge;
    bridge.name = entry.key;
    const Position at = reading.position_of(entry.key_offset);
    const bool is_map =
        read_fields(reading, table, {*entry.value, entry.key, at}, bridge, bridge.written, help_for_key);
    if (!is_map) bridge.written.fields.emplace("subnet", at);  // that it is missing only follows
    bridges.push_back(std::move(bridge));
  }
  return bridges;
}

// The fields that a machine has not, from `defaults`. Keys that are none are said there, once.
Node with_defaults(const Node& machine, const Node* defaults, const Table<MachineDraft>& table) {
  Node whole = machine;
  if (defaults == nullptr || (machine.kind != Node::Kind::map && machine.kind != Node::Kind::null)) return whole;
  whole.kind = Node::Kind::map;
  for (Entry entry : defaults->map) {
    if (table.find(entry.key) == nullptr) continue;
    entry.inherited = true;
    whole.map.push_back(std::move(entry));
  }
  return whole;
}

// About what it takes in memory.
std::size_t weight_of(const MachineDraft& machine) {
  std::size_t weight = sizeof(Machine) + machine.append.size() + 64 * machine.written.fields.size() +
                       sizeof(Nic) * machine.networks.size() + sizeof(Disk) * machine.disks.size();
  for (const auto* list :
       {&machine.packages, &machine.mirrors, &machine.cdroms, &machine.qemu_args, &machine.depends_on})
    for (const auto& text : *list) weight += sizeof(std::string) + text.size();
  return weight * machine.count;
}

std::vector<MachineDraft> read_machines(Reading& reading, const Value& value, const Node* defaults) {
  const auto table = machine_table();
  std::vector<MachineDraft> machines;
  std::size_t count = 0;
  std::size_t weight = 0;
  for (const Entry& entry : named_entries(reading, value)) {
    const Position at = reading.position_of(entry.key_offset);
    const Node node = with_defaults(*entry.value, defaults, table);
    MachineDraft machine;
    machine.name = entry.key;
    machine.arch = reading.environment().host_arch;
    read_fields(reading, table, {node, entry.key, at}, machine, machine.written, help_for_key);
    complete(reading.environment(), machine);
    count += machine.count;
    weight += weight_of(machine);
    if (count > max_machines)
      throw SyntaxError{entry.key_offset, fmt::format("there are more than {} machines", max_machines)};
    if (weight > most_weight)
      throw SyntaxError{entry.key_offset, "the machines are described by too much text",
                        "a list in 'defaults' or beside 'count' counts once for each machine"};
    machines.push_back(std::move(machine));
  }
  if (machines.empty() && !reading.has_errors())
    reading.error(value.at, "there are no machines", "name one, as in 'web: {distribution: debian}'");
  return machines;
}

// By itself, so that what is wrong there is said whether a machine takes it or not.
const Node* read_defaults(Reading& reading, const Top& top) {
  if (!top.defaults) return nullptr;
  MachineDraft defaults;
  read_fields(reading, machine_table(), *top.defaults, defaults, defaults.written, help_for_key);
  return &top.defaults->node;
}

void read_manifest_into(Reading& reading, const Node& root, Manifest& manifest) {
  Top top;
  Written written;
  read_fields(reading, top_table(), {root, {}, reading.position_of(root.offset)}, top, written, help_for_key);
  manifest.uplink = top.uplink;
  const Node* defaults = read_defaults(reading, top);
  if (top.bridges) manifest.bridges = read_bridges(reading, *top.bridges);
  std::vector<MachineDraft> drafts;
  if (top.machines) drafts = read_machines(reading, *top.machines, defaults);

  check_bridges(reading, manifest.bridges);
  BridgeIndex index;
  for (const auto& bridge : manifest.bridges) index.emplace(bridge.name, &bridge);
  for (const auto& draft : drafts) check_machine(reading, draft, index);
  check_dependencies(reading, drafts);
  manifest.machines = expand(reading, drafts);
  check_together(reading, manifest.machines, manifest.bridges);
}

}  // namespace

ParseResult parse_manifest(std::string text, std::string origin, const Environment& environment) {
  const bool too_long = text.size() > max_manifest_bytes;
  if (too_long) text.clear();
  Manifest manifest;
  manifest.constellation = environment.constellation;
  manifest.source = std::make_shared<SourceText>(std::move(origin), without_byte_order_mark(std::move(text)));
  const SourceText& source = *manifest.source;
  Reading reading(source, environment);
  ParseResult result;
  if (too_long) {
    result.diagnostics.push_back(source.diagnose(
        Severity::error, {}, fmt::format("the manifest is longer than {} KiB", max_manifest_bytes >> 10)));
    return result;
  }
  try {
    check_encoding(source.text());
    std::vector<Diagnostic> findings;
    Document document = Document::parse(source, findings);
    reading.add(std::move(findings));
    if (document.root() == nullptr || document.root()->kind == Node::Kind::null)
      throw SyntaxError{0, "the manifest is empty", "'meros new NAME' writes one to start from"};
    substitute_variables(reading, document);
    read_manifest_into(reading, *document.root(), manifest);
  } catch (const SyntaxError& e) {
    reading.add({source.diagnose(Severity::error, source.position_of(e.offset), e.message, e.help)});
  } catch (const Reading::Full&) {
    result.more = true;
  }
  result.diagnostics = reading.take_findings();
  if (!reading.has_errors()) result.manifest = std::move(manifest);
  return result;
}

}  // namespace meros::constellation
