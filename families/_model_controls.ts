/** The controls that a model can open by name. */
import { partPrecision } from "../backends/precision.ts";
import { LazyPart } from "../core/lazy_part.ts";
import type { Control } from "../core/parts.ts";
import type { UnetArchitecture } from "../models/unet_config.ts";
import { openControl } from "../parts/control.ts";
import { localFolder } from "../weights/model_folder.ts";
import type { Components } from "./components.ts";
import type { OpenModelOptions } from "./open_options.ts";

/** Opens each control once: one of the model's own folder, `control_<name>/`, or one in a folder of its own. */
export function modelControls(
  { folder }: Pick<Components, "folder">,
  { backend, dtype: asked, variant }: OpenModelOptions,
  unet: UnetArchitecture,
): (name: string) => LazyPart<Control> {
  const dtype = partPrecision(asked, "control");
  const opened = new Map<string, LazyPart<Control>>();
  const open = async (name: string, owned: AsyncDisposableStack) => {
    const component = `control_${name}`;
    const own = folder?.files.has(`${component}/config.json`) ?? false;
    return owned.use(
      await openControl(own ? folder! : await localFolder(name), {
        backend,
        unet,
        ...own && { component },
        ...dtype !== undefined && { dtype },
        ...variant !== undefined && { variant },
      }),
    );
  };
  return (name) => {
    const part = opened.get(name) ?? new LazyPart((owned) => open(name, owned));
    opened.set(name, part);
    return part;
  };
}
