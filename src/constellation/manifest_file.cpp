#include "constellation/manifest_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/fd.h"
#include "base/text.h"
#include "constellation/dotenv/dotenv.h"

namespace fs = std::filesystem;

namespace meros::constellation {
namespace {

constexpr std::string_view parent_directory = "constellations";
constexpr std::array manifest_names = {"manifest.yml", "manifest.yaml"};
constexpr std::string_view dotenv_name = ".env";

// Whatever it is, a link that leads nowhere too: what is wrong with it is said when it is opened.
bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(fs::symlink_status(path, error));
}

bool is_a_directory(const fs::path& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

std::vector<std::string> known_constellations() {
  std::vector<std::string> names;
  std::error_code error;  // no directory: none are known
  for (fs::directory_iterator entry(parent_directory, error), end; !error && entry != end; entry.increment(error))
    if (is_a_directory(entry->path())) names.push_back(entry->path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

[[noreturn]] void no_such(const std::string& target) {
  const auto known = known_constellations();
  const auto near = target.size() <= 64 ? nearest(target, known) : std::nullopt;
  std::string hint = "it is looked for in ./constellations, or give the path of its directory";
  if (near) hint = fmt::format("did you mean {}?", in_quotes(*near));
  throw NotFoundError(fmt::format("no such constellation {}", in_quotes(target)), std::move(hint));
}

Place place_in(const fs::path& directory, const fs::path& shown) {
  for (const char* name : manifest_names)
    if (is_there(directory / name))
      return {directory.filename().string(), directory, (shown / name).lexically_normal()};
  throw NotFoundError(fmt::format("there is no {} in {}", manifest_names.front(), in_quotes(directory.string())),
                      "'meros new NAME' writes one to start from");
}

fs::path whole_path(const fs::path& path) {
  fs::path whole = fs::absolute(path).lexically_normal();
  return whole.has_filename() ? whole : whole.parent_path();  // "x/" ends with an empty name
}

// A regular file, at most `limit` bytes. Nothing when there is none. Never waits (for the writer of a FIFO, say).
std::optional<std::string> read_regular(const fs::path& path, std::size_t limit) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) {
    if (errno == ENOENT) return std::nullopt;
    throw_errno(fmt::format("cannot open {}", in_quotes(path.string())));
  }
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) throw_errno(fmt::format("cannot look at {}", in_quotes(path.string())));
  if (S_ISDIR(info.st_mode)) throw InvalidError(fmt::format("{} is a directory", in_quotes(path.string())));
  if (!S_ISREG(info.st_mode)) throw InvalidError(fmt::format("{} is not a regular file", in_quotes(path.string())));
  if (static_cast<std::uint64_t>(info.st_size) > limit)
    throw InvalidError(fmt::format("{} is longer than {} KiB", in_quotes(path.string()), limit >> 10));
  try {
    return read_all(fd, limit);
  } catch (Error& e) {
    e.add_context(in_quotes(path.string()));
    throw;
  }
}

std::map<std::string, std::string, std::less<>> process_variables() {
  std::map<std::string, std::string, std::less<>> variables;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const auto equals = text.find('=');
    if (equals != std::string_view::npos) variables.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return variables;
}

}  // namespace

Place find_constellation(const std::string& target) {
  if (target.find('\0') != std::string::npos) no_such(target);
  if (target.empty()) return place_in(whole_path("."), {});
  const fs::path named = fs::path(parent_directory) / target;
  if (is_valid_name(target) && is_a_directory(named)) return place_in(whole_path(named), named);
  if (is_a_directory(target)) return place_in(whole_path(target), target);
  if (!is_there(target)) no_such(target);
  const fs::path directory = whole_path(target).parent_path();
  return {directory.filename().string(), directory, target};
}

ParseResult read_manifest(const Place& place) {
  auto text = read_regular(place.manifest, max_manifest_bytes);
  if (!text) throw NotFoundError(fmt::format("there is no {}", in_quotes(place.manifest.string())));
  Environment environment{process_variables(), is_valid_name(place.name) ? place.name : "", vmm::host_arch()};

  const fs::path dotenv_path = place.manifest.parent_path() / dotenv_name;
  std::vector<Diagnostic> errors;
  if (auto dotenv = read_regular(dotenv_path, max_dotenv_bytes)) {
    DotEnv parsed = parse_dotenv(*std::move(dotenv), dotenv_path.string());
    errors = std::move(parsed.errors);
    // What is there already stays: the environment goes before the file.
    environment.variables.merge(parsed.variables);
  }
  ParseResult result = parse_manifest(*std::move(text), place.manifest.string(), environment);
  if (errors.empty()) return result;
  result.manifest.reset();
  errors.insert(errors.end(), result.diagnostics.begin(), result.diagnostics.end());
  result.diagnostics = std::move(errors);
  return result;
}

Manifest load_manifest(const Place& place, Reporter& reporter) {
  ParseResult result = read_manifest(place);
  for (const auto& diagnostic : result.diagnostics)
    if (!diagnostic.is_error()) reporter.warn(diagnostic.render_without_severity());
  if (!result.manifest) throw ManifestError(place.manifest.string(), std::move(result.diagnostics), result.more);
  return *std::move(result.manifest);
}

}  // namespace meros::constellation
