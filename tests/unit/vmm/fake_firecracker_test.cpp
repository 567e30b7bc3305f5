// Is the stand-in what it stands in for? Its tables are compared with Firecracker's own OpenAPI file, where that file
// is there, and its answers with a list of what the real one answered; the same list is asked of the real one.
#include <fcntl.h>
#include <yaml-cpp/yaml.h>

#include <regex>
#include <set>

#include "base/json.h"
#include "fakes/firecracker/schema.h"
#include "firecracker_world.h"
#include "support/host.h"
#include "support/namespace.h"
#include "support/programs.h"
#include "vmm/firecracker/api.h"
#include "vmm/firecracker/serial_line.h"
#include "vmm/firecracker/socket_watch.h"

namespace meros::vmm::firecracker {
namespace {

// --- the OpenAPI file

class OpenApi : public testing::Test {
 protected:
  void SetUp() override {
    const std::string path = std::string(MEROS_SOURCE_DIR) + "/../shared/firecracker/firecracker-1.16.1.yaml";
    if (!std::filesystem::exists(path)) GTEST_SKIP() << "Firecracker's OpenAPI file is not here: " << path;
    api_ = YAML::LoadFile(path);
  }

  YAML::Node definition(std::string_view name) const { return api_["definitions"][std::string(name)]; }
  YAML::Node operation(const fake::Endpoint& endpoint) const {
    std::string method(endpoint.method);
    for (char& c : method) c = static_cast<char>(std::tolower(c));
    return api_["paths"][std::string(endpoint.path)][method];
  }

