/** Digests of content: of a spec, so that a change is seen; of the attempts a device holds. */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'

/** JSON with the keys of every object sorted, so that equal content is equal text. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  let text = ''
  for (const key of Object.keys(value).sort()) {
    const item = (value as Record<string, unknown>)[key]
    if (item !== undefined) text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${canonicalJson(item)}`
  }
  return `{${text}}`
}

/** The digest of a spec's content: the first 128 bits of SHA-256 over its canonical JSON, in hex. */
export function contentDigest(value: unknown): string {
  return bytesToHex(sha256(utf8ToBytes(canonicalJson(value)))).slice(0, 32)
}

/** Most devices hold nothing most of the time: one and the same string is told from itself at a glance. */
const DIGEST_OF_NONE = '0-0-0'

/**
 * A digest of a set of names, whatever their order: two sums of 32-bit FNV-1a hashes. It finds
 * disagreement between device and coordinator; a collision only delays the repair to a later change.
 */
export function setDigest(names: Iterable<string>): string {
  let sum = 0
  let mix = 0
  let count = 0
  for (const name of names) {
    let hash = 0x811c9dc5
    for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193)
    sum = (sum + hash) >>> 0
    mix = (mix + Math.imul(hash ^ (hash >>> 15), 0x85ebca6b)) >>> 0
    count++
  }
  if (count === 0) return DIGEST_OF_NONE
  return `${count.toString(36)}-${sum.toString(36)}-${mix.toString(36)}`
}

/** How many names a `setDigest` is of; `undefined` when it is none. */
export function countOf(digest: string): number | undefined {
  const [, count] = /^([0-9a-z]+)-[0-9a-z]+-[0-9a-z]+$/.exec(digest) ?? []
  return count === undefined ? undefined : Number.parseInt(count, 36)
}
