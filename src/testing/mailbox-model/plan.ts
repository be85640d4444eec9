/** Planned calls: what is sent, which answer the model expects, and what it does to the model. */
import type { RandomNumbers } from '../random-numbers.ts'
import { holdsAddress, living, type ModelDomain, type ModelMailbox, type World } from './model.ts'

export type PlannedCall = {
  method: 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  path: string
  body?: object
  /** Whether it takes `preview`, and is refused then as it would be without. */
  hasPreview: boolean
  /** The status when it works, else the code of the problem. */
  expected: string
  /** The mailboxes that are looked at closely behind it, beside those that it made. */
  touched: readonly string[]
  /** What it does to the model, when it works. @param json the reply. */
  apply(json: unknown): void
  /** The same for a refusal that leaves something behind. */
  refused?(): void
}

/** @returns null when there is nothing that it could be done with. */
export type Plan = (world: World, dice: Dice) => PlannedCall | null

/** Each plan comes as often as its weight says. */
export type WeightedPlans = readonly (readonly [weight: number, plan: Plan])[]

export type Dice = {
  below: RandomNumbers
  /** True one time in so many. */
  oneIn(count: number): boolean
  pick<T>(list: readonly [T, ...T[]]): T
  pickAny<T>(list: readonly T[]): T | null
}

export function diceOf(below: RandomNumbers): Dice {
  const pickAny = <T>(list: readonly T[]): T | null => list[below(list.length)] ?? null
  return {
    below,
    oneIn: (count) => below(count) === 0,
    pick([first, ...others]) {
      const at = below(others.length + 1)
      for (const one of others.slice(at, at + 1)) return one
      return first
    },
    pickAny,
  }
}

export const domainNames = ['alpha.test', 'beta.test', 'later.example'] as const
/** It is connected to nobody. */
export const noDomain = 'nowhere.test'
const localParts = ['ann', 'bob', 'cat', 'dan', 'eve', 'fay', 'gil', 'hal'] as const

/** Few enough that calls meet at the same address. */
export const poolOfAddresses: readonly string[] = domainNames.flatMap((domain) =>
  localParts.map((localPart) => `${localPart}@${domain}`),
)

const phrases = ['correct horse battery', 'seventeen green umbrellas', 'a Walk in parks'] as const

/** One that no other mailbox has: whose address is another's now must not log in there. */
export function goodPassword({ pick, below }: Dice): string {
  return `${pick(phrases)} ${below(2 ** 30)}`
}

export const weakPassword = 'password1'

export function anyAddress({ pick }: Dice): string {
  return `${pick(localParts)}@${pick(domainNames)}`
}

/** Any that there ever was, mostly one that there is. */
export function anyMailbox(world: World, { oneIn, pickAny }: Dice): ModelMailbox | null {
  return pickAny(oneIn(15) ? [...world.mailboxes.values()] : living(world))
}

/** Why there can be no new address in a domain. */
export function whyNoAddress(domain: ModelDomain | undefined): string | null {
  if (!domain) return 'domain_not_found'
  return domain.state === 'suspended' ? 'domain_not_usable' : null
}

/** A call on a mailbox, named by its id or its address. @param call `at`: what comes behind its path. */
export function callOn(
  world: World,
  { oneIn }: Dice,
  mailbox: ModelMailbox,
  call: Pick<PlannedCall, 'method' | 'expected' | 'apply'> & {
    at?: string
    body?: object
    hasPreview?: boolean
  },
): PlannedCall {
  const { method, expected, apply, body, at = '', hasPreview = true } = call
  const ref = holdsAddress(world, mailbox) && oneIn(3) ? mailbox.address : mailbox.id
  return {
    method,
    path: `/v1/mailboxes/${ref}${at}`,
    ...(body === undefined ? {} : { body }),
    hasPreview,
    expected: mailbox.state === 'deleted' ? 'mailbox_not_found' : expected,
    touched: [mailbox.id],
    apply,
  }
}

/** For calls on one mailbox. @param isFit of which they are mostly made: those that they work on. */
export function onMailbox(
  plan: (world: World, dice: Dice, mailbox: ModelMailbox) => PlannedCall,
  isFit: (mailbox: ModelMailbox, world: World) => boolean = () => true,
): Plan {
  return (world, dice) => {
    const fit = dice.oneIn(5) ? [] : living(world).filter((mailbox) => isFit(mailbox, world))
    const mailbox = dice.pickAny(fit) ?? anyMailbox(world, dice)
    return mailbox === null ? null : plan(world, dice, mailbox)
  }
}
