import { describe, expect, it } from 'vitest'
import { checkBody, decode, decodeBody } from './codec.ts'
import { Topics } from './topics.ts'

const topics = new Topics('home')
const DIGEST = `sha256:${'0a'.repeat(32)}`
const spec = (text: string) => decodeBody('spec', text)

describe('codec', () => {
  it.each([
    ['not JSON', '{"run":', 'E_NOT_JSON', ''],
    ['no object', '[]', 'E_SHAPE', ''],
    ['nothing to run', '{}', 'E_SHAPE', '/run'],
    ['an empty command', '{"run":{"exec":[]}}', 'E_SHAPE', '/run/exec'],
    ['a command that is a string', '{"run":{"exec":"ls"}}', 'E_SHAPE', '/run/exec'],
    ['an empty program', '{"run":{"exec":[""]}}', 'E_SHAPE', '/run/exec/0'],
    ['a NUL in an argument', '{"run":{"exec":["a","b\\u0000"]}}', 'E_SHAPE', '/run/exec/1'],
    ['two kinds of work', '{"run":{"exec":["ls"],"function":"f"}}', 'E_SHAPE', '/run'],
    ['no kind of work', '{"run":{"env":{}}}', 'E_SHAPE', '/run'],
    ['a function that cannot be named so', '{"run":{"function":"a b"}}', 'E_SHAPE', '/run/function'],
    ['an environment of a function', '{"run":{"function":"f","env":{"A":"1"}}}', 'E_SHAPE', '/run/env'],
    ['an exclusive function', '{"run":{"function":"f"},"exclusive":true}', 'E_SHAPE', '/exclusive'],
    ['a module without its digest', '{"run":{"wasm":{"module":"tool.wasm"}}}', 'E_SHAPE', '/run/wasm/module'],
    [
      'a digest in capitals',
      `{"run":{"wasm":{"module":"${DIGEST.toUpperCase()}"}}}`,
      'E_SHAPE',
      '/run/wasm/module',
    ],
    ['a folder for a module', `{"run":{"wasm":{"module":"${DIGEST}"},"cwd":"/"}}`, 'E_SHAPE', '/run/cwd'],
    [
      'an exclusive module',
      `{"run":{"wasm":{"module":"${DIGEST}"}},"exclusive":true}`,
      'E_SHAPE',
      '/exclusive',
    ],
    [
      'an artifact that is a path',
      `{"run":{"exec":["ls"]},"artifacts":{"../a":"${DIGEST}"}}`,
      'E_SHAPE',
      '/artifacts/../a',
    ],
    [
      'artifacts of a container',
      `{"run":{"container":{"image":"a"}},"artifacts":{"a":"${DIGEST}"}}`,
      'E_SHAPE',
      '/artifacts',
    ],
    ['a container without image', '{"run":{"container":{}}}', 'E_SHAPE', '/run/container/image'],
    ['an option as an image', '{"run":{"container":{"image":"--rm"}}}', 'E_SHAPE', '/run/container/image'],
    [
      'an unknown pull policy',
      '{"run":{"container":{"image":"a","pull":"maybe"}}}',
      'E_SHAPE',
      '/run/container/pull',
    ],
    [
      'a preference that counts nothing',
      '{"run":{"exec":["ls"]},"prefer":[{"where":{"zone":"a"},"weight":0}]}',
      'E_SHAPE',
      '/prefer/0/weight',
    ],
    ['a spread of no group', '{"run":{"exec":["ls"]},"spread":"zone"}', 'E_SHAPE', '/spread'],
    [
      'a comparison with what is no number',
      '{"run":{"exec":["ls"]},"where":{"arch":"arm64","cores":">= many"}}',
      'E_CONTRADICTION',
      '/where/cores',
    ],
    [
      'a number with a unit',
      '{"run":{"exec":["ls"]},"where":{"ram":"> 4Gi"}}',
      'E_CONTRADICTION',
      '/where/ram',
    ],
    [
      'a comparison with nothing',
      '{"run":{"exec":["ls"]},"where":{"a/b":">= "}}',
      'E_CONTRADICTION',
      '/where/a~1b',
    ],
    [
      'two bounds in one',
      '{"run":{"exec":["ls"]},"where":{"cores":"> 4, < 8"}}',
      'E_CONTRADICTION',
      '/where/cores',
    ],
    [
      'a preference that nothing ever meets',
      '{"run":{"exec":["ls"]},"prefer":[{"where":{"cores":"> x"},"weight":1}]}',
      'E_CONTRADICTION',
      '/prefer/0/where/cores',
    ],
    ['a list of no labels', '{"run":{"exec":["ls"]},"where":{"zone":[]}}', 'E_SHAPE', '/where/zone'],
    [
      'near and apart from one group',
      '{"run":{"exec":["ls"]},"near":[{"group":"a","by":"zone"}],"apart":[{"group":"b"},{"group":"a","by":"zone"}]}',
      'E_CONTRADICTION',
      '/apart/1',
    ],
    [
      'near and apart from its own group',
      '{"run":{"exec":["ls"]},"group":"a","near":[{"group":"a","by":"device"}],"apart":[{"group":"a"}]}',
      'E_CONTRADICTION',
      '/apart/0',
    ],
    [
      'near on a device that must have the label to be apart by',
      '{"run":{"exec":["ls"]},"where":{"zone":["a","b"]},"near":[{"group":"a"}],"apart":[{"group":"a","by":"zone"}]}',
      'E_CONTRADICTION',
      '/apart/0',
    ],
    ['an unknown executor', '{"run":{"docker":"x"}}', 'E_EXECUTOR', '/run/docker'],
    ['an unknown field', '{"run":{"exec":["ls"]},"prio":1}', 'E_UNKNOWN_FIELD', '/prio'],
    ['a wrong duration', '{"run":{"exec":["ls"]},"timeout":"10 sec"}', 'E_UNIT', '/timeout'],
    [
      'a wrong quantity',
      '{"run":{"exec":["ls"]},"resources":{"memory":"64MB"}}',
      'E_UNIT',
      '/resources/memory',
    ],
    [
      'shares of two GPUs',
      '{"run":{"exec":["ls"]},"resources":{"gpu":"1500m"}}',
      'E_SHAPE',
      '/resources/gpu',
    ],
    [
      'more GPUs than any device has',
      '{"run":{"exec":["ls"]},"resources":{"gpu":65}}',
      'E_CONTRADICTION',
      '/resources/gpu',
    ],
    ['a negative quantity', '{"run":{"exec":["ls"]},"resources":{"cpu":-1}}', 'E_SHAPE', '/resources/cpu'],
    ['a priority out of range', '{"run":{"exec":["ls"]},"priority":101}', 'E_SHAPE', '/priority'],
    [
      'a deadline without zone',
      '{"run":{"exec":["ls"]},"deadline":"2030-01-01T00:00:00"}',
      'E_SHAPE',
      '/deadline',
    ],
    ['an empty array', '{"run":{"exec":["ls"]},"array":[]}', 'E_SHAPE', '/array'],
    ['an array that is none', '{"run":{"exec":["ls"]},"array":{"a":1}}', 'E_SHAPE', '/array'],
    ['an exclusive array', '{"run":{"exec":["ls"]},"exclusive":true,"array":[1]}', 'E_SHAPE', '/exclusive'],
    ['an input beside an array', '{"run":{"exec":["ls"]},"input":1,"array":[1]}', 'E_SHAPE', '/input'],
    [
      'more elements than an array may have',
      `{"run":{"exec":["ls"]},"array":[${'0,'.repeat(10_000)}0]}`,
      'E_SHAPE',
      '/array',
    ],
    [
      'an element that is too large to be sent',
      JSON.stringify({ run: { exec: ['ls'] }, array: ['a', 'x'.repeat(256 * 1024)] }),
      'E_TOO_LARGE',
      '/array/1',
    ],
    ['a false withdrawal', '{"withdraw":false}', 'E_SHAPE', '/withdraw'],
  ])('refuses %s with code and path', (_, text, code, path) => {
    expect(spec(text)).toMatchObject({ rejection: { code, path } })
  })

  it('takes what the documentation shows', () => {
    const text =
      '{"run":{"exec":["uname","-a"]},"resources":{"cpu":"100m","memory":"16Mi"},"timeout":"10s","where":{"arch":["arm64","x64"],"ram":">= 30"}}'
    expect(spec(text)).toEqual({ body: JSON.parse(text) })
    expect(spec('{"withdraw":true}')).toEqual({ body: { withdraw: true } })
  })

  it('takes each kind of work, and says which there are when none or several are named', () => {
    const wasm = `"wasm":{"module":"${DIGEST}","args":["-v"]},"env":{"A":"1"}`
    for (const run of ['"exec":["ls"]', '"function":"f-1"', '"container":{"image":"a/b:1"}', wasm]) {
      expect(spec(`{"run":{${run}}}`)).toHaveProperty('body')
    }
    for (const run of ['', '"exec":["ls"],"container":{"image":"a"}']) {
      expect(spec(`{"run":{${run}}}`)).toMatchObject({
        rejection: { remedy: 'Use exactly one of: exec, function, container, wasm' },
      })
    }
  })

  it('takes an array that is larger than any other spec may be', () => {
    const array = Array.from({ length: 10_000 }, (_, n) => `${'x'.repeat(90)}${n}`)
    const text = JSON.stringify({ run: { exec: ['ls'] }, array })
    expect(text.length).toBeGreaterThan(256 * 1024)
    const address = { mesh: 'home', route: 'spec', id: 'a' } as const
    expect(decode(address, text, text.length, false)).toHaveProperty('body')
    const other = JSON.stringify({ run: { exec: ['ls'] }, input: array })
    expect(decode(address, other, other.length, false)).toMatchObject({ rejection: { code: 'E_TOO_LARGE' } })
  })

  it('knows a page of results by its topic, and refuses a name that is none', () => {
    const body = { task: 'a', digest: '', term: 3, agent: 'pi-7', page: 0, results: [] }
    const address = topics.parse(topics.ofPage('a', '3-pi-7-0'))
    expect(address).toEqual({ mesh: 'home', route: 'results', id: 'a', page: '3-pi-7-0' })
    const text = JSON.stringify(body)
    const read = decode(address as NonNullable<typeof address>, text, text.length, true)
    expect(read).toEqual({ route: 'results', id: 'a', page: '3-pi-7-0', retained: true, body })
    const wrong = { mesh: 'home', route: 'results', id: 'a', page: '..' } as const
    expect(decode(wrong, text, text.length, true)).toMatchObject({ rejection: { code: 'E_ID' } })
    expect(topics.parse('covey/v1/home/tasks/a/results/x/y')).toBeUndefined()
  })

  it('names elements after their array', () => {
    const report = (task: string) =>
      decodeBody(
        'report',
        JSON.stringify({
          incarnation: 1,
          nonce: 'n',
          highestTerm: { term: 1, agent: 'a' },
          inboxSeq: 0,
          held: [{ attempt: { term: 1, agent: 'a', n: 1 }, task, phase: 'running' }],
          rejected: [],
          results: [],
        }),
      )
    expect(report('a[17]')).toHaveProperty('body')
    expect(report('a[x]')).toMatchObject({ rejection: { code: 'E_ID', path: '/held/0/task' } })
  })

  it('takes an unknown field from an agent of another version', () => {
    expect(decodeBody('death', '{"agent":"a","nonce":"n","later":1}')).toHaveProperty('body')
  })

  it('takes orders whose tasks say more than this version knows, and users’ specs as little as ever', () => {
    const spec = { run: { exec: ['true'] }, resources: {}, later: 1 }
    const attempt = { term: 1, agent: 'a', n: 1 }
    const orders = { assign: [{ attempt, task: 't', spec }], revoke: [], ack: [] }
    const inbox = { term: 1, agent: 'a', seq: 1, ...orders }
    expect(decodeBody('inbox', JSON.stringify(inbox))).toHaveProperty('body')
    expect(decodeBody('spec', JSON.stringify(spec))).toMatchObject({ rejection: { path: '/later' } })
  })

  it('refuses an id that climbs, in the topic', () => {
    const address = topics.parse('covey/v1/home/tasks/../spec')
    expect(address).toEqual({ mesh: 'home', route: 'spec', id: '..' })
    expect(decode(address as NonNullable<typeof address>, '{}', 2, false)).toMatchObject({
      rejection: { code: 'E_ID' },
    })
    expect(topics.parse('covey/v1/home/tasks/../x/spec')).toBeUndefined()
  })

  it('refuses a spec that grows beyond the limit when it is sent on', () => {
    const text = `{"run":{"exec":["true"]},"input":[${new Array(20_000).fill('1e20').join(',')}]}`
    expect(text.length).toBeLessThan(256 * 1024)
    expect(spec(text)).toMatchObject({ rejection: { code: 'E_TOO_LARGE' } })
  })

  it('refuses what is nested so deep that nobody could walk it, and says where', () => {
    const nested = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`
    const of = (field: string, levels: number) => `{"run":{"exec":["true"]},"${field}":${nested(levels)}}`
    expect(spec(of('input', 99))).toHaveProperty('body')
    for (const levels of [100, 5_000, 100_000]) {
      const message = 'it is nested deeper than 100 levels'
      const fault = { rejection: { code: 'E_SHAPE', path: '/input', message } }
      expect(spec(of('input', levels))).toMatchObject(fault)
      expect(spec(of('constructor', levels))).toMatchObject({ rejection: { path: '/constructor' } })
    }
    // What agents write has specs and values within.
    const death = (levels: number) => decodeBody('death', `{"agent":"a","nonce":"n","x":${nested(levels)}}`)
    expect(death(119)).toHaveProperty('body')
    expect(death(5_000)).toMatchObject({ rejection: { code: 'E_SHAPE', path: '/x' } })
  })

  it('keeps what it says of bad input short, however long that is', () => {
    const fault = spec(`{"run":{"exec":["true"]},"${'x'.repeat(100_000)}":1}`)
    expect(JSON.stringify(fault).length).toBeLessThan(4_000)
  })

  it('refuses what exceeds the limit before reading it', () => {
    const address = { mesh: 'home', route: 'spec', id: 'a' } as const
    expect(decode(address, 'x', 2e6, false)).toMatchObject({ rejection: { code: 'E_TOO_LARGE' } })
  })
})

describe('the marks of a mesh', () => {
  it.each([
    [{ highMark: 0.6, lowMark: 0.7 }, '/lowMark', 'lowMark 0.7 is above highMark 0.6'],
    [{ lowMark: 0.95 }, '/lowMark', 'lowMark 0.95 is above highMark 0.9'],
    [{ highMark: 0 }, '/highMark', '0 must be > 0'],
    [{ highMark: 'off' }, '/highMark', '"off" must be "never" or a number'],
    [{ highMark: null }, '/highMark', 'null must be "never" or a number'],
    [{ moveAfter: '15' }, '/moveAfter', '"15" is not a duration'],
  ])('cannot be %j', (config, path, message) => {
    expect(checkBody('config', config)).toMatchObject({ path, message })
  })

  it.each([
    {},
    { highMark: 0.5 },
    { highMark: 0.5, lowMark: 0.5 },
    { highMark: 'never', lowMark: 1 },
    { highMark: 'never' },
  ])('may be %j', (config) => expect(checkBody('config', config)).toBeUndefined())
})
