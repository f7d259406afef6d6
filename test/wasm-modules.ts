/**
 * WebAssembly modules for tests, put together byte by byte: an assembler for what they need and no more. Each is a
 * command of WASI with one function, `_start`, that works in the first page of its memory.
 */
import { createHash } from 'node:crypto'

export const artifactNameOf = (content: string | Uint8Array): string =>
  `sha256:${createHash('sha256').update(content).digest('hex')}`

type Bytes = readonly number[]

const I32 = 0x7f
const I64 = 0x7e
const words = (count: number): Bytes => new Array<number>(count).fill(I32)

/** Calls of WASI preview 1: parameters, and whether there is an error number. */
const CALLS = {
  fd_write: [words(4), [I32]],
  fd_read: [words(4), [I32]],
  proc_exit: [words(1), []],
  args_sizes_get: [words(2), [I32]],
  args_get: [words(2), [I32]],
  environ_sizes_get: [words(2), [I32]],
  environ_get: [words(2), [I32]],
  path_open: [[...words(5), I64, I64, I32, I32], [I32]],
  path_symlink: [words(5), [I32]],
  poll_oneoff: [words(4), [I32]],
} as const satisfies Record<string, readonly [Bytes, Bytes]>
type CallName = keyof typeof CALLS
const NAMES = Object.keys(CALLS) as CallName[]

function leb(value: number): number[] {
  const bytes: number[] = []
  for (let left = value; ; left = Math.floor(left / 128)) {
    if (left < 128) return [...bytes, left]
    bytes.push((left % 128) | 128)
  }
}

/** Signed, as constants are written. */
function signed(value: bigint): number[] {
  const bytes: number[] = []
  for (let left = value; ; left >>= 7n) {
    const low = Number(left & 127n)
    const rest = left >> 7n
    if ((rest === 0n && low < 64) || (rest === -1n && low >= 64)) return [...bytes, low]
    bytes.push(low | 128)
  }
}

const text = (written: string): Bytes => [...Buffer.from(written)]
const named = (name: string): Bytes => [...leb(Buffer.byteLength(name)), ...text(name)]
const list = (items: readonly Bytes[]): Bytes => [...leb(items.length), ...items.flat()]
const section = (id: number, content: Bytes): Bytes => [id, ...leb(content.length), ...content]

const int = (value: number): Bytes => [0x41, ...signed(BigInt(value))]
const long = (value: bigint): Bytes => [0x42, ...signed(value)]
const call = (name: CallName, ...args: Bytes[]): Bytes => [...args.flat(), 0x10, ...leb(NAMES.indexOf(name))]
const load = (at: number): Bytes => [...int(at), 0x28, 2, 0]
const store = (at: number, value: Bytes): Bytes => [...int(at), ...value, 0x36, 2, 0]
const DROP = [0x1a]
const UNREACHABLE = [0x00]
/** For ever, or until `leave`. */
const loop = (...body: Bytes[]): Bytes => [0x02, 0x40, 0x03, 0x40, ...body.flat(), 0x0c, 0, 0x0b, 0x0b]
/** Leaves the loop around it when the condition holds. */
const leaveIf = (condition: Bytes): Bytes => [...condition, 0x0d, 1]
const isZero = (value: Bytes): Bytes => [...value, 0x45]
const when = (condition: Bytes, ...body: Bytes[]): Bytes => [...condition, 0x04, 0x40, ...body.flat(), 0x0b]
const grow = (pages: number): Bytes => [...int(pages), 0x40, 0]
const isEqual = (a: Bytes, b: Bytes): Bytes => [...a, ...b, 0x46]
const exit = (code: Bytes): Bytes => call('proc_exit', code)

export interface Shape {
  /** Pages at the start, and at most. */
  readonly memory?: readonly [number, number?]
  readonly memories?: number
  /** Entries at the start, and at most. */
  readonly table?: readonly [number, number?]
  readonly start?: string
  /** Content of the memory by address. */
  readonly data?: Readonly<Record<number, string>>
  /** One more import, of a function that nobody has. */
  readonly wants?: string
}

