#include "vmm/firecracker/refusal.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/bounded_log.h"
#include "base/error.h"
#include "base/json.h"
#include "base/text.h"

namespace meros::vmm::firecracker {
namespace {

constexpr std::size_t max_words = 1000;  // of a message that is to be read

enum class Kind { failed, invalid, not_found, busy, host };

struct Meaning {
  std::string_view words;     // in the fault message
  std::string_view and_also;  // in it too, unless empty
  Kind kind;
  std::string_view hint;
};

constexpr std::string_view no_kvm =
    "the user that it runs as must be able to open /dev/kvm ('meros doctor' tells more); --driver qemu runs without";

// The first that fits. The words are those of Firecracker 1.17's sources, the numbers are errno's.
constexpr std::array meanings = {
    Meaning{"Error creating KVM object", "", Kind::host, no_kvm},
    Meaning{"Kvm error", "", Kind::host, no_kvm},
    Meaning{"Failed to create VM", "", Kind::host, no_kvm},
    Meaning{"Couldn't open /dev/net/tun", "", Kind::host, "the user that it runs as must be able to open /dev/net/tun"},
    Meaning{"Invalid TUN/TAP Backend", "(os error 16)", Kind::busy,
            "another process has this TAP open: stop the machine that uses it, or give this one another with --tap"},
    Meaning{"Invalid TUN/TAP Backend", "(os error 1)", Kind::busy,
            "this TAP belongs to another user: remove it, or give the machine another with --tap"},
    Meaning{"Invalid TUN/TAP Backend", "(os error 22)", Kind::invalid,
            "this is no TAP device, or one with more than one queue: give the machine another with --tap"},
    Meaning{"kernel file cannot be opened", "(os error 2)", Kind::not_found, "the kernel image is missing"},
    Meaning{"initrd file cannot be opened", "(os error 2)", Kind::not_found, "the initrd is missing"},
    Meaning{"Error manipulating the backing file", "(os error 2)", Kind::not_found, "the disk image is missing"},
    Meaning{"cannot be opened", "(os error 13)", Kind::failed,
            "the user that it runs as must be able to read the file"},
    Meaning{"Error manipulating the backing file", "(os error 13)", Kind::failed,
            "the user that it runs as must be able to open the disk image"},
    Meaning{"Cannot load kernel", "", Kind::invalid,
            "on x86_64 it must be an uncompressed ELF image (vmlinux), on aarch64 an Image, and it must fit into the "
            "memory"},
    Meaning{"Error with initrd initialization", "", Kind::invalid, "the initrd must fit into the machine's memory"},
    Meaning{"Cannot allocate memory", "", Kind::host, "the host has not that much memory: give the machine less"},
};

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

const Meaning* meaning_of(std::string_view fault) {
  const auto* found = std::find_if(meanings.begin(), meanings.end(), [&](const Meaning& m) {
    return contains(fault, m.words) && contains(fault, m.and_also);
  });
  return found == meanings.end() ? nullptr : found;
}

// In one line, bounded, and with nothing in it that would drive a terminal.
std::string tidy(std::string_view text) {
  text = text.substr(0, max_words);
  std::string tidied;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    // Some of Firecracker's messages have a "\" and a line end where their text just goes on.
    const bool continued = text.substr(i, 2) == "\\\n";
    if (byte > 0x20 && byte != 0x7f && !continued)
      tidied += text[i];
    else if (!tidied.empty() && tidied.back() != ' ')
      tidied += ' ';
  }
  return std::string(trim(tidied));
}

// Refusals by the API come as JSON; those by the HTTP server below it only look like it.
std::string fault_of(const Answer& answer) {
  const Json body = Json::parse(answer.body, nullptr, /*allow_exceptions=*/false);
  if (body.is_object() && body.contains("fault_message") && body["fault_message"].is_string())
    return tidy(body["fault_message"].get<std::string>());
  const std::string words = tidy(answer.body);
  return words.empty() ? fmt::format("HTTP status {}", answer.status) : words;
}

// Which of the machine's things the request was about.
std::string subject_of(const Plan::Request& request, std::string_view fault) {
  const Json body = Json::parse(request.body, nullptr, /*allow_exceptions=*/false);
  if (!body.is_object()) return {};
  if (request.path.starts_with("/network-interfaces/") && body.contains("host_dev_name"))
    return fmt::format("TAP device '{}'", body.value("host_dev_name", ""));
  if (request.path.starts_with("/drives/")) return fmt::format("disk '{}'", body.value("path_on_host", ""));
  if (request.path == "/boot-source" && contains(fault, "initrd"))
    return fmt::format("initrd '{}'", body.value("initrd_path", ""));
  if (request.path == "/boot-source") return fmt::format("kernel '{}'", body.value("kernel_image_path", ""));
  return {};
}

[[noreturn]] void throw_kind(Kind kind, std::string message, std::string hint) {
  switch (kind) {
    case Kind::invalid:
      throw InvalidError(std::move(message), std::move(hint));
    case Kind::not_found:
      throw NotFoundError(std::move(message), std::move(hint));
    case Kind::busy:
      throw BusyError(std::move(message), std::move(hint));
    case Kind::host:
      throw HostError(std::move(message), std::move(hint));
    case Kind::failed:
      break;
  }
  throw Error(std::move(message), std::move(hint));
}

// "2026-01-31T12:00:00.123456789 [id:thread:LEVEL] text", or a line that bypassed the log.
struct LogLine {
  bool tells_why = true;
  std::string_view text;
};

LogLine parse_log_line(std::string_view line) {
  const auto open = line.find(" [");
  const auto close = line.find("] ");
  if (line.empty() || line.front() < '0' || line.front() > '9' || open == std::string_view::npos ||
      close == std::string_view::npos || close < open)
    return {true, line};
  const std::string_view origin = line.substr(open, close - open);
  return {origin.ends_with(":ERROR"), line.substr(close + 2)};
}

}  // namespace

void check(const Plan::Request& request, const Answer& answer) {
  if (answer.status < 400) return;
  const std::string fault = fault_of(answer);
  const std::string subject = subject_of(request, fault);
  std::string message = fmt::format("{}Firecracker refused {} {}: {}", subject.empty() ? "" : subject + ": ",
                                    request.method, request.path, fault);
  const Meaning* meaning = meaning_of(fault);
  if (meaning == nullptr) throw Error(std::move(message));
  throw_kind(meaning->kind, std::move(message), std::string(meaning->hint));
}

std::string last_words(std::string_view log) {
  constexpr std::size_t lines_looked_at = 20;
  constexpr std::size_t lines_told = 3;
  std::vector<std::string> words;
  for (const std::string& line : split(last_lines(log, lines_looked_at), '\n')) {
    const LogLine parsed = parse_log_line(line);
    // It also logs how it exits, which the exit status says already.
    if (!parsed.tells_why || parsed.text.starts_with("Firecracker exiting")) continue;
    if (const std::string text = tidy(parsed.text); !text.empty()) words.push_back(text);
  }
  if (words.size() > lines_told) words.erase(words.begin(), words.end() - lines_told);
  return join(words, "; ");
}

void throw_ending(const ExitStatus& status, std::string_view words) {
  std::string message = "Firecracker ended with " + status.describe();
  // FcExitCode of its sources.
  if (status.code == 148) message += ", after a system call that its seccomp filter forbids";
  if (status.code == 153) message += ", for it did not take its command line";
  if (!words.empty()) message += fmt::format(": {}", words);
  throw Error(std::move(message), status.code == 153 ? "is this a Firecracker of at least version 1.0?" : "");
}

}  // namespace meros::vmm::firecracker
