/** Putting together what two have made of the same JSON object. */

export type Json = Readonly<Record<string, unknown>>

/**
 * `into`, and in it whatever is new or other in `to` than in `from`, member by member. What is not an object counts as a
 * whole; where both have changed the same, `to` stands. What `to` lacks stays: whether that was taken away or not yet
 * known where `to` was written nobody can tell.
 */
export function withChanges(into: Json, from: Json, to: Json): Json {
  const merged: Record<string, unknown> = { ...into }
  for (const [name, is] of Object.entries(to)) {
    const [mine, was] = [merged[name], from[name]]
    if (JSON.stringify(was) === JSON.stringify(is)) continue
    if (isObject(is) && (isObject(mine) || mine === undefined) && (isObject(was) || was === undefined)) {
      merged[name] = withChanges(mine ?? {}, was ?? {}, is)
    } else merged[name] = is
  }
  return merged
}

/** Whether something that `mine` changed of `from` is in `now` as it was before; what is otherwise again has been changed since. */
export function isUndone(now: Json, from: Json, mine: Json): boolean {
  return [...new Set([...Object.keys(from), ...Object.keys(mine)])].some((name) => {
    const [stands, was, is] = [now[name], from[name], mine[name]]
    if (JSON.stringify(was) === JSON.stringify(is)) return false
    if (isObject(is) && (isObject(was) || was === undefined) && (isObject(stands) || stands === undefined))
      return isUndone(stands ?? {}, was ?? {}, is)
    return JSON.stringify(stands) === JSON.stringify(was)
  })
}

/** True for what has members. */
export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
