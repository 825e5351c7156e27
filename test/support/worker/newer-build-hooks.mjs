// What a later version might change, and what an earlier one had not, as edits of the built modules. One that no longer fits ends the process: a test
// that believed it had two versions would test nothing.

/** A member that every command carries from its first step on. */
const MORE_MEMBERS = [
  [
    "steps/complete/finish.js",
    "        order,\n        step: claim",
    "        order: { ...order, lane: 'fast' },\n        step: claim",
  ],
];

/** `watch` is called `follow`; the old name is still understood. */
const NEW_PHASE = [
  [
    "core/state/state.js",
    "    Watch,\n    Settle,\n    Ready,\n    Restore,\n    Inquiry,\n]",
    "    Watch,\n    Settle,\n    Ready,\n    Restore,\n    Inquiry,\n    Watch.extend({ phase: z.literal('follow'), pace: z.number() }),\n]",
  ],
  [
    "core/state/phases.js",
    "    watch: {",
    "    follow: { does: '', body: 'never', cancellable: false, mayHaveBeenSent: 'yes', yieldsAfterLoss: false, enteredMs: ({ acceptedAtMs }) => acceptedAtMs, leadsTo: [] },\n    watch: {",
  ],
  [
    "steps/complete/finish.js",
    "        state: decision.state,\n    };",
    "        state: decision.state.phase === 'watch' ? { ...decision.state, phase: 'follow', pace: 1 } : decision.state,\n    };",
  ],
  [
    "steps/run-step.js",
    '            case "watch":',
    "            case 'follow':\n                return await watch({ ...envelope, state: { ...state, phase: 'watch' } }, claimed, arrival, signal);\n            case \"watch\":",
  ],
];

/** Every message has another number; the old one is still understood. */
const NEW_NUMBER = [
  ["core/state/envelope.js", "ENVELOPE_VERSION = 2", "ENVELOPE_VERSION = 3"],
  [
    "core/state/envelope.js",
    "z.literal([FIRST_VERSION, ENVELOPE_VERSION])",
    "z.literal([1, 2, 3])",
  ],
];

/** Messages of those who wait in a crowd are put back on their way after a second, not after minutes. */
const SHORT_TTL = [
  ["adapters/amqp/topology/topology.js", "WAITING_TTL_MS = 150_000", "WAITING_TTL_MS = 1_000"],
];

/** As versions before they had a queue of their own: it takes nothing from there, and puts nothing there. */
const NO_CROWD = [
  [
    "adapters/amqp/broker.js",
    "consumerOf(waitingQueue(names), handlers.workWaiting, crowdPrefetch(prefetch)),",
    "",
  ],
  ["core/waiting/crowd.js", "if (!standsInLine(state))", "if (state)"],
];

const BUILDS = {
  "a short stay in the crowd": SHORT_TTL,
  "no crowd": [...SHORT_TTL, ...NO_CROWD],
  "a phase": [...MORE_MEMBERS, ...NEW_PHASE],
  "an envelope version": [...MORE_MEMBERS, ...NEW_NUMBER],
};

let edits = [];

export function initialize(build) {
  edits = BUILDS[build].map(([file, old, young]) => ({
    file: `/dist/${file}`,
    old,
    young,
  }));
}

export async function load(url, context, nextLoad) {
  const loaded = await nextLoad(url, context);
  const mine = edits.filter(({ file }) => url.endsWith(file));
  if (mine.length === 0) return loaded;
  let source = String(loaded.source);
  for (const { file, old, young } of mine) {
    if (source.split(old).length !== 2) throw new Error(`${file} has no single "${old}"`);
    source = source.replace(old, () => young);
  }
  return { ...loaded, source };
}
