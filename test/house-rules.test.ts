/**
 * What the project promises itself, checked over every file. Each rule is shown to find what it is for before it is
 * trusted to find nothing.
 */
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { checkImports, cyclesOf, graphOf, importsOf } from './house-rules/imports.ts'
import { checkDependencies, checkTopLevel, projectFiles, root } from './house-rules/project.ts'
import * as rules from './house-rules/rules.ts'
import { mask } from './house-rules/source.ts'
import { requires } from './requires.ts'

const files = projectFiles()
const sources = new Map([...files].filter(([path]) => /\.(?:ts|mjs)$/.test(path)))
const over = (rule: rules.Rule) => [...files].flatMap(([path, text]) => rule(path, text))

describe('each rule over the text of a file', () => {
  const open = 'TO'.concat('DO')
  const machine = '/'.concat('home/me')
  it.each<[string, rules.Rule, string, string[], string[]]>([
    [
      'no core reads a clock, a timer, chance or the process',
      rules.bannedInCores,
      'agent/core/a.ts',
      [
        'const t = Date.now()',
        'const t = new Date()',
        'const t = Date()',
        'const r = Math.random()',
        'setTimeout(f, 1)',
        'const p = process.env',
        'const n = performance.now()',
        'const b = Buffer.from(x)',
        'async function f() {}',
        'console.log(1)',
        'a.localeCompare(b)',
        'const text = `now ${Date.now()}`',
        'date.getHours()',
      ],
      [
        'const t = new Date(now.wallMs).toISOString()',
        'const t = Date.parse(text)',
        '// Date.now() is not for us',
        "const s = 'setTimeout'",
        'this.process(input)',
        'date.getUTCHours()',
        'const key = x.crypto',
      ],
    ],
    [
      'no source is longer than a person reads at once',
      rules.fileLength,
      'broker/a.ts',
      ['x\n'.repeat(rules.SOURCE_LINES_MAX + 1)],
      ['x\n'.repeat(rules.SOURCE_LINES_MAX)],
    ],
    [
      'no test is longer than a person reads at once',
      rules.fileLength,
      'broker/a.test.ts',
      ['x\n'.repeat(rules.TEST_LINES_MAX + 1)],
      ['x\n'.repeat(rules.TEST_LINES_MAX)],
    ],
    [
      'no test is left out without a reason that continuous integration refuses',
      rules.skippedTests,
      'broker/a.test.ts',
      [
        "it.only('x', f)",
        "describe.skip('x', f)",
        "it.todo('x')",
        "xit('x', f)",
        "it.each([1]).skip('x', f)",
        "describe.skipIf(process.platform === 'win32')('x', f)",
        'context.skip()',
      ],
      [
        "describe.skipIf(!requires('mosquitto').available)('x', f)",
        "describe.skipIf(!broker.available)('x', f)",
        "it('reads .skip( in a string', f)",
        'const only = list.filter(f)',
      ],
    ],
    [
      'no test sleeps',
      rules.fixedSleeps,
      'test/a.test.ts',
      [
        'await sleep(100)',
        'await setTimeout(ms)',
        'await timers.setTimeout(5)',
        'await new Promise((resolve) => setTimeout(resolve, 100))',
        'await new Promise<void>((r) => { setTimeout(r, 1) })',
        'await wait(50)',
      ],
      ['await vi.waitFor(() => expect(x).toBe(1), { timeout: 5_000 })', 'await wait(() => done)'],
    ],
    [
      'no test asserts how long something took',
      rules.timingAsserts,
      'broker/a.test.ts',
      ['expect(performance.now() - t).toBeLessThan(100)', 'expect(elapsedMs).toBeGreaterThan(3)'],
      ['expect(sizeBytes).toBeLessThan(100)', 'expect(effect.delayMs).toBeLessThan(100)'],
    ],
    [
      'no work is noted instead of done',
      rules.openEnds,
      'a.md',
      [`// ${open}: later`, open],
      ['a todo list', 'mastodon'],
    ],
    [
      'no path of one machine is written down',
      rules.machinePaths,
      'a.md',
      [`cd ${machine}`, `'${machine}/x'`, '/'.concat('root/.npmrc')],
      ['covey/work/x', '/rooted', '/workers/x', '/tmp/x', 'src/root/x'],
    ],
    [
      'no message ends in a full stop',
      rules.fullStops,
      'broker/a.ts',
      [
        "throw new Error('it broke.')",
        "new CoveyError('E_PORT', `port ${x} is taken.`)",
        "rejection('E_ID', '', 'no id.')",
      ],
      [
        "throw new Error('it broke')",
        "new CoveyError('E_PORT', `waits…`)",
        "new Error('and so on...')".replace('...', ''),
      ],
    ],
  ])('%s', (_, rule, path, bad, good) => {
    for (const text of bad) expect(rule(path, text), `finds ${text.slice(0, 80)}`).not.toEqual([])
    for (const text of good) expect(rule(path, text), `lets ${text.slice(0, 80)} pass`).toEqual([])
    expect(over(rule)).toEqual([])
  })

  it('lets what tests share pause between two looks at a condition, but not lend its pause', () => {
    const pause = 'await new Promise((resolve) => setTimeout(resolve, 5))'
    expect(rules.fixedSleeps('test/until.ts', pause)).toEqual([])
    expect(rules.fixedSleeps('test/until.ts', `export const sleep = (ms: number) => ${pause}`)).toHaveLength(
      1,
    )
  })

  it('lets no file be named after nothing', () => {
    const bad = [
      'shared/utils.ts',
      'agent/helpers/x.ts',
      'broker/common.ts',
      'shared/misc.test.ts',
      'a/string-utils.ts',
    ]
    for (const path of bad) expect(rules.fileNames(path, ''), `finds ${path}`).toHaveLength(1)
    const good = ['shared/protocol/fragments.ts', 'broker/commons.ts', 'agent/core/context.ts']
    for (const path of good) expect(rules.fileNames(path, ''), `lets ${path} pass`).toEqual([])
    expect(over(rules.fileNames)).toEqual([])
  })

  it('tells code from comments, strings, templates and regular expressions', () => {
    const text = "a /* b */ 'c' `d ${e + `f${g}`} h` // i\nj / k / l; x = /'m/g"
    expect(mask(text).code.replace(/\s+/g, ' ').trim()).toBe('a e + g j / k / l; x =')
    expect(mask(text).code).toHaveLength(text.length)
    expect(mask(text).uncommented).toContain("'c' `d ${e + `f${g}`} h`")
  })
})

