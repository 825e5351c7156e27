import type { ProjectId } from "../../../contract/ids.ts";
import type { BreakerState } from "../../../contract/labels.ts";
import type { SharedRefusals } from "./shared-refusals.ts";

/** What a request showed about our credentials. */
export type AuthResult =
  | "proven"
  | "denied"
  /** Refused, and the clocks or the age of the signature explain it: says nothing about the credentials. */
  | "clock"
  /** Never got as far as being judged. */
  | "neither";

/** What one request shows the cloud of who we are. */
export interface Grant {
  /** Distinguishes one set of credentials from the next (`identityOf`). */
  readonly identity: string;
  /** Names the credentials for all replicas without holding them (`publicNameOf`). */
  readonly sharedName: string;
  /** Distinguishes one token from the next; under AK/SK and for a log-in the identity once more. Holds no secret. */
  readonly proof: string;
  /** What the request is about, where the other replicas are to know whom a refusal is about. */
  readonly project?: ProjectId;
  /** Of a token, which may die at any time without a word: drops it, so that the next request fetches another. */
  readonly forget?: () => void;
  /** False once the credentials, or the token, were replaced: what comes of this request says nothing then. */
  readonly isCurrent: () => boolean;
}

/** When nothing is sent any more. */
export interface AuthBreakerOptions {
  /** Refusals in a row that open it. */
  readonly failures: number;
  readonly openMs: number;
  /** Requests that may be under way at once, however well proven the credentials are. Default: any number. */
  readonly atOnce?: number;
}

/** After so many successes in a row requests are no longer counted out. */
const TRUSTED_WIDTH = 16;

/** What the cloud's answers, and those to the other replicas, have shown of the credentials that are in use now. */
export class AuthRecord {
  readonly #limit: number;
  readonly #openMs: number;
  readonly #atOnce: number;
  readonly #nowMs: () => number;
  readonly #shared: SharedRefusals;
  #known: string | null = null;
  /** The credentials were replaced since the refusals that all replicas count. */
  #replaced = false;
  readonly #proven = new Set<string>();
  #refusals = 0;
  #why: string | null = null;
  #met: string | null = null;
  #openUntilMs: number | null = null;
  /** How often refusals were forgotten because the credentials were taken. */
  #forgotten = 0;
  /** Nothing but the refusals of others opened it. */
  #heard = false;
  #width = 1;

