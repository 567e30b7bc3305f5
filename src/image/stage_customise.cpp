// The machine itself, as a layer over the packages that others may have, too.
#include "image/customise_root.h"
#include "image/overlay.h"
#include "image/stages.h"

namespace fs = std::filesystem;

namespace meros::image {

void customise(const StageInputs& inputs) {
  Overlay overlay(layers_of(inputs), inputs.work);
  customise_root(inputs.spec, inputs.keys, overlay.merged());
  overlay.unmount();
  fs::remove_all(inputs.work / "work");
  fs::remove(inputs.work / "merged");
  finish_entry(inputs.work, inputs.entry, {});
}

}  // namespace meros::image
