#include "image/kernel_build.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <thread>

#include "base/bounded_log.h"
#include "base/child.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "image/cache.h"
#include "image/kernel_config.h"
#include "image/kernel_make.h"
#include "image/kernel_objects.h"
#include "image/kernel_run.h"
#include "image/kernel_source.h"
#include "image/kernel_tools.h"
#include "image/sha256.h"
#include "image/url.h"
#include "machine/disks.h"
#include "machine/vmlinux.h"

extern char** environ;

namespace fs = std::filesystem;

namespace meros::image {
namespace {

constexpr std::size_t lines_in_errors = 20;
constexpr std::size_t largest_config = std::size_t{4} << 20;
// Another one makes every kernel anew: for a change of what is below.
constexpr int recipe = 1;

std::vector<std::string> our_environment() {
  std::vector<std::string> variables;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable)
    variables.emplace_back(*variable);
  return variables;
}

// The base that the asked options go over, and these options.
struct AskedConfig {
  std::string base;  // kbuild's target that makes it; "" for a file, which is all in `options`
  KernelConfig options;
  KernelConfig wanted;  // those whose loss is told of
};

KernelConfig read_config(const fs::path& path) {
  if (!fs::exists(path))
    throw NotFoundError(fmt::format("there is no kernel config '{}'", path.string()), "check the path");
  return parse_kernel_config(read_file(path, largest_config), path.string());
}

AskedConfig asked_config(const KernelBuildOptions& options) {
  AskedConfig asked;
  KernelConfig config;
  if (options.config == "micro") {
    asked.base = "allnoconfig";
    config = micro_config(options.arch);
  } else if (options.config == "defconfig") {
    asked.base = "defconfig";
  } else {
    config = read_config(options.config);
  }
  for (const auto& fragment : options.fragments) config = merged(std::move(config), read_config(fragment));
  asked.wanted = config;
  asked.options = merged(reproducible_config(), config);
  return asked;
}

// The options that a tree's Kconfig files know for an architecture.
std::set<std::string> known_options(const fs::path& source, vmm::Arch arch) {
  const fs::path ours = source / "arch" / (arch == vmm::Arch::x86_64 ? "x86" : "arm64");
  std::set<std::string> known;
  for (auto entry = fs::recursive_directory_iterator(source); entry != fs::recursive_directory_iterator(); ++entry) {
    const std::string name = entry->path().filename();
    const bool others = entry->path().parent_path() == source / "arch" && entry->path() != ours;
    if (entry->is_directory() && (others || name.starts_with(".") || name == "Documentation"))
      entry.disable_recursion_pending();
    if (!name.starts_with("Kconfig") || !entry->is_regular_file()) continue;
    for (const auto& whole : split(read_file(entry->path()), '\n')) {
      const auto line = trim(whole);
      for (const std::string_view word : {"config ", "menuconfig "})
        if (line.starts_with(word)) known.emplace(trim(line.substr(word.size())));
    }
  }
  return known;
}

class KernelBuild {
 public:
  KernelBuild(const KernelBuildOptions& options, Reporter& reporter)
      : options_(options), reporter_(reporter), asked_(asked_config(options)), source_(kernel_source(options.source)) {
    make_.arch = options.arch;
    make_.host = vmm::host_arch();
    make_.jobs = options.jobs != 0 ? options.jobs : std::max(1U, std::thread::hardware_concurrency());
    make_.ccache = find_program("ccache").has_value();
    result_.kernel = options.home.images_dir / kernel_file(options.arch);
    result_.config = result_.kernel.string() + ".config";
    if (options.arch == vmm::Arch::x86_64) result_.vmlinux = options.home.images_dir / "vmlinux";
  }

  KernelBuildResult result() {
    auto tools = tools_for(make_, source_.kind);
    for (auto& tool : tools_for(asked_.options)) tools.push_back(std::move(tool));
    require_tools(tools, host_has);
    compiler_ = compiler_of(make_);
    cache_.emplace(options_.home.data_dir / "cache");
    const Held mine = cache_->hold("kernel-build", Hold::make, reporter_);
    open_log();
    try {
      const auto former = read_kernel_facts(facts_file());
      const KernelWorkplace workplace{*cache_, reporter_, progress(), log_, kernel_environment(our_environment())};
      identity_ = identify(source_, former, workplace);
      if (former && is_up_to_date(*former)) {
        result_.facts = *former;
        result_.unchanged = true;
        return result_;
      }
      build(workplace);
    } catch (HostError&) {
      throw;
    } catch (Error& e) {
      e.suggest(fmt::format("the whole log is '{}'", log_path_.string()));
      throw;
    }
    return result_;
  }

