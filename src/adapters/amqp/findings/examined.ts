import type { ChannelModel } from "amqplib";
import type { Findings } from "../../../contract/finding.ts";
import type { AmqpSettings } from "../settings.ts";

/** Where the broker is asked, and as what. */
export interface Examined {
  readonly model: ChannelModel;
  readonly settings: AmqpSettings;
  readonly user: string;
  readonly vhost: string;
  readonly found: Findings;
  readonly signal: AbortSignal;
}
