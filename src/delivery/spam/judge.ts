/** The spam filter: a score of what is known about an arrival, and what it comes to under a recipient's policy. */
import type { Platform } from '../../platform/platform.ts'
import type { Arrival, Authentication, SpamVerdict } from '../inbound/arrival.ts'
import { deliveryPolicyOf } from '../policies.ts'
import { authenticationSigns } from './authentication-signs.ts'
import { bayesSigns } from './bayes.ts'
import { bodySigns } from './body-signs.ts'
import { heloSigns, judgesClient, nameSigns } from './client-signs.ts'
import { warnNowAndThen } from './deadline.ts'
import { dnsListSigns } from './dns-lists.ts'
import { headerSigns } from './header-signs.ts'
import { type Inspected, inspectedBytesMax, inspectMessage } from './inspect.ts'
import { askRspamd } from './rspamd/rspamd.ts'
import { scoreOfRspamd } from './rspamd/rspamd-score.ts'
import { type Hit, rounded, scored } from './symbols.ts'

/** The score and its reasons; the action is the recipient's policy to decide (`actionFor`). */
export type SpamScore = Pick<SpamVerdict, 'score' | 'symbols'>

const failureLogMs = 60_000
/** Symbols of rspamd that are named. */
const namesMax = 10

/** @returns the score of a message from outside. It never throws: what cannot be asked adds nothing. */
export async function scoreArrival(
  platform: Platform,
  arrival: Arrival,
  authentication: Authentication,
): Promise<SpamScore> {
  if (!(await isFiltered(platform, arrival))) return { score: 0, symbols: [] }
  // What others are asked about runs while we look ourselves.
  const found = await Promise.all([
    safely(platform, async () => authenticationSigns(authentication)),
    safely(platform, () => contentSigns(platform, arrival)),
    safely(platform, () => clientSigns(platform, arrival)),
    safely(platform, () => rspamdSigns(platform, arrival)),
  ])
  const symbols = found.flat()
  return { score: rounded(symbols.reduce((sum, { score }) => sum + score, 0)), symbols }
}

/** Whether any recipient has the filter on. */
async function isFiltered(platform: Platform, { local }: Arrival): Promise<boolean> {
  const policies = await Promise.all(
    local.map(({ owner, domainId }) => deliveryPolicyOf(platform, { ...owner, domainId })),
  )
  return policies.some(({ spam_filter }) => spam_filter === 'on')
}

/** A defect of one judge must not keep a message from its recipients. */
async function safely(platform: Platform, judge: () => Promise<Hit[]>): Promise<Hit[]> {
  try {
    return await judge()
  } catch (cause) {
    warnNowAndThen(platform, failureLogMs, 'judge', { event: 'spam.judge_failed', cause })
    return []
  }
}

async function contentSigns(platform: Platform, arrival: Arrival): Promise<Hit[]> {
  const inspected = await inspectArrival(arrival)
  return [
    ...headerSigns(arrival, inspected),
    ...bodySigns(inspected),
    ...(await bayesSigns(platform, arrival, inspected)),
  ]
}

async function inspectArrival({ message }: Arrival): Promise<Inspected> {
  const pieces: Buffer[] = []
  for await (const piece of message.read(0, Math.min(inspectedBytesMax, message.sizeBytes)))
    pieces.push(piece)
  return inspectMessage(Buffer.concat(pieces), message.header)
}

async function clientSigns(platform: Platform, arrival: Arrival): Promise<Hit[]> {
  if (!judgesClient(arrival)) return []
  const asked = await Promise.all([nameSigns(platform, arrival), dnsListSigns(platform, arrival)])
  return [...heloSigns(arrival, platform.config.hostname), ...asked.flat()]
}

async function rspamdSigns(platform: Platform, arrival: Arrival): Promise<Hit[]> {
  const answer = await askRspamd(platform, arrival)
  if (answer === null) return []
  const detail = `${answer.action} ${answer.score}/${answer.rejectScore} ${answer.symbols.slice(0, namesMax).join(' ')}`
  return [scored('RSPAMD', scoreOfRspamd(answer), detail.trimEnd())]
}