describe('imports', () => {
  const known = (path: string) => files.has(path) || path.endsWith('known.ts')
  const check = (path: string, specifier: string) =>
    checkImports(path, `import { x } from '${specifier}'\n`, known)

  it.each([
    ['shared/model/a.ts', '../../agent/core/known.ts'],
    ['shared/docs/a.ts', '../../broker/known.ts'],
    ['shared/model/a.ts', 'node:fs'],
    ['agent/core/a.ts', 'pino'],
    ['agent/core/a.ts', '../shell/known.ts'],
    ['agent/coordinator/a.ts', '../../broker/known.ts'],
    ['agent/shell/a.ts', '../../client/known.ts'],
    ['broker/a.ts', '../agent/core/known.ts'],
    ['client/a.ts', './cli/known.ts'],
    ['client/a.ts', '../broker/known.ts'],
    ['client/cli/a.ts', '../../broker/known.ts'],
    ['simulations/a.ts', '../agent/shell/known.ts'],
    ['simulations/a.ts', '../broker/known.ts'],
    ['dashboard/a.ts', '../agent/core/known.ts'],
    ['broker/a.ts', '../test/known.ts'],
    ['broker/a.ts', './known'],
    ['elsewhere/a.ts', './known.ts'],
  ])('does not let %s import %s', (path, specifier) => {
    expect(check(path, specifier)).toHaveLength(1)
  })

  it.each([
    ['shared/docs/a.ts', 'node:fs'],
    ['shared/protocol/a.ts', '@noble/hashes/sha2.js'],
    ['agent/core/a.ts', '../worker/known.ts'],
    ['agent/shell/a.ts', '../core/known.ts'],
    ['simulations/a.ts', '../agent/core/known.ts'],
    ['simulations/a.ts', './broker/known.ts'],
    ['simulations/live/a.ts', '../../agent/shell/known.ts'],
    ['broker/a.test.ts', '../test/known.ts'],
    ['test/a.test.ts', '../broker/known.ts'],
  ])('lets %s import %s', (path, specifier) => {
    expect(check(path, specifier)).toEqual([])
  })

  it('lets the CLI load the entry points of others when it starts them, and only then', () => {
    const load = "const { start } = await import('../../broker/known.ts')"
    expect(checkImports('client/cli/a.ts', load, known)).toEqual([])
    expect(checkImports('client/a.ts', load.replace('../../', '../'), known)).toHaveLength(1)
  })

  it('reads every form of import, and none from a string or comment', () => {
    const text = [
      "import a, { b } from './1.ts'",
      "import type { C } from './2.ts'",
      "export * from './3.ts'",
      "export type { D } from './4.ts'",
      "import './5.ts'",
      "await import('./6.ts')",
      "import {\n  e,\n  type F,\n} from './7.ts'",
      "// import g from './8.ts'",
      'const h = "import i from \'./9.ts\'"',
    ].join('\n')
    const found = importsOf(text).map((item) => `${item.specifier} ${item.typeOnly} ${item.dynamic}`)
    expect(found.sort()).toEqual([
      './1.ts false false',
      './2.ts true false',
      './3.ts false false',
      './4.ts true false',
      './5.ts false false',
      './6.ts false true',
      './7.ts false false',
    ])
  })

  it('finds a circle, and no circle of types alone', () => {
    const circle = new Map([
      ['a.ts', "import './b.ts'"],
      ['b.ts', "import './c.ts'"],
      ['c.ts', "import './a.ts'"],
    ])
    expect(cyclesOf(graphOf(circle))).toEqual(['a.ts -> b.ts -> c.ts -> a.ts'])
    circle.set('c.ts', "import type { A } from './a.ts'")
    expect(cyclesOf(graphOf(circle))).toEqual([])
  })

  it('go in the allowed direction in every file', () => {
    expect(
      [...sources].flatMap(([path, text]) => checkImports(path, text, (target) => files.has(target))),
    ).toEqual([])
  })

  it('run in no circle', () => {
    expect(cyclesOf(graphOf(sources))).toEqual([])
  })
})

