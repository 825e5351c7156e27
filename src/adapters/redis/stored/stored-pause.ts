import { SwitchEntry } from "../../../contract/brakes.ts";
import { storedJson } from "./stored-json.ts";

/** One pause of the hash of pauses. */
export const StoredPause = storedJson(SwitchEntry);
