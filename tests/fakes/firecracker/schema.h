// The API that the stand-in speaks, as tables: a test compares them with Firecracker's own OpenAPI file.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace meros::fake {

enum class Type { text, boolean, u8, u16, u64, choice, level, mac, object };
enum class Presence {
  required,
  optional,   // absent or null
  defaulted,  // absent; null is an error
};

struct Schema;
struct Field {
  std::string_view name;
  Type type = Type::text;
  Presence presence = Presence::optional;
  std::span<const std::string_view> choices = {};  // of Type::choice and Type::level
  const Schema* schema = nullptr;                  // of Type::object
};

struct Schema {
  std::string_view definition;  // its name in the OpenAPI file
  std::string_view name;        // its name in Firecracker's messages
  std::span<const Field> fields;
};

struct Endpoint {
  std::string_view method;
  std::string_view path;  // "/drives/{drive_id}"
  const Schema* body = nullptr;
};

namespace tables {

inline constexpr std::string_view actions[] = {"FlushMetrics", "InstanceStart", "SendCtrlAltDel"};
inline constexpr std::string_view states[] = {"Paused", "Resumed"};
inline constexpr std::string_view cache_types[] = {"Unsafe", "Writeback"};
inline constexpr std::string_view io_engines[] = {"Async", "Sync"};
inline constexpr std::string_view huge_pages[] = {"None", "2M"};
inline constexpr std::string_view cpu_templates[] = {"C3", "T2", "T2S", "None", "T2CL", "T2A", "V1N1"};
inline constexpr std::string_view levels[] = {"Error", "Warning", "Info", "Debug", "Trace", "Off"};

inline constexpr Field token_bucket_fields[] = {{"size", Type::u64, Presence::required},
                                                {"one_time_burst", Type::u64},
                                                {"refill_time", Type::u64, Presence::required}};
inline constexpr Schema token_bucket{"TokenBucket", "TokenBucketConfig", token_bucket_fields};

inline constexpr Field rate_limiter_fields[] = {{"bandwidth", Type::object, Presence::optional, {}, &token_bucket},
                                                {"ops", Type::object, Presence::optional, {}, &token_bucket}};
inline constexpr Schema rate_limiter{"RateLimiter", "RateLimiterConfig", rate_limiter_fields};

inline constexpr Field action_fields[] = {{"action_type", Type::choice, Presence::required, actions}};
inline constexpr Schema action{"InstanceActionInfo", "ActionBody", action_fields};

inline constexpr Field boot_source_fields[] = {
    {"kernel_image_path", Type::text, Presence::required}, {"initrd_path"}, {"boot_args"}};
inline constexpr Schema boot_source{"BootSource", "BootSourceConfig", boot_source_fields};

inline constexpr Field drive_fields[] = {{"drive_id", Type::text, Presence::required},
                                         {"partuuid"},
                                         {"is_root_device", Type::boolean, Presence::required},
                                         {"cache_type", Type::choice, Presence::defaulted, cache_types},
                                         {"is_read_only", Type::boolean},
                                         {"path_on_host"},
                                         {"rate_limiter", Type::object, Presence::optional, {}, &rate_limiter},
                                         {"io_engine", Type::choice, Presence::optional, io_engines},
                                         {"socket"}};
inline constexpr Schema drive{"Drive", "BlockDeviceConfig", drive_fields};

inline constexpr Field drive_update_fields[] = {{"drive_id", Type::text, Presence::required},
                                                {"path_on_host"},
                                                {"rate_limiter", Type::object, Presence::optional, {}, &rate_limiter}};
inline constexpr Schema drive_update{"PartialDrive", "BlockDeviceUpdateConfig", drive_update_fields};

inline constexpr Field machine_config_fields[] = {{"vcpu_count", Type::u8, Presence::required},
                                                  {"mem_size_mib", Type::u64, Presence::required},
                                                  {"smt", Type::boolean, Presence::defaulted},
                                                  {"cpu_template", Type::choice, Presence::optional, cpu_templates},
                                                  {"track_dirty_pages", Type::boolean, Presence::defaulted},
                                                  {"huge_pages", Type::choice, Presence::defaulted, huge_pages}};
inline constexpr Schema machine_config{"MachineConfiguration", "MachineConfig", machine_config_fields};

// The OpenAPI file has no definition of its own for it.
inline constexpr Field machine_config_update_fields[] = {
    {"vcpu_count", Type::u8},
    {"mem_size_mib", Type::u64},
    {"smt", Type::boolean},
    {"cpu_template", Type::choice, Presence::optional, cpu_templates},
    {"track_dirty_pages", Type::boolean},
    {"huge_pages", Type::choice, Presence::optional, huge_pages}};
inline constexpr Schema machine_config_update{"", "MachineConfigUpdate", machine_config_update_fields};

inline constexpr Field network_interface_fields[] = {
    {"iface_id", Type::text, Presence::required},
    {"host_dev_name", Type::text, Presence::required},
    {"guest_mac", Type::mac},
    {"mtu", Type::u16},
    {"rx_rate_limiter", Type::object, Presence::optional, {}, &rate_limiter},
    {"tx_rate_limiter", Type::object, Presence::optional, {}, &rate_limiter}};
inline constexpr Schema network_interface{"NetworkInterface", "NetworkInterfaceConfig", network_interface_fields};

inline constexpr Field network_update_fields[] = {
    {"iface_id", Type::text, Presence::required},
    {"rx_rate_limiter", Type::object, Presence::optional, {}, &rate_limiter},
    {"tx_rate_limiter", Type::object, Presence::optional, {}, &rate_limiter}};
inline constexpr Schema network_update{"PartialNetworkInterface", "NetworkInterfaceUpdateConfig",
                                       network_update_fields};

inline constexpr Field logger_fields[] = {{"log_path"},
                                          {"level", Type::level, Presence::optional, levels},
                                          {"show_level", Type::boolean},
                                          {"show_log_origin", Type::boolean},
                                          {"module"}};
inline constexpr Schema logger{"Logger", "LoggerConfig", logger_fields};

inline constexpr Field vm_fields[] = {{"state", Type::choice, Presence::required, states}};
inline constexpr Schema vm{"Vm", "Vm", vm_fields};

inline constexpr Endpoint endpoints[] = {{"GET", "/"},
                                         {"GET", "/version"},
                                         {"GET", "/machine-config"},
                                         {"GET", "/vm/config"},
                                         {"PUT", "/actions", &action},
                                         {"PUT", "/boot-source", &boot_source},
                                         {"PUT", "/drives/{drive_id}", &drive},
                                         {"PUT", "/logger", &logger},
                                         {"PUT", "/machine-config", &machine_config},
                                         {"PUT", "/network-interfaces/{iface_id}", &network_interface},
                                         {"PATCH", "/drives/{drive_id}", &drive_update},
                                         {"PATCH", "/machine-config", &machine_config_update},
                                         {"PATCH", "/network-interfaces/{iface_id}", &network_update},
                                         {"PATCH", "/vm", &vm}};

// What the real one has and the stand-in has not: asked for it, it says so.
inline constexpr std::string_view not_modelled[] = {"balloon", "cpu-config", "entropy", "hotplug",  "metrics",
                                                    "mmds",    "pmem",       "serial",  "snapshot", "vsock"};

}  // namespace tables
}  // namespace meros::fake
