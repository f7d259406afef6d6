import { expect, it } from 'vitest'
import { Departures, departureIn } from './departures.ts'

it('departures are counted by their reasons, whatever numbers and names these hold', () => {
  const departures = new Departures()
  for (const ms of [8_012, 9_400]) departures.left(`the own beacon has not come back for ${ms} ms`)
  departures.left('a higher reign exists: term 7 of pi-3')
  for (const term of [8, 9, 10]) departures.left(`a higher reign exists: term ${term} of nuc`)
  expect(departures.list()).toEqual([
    { reason: 'a higher reign exists: …', count: 4 },
    { reason: 'the own beacon has not come back for …', count: 2 },
  ])
})

it('of very many reasons the first are told apart', () => {
  const departures = new Departures()
  for (const letter of 'abcdefghijklmnopqrstuvwxyz') departures.left(`because of ${letter}`)
  const list = departures.list()
  expect(list.length).toBe(17)
  expect(list[0]).toEqual({ reason: 'other reasons', count: 10 })
})

it('a departure is what an agent says when it leaves office, and nothing else', () => {
  const fields = { reason: 'the seat closed: reset' }
  expect(departureIn({ do: 'log', level: 'warn', message: 'out of office', fields })).toBe(fields.reason)
  expect(departureIn({ do: 'log', level: 'info', message: 'claim given up', fields })).toBeUndefined()
})
