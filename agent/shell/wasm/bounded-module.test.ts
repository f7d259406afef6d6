import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { assemble, countsPages, echoes } from '../../../test/wasm-modules.ts'
import { boundModule, PAGE_BYTES } from './bounded-module.ts'
import { engine } from './engine.ts'

const LIMIT_PAGES = 5

interface Growing {
  grow(pages: number): number
  readonly buffer: ArrayBuffer
}

const NOTHING = new Proxy({}, { get: () => () => 0 })

/** The memory of a module once it is bounded; `undefined` when the module is refused, by us or by the engine. */
function memoryOf(module: Uint8Array): Growing | undefined {
  const bounded = boundModule(module, LIMIT_PAGES * PAGE_BYTES)
  if ('code' in bounded) return undefined
  try {
    const imports = { wasi_snapshot_preview1: NOTHING, env: NOTHING }
    const instance = new engine.Instance(new engine.Module(bounded), imports)
    return Object.values(instance.exports).find(
      (one) => String(one) === '[object WebAssembly.Memory]',
    ) as Growing
  } catch {
    return undefined
  }
}

/** As many pages as it gets. */
function pagesOf(memory: Growing): number {
  try {
    for (;;) memory.grow(1)
  } catch {
    return memory.buffer.byteLength / PAGE_BYTES
  }
}

describe('a module bound to its memory', () => {
  test.each([
    ['without a maximum', [1], 5],
    ['with a greater one', [1, 65_536], 5],
    ['with a smaller one', [1, 2], 2],
    ['with just as much', [5, 5], 5],
    ['with none at the start', [0], 5],
  ] as const)('%s grows to %j, and no further', (_what, memory, pages) => {
    expect(pagesOf(memoryOf(countsPages({ memory })) as Growing)).toBe(pages)
  })

  test('that wants more from its start is told how much it may have', () => {
    const { code, message } = boundModule(countsPages({ memory: [6] }), LIMIT_PAGES * PAGE_BYTES) as {
      code: string
      message: string
    }
    expect(code).toBe('E_MEMORY')
    expect(message).toContain(String(6 * PAGE_BYTES))
    expect(message).toContain(String(5 * PAGE_BYTES))
  })

  test('keeps all else as it was, byte for byte', () => {
    const module = echoes()
    const bounded = boundModule(module, LIMIT_PAGES * PAGE_BYTES) as Uint8Array
    const before = Buffer.from([5, 3, 1, 0, 1])
    const after = Buffer.from([5, 4, 1, 1, 1, LIMIT_PAGES])
    const at = module.indexOf(before)
    expect(Buffer.from(bounded).toString('hex')).toBe(
      Buffer.concat([module.subarray(0, at), after, module.subarray(at + before.length)]).toString('hex'),
    )
  })

  test('cannot get its tables to grow without end either', () => {
    const bounded = boundModule(assemble([], { table: [10] }), PAGE_BYTES) as Uint8Array
    // 100,000 as LEB128, as the maximum.
    expect(Buffer.from(bounded).includes(Buffer.from([4, 7, 1, 0x70, 1, 10, 0xa0, 0x8d, 0x06]))).toBe(true)
  })

  test('whatever is changed in it, is refused or bounded', () => {
    const seeds = [echoes(), countsPages({ memory: [1, 300] }), assemble([], { memories: 2, table: [1, 2] })]
    let tried = 0
    fc.assert(
      fc.property(
        fc.constantFrom(...seeds),
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 3 }),
        (seed, changes) => {
          const module = Buffer.from(seed)
          for (const [at, byte] of changes) module[at % module.length] = byte
          const memory = memoryOf(module)
          if (memory === undefined) return
          tried += 1
          expect(pagesOf(memory)).toBeLessThanOrEqual(LIMIT_PAGES)
        },
      ),
      { numRuns: 2_000 },
    )
    expect(tried).toBeGreaterThan(50)
  })

  test('whatever the bytes are, the answer is a module or a reason', () => {
    const head = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.boolean(), (bytes, begun) => {
        const answer = boundModule(Uint8Array.from([...(begun ? head : []), ...bytes]), PAGE_BYTES)
        if ('code' in answer) expect(answer.message).not.toBe('')
      }),
    )
  })
})
