/**
 * The process in which the threads of functions live. V8 ends a whole process when one large piece of memory is not
 * to be had, whatever the limit of the thread that wanted it; here that is not the agent's process.
 */
import type { FromHost, ToHost } from './messages.ts'
import { FunctionThread } from './thread.ts'

const threads = new Map<number, FunctionThread>()
const say = (message: FromHost): void => {
  // Nobody listens any more when this fails, and `disconnect` follows.
  process.send?.(message, undefined, undefined, () => undefined)
}

function take(order: ToHost): void {
  const { id } = order
  const thread = threads.get(id)
  switch (order.to) {
    case 'start': {
      const started = new FunctionThread(order.wish, (fault) => say({ id, from: 'over', fault }))
      threads.set(id, started)
      void started.loaded.then((loaded) => {
        if (!('code' in loaded)) say({ id, from: 'loaded', names: loaded })
      })
      break
    }
    case 'call':
      thread?.call(order.call, {
        output: (stream, text) => say({ id, from: 'output', stream, text }),
        progress: (json) => say({ id, from: 'progress', json }),
        checkpoint: (json) => say({ id, from: 'checkpoint', json }),
        returned: (returned) => say({ id, from: 'returned', returned }),
        // `over` tells it.
        broke: () => undefined,
      })
      break
    case 'abort':
      thread?.abort()
      break
    case 'terminate':
      threads.delete(id)
      void thread?.terminate(order.fault).then((gone) => say({ id, from: 'gone', gone }))
      break
  }
}

process.on('message', (order) => take(order as ToHost))
// The agent is gone: what runs here has nobody left to tell. An orderly exit would wait for a thread in native code.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
