/** Bugs in the source of the cores about GPUs, each of which is whole by itself. */
import { type Bug, CROWDED } from './bug.ts'

const DEVICE = 'coordinator/device-record.ts'
const HELD = 'worker/held.ts'
const SHARED: Bug['with'] = { ...CROWDED, faults: 8, gpuShare: 0.9, runMsMean: 4_000 }

/** The device takes what its order says. */
const CREDULOUS = {
  file: HELD,
  find: 'return this.#gpus.refusal(gpus, milli) ?? gpus',
  put: 'return gpus',
}

export const GPU_BUGS: readonly Bug[] = [
  {
    what: 'adds up what is left of several GPUs, with devices that admit by what adds up',
    breaks: 'I4',
    planted: {
      patches: [
        {
          file: 'coordinator/scheduler/score.ts',
          find: 'return device.gpus.fits(gpuMilliOf(need))',
          put: 'return gpuMilliOf(need) >= 0',
        },
        {
          file: 'coordinator/scheduler/scheduler.ts',
          find: 'device.gpus.choose(gpuMilliOf(shape.resources)) ?? []',
          put: 'device.gpus.presume(gpuMilliOf(shape.resources))',
        },
        CREDULOUS,
      ],
    },
    with: SHARED,
  },
  {
    what: 'comes into office and does not ask which GPUs the work has that runs, with devices that admit by what adds up',
    breaks: 'I4',
    planted: {
      patches: [
        {
          file: 'coordinator/lifecycle.ts',
          find: '      this.#hold(task, device, attempt, gpus)\n',
          put: '      this.#hold(task, device, attempt)\n',
        },
        {
          file: DEVICE,
          find: "if (placement.phase === 'done' || gpus.length !== gpuCountOf(milli)) return false",
          put: 'if (gpus.length >= 0) return false',
        },
        CREDULOUS,
      ],
    },
    with: { ...SHARED, faults: 30 },
  },
  {
    what: 'begins what asks for GPUs without telling it which it has',
    breaks: 'I4',
    planted: {
      patches: [
        {
          file: 'worker/attempts.ts',
          find: '...(gpus.length === 0 ? {} : { gpus }),\n    }\n    this.#context.emit',
          put: '}\n    this.#context.emit',
        },
      ],
    },
    with: SHARED,
  },
]
