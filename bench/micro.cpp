// Pieces of `ps` by themselves, with google-benchmark.
#include <benchmark/benchmark.h>

#include "base/json.h"
#include "base/text.h"
#include "machine/config.h"
#include "machine/state.h"

namespace {

using meros::machine::Config;
using meros::machine::StateFile;

std::string config_text() {
  Config config;
  config.name = "web";
  config.volume = "/var/lib/meros/data/volumes/web";
  config.kernel = "kernel";
  config.kernel_args = "rw console=ttyS0 reboot=k panic=1 random.trust_cpu=on";
  config.driver = "qemu";
  config.network = meros::machine::NetworkConfig{"docker0",    "mrs3f2a",       "172.17.0.35",
                                                 "172.17.0.1", "255.255.255.0", "02:00:00:00:00:01"};
  config.owner.data_dir = "/var/lib/meros/data";
  return to_json(config).dump(2);
}

void parsing_a_config(benchmark::State& state) {
  const std::string text = config_text();
  for ([[maybe_unused]] auto _ : state)
    benchmark::DoNotOptimize(meros::machine::parse_config(text, "/var/lib/meros/data/volumes/web"));
}
BENCHMARK(parsing_a_config);

void parsing_a_state(benchmark::State& state) {
  const std::string text = to_json(StateFile{}).dump(2);
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(meros::machine::parse_state(text));
}
BENCHMARK(parsing_a_state);

void describing_a_machine(benchmark::State& state) {
  meros::machine::Status status;
  status.config = meros::machine::parse_config(config_text(), "/var/lib/meros/data/volumes/web");
  status.file.started_at_ms = meros::now_milliseconds();
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(to_json(status).dump(2));
}
BENCHMARK(describing_a_machine);

}  // namespace
