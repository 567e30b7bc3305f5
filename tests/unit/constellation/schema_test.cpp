// The JSON Schema against its published file and against the parser.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "base/file.h"
#include "base/text.h"
#include "constellation/manifest.h"
#include "constellation/schema.h"

namespace meros::constellation {
namespace {

using Json = nlohmann::json;

const std::string published = std::string(MEROS_SOURCE_DIR) + "/docs/manifest.schema.json";

TEST(Schema, IsPublishedAsItIs) {
  if (std::getenv("MEROS_UPDATE_GOLDEN") != nullptr) replace_file(published, manifest_schema_text());
  EXPECT_EQ(read_file(published), manifest_schema_text()) << "run with MEROS_UPDATE_GOLDEN=1 and commit the file";
}

std::set<std::string> fields_of(const Json& definition) {
  std::set<std::string> names;
  for (const auto& [name, schema] : definition.at("properties").items())
    if (name != "<<") names.insert(name);
  return names;
}

// What the parser says that a thing has, when it is given a key that it has not.
std::set<std::string> fields_said(const std::string& manifest, std::string_view thing) {
  const ParseResult result = parse_manifest(manifest, "m.yml", {});
  const std::string begin = std::string(thing) + " has ";
  for (const auto& diagnostic : result.diagnostics)
    if (diagnostic.help.starts_with(begin)) {
      const auto names = split(diagnostic.help.substr(begin.size()), ',');
      std::set<std::string> all;
      for (const auto& name : names) all.emplace(trim(name));
      return all;
    }
  ADD_FAILURE() << "no such help for " << thing;
  return {};
}

TEST(Schema, HasTheFieldsThatTheParserReads) {
  const Json schema = manifest_schema();
  const Json& parts = schema.at("$defs");
  const std::string bridges = "bridges: {lab: {subnet: 10.0.2.1/24}}\n";
  EXPECT_EQ(fields_of(schema), fields_said("zzzzzzzz: 1\nvirtual_machines: {a: {}}", "a manifest"));
  EXPECT_EQ(fields_of(parts.at("bridge")),
            fields_said("bridges: {lab: {zzzzzzzz: 1}}\nvirtual_machines: {a: {}}", "a bridge"));
  EXPECT_EQ(fields_of(parts.at("machine")), fields_said("virtual_machines: {a: {zzzzzzzz: 1}}", "a machine"));
  EXPECT_EQ(fields_of(parts.at("network")),
            fields_said(bridges + "virtual_machines: {a: {networks: [{bridge: lab, zzzzzzzz: 1}]}}", "a network"));
  EXPECT_EQ(fields_of(parts.at("disk")),
            fields_said("virtual_machines: {a: {disks: [{label: d, zzzzzzzz: 1}]}}", "a disk"));
}

TEST(Schema, DescribesEveryField) {
  const Json schema = manifest_schema();
  for (const Json* part : {&schema, &schema.at("$defs").at("bridge"), &schema.at("$defs").at("machine"),
                           &schema.at("$defs").at("network"), &schema.at("$defs").at("disk")}) {
    EXPECT_EQ(part->at("additionalProperties"), false);
    for (const auto& name : fields_of(*part))
      EXPECT_GT(part->at("properties").at(name).at("description").get<std::string>().size(), 10U) << name;
  }
}

TEST(Schema, TellsTheDefaultsThatTheParserFillsIn) {
  const Json schema = manifest_schema();
  const Json& machine = schema.at("$defs").at("machine").at("properties");
  EXPECT_EQ(machine.at("cpus").at("default"), Machine{}.cpus);
  EXPECT_EQ(machine.at("driver").at("default"), "auto");
  EXPECT_EQ(machine.at("build_free_mb").at("default"), 500);
  EXPECT_FALSE(machine.at("arch").contains("default")) << "it is the host's";
  EXPECT_TRUE(machine.at("kvm").at("deprecated").get<bool>());
}

}  // namespace
}  // namespace meros::constellation
