/**
 * One look at a domain in DNS: the parent is asked whom it delegates to, and those name servers for the records. A whole
 * look asks for everything; a part of it is what the regular checks can afford, with the rest remembered.
 */
import {
  type AuthorityContext,
  createAuthorityContext,
  createInquiry,
  type Inquiry,
  type ZoneServers,
} from '../../platform/dns-authority/inquiry.ts'
import { askZone, type FoundZone, findZone, lookAtNameservers } from '../../platform/dns-authority/zones.ts'
import type { Platform } from '../../platform/platform.ts'
import type { DkimKey } from '../dkim-keys.ts'
import { wantedDnsMode } from '../nameservers.ts'
import type { Domain } from '../tables.ts'
import { answerOf, askResolver } from './answers.ts'
import { delegationOf, delegationProblem, resolvedDelegation } from './delegation.ts'
import { checkPolicy } from './policy.ts'
import { type Ask, type Before, seenRecords } from './records.ts'
import type { Asked, SeenDelegation, SeenRecord } from './tables.ts'

export type Look = {
  at: Date
  asked: Asked
  delegation: SeenDelegation
  /** One for each record of the plan. */
  records: readonly SeenRecord[]
  problem: string | null
  /** How many questions it took, all tries included. */
  questions: number
}

export type LookOptions = {
  isWhole: boolean
  /** Waits until another question may be asked. */
  pace?: () => Promise<void>
}

/** Never throws for what the world does: what gives no answer is `unanswered`. */
export async function lookAt(
  platform: Platform,
  looked: Domain,
  keys: readonly DkimKey[],
  before: Before,
  { isWhole, pace }: LookOptions,
): Promise<Look> {
  const domain = { ...looked, dns_mode: wantedDnsMode(looked) }
  const context = contextOf(platform)
  const inquiry = createInquiry({
    msMax: checkPolicy.lookMsMax,
    questionsMax: isWhole ? checkPolicy.questionsPerWholeLookMax : checkPolicy.questionsPerLookMax,
    ...(pace === undefined ? {} : { pace }),
  })
  const found = await findZone(context, inquiry, domain.name, isWhole)
  const asked: Asked = found.kind === 'unreachable' ? 'resolver' : 'authority'
  const delegation =
    asked === 'resolver'
      ? await counted(inquiry, () => resolvedDelegation(platform.config, platform.dns, domain))
      : delegationOf(
          platform.config,
          domain,
          found,
          isWhole && found.kind === 'delegated'
            ? await lookAtNameservers(context, inquiry, found.delegation)
            : null,
          before.delegation,
        )
  const ask = askerOf(platform, context, inquiry, found)
  return {
    at: platform.clock.now(),
    asked,
    delegation,
    records: await seenRecords(platform, { domain, keys, before, delegation, isWhole, ask }),
    problem: delegationProblem(platform.config, domain, delegation),
    questions: inquiry.questions,
  }
}

const contexts = new WeakMap<Platform, AuthorityContext>()

/** What is remembered between two looks: where zones above domains are, and the addresses of name servers. */
function contextOf(platform: Platform): AuthorityContext {
  const existing = contexts.get(platform)
  if (existing) return existing
  const context = createAuthorityContext(platform.config, platform.dns)
  contexts.set(platform, context)
  return context
}

async function counted<T>(inquiry: Inquiry, ask: () => Promise<T>): Promise<T> {
  inquiry.questions++
  await inquiry.pace()
  return await ask()
}

function askerOf(
  { dns, config }: Platform,
  context: AuthorityContext,
  inquiry: Inquiry,
  found: FoundZone,
): Ask {
  const resolve: Ask = (name, type) => counted(inquiry, () => askResolver(dns, name, type))
  if (found.kind === 'unreachable') return resolve
  if (found.kind === 'silent') return () => Promise.resolve({ kind: 'unanswered' })
  if (found.kind === 'inside' && !found.exists) {
    return () => Promise.resolve({ kind: 'records', values: [], cname: null, by: found.servers.zone })
  }
  const servers: ZoneServers = found.kind === 'delegated' ? found.delegation : found.servers
  return async (name, type) => {
    const reply = await askZone(context, inquiry, servers, name, type)
    if (reply === null) return { kind: 'unanswered' }
    const answer = answerOf(reply.answers, name, type, reply.server)
    if (answer.kind === 'unanswered' || answer.values.length > 0 || answer.cname === null) return answer
    if (answer.cname === config.hostname.toLowerCase() || isInOwnZone(config, answer.cname)) return answer
    // An alias into another zone is followed as a receiver would: by a resolver.
    const followed = await resolve(name, type)
    return followed.kind === 'unanswered' ? followed : { ...followed, cname: answer.cname, by: reply.server }
  }
}

function isInOwnZone({ dnsZone }: Platform['config'], name: string): boolean {
  return dnsZone !== null && name.endsWith(`.${dnsZone}`)
}
