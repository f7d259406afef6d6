/**
 * Holds a WebAssembly module to a bound of memory by writing that bound into the module itself: the maximum that its
 * memory section states is what `memory.grow` obeys, and nothing from outside can lower it later. The same is done to
 * its tables, whose entries take memory too.
 *
 * Only the sections of tables (4) and memories (5) are read, by the binary format of the WebAssembly specification
 * (chapter 5.5); whether all the rest is well formed is for the engine to say.
 */
import type { ErrorCode } from '../../../shared/errors/table.ts'

export interface ModuleFault {
  readonly code: Extract<ErrorCode, 'E_MODULE' | 'E_MEMORY' | 'E_TRAP'>
  readonly message: string
}

export const PAGE_BYTES = 65_536
/** Entries of all tables together. An entry takes some 32 bytes. */
export const TABLE_ENTRIES_MAX = 100_000
const TABLES_MAX = 16

const HEAD = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]
/** The version of a component, which holds modules and is none. */
const COMPONENT = 0x0d
const TABLE_SECTION = 4
const MEMORY_SECTION = 5
const FUNCREF = 0x70
const EXTERNREF = 0x6f

/**
 * The module with no more memory than that.
 *
 * @returns the bytes, or why there can be none
 */
export function boundModule(module: Uint8Array, memoryBytesMax: number): Uint8Array | ModuleFault {
  const pagesMax = Math.floor(memoryBytesMax / PAGE_BYTES)
  try {
    checkHead(module)
    const parts: Uint8Array[] = [module.subarray(0, HEAD.length)]
    const reader = new Reader(module, HEAD.length)
    while (!reader.done) {
      const start = reader.at
      const id = reader.byte()
      const content = reader.take(reader.u32())
      if (id === MEMORY_SECTION) parts.push(section(id, boundMemory(new Reader(content), pagesMax)))
      else if (id === TABLE_SECTION) parts.push(section(id, boundTables(new Reader(content))))
      else parts.push(module.subarray(start, reader.at))
    }
    return Buffer.concat(parts)
  } catch (error) {
    if (error instanceof Unfit) return error.fault
    throw error
  }
}

class Unfit extends Error {
  readonly fault: ModuleFault

  constructor(message: string, code: ModuleFault['code'] = 'E_MODULE') {
    super(message)
    this.fault = { code, message }
  }
}

function checkHead(module: Uint8Array): void {
  if (HEAD.every((byte, i) => module[i] === byte)) return
  const isComponent = HEAD.slice(0, 4).every((byte, i) => module[i] === byte) && module[4] === COMPONENT
  throw new Unfit(
    isComponent
      ? 'it is a WebAssembly component, and a module is wanted: build for WASI preview 1'
      : 'it is no WebAssembly module of version 1',
  )
}

function boundMemory(reader: Reader, pagesMax: number): number[] {
  const count = reader.u32()
  if (count > 1) throw new Unfit(`it has ${count} memories, and one is possible`)
  if (count === 0) return [0]
  const limits = reader.limits('memory')
  if (limits.least > pagesMax) {
    const [least, most] = [limits.least * PAGE_BYTES, pagesMax * PAGE_BYTES]
    throw new Unfit(`it wants ${least} bytes of memory from its start, and ${most} are its limit`, 'E_MEMORY')
  }
  return [1, ...bounded(limits, pagesMax)]
}

function boundTables(reader: Reader): number[] {
  const count = reader.u32()
  if (count > TABLES_MAX) throw new Unfit(`it has ${count} tables, and ${TABLES_MAX} are possible`)
  const bytes = u32(count)
  for (let i = 0; i < count; i++) {
    const type = reader.byte()
    if (type !== FUNCREF && type !== EXTERNREF) {
      throw new Unfit(
        'it has a table of a kind that is not offered: only functions and external references are',
      )
    }
    const limits = reader.limits('table')
    const most = Math.floor(TABLE_ENTRIES_MAX / count)
    if (limits.least > most)
      throw new Unfit(`it has a table of ${limits.least} entries, and ${most} are possible`)
    bytes.push(type, ...bounded(limits, most))
  }
  return bytes
}

interface ModuleLimits {
  readonly least: number
  readonly most: number | undefined
}

function bounded({ least, most }: ModuleLimits, bound: number): number[] {
  return [1, ...u32(least), ...u32(Math.min(most ?? bound, bound))]
}

function section(id: number, content: readonly number[]): Uint8Array {
  return Uint8Array.from([id, ...u32(content.length), ...content])
}

/** A number as LEB128. */
function u32(value: number): number[] {
  const bytes: number[] = []
  for (let left = value; ; left = Math.floor(left / 128)) {
    if (left < 128) return [...bytes, left]
    bytes.push((left % 128) | 128)
  }
}

class Reader {
  at: number
  readonly #bytes: Uint8Array

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes
    this.at = at
  }

  get done(): boolean {
    return this.at >= this.#bytes.length
  }

  byte(): number {
    const byte = this.#bytes[this.at]
    if (byte === undefined) throw new Unfit('it is cut off')
    this.at += 1
    return byte
  }

  /** LEB128, of at most five bytes. */
  u32(): number {
    let value = 0
    for (let i = 0; i < 5; i++) {
      const byte = this.byte()
      value += (byte & 127) * 128 ** i
      if (byte < 128) return value
    }
    throw new Unfit('it holds a number that is too long')
  }

  take(length: number): Uint8Array {
    const taken = this.#bytes.subarray(this.at, this.at + length)
    if (taken.length < length) throw new Unfit('it is cut off')
    this.at += length
    return taken
  }

  /** Flags are 0 without and 1 with a maximum; the others belong to shared and 64-bit memories. */
  limits(what: string): ModuleLimits {
    const flags = this.byte()
    if (flags > 1) throw new Unfit(`it has a shared or 64-bit ${what}, which is not offered`)
    const least = this.u32()
    return { least, most: flags === 1 ? this.u32() : undefined }
  }
}
