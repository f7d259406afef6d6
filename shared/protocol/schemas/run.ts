/**
 * What a task runs: one kind of work, named by the key that it alone has. The schema lists the keys of all kinds side
 * by side, so that an error can name the key that is wrong; that exactly one kind is named is checked by the codec.
 */
import { type Static, Type } from 'typebox'
import { ARTIFACT_PATTERN } from '../../artifacts/names.ts'
import { FUNCTION_NAME_PATTERN } from '../../functions/bounds.ts'

/** Systems end their strings with it, so none can hold it. */
const NO_NUL = '^[^\\u0000]*$'

export const ARGS_MAX = 256

/** The kinds of work, each with an executor of that name on devices that can run it. */
export const EXECUTORS = ['exec', 'function', 'container', 'wasm'] as const
export type ExecutorName = (typeof EXECUTORS)[number]

export const FunctionName = Type.String({
  pattern: FUNCTION_NAME_PATTERN,
  description: 'Name of a handler in the module that the agent was given',
})

const Exec = Type.Array(Type.String({ maxLength: 131_072, pattern: NO_NUL }), {
  minItems: 1,
  maxItems: ARGS_MAX,
  description: 'Program and arguments; no shell is involved',
})

const Env = Type.Record(
  Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]{0,127}$' }),
  Type.String({ maxLength: 32_768, pattern: NO_NUL }),
  {
    maxProperties: 128,
    additionalProperties: false,
    description: 'Added to a minimal environment; not for functions',
  },
)

const Cwd = Type.String({
  minLength: 1,
  maxLength: 4096,
  pattern: NO_NUL,
  description:
    'Working directory; default: a fresh one, in a container the image’s; not for functions and modules',
})

const Container = Type.Object(
  {
    image: Type.String({
      // What may stand before it on a command line: it can be no option, and holds no blank.
      pattern: '^[A-Za-z0-9][A-Za-z0-9_.:/@-]{0,511}$',
      description: 'Name of the image, like "docker.io/library/alpine:3.20"',
    }),
    argv: Type.Optional(
      Type.Array(Type.String({ maxLength: 131_072, pattern: NO_NUL }), {
        minItems: 1,
        maxItems: ARGS_MAX,
        description: 'Command and arguments in place of the image’s own',
      }),
    ),
    pull: Type.Optional(
      Type.Enum(['always', 'missing', 'never'], {
        description: 'When the image is fetched; default "missing": when the device has none of that name',
      }),
    ),
  },
  { additionalProperties: false, description: 'A container, run by podman or docker' },
)

/** An artifact by the digest of its content, which is its only name. */
export const ArtifactName = Type.String({
  pattern: ARTIFACT_PATTERN,
  description: 'SHA-256 of the content: `sha256:` and 64 hexadecimal digits',
})

const Wasm = Type.Object(
  {
    module: ArtifactName,
    args: Type.Optional(
      Type.Array(Type.String({ maxLength: 131_072, pattern: NO_NUL }), {
        maxItems: ARGS_MAX,
        description: 'Arguments, behind the name of the program',
      }),
    ),
  },
  { additionalProperties: false, description: 'A WebAssembly module, a command of WASI preview 1' },
)

const WithProcess = { env: Type.Optional(Env), cwd: Type.Optional(Cwd) }
const ExecRun = Type.Object({ exec: Exec, ...WithProcess })
const FunctionRun = Type.Object({ function: FunctionName })
const ContainerRun = Type.Object({ container: Container, ...WithProcess })
const WasmRun = Type.Object({ wasm: Wasm, env: Type.Optional(Env) })
export type ExecRun = Static<typeof ExecRun>
export type FunctionRun = Static<typeof FunctionRun>
export type ContainerRun = Static<typeof ContainerRun>
export type WasmRun = Static<typeof WasmRun>
export type Run = ExecRun | FunctionRun | ContainerRun | WasmRun

export const Run = Type.Unsafe<Run>(
  Type.Object(
    {
      exec: Type.Optional(Exec),
      function: Type.Optional(FunctionName),
      container: Type.Optional(Container),
      wasm: Type.Optional(Wasm),
      ...WithProcess,
    },
    { additionalProperties: false, description: `What to run: exactly one of ${EXECUTORS.join(', ')}` },
  ),
)

/** The executor that a run needs; the codec has seen that there is one. */
export function executorOf(run: Run): ExecutorName {
  if ('function' in run) return 'function'
  if ('wasm' in run) return 'wasm'
  return 'container' in run ? 'container' : 'exec'
}
