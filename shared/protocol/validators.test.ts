import { describe, expect, test } from 'vitest'
import { OBJECTIVES, STRATEGIES } from './schemas/index.ts'
import { findFault } from './validators.ts'

const spec = (more: object): object => ({ run: { exec: ['true'] }, ...more })

describe('names that people choose', () => {
  test.each([
    ['env', spec({ run: { exec: ['true'], env: { '1A': '3' } } }), '/run/env/1A', '[A-Za-z_][A-Za-z0-9_]'],
    ['resources', spec({ resources: { '1a': 3 } }), '/resources/1a', '[A-Za-z][A-Za-z0-9_./-]'],
    ['where', spec({ where: { 'a b': 'x' } }), '/where/a b', '[A-Za-z][A-Za-z0-9_./-]'],
  ])('of %s are refused with the form that they have there', (_field, value, path, form) => {
    const fault = findFault('spec', value)
    expect(fault).toMatchObject({ code: 'E_SHAPE', path })
    expect(fault?.remedy).toContain(form)
  })
})

test('An unknown field is answered with those that there are', () => {
  const fault = findFault('spec', spec({ prio: 1 }))
  expect(fault).toMatchObject({ code: 'E_UNKNOWN_FIELD', path: '/prio' })
  expect(fault?.remedy).toContain('priority')
})

test('A value that is none of a few is told which they are', () => {
  const fault = findFault('config', { strategy: 'magic' })
  const message = `"magic" must be one of ${STRATEGIES.map((name) => `"${name}"`).join(', ')}`
  expect(fault).toMatchObject({ code: 'E_SHAPE', path: '/strategy', message })
  for (const wrong of [
    findFault('config', { objective: 'magic' }),
    findFault('spec', spec({ objective: 'magic' })),
  ])
    expect(wrong).toMatchObject({
      ...{ code: 'E_SHAPE', path: '/objective' },
      message: `"magic" must be one of ${OBJECTIVES.map((name) => `"${name}"`).join(', ')}`,
    })
})

test('A negative weight is told what it must be', () => {
  const fault = findFault('spec', spec({ prefer: [{ where: { zone: 'a' }, weight: -5 }] }))
  expect(fault).toMatchObject({ code: 'E_SHAPE', path: '/prefer/0/weight', message: '-5 must be >= 1' })
})