  YAML::Node api_;
};

// "#/definitions/Drive" -> "Drive"
std::string referred(const YAML::Node& node) {
  const auto reference = node["$ref"] ? node["$ref"].as<std::string>() : "";
  return reference.substr(reference.rfind('/') + 1);
}

std::set<std::string> strings(const YAML::Node& list) {
  std::set<std::string> all;
  for (const auto& one : list) all.insert(one.as<std::string>());
  return all;
}

std::set<std::string> strings(std::span<const std::string_view> list) { return {list.begin(), list.end()}; }

std::string type_in_file(const fake::Field& field) {
  switch (field.type) {
    case fake::Type::boolean:
      return "boolean";
    case fake::Type::u8:
    case fake::Type::u16:
    case fake::Type::u64:
      return "integer";
    case fake::Type::object:
      return "object";
    default:
      return "string";
  }
}

TEST_F(OpenApi, HasEveryEndpointOfTheStandIn) {
  for (const auto& endpoint : fake::tables::endpoints) {
    SCOPED_TRACE(std::string(endpoint.method) + " " + std::string(endpoint.path));
    const YAML::Node operation = this->operation(endpoint);
    ASSERT_TRUE(operation);
    std::string body;
    for (const auto& parameter : operation["parameters"])
      if (parameter["in"].as<std::string>() == "body") body = referred(parameter["schema"]);
    ASSERT_EQ(endpoint.body != nullptr, !body.empty());
    // A PATCH of the machine's configuration has the fields of a PUT, all optional, and no definition of its own.
    const auto definition = endpoint.body == nullptr ? "" : endpoint.body->definition;
    EXPECT_EQ(body, endpoint.body != nullptr && definition.empty() ? "MachineConfiguration" : definition);
  }
}

TEST_F(OpenApi, HasNothingThatTheStandInPassesOver) {
  std::set<std::string> known(std::begin(fake::tables::not_modelled), std::end(fake::tables::not_modelled));
  for (const auto& endpoint : fake::tables::endpoints) {
    const std::string path(endpoint.path.substr(1));
    known.insert(path.substr(0, path.find('/')));
  }
  for (const auto& entry : api_["paths"]) {
    const auto path = entry.first.as<std::string>().substr(1);
    EXPECT_TRUE(known.contains(path.substr(0, path.find('/')))) << path;
  }
}

void expect_same_field(const fake::Field& field, YAML::Node property, const YAML::Node& definitions) {
  SCOPED_TRACE(std::string(field.name));
  ASSERT_TRUE(property);
  if (const auto name = referred(property); !name.empty()) {
    property.reset(definitions[name]);
    EXPECT_EQ(name, field.schema == nullptr ? name : field.schema->definition);
  }
  EXPECT_EQ(property["type"].as<std::string>(), type_in_file(field));
  EXPECT_EQ(strings(property["enum"]), strings(field.choices));
}

TEST_F(OpenApi, AgreesWithEveryBodyOfTheStandIn) {
  using namespace fake::tables;
  const YAML::Node definitions = api_["definitions"];
  for (const auto* schema : {&action, &boot_source, &drive, &drive_update, &machine_config, &network_interface,
                             &network_update, &logger, &vm, &rate_limiter, &token_bucket}) {
    SCOPED_TRACE(std::string(schema->definition));
    const YAML::Node definition = this->definition(schema->definition);
    ASSERT_TRUE(definition);
    std::set<std::string> required;
    std::set<std::string> fields;
    for (const auto& field : schema->fields) {
      fields.insert(std::string(field.name));
      if (field.presence == fake::Presence::required) required.insert(std::string(field.name));
      expect_same_field(field, definition["properties"][std::string(field.name)], definitions);
    }
    EXPECT_EQ(strings(definition["required"]), required);
    std::set<std::string> properties;
    for (const auto& property : definition["properties"]) properties.insert(property.first.as<std::string>());
    EXPECT_EQ(properties, fields);
  }
}

// --- the answers

struct Exchange {
  Plan::Request request;
  unsigned status;
  std::string fault;  // of a refusal; empty: whatever it is, for releases differ there
};

const std::string bad_json = "An error occurred when deserializing the json body of a request: ";
const std::string too_late = "The requested operation is not supported after starting the microVM.";
const std::string too_early = "The requested operation is not supported before starting the microVM.";
const std::string bad_vcpus =
    "Machine config error: The number of vCPUs must be greater than 0, less than 32 and must be 1 or an even number if "
    "SMT is enabled.";
const std::string bad_memory =
    "Machine config error: The memory size (MiB) is either 0, or not a multiple of the configured page size.";
const std::string no_drive = "Drive config error: Unable to create the virtio block device: ";

Exchange get(std::string path, unsigned status, std::string fault = {}) {
  return {{"GET", std::move(path), ""}, status, std::move(fault)};
}
Exchange put(std::string path, std::string body, unsigned status, std::string fault = {}) {
  return {{"PUT", std::move(path), std::move(body)}, status, std::move(fault)};
}
Exchange patch(std::string path, std::string body, unsigned status, std::string fault = {}) {
  return {{"PATCH", std::move(path), std::move(body)}, status, std::move(fault)};
}

const std::vector<Exchange>& before_the_start() {
  static const std::vector<Exchange> list = {
      get("/", 200),
      get("/version", 200),
      get("/machine-config", 200),
      get("/vm/config", 200),
      get("/vm", 400, "Invalid request method and/or path: GET vm."),
      get("/nothing", 400, "Invalid request method and/or path: GET nothing."),
      {{"GET", "/", "{}"}, 400, "GET request cannot have a body."},
      put("/nothing", "{}", 400, "Invalid request method and/or path: PUT nothing."),
      put("/actions", "", 400, "Empty PUT request."),
      patch("/vm", "", 400, "Empty PATCH request."),
      {{"POST", "/actions", "{}"}, 400, ""},

      put("/actions", "{bad", 400),
      put("/actions", R"({"action_type":"InstanceStart"} x)", 400),
      put("/actions", "[]", 400, bad_json + "invalid length 0, expected struct ActionBody with 1 element."),
      put("/actions", "5", 400, bad_json + "invalid type: integer `5`, expected struct ActionBody."),
      put("/actions", "{}", 400, bad_json + "missing field `action_type`."),
      put("/actions", R"({"action_type":"Foo"})", 400,
          bad_json + "unknown variant `Foo`, expected one of `FlushMetrics`, `InstanceStart`, `SendCtrlAltDel`."),
      put("/actions", R"({"action_type":"InstanceStart","x":1})", 400,
          bad_json + "unknown field `x`, expected `action_type`."),
      put("/actions", R"({"action_type":"InstanceStart","action_type":"InstanceStart"})", 400,
          bad_json + "duplicate field `action_type`."),
      put("/actions", R"({"action_type":"SendCtrlAltDel"})", 400, too_early),
      put("/actions", R"({"action_type":"FlushMetrics"})", 400, too_early),
      put("/actions", R"({"action_type":"InstanceStart"})", 400,
          "Start microvm error: Cannot start microvm without kernel configuration."),
      patch("/vm", R"({"state":"Paused"})", 400, too_early),
      patch("/vm", R"({"state":"Pause"})", 400, bad_json + "unknown variant `Pause`, expected `Paused` or `Resumed`."),
      patch("/drives/rootfs", R"({"drive_id":"rootfs"})", 400, too_early),
      patch("/network-interfaces/eth0", R"({"iface_id":"eth0"})", 400, too_early),

      put("/machine-config", R"({"vcpu_count":0,"mem_size_mib":128})", 400, bad_vcpus),
      put("/machine-config", R"({"vcpu_count":33,"mem_size_mib":128})", 400, bad_vcpus),
      put("/machine-config", R"({"vcpu_count":3,"mem_size_mib":128,"smt":true})", 400, bad_vcpus),
      put("/machine-config", R"({"vcpu_count":3,"mem_size_mib":128})", 204),
      put("/machine-config", R"({"vcpu_count":32,"mem_size_mib":128})", 204),
      put("/machine-config", R"({"vcpu_count":256,"mem_size_mib":128})", 400,
          bad_json + "invalid value: integer `256`, expected u8."),
      put("/machine-config", R"({"vcpu_count":-1,"mem_size_mib":128})", 400,
          bad_json + "invalid value: integer `-1`, expected u8."),
      put("/machine-config", R"({"vcpu_count":"1","mem_size_mib":128})", 400,
          bad_json + "invalid type: string \"1\", expected u8."),
      put("/machine-config", R"({"vcpu_count":1.5,"mem_size_mib":128})", 400,
          bad_json + "invalid type: floating point `1.5`, expected u8."),
      put("/machine-config", R"({"vcpu_count":null,"mem_size_mib":128})", 400,
          bad_json + "invalid type: null, expected u8."),
      put("/machine-config", R"({"vcpu_count":1,"mem_size_mib":0})", 400, bad_memory),
      put("/machine-config", R"({"vcpu_count":1,"mem_size_mib":127,"huge_pages":"2M"})", 400, bad_memory),
      put("/machine-config", R"({"vcpu_count":1,"mem_size_mib":128,"smt":1})", 400,
          bad_json + "invalid type: integer `1`, expected a boolean."),
      put("/machine-config", R"({"vcpu_count":1,"mem_size_mib":128,"smt":null})", 400,
          bad_json + "invalid type: null, expected a boolean."),
      put("/machine-config", R"({"vcpu_count":1})", 400, bad_json + "missing field `mem_size_mib`."),
      put("/machine-config", R"({"vcpu_count":1,"mem_size_mib":128,"foo":1})", 400,
          bad_json + "unknown field `foo`, expected one of `vcpu_count`, `mem_size_mib`, `smt`, `cpu_template`, "
                     "`track_dirty_pages`, `huge_pages`."),
      patch("/machine-config", "{}", 400, "Empty PATCH request."),
      patch("/machine-config", R"({"vcpu_count":0})", 400, bad_vcpus),
      patch("/machine-config", R"({"vcpu_count":2})", 204),
      put("/machine-config", R"({"vcpu_count":1,"mem_size_mib":64})", 204),

      put("/boot-source", "{}", 400, bad_json + "missing field `kernel_image_path`."),
      put("/boot-source", R"({"kernel_image_path":1})", 400,
          bad_json + "invalid type: integer `1`, expected a string."),
      put("/boot-source", R"({"kernel_image_path":"nowhere"})", 400,
          "Boot source error: The kernel file cannot be opened: No such file or directory (os error 2)"),
      put("/boot-source", R"({"kernel_image_path":"kernel","initrd_path":"nowhere"})", 400,
          "Boot source error: The initrd file cannot be opened due to invalid path or invalid permissions. No such "
          "file "
          "or directory (os error 2)"),
      put("/boot-source", R"({"kernel_image_path":"kernel","args":"x"})", 400,
          bad_json + "unknown field `args`, expected one of `kernel_image_path`, `initrd_path`, `boot_args`."),
      put("/boot-source", R"({"kernel_image_path":"kernel","boot_args":")" + std::string(2048, 'x') + "\"}", 400,
          "Boot source error: The kernel command line is invalid: Invalid cmdline capacity provided."),
      put("/boot-source", R"({"kernel_image_path":"kernel","boot_args":")" + std::string(2047, 'x') + "\"}", 204),
      put("/actions", R"({"action_type":"InstanceStart"})", 400,
          "Start microvm error: Invalid kernel command line: Inserting string would make command line too long."),
      put("/boot-source", R"({"kernel_image_path":"directory","initrd_path":null})", 204),
      put("/actions", R"({"action_type":"InstanceStart"})", 400),
      put("/boot-source", R"({"kernel_image_path":"kernel","boot_args":"console=ttyS0"})", 204),

