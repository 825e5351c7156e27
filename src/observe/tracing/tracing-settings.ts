/** Where traces go, and what they say of this worker. */
export interface TracingSettings {
  /** Base URL of the collector, without a closing slash. */
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, () => string>>;
  readonly serviceName: string;
  readonly resourceAttributes: Readonly<Record<string, string>>;
  /** Of the traces that begin here; 0 to 1. */
  readonly sampleRatio: number;
  /** Of this program. */
  readonly version: string;
}
