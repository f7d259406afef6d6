import { expect, test } from 'vitest'
import { rerouted, type Strike } from './disturbance.ts'
import type { Life } from './witness.ts'

const life = (work: string, device: string, beginMs: number): Life => ({
  ...{ work, device, beginMs, attempt: `1.${device}.${beginMs}`, lastMs: beginMs, ended: false },
  resumed: false,
})

const struck = ['a', 'b', 'c', 'd'].map((work) => life(work, 'attic', 1))
const STRIKE: Strike = { target: 'worker', device: 'attic', killedAtMs: 10, struck }
const lives = new Map([
  ['a', [struck[0]!, life('a', 'cellar', 12), life('a', 'garage', 15)]],
  ['b', [life('b', 'garage', 0), struck[1]!]],
  ['c', [struck[2]!, life('c', 'attic', 14)]],
  ['e', [life('e', 'cellar', 11)]],
])

test('Rerouted is what was struck and began on another device since, each once', () => {
  expect(rerouted(STRIKE, { lives })).toEqual([life('a', 'cellar', 12)])
})

test('The broker’s death reroutes nothing', () => {
  expect(rerouted({ target: 'broker', killedAtMs: 10, struck }, { lives })).toEqual([])
})
