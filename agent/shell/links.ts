/** The agent's two links, each at most one connection at a time, and the log of how they fare. */
import type { AgentEffect, AgentInput, LinkName } from '../../shared/ports.ts'
import { type Emit, Link, type LinkContext } from './link.ts'

type LinkEffect = Extract<
  AgentEffect,
  { readonly do: 'connect' | 'disconnect' | 'subscribe' | 'unsubscribe' | 'publish' }
>

export class Links {
  readonly #context: LinkContext
  readonly #links = new Map<LinkName, Link>()
  /** Sockets that are closing; they are awaited at the end. */
  readonly #closing = new Set<Promise<void>>()
  readonly #lastFailure = new Map<LinkName, string>()

  constructor(context: LinkContext) {
    const emit: Emit = (input) => {
      this.#note(input)
      context.emit(input)
    }
    this.#context = { ...context, emit }
  }

  carryOut(effect: LinkEffect): void {
    if (effect.do === 'connect') {
      this.#close(effect.link, false)
      this.#links.set(effect.link, new Link(effect.link, effect.clientId, effect.will, this.#context))
      return
    }
    if (effect.do === 'disconnect') {
      this.#close(effect.link, effect.will)
      return
    }
    const link = this.#links.get(effect.link)
    if (link === undefined) {
      this.#context.log.debug({ link: effect.link, action: effect.do }, 'ignored: the link is closed')
      return
    }
    if (effect.do === 'subscribe') link.subscribe(effect.to, effect.token)
    else if (effect.do === 'unsubscribe') link.unsubscribe(effect.topics)
    else link.publish(effect.message, effect.token)
  }

  /** Closes both; resolves when every socket is closed. */
  async close(will: boolean): Promise<void> {
    for (const name of [...this.#links.keys()]) this.#close(name, will)
    await Promise.all(this.#closing)
  }

  #close(name: LinkName, will: boolean): void {
    const link = this.#links.get(name)
    if (link === undefined) return
    this.#links.delete(name)
    const closing = link.close(will).finally(() => this.#closing.delete(closing))
    this.#closing.add(closing)
  }

  /** The first failure of a kind is an error, its repetitions are not worth a line each, the recovery is news. */
  #note(input: AgentInput): void {
    const { log } = this.#context
    if (input.in === 'link-up') {
      const failed = this.#lastFailure.delete(input.link)
      log.info(
        { link: input.link, broker: this.#context.address.shown },
        failed ? 'connected again' : 'connected',
      )
    } else if (input.in === 'link-down') {
      const repeated = this.#lastFailure.get(input.link) === input.reason
      this.#lastFailure.set(input.link, input.reason)
      log[repeated ? 'debug' : 'error']({ link: input.link }, input.reason)
    }
  }
}
