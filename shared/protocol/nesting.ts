/**
 * How deep objects and lists may lie within each other. JSON sets no bound, and whatever walks a value or writes it again
 * runs out of stack some thousands of levels down: one small message would end every agent that reads it.
 */
import { type Rejection, rejection } from '../errors/errors.ts'
import type { Route } from './topics.ts'

/** Levels of a spec, of a value that a function returns and of a checkpoint; `[]` and `{}` have one. */
export const NESTING_MAX = 100
/** What carries those may lay this many levels around them. */
const AROUND_MAX = 20

/** Why a payload of the route is nested too deep, with the field in which it is; `undefined` when it is not. */
export function nestedTooDeep(route: Route, value: unknown): Rejection | undefined {
  const levels = route === 'spec' ? NESTING_MAX : NESTING_MAX + AROUND_MAX
  if (!isDeeper(value, levels)) return undefined
  const [field = ''] = Object.entries(value as object).find(([, item]) => isDeeper(item, levels - 1)) ?? []
  const remedy = 'Make it flatter, or put what is so deep into text'
  return rejection('E_SHAPE', `/${field}`, `it is nested deeper than ${levels} levels`, remedy)
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (levels === 0) return true
  if (Array.isArray(value)) return value.some((item) => isDeeper(item, levels - 1))
  for (const key in value) {
    if (isDeeper((value as Record<string, unknown>)[key], levels - 1)) return true
  }
  return false
}
