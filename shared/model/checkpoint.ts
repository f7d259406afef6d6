/** Bounds of checkpoints. They stand apart from the schemas, so that a thread need not load those. */

/** Bytes of JSON, in UTF-8, that a checkpoint may take. */
export const CHECKPOINT_BYTES_MAX = 16 * 1024
/** How often a new checkpoint of a running attempt is looked for and passed on, in milliseconds. */
export const CHECKPOINT_EVERY_MS = 2_000