describe('the project', () => {
  const manifest = JSON.parse(files.get('package.json') ?? '{}')
  const locked = JSON.parse(files.get('package-lock.json') ?? '{}').packages?.['']

  it('has at its top what people and tools look for', () => {
    expect(checkTopLevel(['package.json'])).toContain(
      'README.md is missing from the top of the project; add it',
    )
    expect(checkTopLevel(files.keys())).toEqual([])
  })

  it('pins every dependency, and has those it is built on', () => {
    const loose = { dependencies: { ...manifest.dependencies, mqtt: '^5.0.0' }, devDependencies: {} }
    expect(checkDependencies(loose, locked)).toEqual([
      'package.json: mqtt is "^5.0.0"; pin one version, like "1.2.3"',
      `package-lock.json: mqtt is ${manifest.dependencies.mqtt}, package.json says ^5.0.0; run npm install`,
      'package.json: devDependencies lacks vitest; add it',
    ])
    expect(checkDependencies(manifest, locked)).toEqual([])
  })
})

describe('the tools', () => {
  let folder: string
  beforeAll(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'covey-rules-')))
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  const write = (path: string, text: string) => {
    mkdirSync(join(folder, path, '..'), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  const run = (program: string, ...argv: string[]) => {
    const options = { cwd: folder, encoding: 'utf8', timeout: 50_000 } as const
    return spawnSync(process.execPath, [join(root, 'node_modules', program), ...argv], options)
  }

  it('make the linter refuse what the table of imports, the cores and the limits forbid', () => {
    const refused: [string, string, string][] = [
      ['agent/core/timer.ts', 'export const f = () => setTimeout(() => {}, 1)', 'noRestrictedGlobals'],
      ['agent/worker/clock.ts', 'export const f = () => performance.now()', 'noRestrictedGlobals'],
      ['agent/planning/clock.ts', 'export const f = () => performance.now()', 'noRestrictedGlobals'],
      ['agent/planning/shell.ts', "export * from '../shell/b.ts'", 'noRestrictedImports'],
      ['shared/model/end.ts', 'export const f = () => process.exit()', 'noRestrictedGlobals'],
      ['agent/election/shell.ts', "export * from '../shell/b.ts'", 'noRestrictedImports'],
      ['agent/coordinator/file.ts', "import { x } from 'node:fs'\nexport const y = x", 'noNodejsModules'],
      ['shared/docs/broker.ts', "export * from '../../broker/b.ts'", 'noRestrictedImports'],
      ['agent/shell/client.ts', "export * from '../../client/b.ts'", 'noRestrictedImports'],
      ['broker/agent.ts', "export * from '../agent/core/b.ts'", 'noRestrictedImports'],
      ['client/broker.ts', "export * from '../broker/b.ts'", 'noRestrictedImports'],
      ['simulations/shell.ts', "export * from '../agent/shell/b.ts'", 'noRestrictedImports'],
      ['broker/long.ts', `export function f() {\n${'  f()\n'.repeat(81)}}`, 'noExcessiveLinesPerFunction'],
      ['broker/one.test.ts', "it.only('x', () => {})", 'noFocusedTests'],
      ['broker/circle.ts', "import './round.ts'", 'noImportCycles'],
      ['broker/round.ts', "import './circle.ts'", 'noImportCycles'],
      ['broker/unknown.ts', "import 'left-pad'", 'noUndeclaredDependencies'],
    ]
    for (const name of ['biome.json', 'package.json', '.gitignore'])
      copyFileSync(join(root, name), join(folder, name))
    for (const [path, text] of refused) write(path, text)
    const { stdout } = run(
      '@biomejs/biome/bin/biome',
      'lint',
      '--reporter=github',
      '--max-diagnostics=100',
      '.',
    )
    const found = [...stdout.matchAll(/^::error title=lint\/\w+\/(\w+),file=([^,]+),/gm)]
    expect(found.map(([, rule, path]) => `${relative(folder, path ?? '')} ${rule}`).sort()).toEqual(
      refused.map(([path, , rule]) => `${path} ${rule}`).sort(),
    )
  })

  it('make the compiler refuse in a core what a machine provides', () => {
    const provided = [
      'setTimeout(f, 1)',
      'process.exit()',
      'new TextDecoder()',
      'console.log(1)',
      'Buffer.alloc(1)',
    ]
    provided.push('performance.now()', 'crypto.randomUUID()', 'queueMicrotask(f)', "import('node:fs')")
    const names = provided.map((text, i) => {
      write(`cores/bad${i}.ts`, `declare const f: () => void\nf()\n${text}\nexport {}\n`)
      return `bad${i}`
    })
    write('cores/ajv.ts', "import { Ajv } from 'ajv'\nexport const y = new Ajv().compile({})\n")
    write('cores/typebox.ts', "import { Type } from 'typebox'\nexport const y = Type.String()\n")
    write('cores/noble.ts', "import { sha256 } from '@noble/hashes/sha2.js'\nexport const y = sha256\n")
    const config = { extends: join(root, 'tsconfig.cores.json'), include: ['./*.ts'], exclude: [] }
    write('cores/tsconfig.json', JSON.stringify(config))
    const { stdout } = run('typescript/bin/tsc', '-p', 'cores', '--noEmit', '--pretty', 'false')
    const refused = new Set([...stdout.matchAll(/(\w+)\.ts\(\d+,\d+\): error/g)].map((match) => match[1]))
    expect([...refused].sort()).toEqual(names.sort())
  })

  it('make an absent program loud, and a failure where nothing may be absent', () => {
    const lines: string[] = []
    const around = { folders: [folder], require: undefined, warn: (line: string) => lines.push(line) }
    expect(requires('mosquitto_pub', around)).toMatchObject({ available: false, path: '' })
    expect(lines).toEqual([
      expect.stringMatching(/^requires: mosquitto_pub is not installed.* mosquitto-clients$/),
    ])
    expect(() => requires('mosquitto_pub', { ...around, require: 'all' })).toThrow(
      'COVEY_REQUIRE=all, but mosquitto_pub',
    )
    write('mosquitto_pub', '#!/bin/sh\n')
    chmodSync(join(folder, 'mosquitto_pub'), 0o755)
    const found = { available: true, reason: '', path: join(folder, 'mosquitto_pub') }
    expect(requires('mosquitto_pub', { ...around, require: 'all' })).toEqual(found)
  })
})
