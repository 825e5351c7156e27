import type { Found } from "./found.ts";
import type { ProjectId, ServerId } from "./ids.ts";

/** What the cloud shows of a server at this moment. */
export interface ServerLook {
  /** `busy`: something runs on it. `absent`: there is no such server. `unreadable`: the cloud gave no usable answer. */
  readonly seen: "idle" | "busy" | "absent" | "unreadable";
  /** The same in words, or why it cannot be said. */
  readonly detail: string;
  /** The cloud's word, e.g. `SHUTOFF`; null where nothing was seen. */
  readonly status: string | null;
  readonly systemDisk: string | null;
}

/** Asks the cloud, for people. */
export interface ServerLooks {
  /** `absent`: not a project of this worker. Does not reject for what the cloud does. */
  look(project: ProjectId, server: ServerId): Promise<Found<ServerLook>>;
}
