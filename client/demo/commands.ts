/**
 * The programs of the demo's tasks, as text for `node -e`, which is all that a device needs. Each leaves lines in the
 * witness file: when it begins, while it is at work, and when it has come to its end. So the file tells what truly
 * ran, whatever messages say. Arguments are that file and for how long the work is to last.
 */

export const KINDS = ['checksum', 'words', 'archive', 'index'] as const
export type Kind = (typeof KINDS)[number]

/** Milliseconds between two lines of work under way. */
export const BEAT_MS = 250

const FRAME = `
const { appendFileSync, readFileSync, writeFileSync } = require('node:fs')
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
const run = (steps, result) => {
  const next = (n) => {
    if (n < steps.length) {
      steps[n]()
      return setTimeout(next, Number(holdMs) / steps.length, n + 1)
    }
    clearInterval(beat)
    const text = result()
    note('end')
    console.log(text)
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
  index: `run([], () => sha256(input.input.map((id) => id + ' ' + input.after[id].stdout.trim()).join('\\n')))`,
}

/** What a device runs: it reads its input from standard input and prints one line. */
export function command(kind: Kind, witness: string, holdMs: number): [string, ...string[]] {
  return [process.execPath, '-e', FRAME + BODIES[kind], witness, String(holdMs)]
}