 private:
  KernelProgress progress() const {
    if (options_.on_progress) return options_.on_progress;
    return [](std::string_view, std::uint64_t, std::optional<std::uint64_t>) {};
  }
  fs::path facts_file() const { return result_.kernel.string() + ".json"; }
  std::vector<fs::path> results() const {
    std::vector<fs::path> files = {result_.kernel, result_.config};
    if (result_.vmlinux) files.push_back(*result_.vmlinux);
    return files;
  }
  std::vector<std::string> stamps() const {
    std::vector<std::string> stamps;
    for (const auto& file : results()) stamps.push_back(fs::exists(file) ? machine::file_stamp(file) : "");
    return stamps;
  }

  std::string inputs() const {
    return sha256_of(Json{{"recipe", recipe},
                          {"arch", to_string(options_.arch)},
                          {"source", identity_.text},
                          {"base", asked_.base},
                          {"options", to_text(asked_.options)},
                          {"compiler", compiler_.identity}}
                         .dump());
  }
  bool is_up_to_date(const KernelFacts& former) const { return former.inputs == inputs() && former.stamps == stamps(); }

  void open_log() {
    log_path_ = cache_->log_directory() / "kernel-build.log";
    log_ = open_file(log_path_, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW, 0600);
  }

  void build(const KernelWorkplace& workplace) {
    const PreparedSource prepared = prepare(source_, identity_, workplace);
    make_.source = prepared.directory;
    // One place for each tree and architecture, whatever the config: kbuild sees what that changes.
    const std::string name = sha256_of(fmt::format("{}\n{}", make_.source.string(), to_string(options_.arch)));
    const fs::path place = cache_->entry("objects", name);
    const Held held = cache_->hold(place.filename(), Hold::make, reporter_);
    KernelObjects objects(place);
    make_.objects = place;
    configure(workplace, objects);
    compile(workplace, objects);
    publish();
  }

  KernelStep make_step(const KernelWorkplace& workplace, const KernelObjects& objects,
                       const std::vector<std::string>& targets) const {
    return {make_argv(make_, targets), workplace.environment, &log_, &objects.lock(), {}};
  }

  void make(KernelObjects& objects, const KernelStep& step, std::string_view what) {
    objects.begin();
    const ExitStatus status = run_kernel_step(step);
    objects.done();  // it has ended by itself, and left nothing half written
    if (status.success()) return;
    throw Error(fmt::format("{}: make ended with {}\n{}", what, status.describe(), log_end()));
  }
  std::string log_end() const {
    return last_lines(log_tail(log_path_.string(), std::size_t{64} << 10), lines_in_errors);
  }

  void configure(const KernelWorkplace& workplace, KernelObjects& objects) {
    reporter_.note("configuring");
    const fs::path config = make_.objects / ".config";
    const auto former = read_file_if_exists(config, largest_config);
    const auto written = former ? fs::last_write_time(config) : fs::file_time_type();
    make_config(config, workplace, objects);
    config_text_ = read_file(config, largest_config);
    // So that nothing is made anew for it.
    if (config_text_ == former) fs::last_write_time(config, written);
    config_ = parse_kernel_config(config_text_, config.string());
    warn_of_lost_options();
    require_tools(tools_for(config_), host_has);
  }

  void make_config(const fs::path& config, const KernelWorkplace& workplace, KernelObjects& objects) {
    const std::string wanted = make_.objects / ".meros-config";
    replace_file(wanted, to_text(asked_.options), 0644, Durability::process_crash_only);
    if (asked_.base == "allnoconfig") {
      KernelStep step = make_step(workplace, objects, {"allnoconfig"});
      step.environment.push_back("KCONFIG_ALLCONFIG=" + wanted);
      make(objects, step, "configuring");
    } else {
      KernelConfig base;
      if (!asked_.base.empty()) {
        make(objects, make_step(workplace, objects, {asked_.base}), "configuring");
        base = parse_kernel_config(read_file(config, largest_config), config.string());
      }
      replace_file(config, to_text(merged(base, asked_.options)), 0644, Durability::process_crash_only);
    }
    make(objects, make_step(workplace, objects, {"olddefconfig"}), "configuring");
  }

