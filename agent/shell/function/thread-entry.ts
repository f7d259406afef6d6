/** Programs of threads and of the process they live in. */
import { builtEntry } from '../built-entry.ts'

export const THREAD_ENTRY = builtEntry('function/thread-main')
export const HOST_ENTRY = builtEntry('function/host-main')
