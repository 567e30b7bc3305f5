#include <array>

#include "cli/command.h"

namespace meros::cli {
namespace {

// In the order of --help: first constellations, then the life of a machine, then looking at it, then the rest.
constexpr std::array verbs = {
    Verb{"new", "", "write a constellation to start from", Faces::meros, declare_new},
    Verb{"validate", "", "check the manifest of a constellation", Faces::meros, declare_validate},
    Verb{"build", "", "build the images of a constellation", Faces::meros, declare_build},
    Verb{"kernel-build", "", "build a Linux kernel for machines", Faces::meros, declare_kernel_build},
    Verb{"plan", "", "show what init would do", Faces::meros, declare_plan},
    Verb{"init", "up", "bring a constellation to what its manifest says", Faces::meros, declare_init},
    Verb{"shutdown", "down", "stop a constellation and remove its network", Faces::meros, declare_shutdown},
    Verb{"enable", "", "bring a constellation up when the host starts", Faces::meros, declare_enable},
    Verb{"disable", "", "undo enable", Faces::meros, declare_disable},
    Verb{"enter", "", "run a command in the network of a constellation", Faces::meros, declare_enter},
    Verb{"create", "", "make a machine", Faces::both, declare_create},
    Verb{"start", "", "start machines", Faces::both, declare_start},
    Verb{"stop", "", "stop machines", Faces::both, declare_stop},
    Verb{"restart", "", "stop machines and start them again", Faces::meros, declare_restart},
    Verb{"pause", "", "halt the vCPUs of machines", Faces::meros, declare_pause},
    Verb{"resume", "", "let paused machines go on", Faces::meros, declare_resume},
    Verb{"delete", "rm", "remove machines with their disks", Faces::both, declare_delete},
    Verb{"ps", "list", "list machines", Faces::both, declare_ps},
    Verb{"info", "", "tell all that is known of machines", Faces::both, declare_info},
    Verb{"logs", "", "print the console's log of a machine", Faces::both, declare_logs},
    Verb{"events", "", "print what happened to machines", Faces::meros, declare_events},
    Verb{"console", "", "attach to the serial console of a machine", Faces::both, declare_console},
    Verb{"connect", "", "open a shell in a machine", Faces::meros, declare_connect},
    Verb{"exec", "", "run a command in a machine", Faces::meros, declare_exec},
    Verb{"run", "", "show a graphical application of a machine here", Faces::meros, declare_run},
    Verb{"display", "", "show the screen of a machine", Faces::meros, declare_display},
    Verb{"push", "", "copy files into a machine's shared directory", Faces::meros, declare_push},
    Verb{"pull", "", "copy files from a machine's shared directory", Faces::meros, declare_pull},
    Verb{"cp", "", "copy files into or from a machine", Faces::meros, declare_cp},
    Verb{"ssh-config", "", "print what ssh needs to reach machines by name", Faces::meros, declare_ssh_config},
    Verb{"wait", "", "wait until machines are in a state", Faces::meros, declare_wait},
    Verb{"supervise", "", "run a machine in the foreground", Faces::meros, declare_supervise},
    Verb{"gc", "", "mend what a crash left behind", Faces::meros, declare_gc},
    Verb{"image fetch", "", "fetch a kernel and a root file system", Faces::both, declare_image_fetch},
    Verb{"image ls", "", "list images and what is kept for the next build", Faces::meros, declare_image_ls},
    Verb{"image rm", "", "remove images", Faces::meros, declare_image_rm},
    Verb{"image prune", "", "remove what no image stands on", Faces::meros, declare_image_prune},
    Verb{"schema", "", "print the JSON Schema of manifests", Faces::meros, declare_schema},
    Verb{"doctor", "", "look at what the host has and lacks", Faces::both, declare_doctor},
    Verb{"completion", "", "print the completion script for a shell", Faces::both, declare_completion},
    Verb{"version", "", "print the version", Faces::both, declare_version},
};

constexpr std::array hidden_verbs = {
    Verb{"dial", "", "pass ssh a connection to a machine", Faces::meros, declare_dial},
};

}  // namespace

std::vector<Verb> verbs_of(machine::Face face) {
  std::vector<Verb> ours;
  const auto other = face == machine::Face::meros ? Faces::mergenc : Faces::meros;
  for (const auto& verb : verbs)
    if (verb.faces != other) ours.push_back(verb);
  return ours;
}

std::optional<Verb> hidden_verb(std::string_view name) {
  for (const auto& verb : hidden_verbs)
    if (verb.name == name) return verb;
  return std::nullopt;
}

}  // namespace meros::cli
