/** Where a model is found that is a name on a hub. */
import type { ResolveModelOptions } from "../hub/mod.ts";
import type { OptionTable, ParsedArguments } from "./usage.ts";

/** The options. */
export const hubOptions: OptionTable = {
  "hub": {
    value: "url",
    text: "a hub that speaks as Hugging Face's does, such as a mirror",
    default: "HF_ENDPOINT, or https://huggingface.co",
  },
  "token": {
    value: "token",
    text: "access token for private and gated models; better in HF_TOKEN, where other users cannot see it",
    default: "HF_TOKEN, or that of 'hf auth login'",
  },
  "revision": { value: "name", text: "branch, tag or commit", default: "main" },
  "cache": {
    value: "folder",
    text: "where models are kept",
    default: "HF_HUB_CACHE, HF_HOME/hub or ~/.cache/huggingface/hub",
  },
  "refresh": { text: "ask the hub whether the branch has moved on" },
  "offline": { text: "ask nothing of the network, as with HF_HUB_OFFLINE=1" },
};

/** What was given of them. */
export function readHub(given: ParsedArguments): ResolveModelOptions {
  const texts = { baseUrl: "hub", token: "token", revision: "revision", cache: "cache" } as const;
  const said = Object.entries(texts).flatMap(([option, name]) => {
    const value = given.text(name);
    return value === undefined ? [] : [[option, value]];
  });
  return {
    ...Object.fromEntries(said),
    ...given.flag("refresh") && { refresh: true },
    ...given.flag("offline") && { offline: true },
  };
}