export function assemble(body: Bytes, shape: Shape = {}): Buffer {
  const { memory = [1], memories = 1, table, start = '_start', data = {}, wants } = shape
  const limits = ([least, most]: readonly [number, number?]): Bytes =>
    most === undefined ? [0, ...leb(least)] : [1, ...leb(least), ...leb(most)]
  const types = [...NAMES.map((name) => CALLS[name]), [[], []] as const]
  const entry = NAMES.length
  const imports = NAMES.map((name, i) => [...named('wasi_snapshot_preview1'), ...named(name), 0, ...leb(i)])
  if (wants !== undefined) imports.push([...named('env'), ...named(wants), 0, ...leb(entry)])
  const segments = Object.entries(data).map(([at, content]) => [
    ...[0, ...int(Number(at)), 0x0b],
    ...named(content),
  ])
  const code = [0, ...body, 0x0b]
  return Buffer.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(
      1,
      list(
        types.map(([takes, gives]) => [0x60, ...list(takes.map((t) => [t])), ...list(gives.map((t) => [t]))]),
      ),
    ),
    ...section(2, list(imports)),
    ...section(3, list([leb(entry)])),
    ...(table === undefined ? [] : section(4, list([[0x70, ...limits(table)]]))),
    ...section(5, list(new Array<Bytes>(memories).fill(limits(memory)))),
    ...section(
      7,
      list([
        [...named('memory'), 2, 0],
        [...named(start), 0, ...leb(imports.length)],
      ]),
    ),
    ...section(10, list([[...leb(code.length), ...code]])),
    ...section(11, list(segments)),
  ])
}

/** Where things lie in the first page. */
const AT = { vector: 0, length: 4, moved: 16, opened: 20, buffer: 1024, path: 256 }
const BUFFER_BYTES = 4096
const NEXT_AT = 8192

const vector = (at: number, length: Bytes): Bytes => [
  ...store(AT.vector, int(at)),
  ...store(AT.length, length),
]
const write = (fd: Bytes, at: number, length: Bytes): Bytes => [
  ...vector(at, length),
  ...call('fd_write', fd, int(AT.vector), int(1), int(AT.moved)),
]
const print = (at: number, length: Bytes, fd = 1): Bytes => [...write(int(fd), at, length), ...DROP]
const read = (fd: Bytes): Bytes => [
  ...vector(AT.buffer, int(BUFFER_BYTES)),
  ...call('fd_read', fd, int(AT.vector), int(1), int(AT.moved)),
]
/** Copies a file to the standard output. */
const pour = (fd: Bytes): Bytes =>
  loop(read(fd), DROP, leaveIf(isZero(load(AT.moved))), print(AT.buffer, load(AT.moved)))
/** To read, and to write. */
const RIGHTS = { read: 0x2n, write: 0x40n } as const
/** Opens a path below a folder: its own is the first after the standard streams, that of its checkpoint the next. */
const open = (path: string, right: keyof typeof RIGHTS, flags = 0, folder = OWN_FOLDER): Bytes =>
  call(
    'path_open',
    ...[int(folder), int(1), int(AT.path), int(Buffer.byteLength(path)), int(flags)],
    ...[long(RIGHTS[right]), long(0n), int(0), int(AT.opened)],
  )
const CREATE = 1
const OWN_FOLDER = 3
const CHECKPOINT_FOLDER = 4

/** Prints a text and ends with a code; 0 ends without saying so. */
export const says = (words: string, code = 0, fd = 1): Buffer =>
  assemble([...print(AT.buffer, int(Buffer.byteLength(words)), fd), ...(code === 0 ? [] : exit(int(code)))], {
    data: { [AT.buffer]: words },
  })
/** Prints what it reads. */
export const echoes = (): Buffer => assemble(pour(int(0)))
/** Prints its arguments or its environment, each with a NUL behind it. */
export const tells = (what: 'args' | 'environ'): Buffer =>
  assemble([
    ...call(`${what}_sizes_get`, int(8), int(12)),
    ...DROP,
    ...call(`${what}_get`, int(AT.buffer + 8192), int(AT.buffer)),
    ...DROP,
    ...print(AT.buffer, load(12)),
  ])
