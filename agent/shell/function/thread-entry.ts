/** The program of a thread. A thread takes no TypeScript in Node 20, so sources start the compiled one. */
export const THREAD_ENTRY = import.meta.url.endsWith('.ts')
  ? new URL('../../../dist/agent/shell/function/thread-main.js', import.meta.url)
  : new URL('./thread-main.js', import.meta.url)
