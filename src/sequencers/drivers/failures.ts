/** What an answer that is no success means, in the words of driver.ts. */
import { member, textOf } from '../../platform/json-members.ts'
import { SequencerError, type SequencerErrorKind } from '../driver.ts'
import { mayChange, type SequencerCall, type SequencerReply } from './calls.ts'
import { saidIn, withoutSecrets } from './reading.ts'

export type Asked = {
  /** The sequencer, for people. */
  tool: string
  call: SequencerCall
  /** It is about one account, which may be gone. */
  ofAccount: boolean
  secrets: readonly string[]
}

/** Whether the body says that it failed, whatever its status says. */
export function saysError(json: unknown): boolean {
  const error = member(json, 'error')
  const code = member(json, 'statusCode')
  return (
    [json, member(json, 'data')].some(
      (one) => member(one, 'ok') === false || member(one, 'success') === false,
    ) ||
    /^(?:error|fail|failed|failure)$/i.test(textOf(json, 'status')) ||
    (typeof code === 'number' && code >= 400) ||
    error === true ||
    (typeof error === 'string' && error !== '') ||
    (typeof error === 'object' && error !== null) ||
    hasMembers(member(json, 'errors'))
  )
}

function hasMembers(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length > 0
}

export function failureOf(asked: Asked, reply: SequencerReply): SequencerError {
  const { tool, call, secrets } = asked
  const said = reply.json === undefined ? plainText(reply.text) : saidIn(reply.json).join('; ')
  const kind = kindOf(asked, reply, said)
  const words = withoutSecrets(`${tool} answered ${reply.status}${said === '' ? '' : `: ${said}`}`, secrets)
  return new SequencerError(kind, words, {
    retryAfterMs: kind === 'rate_limited' ? reply.retryAfterMs : null,
    // Those who fail by themselves may have done it before they failed.
    maybeDone: mayChange(call) && (kind === 'upstream' || kind === 'unreachable'),
  })
}

/** For an answer that is a success and yet cannot be used. */
export function notUnderstood({ tool, call }: Pick<Asked, 'tool' | 'call'>): SequencerError {
  return new SequencerError('unreachable', `${tool} answered with something that is not understood.`, {
    maybeDone: mayChange(call),
  })
}

function plainText(text: string): string {
  const isPlain = text.length <= 200 && !text.includes('<')
  return isPlain ? text.trim() : ''
}

function kindOf(
  { ofAccount }: Asked,
  { status, json, text }: SequencerReply,
  said: string,
): SequencerErrorKind {
  const isPage = json === undefined && text.trimStart().startsWith('<')
  switch (status) {
    case 401:
      return 'bad_key'
    case 402:
      return 'no_plan'
    case 403:
      if (isPage) return 'upstream' // a gate before it
      return isAboutKey(said) ? 'bad_key' : 'no_plan'
    case 404:
    case 410:
      return ofAccount && !isPage ? 'gone' : 'unreachable'
    case 408:
    case 425:
      return 'upstream'
    case 409:
      return 'duplicate'
    case 429:
      return 'rate_limited'
  }
  if (status >= 500) return 'upstream'
  const byWords = kindOfWords(said)
  if (byWords === 'gone' && !ofAccount) return 'validation'
  if (byWords !== null) return byWords
  return status >= 400 || said !== '' ? 'validation' : 'unreachable'
}

const patterns: readonly [SequencerErrorKind, RegExp][] = [
  [
    'duplicate',
    /\balready\b.{0,20}\b(?:taken|exists?|connected|added|in use|registered|used)\b|\bduplicate\b/i,
  ],
  [
    'connect_failed',
    /\b(?:smtp|imap)\b.{0,80}\b(?:fail(?:ed|ure)?|refused|timed? ?out|unreachable|could not|cannot|unable|invalid (?:login|credentials|password)|authenticat\w+)/i,
  ],
  ['connect_failed', /\b(?:fail(?:ed|ure)?|could not|cannot|unable)\b.{0,80}\b(?:smtp|imap)\b/i],
  ['connect_failed', /\binvalid (?:login|credentials)\b|\b(?:authentication|login) failed\b/i],
  ['bad_key', /\b(?:api|access)[ _-]?(?:key|token)\b|\bunauthori[sz]ed\b|\bunauthenticated\b/i],
  ['rate_limited', /\brate limit|\btoo many requests\b/i],
  [
    'no_plan',
    /\bupgrade\b|\bsubscription\b|\b(?:plan|seats?|slots?|credits?)\b.{0,40}\b(?:limit|reached|exceeded|left|allow)|\blimit (?:reached|exceeded)\b/i,
  ],
  ['gone', /\bnot found\b|\b(?:does|did) not exist\b|\bno such\b/i],
]

function kindOfWords(said: string): SequencerErrorKind | null {
  return patterns.find(([, pattern]) => pattern.test(said))?.[0] ?? null
}

function isAboutKey(said: string): boolean {
  return /\bkey\b|\btoken\b|\bscopes?\b|\bunauthori[sz]ed\b/i.test(said)
}
