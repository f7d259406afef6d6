/** Alters what goes into a core or comes out of it: bugs that can be told without touching the source. */
import { Agent } from '../../agent/core/agent.ts'
import type { AgentEffect, AgentInput, Now, Outgoing } from '../../shared/ports.ts'
import type { Route } from '../../shared/protocol/topics.ts'
import type { AgentCore, CoreFactory } from '../node/node.ts'

export interface Alteration {
  /** Replaces an input; `undefined` loses it. */
  readonly input?: (input: AgentInput) => AgentInput | undefined
  /** Replaces one effect by any number of others. */
  readonly effect?: (effect: AgentEffect, device: string) => readonly AgentEffect[]
  /** Adds effects to a step. */
  readonly more?: (input: AgentInput, step: number) => readonly AgentEffect[]
}

/** Makes agents that are altered so. `alter` is called for every start of one, and may keep state for it. */
export function altered(alter: () => Alteration): CoreFactory {
  return (options): AgentCore => {
    const agent = new Agent(options)
    const { input: change, effect: replace, more } = alter()
    let steps = 0
    return {
      step(input: AgentInput, now: Now): readonly AgentEffect[] {
        steps++
        const taken = change === undefined ? input : change(input)
        const effects = taken === undefined ? [] : agent.step(taken, now)
        const told = replace === undefined ? effects : effects.flatMap((one) => replace(one, options.device))
        return more === undefined ? told : [...told, ...more(input, steps)]
      },
    }
  }
}

type OutgoingOf<R extends Route> = Extract<Outgoing, { route: R }>
type Body<R extends Route> = NonNullable<OutgoingOf<R>['body']>

/** The body that an effect publishes on a route, if it does and the topic is not cleared. */
export function published<R extends Route>(effect: AgentEffect, route: R): Body<R> | undefined {
  if (effect.do !== 'publish' || effect.message.route !== route) return undefined
  return (effect.message.body ?? undefined) as Body<R> | undefined
}

/** The same publish with another body. */
export function withBody<R extends Route>(effect: AgentEffect, _route: R, body: Body<R>): AgentEffect {
  if (effect.do !== 'publish') throw new TypeError(`a ${effect.do} has no body`)
  return { ...effect, message: { ...effect.message, body } as Outgoing }
}

/** The same publish with other fields of the message: its topic, QoS or retention. */
export function withMessage(effect: AgentEffect, fields: Partial<Outgoing>): AgentEffect {
  if (effect.do !== 'publish') throw new TypeError(`a ${effect.do} has no message`)
  return { ...effect, message: { ...effect.message, ...fields } as Outgoing }
}
