import { ERRORS, type ErrorCode } from './table.ts'

/**
 * Why something from outside was not accepted. `path` is a JSON pointer into the payload ('' is the whole),
 * `message` says what was wrong, `remedy` what would be right. Neither ends in a full stop.
 */
export interface Rejection {
  readonly code: ErrorCode
  readonly path: string
  readonly message: string
  readonly remedy: string
}

/** A rejection; the remedy is the table's unless a more exact one is given. */
export function rejection(code: ErrorCode, path: string, message: string, remedy?: string): Rejection {
  return {
    code,
    path: cut(path, PATH_CHARS_MAX),
    message: cut(message, MESSAGE_CHARS_MAX),
    remedy: cut(remedy ?? ERRORS[code].remedy, MESSAGE_CHARS_MAX),
  }
}

/** What a rejection says of bad input is bounded, however large that was: it has to fit into a status. */
const PATH_CHARS_MAX = 256
const MESSAGE_CHARS_MAX = 512

function cut(text: string, charsMax: number): string {
  return text.length <= charsMax ? text : `${text.slice(0, charsMax - 1)}…`
}

/** An operating error with a code of the table. Programs compare `code`; people read message and remedy. */
export class CoveyError extends Error {
  readonly code: ErrorCode
  readonly remedy: string

  constructor(code: ErrorCode, message: string, options: { remedy?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'CoveyError'
    this.code = code
    this.remedy = options.remedy ?? ERRORS[code].remedy
  }
}

/** A broken invariant: a bug, never an operating error. The message names both values. */
export class InvariantError extends Error {
  constructor(message: string) {
    super(`invariant broken: ${message}`)
    this.name = 'InvariantError'
  }
}

/** Asserts an invariant; stays on in production. */
export function invariant(condition: boolean, message: () => string): asserts condition {
  if (!condition) throw new InvariantError(message())
}

/** A failure as it travels in statuses and results: a code of the table and what to know about it. */
export interface Failure {
  code: string
  message: string
  path?: string
  remedy?: string
}

/** A failure with the table's remedy; the message is cut to what a status carries. */
export function failure(code: ErrorCode, message: string): Failure {
  return { code, message: cut(message, FAILURE_CHARS_MAX), remedy: ERRORS[code].remedy }
}

/** Characters of a failure's message: below the 2048 that its schema takes. */
const FAILURE_CHARS_MAX = 2000