      put("/drives", "{}", 400, "The ID cannot be empty."),
      put("/drives/", "{}", 400, "The ID cannot be empty."),
      put("/drives/root-fs", R"({"drive_id":"root-fs","is_root_device":true})", 400,
          "API Resource IDs can only contain alphanumeric characters and underscores."),
      put("/drives/other", R"({"drive_id":"rootfs","is_root_device":true})", 400,
          "The id from the path does not match the id from the body!"),
      put("/drives/rootfs", R"({"drive_id":"rootfs"})", 400, bad_json + "missing field `is_root_device`."),
      put("/drives/rootfs", R"({"drive_id":"rootfs","is_root_device":true})", 400, no_drive + "Invalid block config."),
      put("/drives/rootfs", R"({"drive_id":"rootfs","is_root_device":true,"path_on_host":"nowhere"})", 400,
          no_drive +
              "Virtio backend error: Error manipulating the backing file: No such file or directory (os error 2) "
              "nowhere"),
      put("/drives/rootfs", R"({"drive_id":"rootfs","is_root_device":true,"path_on_host":"directory"})", 400,
          no_drive + "Virtio backend error: Error manipulating the backing file: Is a directory (os error 21) "
                     "directory"),
      put("/drives/rootfs", R"({"drive_id":"rootfs","is_root_device":true,"path_on_host":"disk.img","cache_type":"x"})",
          400, bad_json + "unknown variant `x`, expected `Unsafe` or `Writeback`."),
      put("/drives/rootfs", R"({"drive_id":"rootfs","is_root_device":true,"path_on_host":"disk.img","serial":"x"})",
          400,
          bad_json + "unknown field `serial`, expected one of `drive_id`, `partuuid`, `is_root_device`, `cache_type`, "
                     "`is_read_only`, `path_on_host`, `rate_limiter`, `io_engine`, `socket`."),
      put("/drives/rootfs",
          R"({"drive_id":"rootfs","is_root_device":true,"path_on_host":"disk.img","rate_limiter":{"ops":{"size":1}}})",
          400, bad_json + "missing field `refill_time`."),
      put("/drives/rootfs",
          R"({"drive_id":"rootfs","is_root_device":true,"is_read_only":false,"path_on_host":"disk.img"})", 204),
      put("/drives/rootfs",
          R"({"drive_id":"rootfs","is_root_device":true,"path_on_host":"disk.img","cache_type":"Writeback"})", 204),
      put("/drives/other", R"({"drive_id":"other","is_root_device":true,"path_on_host":"disk.img"})", 400,
          "Drive config error: A root block device already exists!"),
      put("/drives/other",
          R"({"drive_id":"other","is_root_device":false,"is_read_only":true,"path_on_host":"disk.img"})", 204),

