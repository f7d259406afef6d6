/** The handlers of a module: every exported function under its name, and those of an object exported as default. */

import { FUNCTION_NAME_PATTERN, FUNCTIONS_MAX } from '../../../shared/functions/bounds.ts'
import type { FunctionHandler } from '../../../shared/functions/handler.ts'

const NAME = new RegExp(FUNCTION_NAME_PATTERN)

/**
 * Loads a module.
 *
 * @param url its file URL
 * @throws Error that says why it cannot be used; whatever the module itself throws
 */
export async function loadHandlers(url: string): Promise<ReadonlyMap<string, FunctionHandler>> {
  const module = (await import(url)) as Record<string, unknown>
  const { default: main, ...named } = module
  const grouped = typeof main === 'object' && main !== null ? main : {}
  const handlers = new Map<string, FunctionHandler>()
  for (const [name, value] of Object.entries({ ...grouped, ...named })) {
    if (typeof value !== 'function') continue
    if (!NAME.test(name))
      throw new Error(`it exports a function named ${JSON.stringify(name)}, which cannot be a name`)
    handlers.set(name, value as FunctionHandler)
  }
  if (handlers.size === 0) throw new Error('it exports no function')
  if (handlers.size > FUNCTIONS_MAX) {
    throw new Error(`it exports ${handlers.size} functions, and ${FUNCTIONS_MAX} are allowed`)
  }
  return handlers
}
