/**
 * The executor `wasm`: WebAssembly modules among the artifacts of the mesh, the same for every kind of device. What an
 * earlier start left running is found as commands are, and ended with them.
 */
import { PlainExecutor } from '../plain-executor.ts'
import { type WasmContext, WasmRun } from './wasm-run.ts'

export class WasmExecutor extends PlainExecutor {
  constructor(context: WasmContext) {
    super(context, (attempt, task, spec, given) => new WasmRun(attempt, task, spec, context, given))
  }
}
