/**
 * Ids name meshes, devices and tasks. They stand in MQTT topics, file names and log lines, so they hold
 * nothing that any of those treats as special: no slash, dot, space, `+` or `#`.
 */
export const ID_CHARS_MAX = 64
export const ID_PATTERN = '^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$'

const id = new RegExp(ID_PATTERN)

/** True when `text` is a well-formed id. */
export function isId(text: string): boolean {
  return id.test(text)
}

/** Elements of one array at most. */
export const ELEMENTS_MAX = 10_000

/** An element of an array is called `<task>[<index>]`; a task that is none is called by its id. */
const work = /^([A-Za-z0-9][A-Za-z0-9_-]{0,63})(?:\[(0|[1-9]\d{0,3})\])?$/

/** True for the name of something that runs: a task, or an element of an array. */
export function isWork(text: string): boolean {
  return work.test(text)
}

/** The name of an element. */
export function elementName(task: string, element: number): string {
  return `${task}[${element}]`
}

/** Takes the name of something that runs apart; `element` is absent for a task that is no array's element. */
export function parseWork(name: string): { task: string; element?: number } {
  if (!name.endsWith(']')) return { task: name }
  const [, task, element] = work.exec(name) ?? []
  return task === undefined || element === undefined ? { task: name } : { task, element: Number(element) }
}

/** The name of a page of an array's results: pages of one coordinator are numbered from 0. */
export function pageName(term: number, agent: string, page: number): string {
  return `${term}-${agent}-${page}`
}

const page = /^\d{1,16}-[A-Za-z0-9][A-Za-z0-9_-]{0,63}-\d{1,9}$/

/** True for a well-formed name of a page. */
export function isPageName(text: string): boolean {
  return page.test(text)
}
