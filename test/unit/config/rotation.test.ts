import { readFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { tlsMaterial, watchForChange } from "../../../src/config/rotation.ts";
import { type Certificates, makeCertificates } from "../../support/network/certificates.ts";

describe("a certificate and its key", () => {
  let old: Certificates;
  let renewed: Certificates;
  const text = (file: string) => readFileSync(file, "utf8");
  beforeAll(async () => {
    [old, renewed] = await Promise.all([makeCertificates(), makeCertificates()]);
  });
  afterAll(async () => {
    await Promise.all([old.remove(), renewed.remove()]);
  });

  it("are taken together: never the new one with the old other", () => {
    const now = { cert: text(old.client.certFile), key: text(old.client.keyFile) };
    const material = tlsMaterial({ certPem: () => now.cert, keyPem: () => now.key });
    const first = { certPem: now.cert, keyPem: now.key };
    expect(material()).toEqual(first);
    now.cert = text(renewed.client.certFile);
    expect(material()).toEqual(first);
    now.key = text(renewed.client.keyFile);
    expect(material()).toEqual({ certPem: now.cert, keyPem: now.key });
  });

  it("are kept while the new ones are half written", () => {
    const now = { cert: text(old.client.certFile), key: text(old.client.keyFile) };
    const material = tlsMaterial({ certPem: () => now.cert, keyPem: () => now.key });
    const first = { certPem: now.cert, keyPem: now.key };
    now.cert = text(renewed.client.certFile).slice(0, 200);
    now.key = text(renewed.client.keyFile).slice(0, 60);
    expect(material()).toEqual(first);
  });

  it("come with a CA that is always the newest", () => {
    let ca = "old";
    const material = tlsMaterial({ caPem: () => ca });
    expect(material()).toEqual({ caPem: "old" });
    ca = "new";
    expect(material()).toEqual({ caPem: "new" });
  });

  it("are given as they are when nothing better was ever there", () => {
    const wrong = { certPem: text(old.client.certFile), keyPem: text(renewed.client.keyFile) };
    const material = tlsMaterial({ certPem: () => wrong.certPem, keyPem: () => wrong.keyPem });
    expect(material()).toEqual(wrong);
  });
});

describe("watching for a change", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("tells once, when all files of a rotation have settled", () => {
    const now = { user: "a", password: "1" };
    const changed = vi.fn<() => void>();
    const stop = watchForChange(() => [now.user, now.password], changed, 100);
    vi.advanceTimersByTime(300);
    now.user = "b";
    vi.advanceTimersByTime(100);
    now.password = "2";
    vi.advanceTimersByTime(100);
    expect(changed).not.toHaveBeenCalled();
    vi.advanceTimersByTime(500);
    expect(changed).toHaveBeenCalledTimes(1);
    stop();
    now.password = "3";
    vi.advanceTimersByTime(500);
    expect(changed).toHaveBeenCalledTimes(1);
  });

  it("says nothing of a text that was back before anybody could use it", () => {
    let password = "1";
    const changed = vi.fn<() => void>();
    const stop = watchForChange(() => [password], changed, 100);
    password = "2";
    vi.advanceTimersByTime(100);
    password = "1";
    vi.advanceTimersByTime(500);
    expect(changed).not.toHaveBeenCalled();
    stop();
  });
});