      put("/logger", R"({"level":"Foo"})", 400, bad_json + "Invalid LevelFilter."),
      put("/logger", R"({"level":"info"})", 204),
  };
  return list;
}

const std::vector<Exchange>& after_the_start() {
  static const std::vector<Exchange> list = {
      put("/actions", R"({"action_type":"InstanceStart"})", 204),
      put("/actions", R"({"action_type":"InstanceStart"})", 400, too_late),
      put("/machine-config", R"({"vcpu_count":1,"mem_size_mib":64})", 400, too_late),
      patch("/machine-config", R"({"vcpu_count":1})", 400, too_late),
      put("/boot-source", R"({"kernel_image_path":"kernel"})", 400, too_late),
      put("/logger", R"({"level":"Info"})", 400, too_late),
      // Releases that can plug devices in have other words.
      put("/drives/new", R"({"drive_id":"new","is_root_device":false,"path_on_host":"disk.img"})", 400),
      put("/network-interfaces/eth0", R"({"iface_id":"eth0","host_dev_name":"tap7"})", 400),
      put("/network-interfaces/eth0", R"({"iface_id":"eth0"})", 400, bad_json + "missing field `host_dev_name`."),
      patch("/drives/rootfs", R"({"drive_id":"rootfs"})", 400,
            "Drive config error: Unable to patch the block device: Block: Running method expected different backend. "
            "Please verify the request arguments."),
      patch("/drives/rootfs", R"({"drive_id":"rootfs","path_on_host":"nowhere"})", 400,
            "Drive config error: Unable to patch the block device: Block: Virtio backend error: Error manipulating the "
            "backing file: No such file or directory (os error 2) nowhere Please verify the request arguments."),
      patch("/drives/rootfs", R"({"drive_id":"rootfs","path_on_host":"disk.img"})", 204),
      patch("/drives/none", R"({"drive_id":"none","path_on_host":"disk.img"})", 400),
      patch("/vm", R"({"state":"Resumed"})", 204),
      patch("/vm", R"({"state":"Paused"})", 204),
      patch("/vm", R"({"state":"Paused"})", 204),
      patch("/vm", R"({"state":"Resumed"})", 204),
      put("/actions", R"({"action_type":"FlushMetrics"})", 204),
      get("/vm/config", 200),
      put("/actions", R"({"action_type":"SendCtrlAltDel"})", 204),
  };
  return list;
}

