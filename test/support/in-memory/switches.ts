/** Ways to break the store on purpose: for mutants, that show what the simulation catches. All off by default. */
export interface StoreSwitches {
  /** An emptied store is noticed, a restarted one is not. */
  readonly ignoreRunId?: true;
  /** The lock is free for others after this long. */
  readonly lockTtlMs?: number;
  /** Copies may claim, and nobody asks at the gate whose claim it is. */
  readonly ignoreClaims?: true;
  /** The gate does not ask for the attempt, nor for who took it. */
  readonly ignoreAttempt?: true;
  /** The gate says yes and keeps nothing. */
  readonly forgetIntent?: true;
  /** A command that is known is admitted again. */
  readonly ignoreDuplicates?: true;
  /** A second `finish` replaces the first. */
  readonly finishAgain?: true;
  /** After a loss of memory, events go on with the numbers that are remembered. */
  readonly staleNumbers?: true;
  /** A raw command that was put aside passes for the only copy of it. */
  readonly trustCopies?: true;
  /** What waited passes for never taken, whenever the memory began. */
  readonly trustWaiting?: true;
  /** Who takes over a command before its first step was saved knows nothing of the doubts before. */
  readonly forgetDoubt?: true;
  /** A message that is not due yet goes on waiting without a word to the store. */
  readonly hopUnseen?: true;
  /** An old copy takes its steps although a later message of its command may still come. */
  readonly neverYield?: true;
  /** What an old copy has put back passes for a memory of the store's own. */
  readonly trustRebuilt?: true;
  /** What follows a refusal under its id counts from 1 again. */
  readonly numberAnew?: true;
  /** Nobody waits until what was refused under an id is told. */
  readonly admitUnconfirmed?: true;
  /** What is not remembered never was. */
  readonly trustAbsence?: true;
  /** A lock is given although no slot is free, and nobody asks for one at the gate. */
  readonly lockWithoutSlot?: true;
  /** A command that ends, or goes back to waiting, keeps its slot. */
  readonly leakSlot?: true;
  /** A message that is not due yet puts back its lock, and not its slot. */
  readonly hopForgetsSlot?: true;
  /** The gate before the POST asks no brake. */
  readonly ignoreBrakesAtIntent?: true;
  /** The age of a system disk is not kept. */
  readonly ignoreDiskAge?: true;
  /** An intent is not counted in the server's history. */
  readonly forgetHistory?: true;
  /** A storm of failures holds nobody. */
  readonly ignoreStorms?: true;
  /** A storm of asks leaves as many slots as there are. */
  readonly ignoreAsks?: true;
  /** Windows hold nobody. */
  readonly ignoreWindows?: true;
  /** As many of a source start as want to. */
  readonly ignoreSources?: true;
  /** As many of a sender start as want to. */
  readonly ignoreSenders?: true;
  /** Nobody needs an approval. */
  readonly ignoreApprovals?: true;
  /** Who puts pauses back does not ask which entry is newer. */
  readonly lastWriterPauses?: true;
  /** Who puts a storm of failures back knows its switch alone. */
  readonly forgetStorm?: true;
}
