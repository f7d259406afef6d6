/** Every bound of the real shell, in one place. Times in milliseconds, sizes in bytes, unless named otherwise. */
export interface ShellLimits {
  /** Inputs that wait while the core makes a step; more mean a loop between core and shell. */
  readonly inputQueueMax: number
  readonly timersMax: number
  /** From opening a socket to the broker's CONNACK. */
  readonly connectTimeoutMs: number
  /** Silence of the broker after which a ping is sent; half of it later the connection is given up. */
  readonly keepaliveSeconds: number
  /** Publishes of one connection that the broker has not acknowledged; MQTT has 65,535 packet ids. */
  readonly publishesInFlightMax: number
  /** Those and what waits for them; with more the connection is given up, and a fresh one starts clean. */
  readonly outstandingPublishesMax: number
  /** Bytes of one connection that wait or that the system has not taken yet. */
  readonly outstandingBytesMax: number
  /** How long a closed connection may take to send what was written and its DISCONNECT. */
  readonly linkCloseMs: number
  /** How long the core may take from `stop` to `exit`; it gives what runs its grace. */
  readonly stopTimeoutMs: number
  /** How long journal, children and connections may take to close after `exit`. */
  readonly closeTimeoutMs: number
  readonly journalBytesMax: number
  /** Changes that wait for a write of the journal to end; with more the disk counts as dead. */
  readonly journalChangesMax: number
  /** How long one write of the journal may take before the disk counts as dead. */
  readonly journalWriteMs: number
  /** Corrupt journals that are kept for inspection. */
  readonly corruptJournalsMax: number
  /** Children that run at the same time, whatever the capacity. */
  readonly childrenMax: number
  /** Of each output stream of an attempt in its result, as JSON: what it takes in a message. */
  readonly stdoutBytesMax: number
  /** Output of an attempt passed on live; what exceeds it is counted and left out. */
  readonly logBytesPerSecondMax: number
  /** One piece of live output. */
  readonly logChunkBytesMax: number
  /** How long live output is gathered before it is passed on. */
  readonly logFlushMs: number
  /** Output of a stream that is read and thrown away; a command that writes more is slowed, not the agent. */
  readonly drainBytesPerSecondMax: number
  /** How long output of an ended command may still come. */
  readonly pipeDrainMs: number
  /** How long a module of functions may take to load, in every thread. */
  readonly functionLoadMs: number
  /** Threads of functions that are kept warm. */
  readonly functionIdleMax: number
  /** How long a thread is kept warm. */
  readonly functionIdleMs: number
  /** One artifact. */
  readonly artifactBytesMax: number
  /** Artifacts kept on the device; the least recently used go. What is in use stays. */
  readonly artifactCacheBytesMax: number
  /** Artifacts that are fetched at the same time. */
  readonly artifactFetchesMax: number
  /** How long their server may send nothing. */
  readonly artifactSilenceMs: number
  /** How long fetching one may take with all its tries. */
  readonly artifactFetchMs: number
  readonly artifactTriesMax: number
  /** A WebAssembly module: compiled it takes several times as much. */
  readonly moduleBytesMax: number
  /** What one run of a module may write into its own folder. */
  readonly moduleFilesBytesMax: number
  /** How long a group may take to go after KILL; one in an uninterruptible wait may not go at all. */
  readonly killWaitMs: number
}

export const DEFAULT_LIMITS: ShellLimits = {
  inputQueueMax: 100_000,
  timersMax: 1_000_000,
  connectTimeoutMs: 5_000,
  keepaliveSeconds: 5,
  publishesInFlightMax: 20_000,
  outstandingPublishesMax: 500_000,
  outstandingBytesMax: 128 * 2 ** 20,
  linkCloseMs: 1_000,
  stopTimeoutMs: 30_000,
  closeTimeoutMs: 5_000,
  journalBytesMax: 64 * 2 ** 20,
  journalChangesMax: 100_000,
  journalWriteMs: 60_000,
  corruptJournalsMax: 5,
  childrenMax: 1_024,
  stdoutBytesMax: 64 * 2 ** 10,
  logBytesPerSecondMax: 64 * 2 ** 10,
  logChunkBytesMax: 4 * 2 ** 10,
  logFlushMs: 100,
  drainBytesPerSecondMax: 32 * 2 ** 20,
  pipeDrainMs: 1_000,
  functionLoadMs: 10_000,
  functionIdleMax: 4,
  functionIdleMs: 60_000,
  artifactBytesMax: 256 * 2 ** 20,
  artifactCacheBytesMax: 2 ** 30,
  artifactFetchesMax: 4,
  artifactSilenceMs: 10_000,
  artifactFetchMs: 600_000,
  artifactTriesMax: 5,
  moduleBytesMax: 64 * 2 ** 20,
  moduleFilesBytesMax: 64 * 2 ** 20,
  killWaitMs: 5_000,
}