  /** @param nowMs monotonic */
  constructor(
    { failures, openMs, atOnce = Number.POSITIVE_INFINITY }: AuthBreakerOptions,
    nowMs: () => number,
    shared: SharedRefusals,
  ) {
    [this.#limit, this.#openMs, this.#atOnce] = [failures, openMs, atOnce];
    [this.#nowMs, this.#shared] = [nowMs, shared];
  }

  /** How many requests with proven credentials may be under way. */
  get width(): number {
    return Math.min(this.#width, this.#atOnce);
  }

  /** Why the cloud refused them last; null once they are proven. */
  get why(): string | null {
    return this.#why;
  }

  /** What the last request met that was to try them and proved nothing, if it was not refused; null: nothing is known. */
  get met(): string | null {
    return this.#met;
  }

  /** True when these credentials are others than those seen last: nothing is known of them. */
  see(identity: string): boolean {
    if (identity === this.#known) return false;
    this.#replaced = this.#known !== null;
    this.#known = identity;
    this.#proven.clear();
    [this.#refusals, this.#openUntilMs, this.#width] = [0, null, 1];
    [this.#why, this.#met, this.#heard] = [null, null, false];
    return true;
  }

  /** Are these the credentials seen last? */
  isKnown(identity: string): boolean {
    return identity === this.#known;
  }

  /** Has this token, or this key, been taken, and nothing been refused since? */
  isProven(proof: string): boolean {
    return this.#proven.has(proof);
  }

  /** Has any? */
  get anyProven(): boolean {
    return this.#proven.size > 0;
  }

  /** How long nothing is sent; 0: nothing is held back. */
  waitMs(): number {
    const untilMs = this.#openUntilMs;
    return untilMs === null ? 0 : Math.max(0, Math.ceil(untilMs - this.#nowMs()));
  }

  state(): BreakerState {
    if (this.#openUntilMs === null) return "closed";
    return this.#openUntilMs > this.#nowMs() ? "open" : "half-open";
  }

  /** If it is denied: is that a refusal of our credentials? Of a token that was taken before it is that one's death. */
  isRefusal(grant: Grant): boolean {
    const hadProof = grant.forget !== undefined && this.isProven(grant.proof);
    return this.isKnown(grant.identity) && grant.isCurrent() && !hadProof;
  }

  /** What the answer teaches. Resolves when the other replicas can know it. */
  async learn(grant: Grant, result: AuthResult, message: string | null): Promise<void> {
    // An answer to the old credentials, or to a token that was replaced, says nothing about the present ones.
    if (!this.isKnown(grant.identity)) return;
    if (result === "neither") {
      if (message !== null && !this.isProven(grant.proof)) this.#met = message;
      return;
    }
    if (result === "proven") return this.#prove(grant);
    if (!grant.isCurrent()) return;
    const isRefusal = this.isRefusal(grant);
    this.#met = result === "clock" ? message : null;
    this.#proven.delete(grant.proof);
    this.#width = 1;
    if (result === "clock") return;
    // At once: the next answer may be to the same token.
    grant.forget?.();
    if (!isRefusal) return;
    [this.#why, this.#heard] = [message, false];
    this.#refuse(this.#refusals + 1, this.#openMs);
    const before = this.#forgotten;
    const { project } = grant;
    const said = { forMs: this.#openMs, why: message, ...(project && { project }) };
    const total = await this.#shared.refused(grant.sharedName, this.#refusals, said);
    // What was counted before they were taken is over.
    const isOver = !this.isKnown(grant.identity) || this.#forgotten !== before;
    if (total !== null && !isOver) this.#refuse(total, this.#openMs);
  }

  /** Takes over what the other replicas have seen. */
  async ask(grant: Grant): Promise<void> {
    if (this.#replaced) {
      this.#replaced = false;
      await this.#shared.proven(grant.sharedName);
    }
    const before = this.#forgotten;
    const others = await this.#shared.look(grant.sharedName);
    if (others === null || others.refusals === 0 || !this.isKnown(grant.identity)) return;
    if (others.refusals <= this.#refusals || this.#forgotten !== before) return;
    if (this.#refusals === 0) this.#heard = true;
    this.#refuse(others.refusals, others.forMs);
    if (this.waitMs() > 0) this.#why ??= others.why;
  }

  /** What was opened by the refusals of others alone is closed when they are forgotten. */
  async review(sharedName: string): Promise<void> {
    if (!this.#heard) return;
    const others = await this.#shared.look(sharedName);
    if (others?.refusals !== 0 || !this.#heard) return;
    [this.#refusals, this.#why, this.#openUntilMs, this.#heard] = [0, null, null, false];
  }

  async #prove(grant: Grant): Promise<void> {
    const clear = this.#refusals > 0 || this.#openUntilMs !== null;
    if (clear) this.#forgotten += 1;
    [this.#refusals, this.#why, this.#met, this.#openUntilMs] = [0, null, null, null];
    this.#heard = false;
    this.#proven.add(grant.proof);
    this.#width = this.#width + 1 >= TRUSTED_WIDTH ? Number.POSITIVE_INFINITY : this.#width + 1;
    if (clear) await this.#shared.proven(grant.sharedName);
  }

  #refuse(total: number, forMs: number): void {
    this.#refusals = Math.max(this.#refusals, total);
    this.#proven.clear();
    this.#width = 1;
    if (this.#refusals < this.#limit) return;
    this.#openUntilMs = Math.max(this.#openUntilMs ?? 0, this.#nowMs() + forMs);
  }
}