export const loops = (): Buffer => assemble(loop())
/** Prints a text, and then loops for ever. */
export const lingers = (words: string, fd = 1): Buffer =>
  assemble([...print(AT.buffer, int(Buffer.byteLength(words)), fd), ...loop()], {
    data: { [AT.buffer]: words },
  })
export const traps = (): Buffer => assemble(UNREACHABLE)
/** Calls itself for ever. */
export const recurses = (): Buffer => assemble([0x10, ...leb(NAMES.length)])
/** Takes memory until there is none, and then does what `then` says. */
const takesAll = (then: Bytes, shape: Shape = {}, pages = 1): Buffer =>
  assemble([...loop(leaveIf(isEqual(grow(pages), int(-1)))), ...then], shape)
export const takesAllAndTraps = (shape: Shape = {}, pages = 1): Buffer => takesAll(UNREACHABLE, shape, pages)
/** Ends with the number of its pages as its code. */
export const countsPages = (shape: Shape = {}): Buffer => takesAll(exit([0x3f, 0]), shape)
export const prints = (): Buffer =>
  assemble(loop(print(AT.buffer, int(BUFFER_BYTES))), { data: { [AT.buffer]: 'covey\n' } })
/** Prints a dot and waits for a day, inside a call of WASI. */
export const dozes = (): Buffer =>
  assemble(
    [
      ...print(AT.buffer, int(1)),
      // A subscription has 48 bytes: user data, the kind (0: a clock), the clock (1: monotonic), its timeout in ns.
      ...store(512 + 16, int(1)),
      ...int(512 + 24),
      ...long(86_400_000_000_000n),
      ...[0x37, 3, 0],
      ...call('poll_oneoff', int(512), int(2048), int(1), int(AT.moved)),
      ...DROP,
    ],
    { data: { [AT.buffer]: '.' } },
  )
/** Prints a file of its folder, or ends with the error number that opening it gives. */
export const shows = (path: string): Buffer =>
  assemble([...store(8, open(path, 'read')), ...when(load(8), exit(load(8))), ...pour(load(AT.opened))], {
    data: { [AT.path]: path },
  })
/** Writes into a file until that fails, and ends with the error number. */
export const fills = (path: string): Buffer =>
  assemble(
    [
      ...store(8, open(path, 'write', CREATE)),
      ...when(load(8), exit(int(99))),
      ...loop(store(8, write(load(AT.opened), AT.buffer, int(BUFFER_BYTES))), leaveIf(load(8))),
      ...exit(load(8)),
    ],
    { data: { [AT.path]: path } },
  )
/** Prints its checkpoint, when it has one, and publishes another; then it ends, or loops for ever. */
export const continues = (next: string, lingering = false): Buffer => {
  const path = 'state'
  return assemble(
    [
      ...store(8, open(path, 'read', 0, CHECKPOINT_FOLDER)),
      ...when(isZero(load(8)), pour(load(AT.opened))),
      ...store(8, open(path, 'write', CREATE, CHECKPOINT_FOLDER)),
      ...when(load(8), exit(load(8))),
      ...write(load(AT.opened), NEXT_AT, int(Buffer.byteLength(next))),
      ...DROP,
      ...(lingering ? loop() : []),
    ],
    { data: { [AT.path]: path, [NEXT_AT]: next } },
  )
}
/** Makes a symbolic link to `target` in its folder and prints what is behind it, or ends with an error number. */
export const follows = (target: string): Buffer => {
  const link = 'link'
  return assemble(
    [
      ...store(
        8,
        call(
          'path_symlink',
          ...[int(AT.buffer), int(Buffer.byteLength(target)), int(3), int(AT.path), int(link.length)],
        ),
      ),
      ...when(load(8), exit(load(8))),
      ...store(8, open(link, 'read')),
      ...when(load(8), exit(load(8))),
      ...pour(load(AT.opened)),
    ],
    { data: { [AT.path]: link, [AT.buffer]: target } },
  )
}