const std::vector<Exchange>& of_interfaces() {
  static const std::vector<Exchange> list = {
      put("/network-interfaces/eth1", R"({"iface_id":"eth0","host_dev_name":"tap7"})", 400,
          "The id from the path [eth1] does not match the id from the body [eth0]!"),
      put("/network-interfaces/eth0", R"({"iface_id":"eth0"})", 400, bad_json + "missing field `host_dev_name`."),
      put("/network-interfaces/eth0", R"({"iface_id":"eth0","host_dev_name":"tap7","guest_mac":"x"})", 400,
          bad_json + "The provided MAC address is invalid.."),
      put("/network-interfaces/eth0", R"({"iface_id":"eth0","host_dev_name":"tap7","guest_mac":"02:00:00:00:00:0g"})",
          400, bad_json + "The provided MAC address is invalid.."),
      put("/network-interfaces/eth0", R"({"iface_id":"eth0","host_dev_name":"tap7","x":5})", 400,
          bad_json + "unknown field `x`, expected one of `iface_id`, `host_dev_name`, `guest_mac`, `mtu`, "
                     "`rx_rate_limiter`, `tx_rate_limiter`."),
      put("/network-interfaces/eth0", R"({"iface_id":"eth0","host_dev_name":"sixteen-bytes-xx"})", 400,
          "Network config error: Could not create the network device: Open tap device failed: Invalid interface name"),
      put("/network-interfaces/eth0",
          R"({"iface_id":"eth0","host_dev_name":"tap7","guest_mac":"02:00:00:00:00:01","mtu":1400})", 204),
      put("/network-interfaces/eth0", R"({"iface_id":"eth0","host_dev_name":"tap7","guest_mac":"02:00:00:00:00:01"})",
          204),
      put("/network-interfaces/eth1", R"({"iface_id":"eth1","host_dev_name":"tap8","guest_mac":"02:00:00:00:00:01"})",
          400, "Network config error: The MAC address is already in use: 02:00:00:00:00:01"),
      put("/network-interfaces/eth1", R"({"iface_id":"eth1","host_dev_name":"tap7","guest_mac":"02:00:00:00:00:02"})",
          400,
          "Network config error: Could not create the network device: Open tap device failed: Error while creating "
          "ifreq structure: Device or resource busy (os error 16). Invalid TUN/TAP Backend provided by tap7. Check our "
          "documentation on setting up the network devices."),
      put("/network-interfaces/eth1", R"({"iface_id":"eth1","host_dev_name":"lo","guest_mac":"02:00:00:00:00:02"})",
          400,
          "Network config error: Could not create the network device: Open tap device failed: Error while creating "
          "ifreq structure: Invalid argument (os error 22). Invalid TUN/TAP Backend provided by lo. Check our "
          "documentation on setting up the network devices."),
  };
  return list;
}

