import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CoveyError } from '../../shared/errors/errors.ts'
import type { CommandName } from './commands.ts'
import { resolve } from './resolve.ts'
import { testTerminal } from './testing/terminal.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'covey-cli-'))
  mkdirSync(join(folder, '.config', 'covey'), { recursive: true })
})
afterEach(() => rmSync(folder, { recursive: true }))

function settle(command: CommandName, words: string[], env: Record<string, string> = {}) {
  const { context } = testTerminal({ env, cwd: folder, home: folder })
  return resolve(command, words, context)
}

function usageError(command: CommandName, words: string[], env: Record<string, string> = {}): CoveyError {
  try {
    settle(command, words, env)
  } catch (error) {
    expect(error).toBeInstanceOf(CoveyError)
    expect((error as CoveyError).code).toBe('E_USAGE')
    return error as CoveyError
  }
  throw new Error('it should have been refused')
}

const project = (text: string) => writeFileSync(join(folder, 'covey.yaml'), text)
const own = (text: string) => writeFileSync(join(folder, '.config', 'covey', 'config.yaml'), text)

describe('precedence', () => {
  test.each([
    { flag: 'f', env: 'e', file: 'c', expected: 'f' },
    { flag: undefined, env: 'e', file: 'c', expected: 'e' },
    { flag: undefined, env: '', file: 'c', expected: 'c' },
    { flag: undefined, env: undefined, file: 'c', expected: 'c' },
    { flag: undefined, env: undefined, file: undefined, expected: 'home' },
    { flag: 'f', env: undefined, file: undefined, expected: 'f' },
  ])('flag $flag, environment $env, file $file give $expected', ({ flag, env, file, expected }) => {
    if (file !== undefined) project(`mesh: ${file}`)
    const words = flag === undefined ? [] : ['--mesh', flag]
    expect(settle('events', words, env === undefined ? {} : { COVEY_MESH: env }).values['mesh']).toBe(
      expected,
    )
  })

  test('The file that is named wins over the project’s, and that over the user’s own', () => {
    own('mesh: own')
    expect(settle('events', []).values['mesh']).toBe('own')
    project('mesh: project')
    expect(settle('events', []).values['mesh']).toBe('project')
    writeFileSync(join(folder, 'named.json'), '{"mesh":"named"}')
    expect(settle('events', ['--config', join(folder, 'named.json')]).values['mesh']).toBe('named')
  })

  test('A section holds for its command only and wins over the rest of the file', () => {
    project(
      'mesh: all\nbroker: mqtt://all\nagent:\n  mesh: mine\n  capacity: { cpu: 2, memory: 1Gi }\n  label: [a=1, b=2]\n',
    )
    expect(settle('events', []).values).toMatchObject({ mesh: 'all', broker: 'mqtt://all' })
    const { values } = settle('agent', [])
    expect(values).toMatchObject({
      mesh: 'mine',
      broker: 'mqtt://all',
      capacity: { cpu: '2', memory: '1Gi' },
      label: { a: '1', b: '2' },
    })
  })

  test('A mapping under "broker" is the command’s section, a text the address', () => {
    project('broker:\n  port: 2883\n')
    expect(settle('broker', []).values['port']).toBe(2883)
    expect(settle('events', []).values['broker']).toBe('mqtt://127.0.0.1:1883')
  })
})

describe('values', () => {
  test('Each kind is read into its unit', () => {
    const { values, operands } = settle('run', [
      '--where=arch=arm64|armv7l',
      '--where',
      'cores>=4',
      '--prefer=disk=ssd:80',
      '--prefer=zone=a|b',
      '--resources',
      'cpu=500m,memory=64Mi',
      '--timeout=5m',
      '--retries=2',
      '-e',
      'A=1=2',
      '-d',
      '--no-follow',
      '--',
      'sh',
      '-c',
      'true -- --where',
    ])
    expect(values).toMatchObject({
      where: { arch: ['arm64', 'armv7l'], cores: '>= 4' },
      prefer: [
        { where: { disk: 'ssd' }, weight: 80 },
        { where: { zone: ['a', 'b'] }, weight: 50 },
      ],
      resources: { cpu: '500m', memory: '64Mi' },
      timeout: 300_000,
      retries: 2,
      taskEnv: { A: '1=2' },
      detach: true,
      follow: false,
    })
    expect(operands).toEqual(['sh', '-c', 'true -- --where'])
  })

  test('Pieces of data are told apart, also when two are at one site', () => {
    const { values } = settle('run', ['--data', 'cellar=2Gi,attic=1Gi', '--data', 'cellar=64Mi', 'x'])
    expect(values['taskData']).toEqual([
      ['cellar', '2Gi'],
      ['attic', '1Gi'],
      ['cellar', '64Mi'],
    ])
  })

  test('Without "--" options of run end at the program', () => {
    const { values, operands } = settle('run', ['--priority', '7', 'uname', '-a', '--json'])
    expect(values).toMatchObject({ priority: 7 })
    expect(values).not.toHaveProperty('json')
    expect(operands).toEqual(['uname', '-a', '--json'])
  })

  test('A variable with a list is split at commas', () => {
    expect(settle('agent', [], { COVEY_LABEL: 'a=1,b=2' }).values['label']).toEqual({ a: '1', b: '2' })
  })
})

