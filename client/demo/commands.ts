/**
 * The programs of the demo's tasks, as text for `node -e`, which is all that a device needs. Each leaves lines in the
 * witness file: when it begins, while it is at work, and when it has come to its end. So the file tells what truly
 * ran, whatever messages say. Arguments are that file and for how long the work is to last.
 */

export const KINDS = ['checksum', 'words', 'archive', 'index', 'survey', 'greedy'] as const
export type Kind = (typeof KINDS)[number]

/** What greedy work takes, a piece at a time until it has them all. */
const GREEDY_PIECE_BYTES = 32 * 2 ** 20
const GREEDY_PIECES = 18
export const GREEDY_BYTES = GREEDY_PIECES * GREEDY_PIECE_BYTES
/** Pause between two of them, in milliseconds; then it looks as often whether it may end. */
const GREEDY_PAUSE_MS = 50
/** What it prints in the end. */
export const GREEDY_OUTPUT = `let go of ${GREEDY_BYTES} bytes`

/** Milliseconds between two lines of work under way. */
export const BEAT_MS = 250

const FRAME = `
const { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } = require('node:fs')
const { createHash } = require('node:crypto')
const [witness, holdMs] = process.argv.slice(1)
const { COVEY_TASK, COVEY_ELEMENT, COVEY_ATTEMPT, COVEY_DEVICE } = process.env
const work = COVEY_ELEMENT === undefined ? COVEY_TASK : COVEY_TASK + '[' + COVEY_ELEMENT + ']'
const note = (what) =>
  appendFileSync(witness, [what, work, COVEY_ATTEMPT, COVEY_DEVICE, process.hrtime.bigint()].join(' ') + '\\n')
note('begin')
const beat = setInterval(note, ${BEAT_MS}, 'beat')
const input = JSON.parse(readFileSync(0, 'utf8'))
const sha256 = (data) => createHash('sha256').update(data).digest('hex')
const end = (text) => {
  clearInterval(beat)
  note('end')
  console.log(text)
}
const run = (steps, result, all = steps.length) => {
  const next = (n) => {
    if (n === steps.length) return end(result())
    steps[n]()
    setTimeout(next, Number(holdMs) / all, n + 1)
  }
  next(0)
}
const again = (look) => {
  const seen = new Set()
  run(Array(5).fill(() => seen.add(look())), () => {
    if (seen.size !== 1) throw new Error('the file changed')
    return [...seen][0]
  })
}
`

const BODIES: Readonly<Record<Kind, string>> = {
  checksum: 'again(() => sha256(readFileSync(input.file)))',
  words: `again(() => readFileSync(input.file, 'utf8').split(/\\s+/).filter((word) => word !== '').length)`,
  // One archive from its first byte to its last: two writers at the same time would spoil it.
  archive: `
const { gzipSync } = require('node:zlib')
const add = (file) => () => appendFileSync(input.archive, gzipSync(readFileSync(file)))
run([() => writeFileSync(input.archive, ''), ...input.files.map(add)], () => sha256(readFileSync(input.archive)))
`,
  // It keeps what it has found so far, so that another attempt goes on from there.
  survey: `
const { COVEY_CHECKPOINT } = process.env
const found = existsSync(COVEY_CHECKPOINT) ? readFileSync(COVEY_CHECKPOINT, 'utf8').split('\\n') : []
if (found.length > 0) note('resume')
const take = (file) => () => {
  found.push(sha256(readFileSync(file)))
  writeFileSync(COVEY_CHECKPOINT + '.new', found.join('\\n'))
  renameSync(COVEY_CHECKPOINT + '.new', COVEY_CHECKPOINT)
}
run(input.files.slice(found.length).map(take), () => sha256(found.join('\\n')), input.files.length)
`,
  // It takes far more memory than it asked for, and keeps it until a file tells it to end.
  greedy: `
const taken = []
const look = () => {
  if (taken.length < ${GREEDY_PIECES}) taken.push(Buffer.alloc(${GREEDY_PIECE_BYTES}, 1))
  else if (existsSync(input.until)) return end('let go of ' + taken.length * ${GREEDY_PIECE_BYTES} + ' bytes')
  setTimeout(look, ${GREEDY_PAUSE_MS})
}
look()
`,
  index: `run([], () => sha256(input.input.map((id) => id + ' ' + input.after[id].stdout.trim()).join('\\n')))`,
}

/** What a device runs: it reads its input from standard input and prints one line. */
export function command(kind: Kind, witness: string, holdMs: number): [string, ...string[]] {
  return [process.execPath, '-e', FRAME + BODIES[kind], witness, String(holdMs)]
}
