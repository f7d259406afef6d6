/** Programs of threads and of the process they live in. Node 20 takes no TypeScript there, so sources start what was built. */
const built = (name: string): URL =>
  import.meta.url.endsWith('.ts')
    ? new URL(`../../../dist/agent/shell/function/${name}.js`, import.meta.url)
    : new URL(`./${name}.js`, import.meta.url)

export const THREAD_ENTRY = built('thread-main')
export const HOST_ENTRY = built('host-main')