describe('mistakes', () => {
  test.each<[CommandName, string[], string, string]>([
    ['broker', ['--prot', '1'], 'no option --prot', 'Did you mean "--port"?'],
    ['broker', ['--port', 'many'], '--port: "many"', 'from 0 to 65535'],
    ['broker', ['--port', '70000'], '70000', 'from 0 to 65535'],
    ['broker', ['--port'], '--port: its value is missing', '--port=…'],
    ['broker', ['--port', '--json'], '--json follows', '--port=--json'],
    ['broker', ['--durability', 'procss'], '"procss"', 'Did you mean "process"?'],
    ['broker', ['extra'], '"extra" is one word too many', 'covey help broker'],
    ['agent', ['--label', 'attic'], '"attic" has no KEY=', 'room=attic'],
    ['agent', ['--capacity', 'cpu=lots'], '"lots" is not a quantity of cpu', 'cpu=500m'],
    ['agent', ['--capacity', 'cpu'], '"cpu" has no KEY=', 'cpu=500m'],
    ['run', ['--data', 'cellar', '--', 'x'], '"cellar" has no KEY=', 'cellar=2Gi'],
    ['run', ['--data', 'cellar=much', '--', 'x'], '"much" is not a quantity of cellar', 'cellar=2Gi'],
    [
      'run',
      ['--where', 'cores>=4', '--where', 'cores<16', '--', 'x'],
      '"cores" is named twice',
      'Name it once',
    ],
    [
      'run',
      ['--resources', 'cpu=1', '--resources', 'cpu=2', '--', 'x'],
      '"cpu" is named twice',
      'Name it once',
    ],
    ['agent', ['--id', 'a/b'], '"a/b" is not an id', 'letters, digits'],
    ['run', ['--timeout', '5 minutes', '--', 'x'], '"5 minutes" is not a duration', '5m'],
    ['run', ['--priority', '101', '--', 'x'], '101', 'from 0 to 100'],
    ['run', ['--prefer', 'a=b:0', '--', 'x'], 'the weight 0 of "a=b" is out of place', 'from 1 to 100'],
    ['run', ['--where', '=x', '--', 'x'], '"=x" is not a requirement', 'arch=arm64'],
    ['events', ['--broker', 'http://x'], '"http://x" is not the address of a broker', 'mqtt://'],
    ['events', ['--json=perhaps'], '"perhaps" is neither yes nor no', 'true or false'],
  ])('covey %s %j is refused', (command, words, message, remedy) => {
    const error = usageError(command, words)
    expect(error.message).toContain(message)
    expect(error.remedy).toContain(remedy)
  })

  test('A wrong variable is named', () => {
    expect(usageError('broker', [], { COVEY_LISTEN_PORT: 'tcp://10.0.0.1:1883' }).message).toContain(
      'COVEY_LISTEN_PORT: "tcp://',
    )
  })

  test('A wrong key, value or form in the file is named with the file', () => {
    project('mseh: home')
    expect(usageError('events', [])).toMatchObject({
      message: expect.stringMatching(/covey\.yaml: unknown key "mseh"/),
      remedy: expect.stringContaining('Did you mean "mesh"?'),
    })
    project('broker:\n  port: [1, x]\n')
    expect(usageError('broker', []).message).toMatch(/covey\.yaml: port: "x"/)
    project('mesh: [')
    expect(usageError('events', []).message).toMatch(/neither YAML nor JSON/)
    project('- mesh')
    expect(usageError('events', []).message).toMatch(/not a mapping/)
    expect(usageError('events', ['--config', join(folder, 'none.yaml')]).message).toMatch(/cannot be read/)
  })

  test('A wrong key of a section is answered with the keys that its command takes', () => {
    project('events:\n  timeout: 1s\n')
    const { message, remedy } = usageError('events', [])
    expect(message).toContain('covey.yaml: events: unknown key "timeout"')
    expect(remedy).toContain('mesh')
    expect(remedy).not.toContain('port')
    project('agent:\n  port: 1883\n')
    expect(usageError('agent', []).message).toContain('agent: unknown key "port"')
  })

  test('What belongs to one call is no key of the file', () => {
    project('detach: true')
    expect(usageError('events', []).message).toContain('unknown key "detach"')
  })
})
