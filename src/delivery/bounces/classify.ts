/** What a refusal of another server means. */
import { type Rule, rules } from './rules.ts'

export type BounceClass =
  | 'unknown_recipient'
  | 'mailbox_full'
  | 'mailbox_unavailable'
  | 'blocked'
  | 'spam'
  | 'policy'
  | 'authentication'
  | 'rate_limited'
  | 'greylisted'
  | 'message_too_large'
  | 'content'
  | 'routing'
  | 'tls'
  | 'dns'
  | 'connection'
  | 'protocol'
  | 'expired'
  | 'suppressed'
  | 'cancelled'
  | 'other'

export type RemoteReply = {
  /** 0 when there was no reply: the connection or the look-up failed. */
  code: number
  /** RFC 3463; null when the reply has none. */
  enhanced: string | null
  /** Word for word, all lines, without the codes. */
  text: string
  /** At which step it came. */
  stage: 'dns' | 'connect' | 'greeting' | 'ehlo' | 'tls' | 'auth' | 'mail' | 'rcpt' | 'data' | 'message'
}

export type Classified = {
  class: BounceClass
  /** Whether another attempt can succeed. */
  isPermanent: boolean
  /** What the refusal is about: only a recipient's own is a reason to suppress the address. */
  concerns: 'recipient' | 'sender' | 'message' | 'destination'
}

/** What a reply means, by the table in rules.ts. */
export function classifyReply(reply: RemoteReply): Classified {
  return classifyBy(rules, reply)
}

/** The same by a table of the caller's. */
export function classifyBy(table: readonly Rule[], { code, enhanced, text, stage }: RemoteReply): Classified {
  const words = text.slice(0, textLengthMax).replace(/\s+/g, ' ')
  // qmail and its kin write the enhanced code into the text.
  const seen = { code: String(code), enhanced: enhanced ?? writtenCode.exec(words)?.[1] ?? '', words, stage }
  const rule = table.find((one) => fits(one, seen))
  return {
    class: rule?.class ?? 'other',
    isPermanent: rule?.isPermanent ?? code >= 500,
    concerns: rule?.concerns ?? 'destination',
  }
}

const textLengthMax = 2000
const writtenCode = /#([245]\.\d{1,3}\.\d{1,3})\b/

type Seen = { code: string; enhanced: string; words: string; stage: RemoteReply['stage'] }

function fits(rule: Rule, { code, enhanced, words, stage }: Seen): boolean {
  return (
    (rule.code?.test(code) ?? true) &&
    (rule.enhanced?.test(enhanced) ?? true) &&
    (rule.stages?.includes(stage) ?? true) &&
    (rule.text?.test(words) ?? true)
  )
}
