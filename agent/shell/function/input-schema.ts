/** Input against the JSON Schema that a handler may carry as `input`. */
import type { ValidateFunction } from 'ajv'
import type { FunctionHandler } from '../../../shared/functions/handler.ts'
import type { ThreadFault } from './messages.ts'

const compiled = new WeakMap<FunctionHandler, ValidateFunction>()

/** Why the handler does not take the input; `undefined` when it does. @throws Error when it is no schema */
export async function inputFault(handler: FunctionHandler, input: unknown): Promise<ThreadFault | undefined> {
  if (handler.input === undefined) return undefined
  let validate = compiled.get(handler)
  if (validate === undefined) {
    // Most handlers carry none, and loading this takes longer than all else a thread does.
    const { Ajv } = await import('ajv')
    validate = new Ajv({ strict: false }).compile(handler.input)
    compiled.set(handler, validate)
  }
  if (validate(input)) return undefined
  const error = validate.errors?.[0]
  const where = `input${error?.instancePath ?? ''}`
  return { code: 'E_INPUT', message: `${where} ${error?.message ?? 'does not match the schema'}` }
}