// Its fault message without the place in the text, which the stand-in does not tell.
std::string fault_of(const Answer& answer) {
  if (answer.status < 400) return "";
  const Json body = Json::parse(answer.body, nullptr, false);
  if (!body.is_object()) return answer.body;
  static const std::regex place(R"( at line \d+ column \d+)");
  return std::regex_replace(body.value("fault_message", answer.body), place, "");
}

class Conformance : public testing::TestWithParam<Binary> {
 protected:
  Conformance() {
    world_.write("disk.img", std::string(1 << 20, '\0'));
    std::filesystem::create_directory(world_.path() / "directory");
  }

  // A process that was told nothing yet.
  Api begin() {
    SocketWatch watch(open_file_at(world_.volume(), "run", O_RDONLY | O_DIRECTORY));
    Command command;
    command.argv = {GetParam().path, "--api-sock", "run/firecracker.sock", "--id", "tiny", "--log-path", "log"};
    command.working_directory = world_.volume().get();
    process_ = spawn(command);
    return Api(watch.connect(process_, Deadline::after(patience), {}));
  }

  static void expect(Api& api, const std::vector<Exchange>& list) {
    for (const Exchange& wanted : list) {
      SCOPED_TRACE(wanted.request.method + " " + wanted.request.path + " " + wanted.request.body.substr(0, 200));
      const Answer answer = api.exchange(wanted.request, Deadline::after(patience), {});
      EXPECT_EQ(answer.status, wanted.status) << answer.body;
      EXPECT_EQ(fault_of(answer), wanted.fault.empty() ? fault_of(answer) : wanted.fault);
    }
  }

  World world_;
  Child process_;
};

INSTANTIATE_TEST_SUITE_P(Of, Conformance, testing::ValuesIn(binaries()), name_of);

TEST_P(Conformance, WholeLife) {
  Api api = begin();
  expect(api, before_the_start());
  expect(api, after_the_start());
  EXPECT_EQ(process_.wait_until(Deadline::after(patience)).value_or(ExitStatus{-1, 0}).describe(), "exit code 0");
}

TEST_P(Conformance, NetworkInterfaces) {
  MEROS_REQUIRE(test::Need::root, test::Need::namespaces);
  const test::NetworkNamespace network;
  Api api = begin();
  expect(api, of_interfaces());
}

TEST_P(Conformance, SaysWhoItIs) {
  Api api = begin();
  const Json about = parse_json(api.exchange({"GET", "/", ""}, Deadline::after(patience), {}).body, "it");
  EXPECT_EQ(about["id"], "tiny");
  EXPECT_EQ(about["state"], "Not started");
  EXPECT_EQ(about["app_name"], "Firecracker");
  EXPECT_EQ(about.size(), 4U);
}

TEST_P(Conformance, LargestBody) {
  const std::string path(51'200 - std::string(R"({"kernel_image_path":""})").size(), 'x');
  Api api = begin();
  const Plan::Request fits{"PUT", "/boot-source", R"({"kernel_image_path":")" + path + "\"}"};
  EXPECT_EQ(fault_of(api.exchange(fits, Deadline::after(patience), {})),
            "Boot source error: The kernel file cannot be opened: File name too long (os error 36)");
  const Plan::Request too_long{"PUT", "/boot-source", fits.body + " "};
  const Answer answer = api.exchange(too_long, Deadline::after(patience), {});
  EXPECT_EQ(answer.status, 400U);
  EXPECT_EQ(answer.body,
            "{ \"error\": \"Request payload with size 51201 is larger than the limit of 51200 allowed by server.\n"
            "All previous unanswered requests will be dropped.\" }");
}

struct Start {
  std::vector<std::string> arguments;
  std::string status;
  std::string err;  // at its beginning
};