  // Our own config is for more than one version of Linux: what this one has not is not missed.
  void warn_of_lost_options() {
    auto lost = lost_options(asked_.wanted, config_);
    if (lost.empty()) return;
    const auto known = known_options(make_.source, options_.arch);
    const KernelConfig ours = options_.config == "micro" ? micro_config(options_.arch) : KernelConfig();
    for (auto& option : lost) {
      const std::string name = option.name.substr(option.name.find('_') + 1);
      const bool unknown = !known.contains(name);
      if (unknown && ours.contains(name)) continue;
      reporter_.warn(
          unknown ? fmt::format("{} was asked to be {}, and these sources do not have it", option.name, option.asked)
                  : fmt::format("{} was asked to be {} and is {}", option.name, option.asked, option.got));
      result_.facts.lost.push_back(option);
    }
  }

  void compile(const KernelWorkplace& workplace, KernelObjects& objects) {
    reporter_.note(fmt::format("compiling with {} job{}{}", make_.jobs, make_.jobs == 1 ? "" : "s",
                               make_.ccache ? " and ccache" : ""));
    const auto built_in = std::ranges::count_if(config_, [](const auto& option) { return option.second != "n"; });
    // Of a tree that was built before it cannot be told how much is to do.
    const bool fresh = !fs::exists(make_.objects / "vmlinux");
    const auto total = fresh ? std::optional(expected_steps(static_cast<std::size_t>(built_in))) : std::nullopt;
    std::uint64_t done = fresh ? objects.steps_done() : 0;
    KernelStep step = make_step(workplace, objects, {kernel_file(options_.arch)});
    step.on_line = [&](std::string_view line) {
      if (!is_build_step(line)) return;
      ++done;
      // The last part is only there when make has ended.
      workplace.on_progress("compiling", total ? std::min(done, *total - 1) : done, total);
    };
    make(objects, step, "compiling");
    workplace.on_progress("compiling", total.value_or(done), total.value_or(done));
  }

  void publish() {
    make_directories(options_.home.images_dir);
    const std::string kernel = read_file(make_.objects / made_kernel(options_.arch), machine::largest_kernel);
    if (result_.vmlinux) replace_file(*result_.vmlinux, machine::unpack_vmlinux(kernel));
    replace_file(result_.config, config_text_);
    replace_file(result_.kernel, kernel);
    KernelFacts& facts = result_.facts;
    facts.arch = to_string(options_.arch);
    facts.version = trim(read_file(make_.objects / "include/config/kernel.release", 4096));
    facts.source = source_.kind == SourceKind::git ? without_credentials(source_.place) : source_.place;
    facts.commit = identity_.commit;
    facts.config = options_.config;
    facts.config_sha256 = sha256_of(config_text_);
    facts.compiler = compiler_.title;
    facts.sha256 = sha256_of(kernel);
    facts.bytes = kernel.size();
    facts.built_at = now_milliseconds();
    facts.capabilities = capabilities_of(config_);
    facts.inputs = inputs();
    facts.source_identity = identity_.text;
    facts.source_stamp = identity_.stamp;
    facts.stamps = stamps();
    replace_file(facts_file(), to_json(facts).dump(2) + "\n");
  }

  const KernelBuildOptions& options_;
  Reporter& reporter_;
  AskedConfig asked_;
  KernelSource source_;
  std::optional<Cache> cache_;
  KernelMake make_;
  Compiler compiler_;
  SourceIdentity identity_;
  fs::path log_path_;
  Fd log_;
  std::string config_text_;
  KernelConfig config_;
  KernelBuildResult result_;
};

}  // namespace

KernelBuildResult build_kernel(const KernelBuildOptions& options, Reporter& reporter) {
  return KernelBuild(options, reporter).result();
}

}  // namespace meros::image
