/**
 * The process of one WebAssembly module: a command of WASI preview 1 with standard streams, arguments, an environment,
 * and one folder. It blocks while the module runs; who wants it to end signals the process.
 */
import { readFileSync, writeSync } from 'node:fs'
import { boundModule, type ModuleFault } from './bounded-module.ts'
import { engine, type WasmInstance, type WasmMemory } from './engine.ts'
import { CHECKPOINT_MOUNT, type ModuleOrder, type ModuleReport, memoryHint } from './messages.ts'
import { boundFiles, type Calls } from './own-files.ts'

const NAMESPACE = 'wasi_snapshot_preview1'
const PROGRAM = 'module.wasm'
const STDERR = 2
const STACK_CHARS_MAX = 4_000

/** Node says at every start that WASI is an experiment. Who runs a module cannot change that, and other warnings stay. */
const { emitWarning } = process
process.emitWarning = ((warning: string | Error, ...rest: unknown[]) => {
  const text = typeof warning === 'string' ? warning : warning.message
  if (!text.startsWith('WASI is an experimental feature')) {
    ;(emitWarning as (...args: unknown[]) => void).call(process, warning, ...rest)
  }
}) as typeof process.emitWarning

async function run(order: ModuleOrder): Promise<ModuleReport> {
  const { WASI } = await import('node:wasi')
  const bytes = boundModule(readFileSync(order.module), order.memoryBytesMax)
  if ('code' in bytes) return { fault: bytes }
  const wasi = new WASI({
    version: 'preview1',
    args: [PROGRAM, ...order.args],
    env: order.env,
    preopens: { '/': order.files, [CHECKPOINT_MOUNT]: order.checkpoint },
    returnOnExit: true,
  })
  let memory: WasmMemory | undefined
  const calls = boundFiles(wasi.wasiImport as Calls, order.filesBytesMax, () => (memory as WasmMemory).buffer)
  const instance = link(bytes, calls)
  if ('code' in instance) return { fault: instance }
  memory = instance.exports['memory'] as WasmMemory
  const memoryBytes = () => memory?.buffer.byteLength ?? 0
  try {
    // Without a call of `proc_exit` there is no code, and that is success.
    const exitCode = (wasi.start(instance) as number | undefined) ?? 0
    return { exitCode, memoryBytes: memoryBytes() }
  } catch (error) {
    writeSync(STDERR, `${String((error as Error).stack ?? error).slice(0, STACK_CHARS_MAX)}\n`)
    const message = `the module trapped: ${(error as Error).message}`
    const hint = memoryHint(memoryBytes(), order.memoryBytesMax)
    if (hint === undefined) return { fault: { code: 'E_TRAP', message } }
    return { fault: { code: 'E_MEMORY', message: `${message}, ${hint}` } }
  }
}

/** Compiles the module and gives it what it may import. */
function link(bytes: Uint8Array, calls: Calls): WasmInstance | ModuleFault {
  const unfit = (message: string): ModuleFault => ({ code: 'E_MODULE', message })
  try {
    const module = new engine.Module(bytes)
    for (const { module: from, name, kind } of engine.Module.imports(module)) {
      if (from === NAMESPACE && kind === 'function' && Object.hasOwn(calls, name)) continue
      return unfit(
        `it imports the ${kind} ${from}.${name}, and only the functions of ${NAMESPACE} are offered`,
      )
    }
    const exports = new Map(engine.Module.exports(module).map(({ name, kind }) => [name, kind]))
    if (exports.get('_start') !== 'function') return unfit('it is no command: it exports no function _start')
    if (exports.get('memory') !== 'memory') return unfit('it exports no memory of the name "memory"')
    return new engine.Instance(module, { [NAMESPACE]: calls })
  } catch (error) {
    const { message } = error as Error
    if (error instanceof engine.RuntimeError) {
      return { code: 'E_TRAP', message: `the module trapped before it began: ${message}` }
    }
    return unfit(message)
  }
}

process.once('message', (order) => {
  void run(order as ModuleOrder).then((report) => {
    process.send?.(report, undefined, undefined, () => process.disconnect())
  })
})