TEST_P(Conformance, CommandLine) {
  world_.write("taken.sock", "");
  world_.write("bad.json", "{bad");
  world_.write("no-kernel.json", R"({"boot-source":{"kernel_image_path":"nowhere"},"drives":[]})");
  const std::vector<Start> starts = {
      {{"--version"}, "exit code 0", ""},
      {{"--foo"}, "exit code 153", "Error: ParseArguments(UnexpectedArgument(\"foo\"))\n"},
      {{"--api-sock"}, "exit code 153", "Error: ParseArguments(MissingValue(\"api-sock\"))\n"},
      {{"--id", "a", "--id", "b"}, "exit code 153", "Error: ParseArguments(DuplicateArgument(\"id\"))\n"},
      {{"--no-api"}, "exit code 153", "Error: ParseArguments(MissingArgument(\"config-file\"))\n"},
      {{"--level", "Foo"}, "exit code 152", "Error: InvalidLogLevel(LevelFilterFromStrError(\"Foo\"))\n"},
      {{"--id", "a_b"}, "signal 6 (Aborted)", ""},
      {{"--id", std::string(65, 'a')}, "signal 6 (Aborted)", ""},
      {{"--log-path", "nowhere/log"}, "exit code 1", "Error: LoggerInitialization("},
      {{"--api-sock", "taken.sock"}, "exit code 1", "Error: RunWithApi(FailedToBindSocket(\"taken.sock\"))\n"},
      {{"--api-sock", "nowhere/sock"}, "exit code 1", "Error: RunWithApi(FailedToBindAndRunHttpServer("},
      {{"--api-sock", std::string(120, 'x')}, "exit code 1", "Error: RunWithApi(FailedToBindAndRunHttpServer("},
      {{"--api-sock", "1.sock", "--config-file", "nowhere"}, "signal 6 (Aborted)", ""},
      {{"--api-sock", "2.sock", "--config-file", "bad.json"}, "exit code 1", "Error: RunWithApi(BuildFromJson("},
      {{"--api-sock", "3.sock", "--config-file", "no-kernel.json"}, "exit code 1", "Error: RunWithApi(BuildFromJson("},
  };
  for (const Start& start : starts) {
    SCOPED_TRACE(start.arguments.front() + " " + start.arguments.back());
    Command command;
    command.argv = {GetParam().path};
    command.argv.insert(command.argv.end(), start.arguments.begin(), start.arguments.end());
    command.working_directory = world_.volume().get();
    const Output output = run(command, {}, Deadline::after(patience));
    EXPECT_EQ(output.status.describe(), start.status);
    EXPECT_EQ(output.err.substr(0, start.err.size()), start.err);
  }
}

TEST_P(Conformance, ConfigurationFile) {
  world_.write("config.json", R"({"machine-config":{"vcpu_count":1,"mem_size_mib":64},)"
                              R"("boot-source":{"kernel_image_path":"kernel","boot_args":"console=ttyS0"},)"
                              R"("drives":[{"drive_id":"rootfs","is_root_device":true,"path_on_host":"disk.img"}]})");
  SerialLine serial = open_serial_line();
  Command command;
  command.argv = {GetParam().path, "--no-api", "--config-file", "config.json", "--log-path", "log"};
  command.working_directory = world_.volume().get();
  command.pass(serial.theirs.get(), 0);
  command.pass(serial.theirs.get(), 1);
  const Child child = spawn(command);
  EXPECT_EQ(read_until(serial.ours, "\n"), std::string(test::ready_line) + "\n");
}

TEST_P(Conformance, Signals) {
  struct Case {
    int signal;
    std::string end;
  };
  for (const Case& one :
       {Case{SIGTERM, "signal 15 (Terminated)"}, Case{SIGINT, "signal 2 (Interrupt)"}, Case{SIGHUP, "exit code 156"}}) {
    Api api = begin();
    process_.kill(one.signal);
    EXPECT_EQ(process_.wait_until(Deadline::after(patience)).value_or(ExitStatus{-1, 0}).describe(), one.end);
  }
  Api api = begin();
  process_.kill(SIGPIPE);
  EXPECT_EQ(api.exchange({"GET", "/", ""}, Deadline::after(patience), {}).status, 200U);
}

}  // namespace
}  // namespace meros::vmm::firecracker
