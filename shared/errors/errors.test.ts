import { expect, test } from 'vitest'
import { findFault } from '../protocol/validators.ts'
import { failure, rejection } from './errors.ts'
import { ERRORS } from './table.ts'

test('a failure carries the remedy of its code', () => {
  expect(failure('E_EXIT', 'the command ended with code 3')).toEqual({
    code: 'E_EXIT',
    message: 'the command ended with code 3',
    remedy: ERRORS.E_EXIT.remedy,
  })
})

test('a failure of any length fits into a status', () => {
  const error = failure('E_START', 'x'.repeat(100_000))
  const status = {
    task: 'a',
    state: 'failed',
    digest: '',
    term: 1,
    agent: 'pi-1',
    attempts: 1,
    failed: 1,
    lost: 0,
    error,
    explanation: '',
    times: {},
  }
  expect(findFault('status', status)).toBeUndefined()
})

test('a rejection takes the remedy of its code unless a more exact one is given', () => {
  expect(rejection('E_UNIT', '/x', 'what').remedy).toBe(ERRORS.E_UNIT.remedy)
  expect(rejection('E_UNIT', '/x', 'what', 'write it so').remedy).toBe('write it so')
})
