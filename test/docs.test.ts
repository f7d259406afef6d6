/** The generated pages say what the code says, and the examples in them are messages that the codec takes. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { INTRODUCTION, pages } from '../shared/docs/pages.ts'
import { protocolPage } from '../shared/docs/protocol-page.ts'
import { cell, schemaTable } from '../shared/docs/schema-table.ts'
import { ERRORS } from '../shared/errors/table.ts'
import { checkBody, decodeBody } from '../shared/protocol/codec.ts'
import { EXAMPLES, WITHDRAW_EXAMPLE } from '../shared/protocol/examples.ts'
import { SCHEMAS } from '../shared/protocol/schemas/index.ts'
import { type Route, TOPICS } from '../shared/protocol/topics.ts'
import { projectFiles, root } from './house-rules/project.ts'

const read = (path: string) => readFileSync(join(root, path), 'utf8')
const routes = Object.keys(TOPICS) as Route[]

describe('the generated documentation', () => {
  it.each([...pages(read)])('%s is what `npm run docs` writes', (path, text) => {
    expect(read(path) === text, `${path} is stale; run npm run docs`).toBe(true)
  })

  it('names every error code, and none that does not exist', () => {
    const named = [...read('docs/errors.md').matchAll(/^\| `(E_\w+)`/gm)].map((match) => match[1])
    expect(named).toEqual(Object.keys(ERRORS))
  })

  it('names every topic and every field of every message', () => {
    const page = read('docs/protocol.md')
    for (const route of routes) {
      const start = page.indexOf(`\n### ${route}\n`)
      expect(start, `has a section on ${route}`).toBeGreaterThan(0)
      const section = page.slice(start, page.indexOf('\n### ', start + 1))
      for (const field of Object.keys(SCHEMAS[route].properties)) {
        expect(section, `${route} has a row for ${field}`).toContain(`\n| \`${field}\` |`)
      }
    }
  })

  it('links only to headings that exist', () => {
    const page = read('docs/protocol.md')
    const headings = [...page.matchAll(/^#+ (.+)$/gm)].map((match) =>
      match[1]?.toLowerCase().replaceAll(' ', '-'),
    )
    for (const [, anchor] of page.matchAll(/\]\(#([^)]+)\)/g)) expect(headings).toContain(anchor)
  })

  it('refuses an introduction that names a constant which does not exist', () => {
    expect(() => protocolPage('at most {{NO_SUCH_MAX}}')).toThrow('{{NO_SUCH_MAX}}')
    expect(read(INTRODUCTION)).toContain('{{')
    expect(read('docs/protocol.md')).not.toContain('{{')
  })

  it('links pages of docs/ and files only where they exist', () => {
    const files = projectFiles()
    const broken: string[] = []
    for (const [path, text] of files) {
      if (!path.endsWith('.md') || path === INTRODUCTION) continue
      for (const [, target] of text.matchAll(/\]\((?!https?:|mailto:|#)([^)#\s]+)[^)]*\)/g)) {
        const resolved = join(path, '..', target as string).replace(/\/$/, '')
        const stands =
          files.has(resolved) || [...files.keys()].some((other) => other.startsWith(`${resolved}/`))
        if (!stands) broken.push(`${path}: ${target}`)
      }
    }
    expect(broken).toEqual([])
  })

  it('writes types, bounds and nested fields so that a person can follow them', () => {
    const shared = { type: 'object', properties: { x: { type: 'integer' } } }
    const table = schemaTable(
      {
        type: 'object',
        required: ['a'],
        properties: {
          a: { type: 'integer', minimum: 0, maximum: 5, description: 'this | that' },
          b: { type: 'array', maxItems: 2, items: { type: 'object', properties: { c: { const: true } } } },
          d: { ...shared, description: 'other words' },
          e: { anyOf: [{ const: 'x' }, { const: 'y' }] },
          f: { anyOf: [{ type: 'string', maxLength: 3 }, { type: 'boolean' }] },
        },
      },
      [{ name: 'Shared', anchor: 'shared', schema: shared }],
    )
    expect(table.split('\n').slice(2)).toEqual([
      '| `a` | integer from 0 to 5 | yes | this \\| that |',
      '| `b` | list (at most 2) of object |  |  |',
      '| `b[].c` | `true` |  |  |',
      '| `d` | [Shared](#shared) |  | other words |',
      '| `e` | `"x"`, `"y"` |  |  |',
      '| `f` | text, at most 3 characters or boolean |  |  |',
    ])
    expect(cell('a|b\nc')).toBe('a\\|b c')
  })
})

describe('the examples', () => {
  it.each(routes)(
    'of %s is a message that the codec takes, and has only fields that the schema knows',
    (route) => {
      const text = JSON.stringify(EXAMPLES[route])
      expect(decodeBody(route, text)).toEqual({ body: EXAMPLES[route] })
      const known = Object.keys(SCHEMAS[route].properties)
      for (const field of Object.keys(EXAMPLES[route])) expect(known).toContain(field)
    },
  )

  it('withdraw a task', () => {
    expect(checkBody('spec', WITHDRAW_EXAMPLE)).toBeUndefined()
  })
})
