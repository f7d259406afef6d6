/**
 * The house rules over the text of one file. A rule returns one line for each violation: where it is, what is wrong,
 * and what to do instead.
 */
import { isCore } from './imports.ts'
import { lineOf, mask } from './source.ts'

export type Rule = (path: string, text: string) => string[]

export const SOURCE_LINES_MAX = 400
export const TEST_LINES_MAX = 600

const isSource = (path: string) => /\.(?:ts|mjs|js)$/.test(path)
const isTest = (path: string) => path.endsWith('.test.ts') || path.startsWith('test/')

/** One violation for each match of `pattern` in `text`, with the line it is in. */
function each(path: string, text: string, pattern: RegExp, say: (match: string) => string): string[] {
  return [...text.matchAll(pattern)].map(
    (match) => `${path}:${lineOf(text, match.index)}: ${say(match[0].trim())}`,
  )
}

/** What a core may not name, and what it does instead. */
const BANNED_IN_CORES: readonly [RegExp, string][] = [
  [/\bDate\.now\b/g, "take the time from the step's `now`"],
  [/\bnew Date\s*(?:\(\s*\)|(?![\w\s(]))/g, 'hand in the time: new Date(now.wallMs)'],
  [/(?<!new )(?<![\w.])Date\s*\(/g, 'hand in the time: new Date(now.wallMs)'],
  [/\bMath\.random\b/g, 'draw from the Random that was handed in'],
  [
    /\b(?:setTimeout|setInterval|setImmediate|queueMicrotask)\b/g,
    'return a `timer` effect; it comes back as an input',
  ],
  [
    /(?<![\w.'-])(?:performance|crypto|process|Buffer|globalThis)\b(?=\s*[.[(])/g,
    'hand it in, or let the shell do it',
  ],
  [
    /\b(?:async|await)\b|\bPromise\b/g,
    'a core is synchronous: return an effect, its end comes back as an input',
  ],
  [/\bconsole\./g, 'return a `log` effect'],
  [/\b(?:localeCompare|toLocale\w+|Intl)\b/g, 'compare and write without the locale of the machine: a < b'],
  [
    /\.get(?:Hours|Minutes|Day|Date|Month|FullYear|TimezoneOffset)\b/g,
    'use the UTC form: getUTCHours and the like',
  ],
  [
    /\b(?:WeakRef|FinalizationRegistry)\b/g,
    'use a Map with a named bound; garbage collection is not deterministic',
  ],
]

/** Clocks, timers, chance and I/O in the deterministic cores. */
export const bannedInCores: Rule = (path, text) => {
  if (!isCore(path)) return []
  const { code } = mask(text)
  return BANNED_IN_CORES.flatMap(([pattern, instead]) =>
    each(path, code, pattern, (match) => `"${match}" in a core; ${instead}`),
  )
}

/** A file is named after its one idea. */
export const fileNames: Rule = (path) => {
  const parts = path.split('/').map((part) => part.replace(/\..*$/, '').toLowerCase())
  const bad = parts.find((part) => /^(?:utils?|helpers?|common|misc)$|-(?:utils?|helpers?)$/.test(part))
  return bad === undefined ? [] : [`${path}: nothing is named "${bad}"; name it after its one idea`]
}

export const fileLength: Rule = (path, text) => {
  if (!isSource(path)) return []
  const lines = text.split('\n').length - (text.endsWith('\n') ? 1 : 0)
  const most = isTest(path) ? TEST_LINES_MAX : SOURCE_LINES_MAX
  return lines > most ? [`${path}: ${lines} lines, at most ${most}; split it by its ideas`] : []
}

/** Only what asks `requires` may skip, because only that is loud and fails where nothing may be absent. */
export const skippedTests: Rule = (path, text) => {
  if (!isTest(path) || !isSource(path)) return []
  const { code } = mask(text)
  const calls = (pattern: RegExp, instead: string) =>
    each(path, code, pattern, (match) => `"${match}"; ${instead}`)
  return [
    ...calls(/(?<=\b(?:describe|it|test|suite)[\w.]*)\.only\b/g, 'run one file or use -t instead'),
    ...calls(
      /\.(?:skip|todo)\b(?=\s*[.(])|\bx(?:it|describe|test)\s*\(/g,
      'repair or remove it; what needs a program asks requires()',
    ),
    ...calls(
      /\.(?:skipIf|runIf)\s*\((?![^)]*(?:\.available\b|\brequires\s*\())/g,
      'use skipIf(!requires("…").available)',
    ),
  ]
}

const SLEEP =
  /\bawait\s+(?:\w+\.)?(?:sleep|delay|pause|setTimeout)\s*\(|\bawait\s+(?:\w+\.)?wait\w*\s*\(\s*\d|\bnew Promise(?:<\w+>)?\s*\(\s*\(?\s*\w*\s*\)?\s*=>\s*\{?\s*setTimeout\s*\(|\bAtomics\.wait\b/g
const SLEEP_FOR_OTHERS = /\bexport\s+(?:async\s+)?(?:function|const)\s+(?:sleep|delay|pause)\w*/g

/**
 * Waiting for a time that was guessed is slow on a fast machine and wrong on a slow one. What tests share may pause
 * between two looks at a condition, and keeps that pause to itself.
 */
export const fixedSleeps: Rule = (path, text) => {
  if (!isTest(path) || !isSource(path)) return []
  const pattern = path.endsWith('.test.ts') ? SLEEP : SLEEP_FOR_OTHERS
  return each(path, mask(text).code, pattern, (match) => {
    return `"${match}" sleeps; wait for the condition: vi.waitFor(() => …)`
  })
}

/** How long something took says as much about the machine as about us. Virtual time is free of that. */
export const timingAsserts: Rule = (path, text) => {
  if (!isTest(path) || !isSource(path) || path.startsWith('simulations/')) return []
  const pattern =
    /\bexpect\s*\([^\n]*(?:\belapsed|\btook|performance\.now|Date\.now|hrtime)[^\n]*\)\s*\.(?:not\.)?toBe(?:Less|Greater|Close)\w*/gi
  return each(path, mask(text).code, pattern, () => {
    return 'asserts how long something took; assert what happened, in virtual time if order matters'
  })
}

/** Notes of work not done belong into an issue; the text says what is. */
export const openEnds: Rule = (path, text) =>
  each(
    path,
    text,
    /\b(?:TO(?:DO)|FIX(?:ME)|X(?:XX)|HA(?:CK))\b/g,
    (match) => `"${match}"; do it, or write down in docs/ what does not hold`,
  )

/** Paths that exist on one machine only. */
export const machinePaths: Rule = (path, text) =>
  each(
    path,
    text,
    /(?<![\w.)}\]/~-])\/(?:work|root|home\/\w+|Users\/\w+)(?=\/|["'`\s):,]|$)/gm,
    (match) => `"${match}" is a path of one machine; make it relative to the project or to os.tmpdir()`,
  )

/** Messages stand inside other lines, so they do not end like a sentence. */
export const fullStops: Rule = (path, text) => {
  if (!isSource(path) || isTest(path)) return []
  const pattern =
    /\b(?:new \w*Error|rejection)\s*\((?:\s*'E_\w+',)?(?:\s*'[^'\n]*',)?\s*(?:'[^'\n]*[^.]\.'|`[^`\n]*[^.]\.`)\s*[,)]/g
  return each(path, mask(text).uncommented, pattern, (match) => `${match} ends in a full stop; leave it out`)
}
