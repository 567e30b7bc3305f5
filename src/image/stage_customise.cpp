// The machine itself, as a layer over the packages that others may have, too.
#include <ctime>

#include "image/customise_root.h"
#include "image/overlay.h"
#include "image/settled_times.h"
#include "image/stages.h"

namespace fs = std::filesystem;

namespace meros::image {

void customise(const StageInputs& inputs) {
  const std::int64_t started = std::time(nullptr);
  const std::int64_t newest = newest_below(inputs);
  Overlay overlay(layers_of(inputs), inputs.work);
  customise_root(inputs.spec, inputs.keys, overlay.merged(), Origin::built, HookCopies{inputs.work / "hooks", newest});
  overlay.unmount();
  fs::remove_all(inputs.work / "work");
  fs::remove(inputs.work / "merged");
  finish_entry(inputs.work, inputs.entry, {{}, settle_times(overlay.upper(), started, newest)});
}

}  // namespace meros::image
