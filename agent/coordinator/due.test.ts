import { describe, expect, it } from 'vitest'
import { Context } from '../core/context.ts'
import { DueList } from './due.ts'

function list() {
  const context = new Context({
    mesh: 'home',
    device: 'pi',
    labels: {},
    capacity: {},
    executors: [],
    candidate: 'auto',
    version: '1',
    seed: 's',
  })
  const due = new DueList(context)
  const at = (monoMs: number) => {
    context.now = { monoMs, wallMs: 0 }
    return [...due.take()].map((item) => `${item.kind} ${item.id}`)
  }
  return { context, due, at }
}

describe('due list', () => {
  it('hands things over when they are due, in order', () => {
    const { due, at } = list()
    due.add(30, 'expire', 'b')
    due.add(10, 'retry', 'a')
    due.add(20, 'expire', 'c')
    expect(at(5)).toEqual([])
    expect(at(25)).toEqual(['retry a', 'expire c'])
    expect(at(30)).toEqual(['expire b'])
  })

  it('counts what is to come of each kind', () => {
    const { due, at } = list()
    due.add(10, 'retry', 'a')
    due.add(50, 'retry', 'a')
    due.add(10, 'retry', 'b')
    due.add(10, 'expire', 'a')
    expect([due.count('retry'), due.count('expire'), due.count('lease')]).toEqual([2, 1, 0])
    due.drop('retry', 'none')
    due.drop('expire', 'a')
    expect([due.count('retry'), due.count('expire')]).toEqual([2, 0])
    at(20)
    expect(due.count('retry')).toBe(1)
  })

  it('has one entry a kind and id: the newer counts', () => {
    const { due, at } = list()
    due.add(10, 'expire', 'a')
    due.add(50, 'expire', 'a')
    expect(at(20)).toEqual([])
    expect(at(50)).toEqual(['expire a'])
    expect(at(100)).toEqual([])
  })

  it('does not grow with what was dropped, however far away that was', () => {
    const { due, at } = list()
    for (let n = 0; n < 5_000; n++) {
      due.add(1e12, 'deadline', `t${n}`)
      due.drop('deadline', `t${n}`)
    }
    expect(due.size).toBe(0)
    due.add(10, 'retry', 'x')
    expect(at(10)).toEqual(['retry x'])
  })

  it('sets no timer that a system could not keep', () => {
    const { context, due } = list()
    due.add(1e12, 'deadline', 'far')
    for (const effect of context.take()) {
      if (effect.do === 'timer') expect(effect.delayMs).toBeLessThan(2 ** 31)
    }
  })
})
