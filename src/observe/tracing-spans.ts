/** What a span may say. `undefined` and `null` are left out. Never a body, a URL's query, a message of somebody else. */
export type Attributes = Readonly<
  Record<string, string | number | boolean | readonly string[] | null | undefined>
>;

/** Names a span across processes (W3C Trace Context). */
export interface SpanContext {
  /** 32 hex digits. */
  readonly traceId: string;
  /** 16 hex digits. */
  readonly spanId: string;
  readonly flags: number;
  readonly tracestate?: string | undefined;
}

export interface SpanStart {
  readonly name: string;
  readonly kind: "internal" | "client" | "producer" | "consumer";
  readonly attributes?: Attributes;
  /** Related, but no parent. */
  readonly links?: readonly SpanContext[];
}

export interface Span {
  readonly context: SpanContext;
  set(attributes: Attributes): void;
  /** It went wrong; `type` is one of few words, never a message. */
  fail(type: string): void;
}

/** Where a trace begins, or goes on. */
export type Origin =
  | { readonly kind: "within"; readonly parent: SpanContext }
  /** Nobody began this trace; `traceId` (32 hex digits) makes all who tell of one thing choose the same. */
  | { readonly kind: "root"; readonly traceId: string | null };

/** Who records spans: OpenTelemetry, or a test. */
export interface SpanRecorder {
  begin(start: SpanStart, origin: Origin, startedAtMs?: number): Span & { end(): void };
  /** Hands over what is recorded and ends. May take long, may reject. */
  shutdown(): Promise<void>;
}
