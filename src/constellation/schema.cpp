#include "constellation/schema.h"

#include "constellation/manifest_fields.h"

namespace meros::constellation {
namespace {

template <typename Owner>
Json object_schema(const Table<Owner>& table) {
  Json properties = Json::object();
  Json required = Json::array();
  for (const auto& field : table.fields) {
    Json schema = field.schema;
    schema["description"] = field.description;
    properties[field.name] = std::move(schema);
    if (field.required) required.push_back(field.name);
  }
  // Merge keys stay as they are in what some editors check.
  properties["<<"] = Json::object();
  Json schema = {{"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
  if (!required.empty()) schema["required"] = std::move(required);
  return schema;
}

}  // namespace

Json manifest_schema() {
  const auto table = top_table();
  Json schema = object_schema(table);
  schema["$schema"] = "https://json-schema.org/draft/2020-12/schema";
  schema["title"] = "meros manifest";
  schema["description"] = "A constellation: virtual machines and the bridges between them.";
  schema["patternProperties"] = {{"^" + table.ignored_prefix, Json::object()}};
  schema["$defs"] = {{"bridge", object_schema(bridge_table())},
                     {"machine", object_schema(machine_table())},
                     {"network", object_schema(nic_table())},
                     {"disk", object_schema(disk_table())}};
  return schema;
}

std::string manifest_schema_text() { return manifest_schema().dump(2) + "\n"; }

}  // namespace meros::constellation
